"""Comparison is pure, so its test is a table of small values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.compare import compare
from orchestrator.model import Aspect, Difference, Member, Wheel

FIRST = Member("pkg/a.py", "a" * 64, 10, 0o100644, (2020, 1, 1, 0, 0, 0), "p", "z")
OTHER = replace(FIRST, path="pkg/b.py")
RECORD = replace(FIRST, path="pkg-1.0.dist-info/RECORD")
NAME = "pkg-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("rebuilt", "expected"),
    [
        (replace(FIRST, sha256="b" * 64, packed="y"), Difference("pkg/a.py", Aspect.CONTENT)),
        (replace(FIRST, mode=0o100664), Difference("pkg/a.py", Aspect.MODE)),
        (replace(FIRST, time=(2021, 1, 1, 0, 0, 0)), Difference("pkg/a.py", Aspect.TIME)),
        (replace(FIRST, packing="q"), Difference("pkg/a.py", Aspect.PACKING)),
        (replace(FIRST, packed="y"), Difference("pkg/a.py", Aspect.PACKING)),
        (FIRST, Difference("", Aspect.ARCHIVE)),
    ],
)
def test_one_change_is_one_difference(rebuilt: Member, expected: Difference) -> None:
    """A rebuild that changes one thing is reported once, under its own name."""
    assert compare(Wheel(NAME, "1", (FIRST,)), Wheel(NAME, "2", (rebuilt,))) == (expected,)


def test_a_member_in_one_only_is_a_matter_of_presence() -> None:
    """Whichever of the two has it."""
    both, one = Wheel(NAME, "1", (FIRST, OTHER)), Wheel(NAME, "2", (FIRST,))
    assert compare(both, one) == compare(one, both) == (Difference("pkg/b.py", Aspect.PRESENCE),)


def test_another_order_is_a_difference_of_the_archive() -> None:
    """The same members, in a different order."""
    assert compare(Wheel(NAME, "1", (FIRST, OTHER)), Wheel(NAME, "2", (OTHER, FIRST))) == (
        Difference("", Aspect.ORDER),
    )


@pytest.mark.parametrize(
    ("name", "aspect"),
    [("pkg-1.0-py2.py3-none-any.whl", Aspect.TAGS), ("pkg-1.0.post1-py3-none-any.whl", Aspect.FILENAME)],
)
def test_the_file_name_counts_even_when_the_bytes_agree(name: str, aspect: Aspect) -> None:
    """A wheel of other tags is another wheel."""
    assert compare(Wheel(NAME, "1", (FIRST,)), Wheel(name, "1", (FIRST,))) == (Difference("", aspect),)


def record(*lines: str, sha256: str) -> tuple[Member, tuple[str, ...]]:
    """Return a RECORD member and its lines."""
    return replace(RECORD, sha256=sha256, packed=sha256), lines


@pytest.mark.parametrize(
    ("lines", "follows"),
    [
        (("pkg/a.py,sha256=2,10", "pkg/b.py,sha256=1,10"), True),
        (("pkg/a.py,sha256=2,10", "pkg/b.py,sha256=3,10"), False),
        (("pkg/b.py,sha256=1,10", "pkg/c.py,sha256=2,10"), False),
        (("pkg/b.py,sha256=1,10", "pkg/a.py,sha256=2,10"), False),  # in another order
        (("pkg/a.py,md5=2,10", "pkg/b.py,sha256=1,10"), False),  # another kind of hash
        (("pkg/a.py,sha256=2,10\r\n", "pkg/b.py,sha256=1,10\r\n"), False),  # other ends of line
    ],
)
def test_record_is_a_consequence_only_of_members_that_differ(lines: tuple[str, ...], follows: bool) -> None:  # noqa: FBT001
    """If another of its lines differs too, it is a separate difference."""
    changed = replace(FIRST, sha256="b" * 64, packed="y")
    ours, theirs = record("pkg/a.py,sha256=1,10", "pkg/b.py,sha256=1,10", sha256="1"), record(*lines, sha256="2")
    found = compare(
        Wheel(NAME, "1", (FIRST, OTHER, ours[0]), ours[1]), Wheel(NAME, "2", (changed, OTHER, theirs[0]), theirs[1])
    )
    assert Difference(RECORD.path, Aspect.CONTENT, consequence=follows) in found


def test_a_record_that_differs_alone_is_no_consequence() -> None:
    """For example, in the order of its lines."""
    ours, theirs = record("a,,", "b,,", sha256="1"), record("b,,", "a,,", sha256="2")
    assert compare(Wheel(NAME, "1", (ours[0],), ours[1]), Wheel(NAME, "2", (theirs[0],), theirs[1])) == (
        Difference(RECORD.path, Aspect.CONTENT),
    )


MEMBERS = st.builds(
    Member,
    path=st.sampled_from(["a", "b", "pkg-1.0.dist-info/RECORD"]),
    sha256=st.sampled_from(["1", "2"]),
    size=st.just(1),
    mode=st.sampled_from([0o644, 0o664]),
    time=st.just((2020, 1, 1, 0, 0, 0)),
    packing=st.sampled_from(["p", "q"]),
    packed=st.sampled_from(["y", "z"]),
)
WHEELS = st.builds(
    Wheel,
    filename=st.sampled_from([NAME, "pkg-1.0-py2-none-any.whl"]),
    sha256=st.sampled_from(["1", "2"]),
    members=st.lists(MEMBERS, max_size=3, unique_by=lambda member: member.path).map(tuple),
    record=st.lists(st.sampled_from(["a,1,", "a,2,", '"', "b,1,"]), max_size=3).map(tuple),
)


@given(WHEELS)
def test_a_wheel_does_not_differ_from_itself(wheel: Wheel) -> None:
    """No claim is made of equal bytes."""
    assert compare(wheel, wheel) == ()


@given(WHEELS, WHEELS)
def test_two_hashes_are_never_without_a_difference(first: Wheel, second: Wheel) -> None:
    """The order of the two wheels does not matter."""
    assert compare(first, second) == compare(second, first)
    if first.sha256 != second.sha256 or first.filename != second.filename:
        assert compare(first, second)
