"""Which moment is judged next, which build requirements are swapped, and what that shows: tables of small values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import Failure, Member, Phase, Pin, Reason, Verdict, Wheel
from orchestrator.results import bisect
from orchestrator.results.bisect import Aspect, ReleaseChange, Step, Upload
from tests.sample_results import sample

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY = datetime(2024, 3, 1, tzinfo=UTC)
R, S, F, I = Verdict.REPRODUCIBLE, Verdict.SENSITIVE, Verdict.FTBFS, Verdict.INTRINSIC  # noqa: E741 - a table's letters
BROKEN = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "ImportError")


def at(days: int) -> datetime:
    """Return a moment."""
    return DAY + timedelta(days=days)


def pin(name: str, version: str) -> Pin:
    """Return a pin whose file is its own."""
    return Pin(
        name, version, f"{name}{version}".encode().hex().ljust(64, "0"), f"{name}-{version}-py3-none-any.whl", ""
    )


def step(days: int, verdict: Verdict = R, compared: str = "a", *pins: Pin, failure: Failure | None = None) -> Step:
    """Return a step."""
    failed = verdict is F
    result = sample(verdict=verdict, pins=pins, failure=failure or (BROKEN if failed else None))
    return Step(at(days), result, "" if failed else compared)


def upload(days: int, name: str = "setuptools", version: str = "2") -> Upload:
    """Return an upload just before a moment."""
    moment = at(days) - timedelta(milliseconds=1)
    return Upload(name, version, f"{name}-{version}-py3-none-any.whl", moment)


@pytest.mark.parametrize(
    ("uploaded", "visible"),
    [
        ("2024-03-01T10:00:00.000000+00:00", "2024-03-01T10:00:00.001000+00:00"),
        ("2024-03-01T10:00:00.123999+00:00", "2024-03-01T10:00:00.124000+00:00"),
        ("2024-03-01T10:00:59.999999+00:00", "2024-03-01T10:01:00+00:00"),
        ("2024-03-01T12:00:00+02:00", "2024-03-01T10:00:00.001000+00:00"),
    ],
)
def test_a_wheel_counts_from_the_millisecond_after_its_upload_on(uploaded: str, visible: str) -> None:
    """As the resolver compares them."""
    found = Upload("a", "1", "a-1-py3-none-any.whl", datetime.fromisoformat(uploaded)).visible
    assert found == datetime.fromisoformat(visible)


def test_only_moments_between_the_ends_are_looked_at() -> None:
    """Each once, oldest first."""
    found = bisect.moments([upload(2), upload(2, "wheel"), upload(1), upload(-1), upload(9)], at(0), at(5))
    assert found == (at(0), at(1), at(2), at(5))


def search(outcomes: str) -> tuple[list[int], tuple[tuple[Step, Step], ...]]:
    """Judge until nothing is left; each letter is the outcome of one day. Return the days that were judged."""
    verdicts = {"R": R, "S": S, "F": F, "I": I}
    known = tuple(at(day) for day in range(len(outcomes)))
    steps: list[Step] = []
    while (moment := bisect.next_moment(known, steps)) is not None:
        assert moment not in {one.moment for one in steps}
        day = (moment - DAY).days
        letter = outcomes[day]
        steps.append(step(day, verdicts.get(letter, R), letter))
    return [(one.moment - DAY).days for one in steps], bisect.turning_points(steps)


@pytest.mark.parametrize(
    ("outcomes", "turn", "judged"),
    [
        ("aaaaaaaa", None, 2),
        ("aaaabbbb", (3, 4), 5),
        ("abbbbbbb", (0, 1), 5),
        ("aaaaaaab", (6, 7), 4),
        ("RRRRSSSS", (3, 4), 5),
        ("RRRFFSSS", (4, 5), 5),  # the change to the present verdict, not that to the failure
        ("RRRFFRRR", None, 2),  # reverted
        ("FFFFFFFF", None, 2),
        ("FFFFFRRR", (4, 5), 5),
        ("IIIIIIII", None, 2),
        ("ab", (0, 1), 2),
    ],
)
def test_the_search_ends_at_the_change_to_the_present_outcome(
    outcomes: str, turn: tuple[int, int] | None, judged: int
) -> None:
    """After few jobs."""
    days, turns = search(outcomes)
    assert [((one.moment - DAY).days, (other.moment - DAY).days) for one, other in turns] == ([turn] if turn else [])
    assert len(days) == judged


@given(st.text("abRSF", min_size=2, max_size=200))
def test_whatever_alternates_the_two_sides_of_a_turn_are_neighbours(outcomes: str) -> None:
    """With different outcomes, the later one the present one; no day is judged twice, and few are."""
    days, turns = search(outcomes)
    assert len(days) == len(set(days)) <= 2 + len(outcomes).bit_length()
    for earlier, later in turns:
        first, second = (earlier.moment - DAY).days, (later.moment - DAY).days
        assert second == first + 1
        now = sorted((step_ for step_ in (earlier, later)), key=lambda one: one.moment)[1]
        assert outcomes[first] != outcomes[second]
        assert now.result.verdict is {"S": S, "F": F}.get(outcomes[-1], R)


def test_every_moment_is_judged_where_that_is_asked_for() -> None:
    """And each turn is found."""
    known = tuple(at(day) for day in range(5))
    steps: list[Step] = []
    while (moment := bisect.next_moment(known, steps, every=True)) is not None:
        day = (moment - DAY).days
        steps.append(step(day, F if day == 2 else R))
    turns = bisect.turning_points(steps, every=True)
    assert len(steps) == 5
    assert [(one.result.verdict, other.result.verdict) for one, other in turns] == [(R, F), (F, R)]


def test_random_bytes_are_no_change() -> None:
    """An intrinsic release has others each time; a failure has a reason in place of bytes."""
    assert bisect.aspect_of(step(0, I, "a"), step(1, I, "b")) is None
    assert bisect.aspect_of(step(0, S, "a"), step(1, S, "b")) is Aspect.BYTES
    other = Failure(Reason.NEEDS_NETWORK, Phase.BUILD_WHEEL, "")
    assert bisect.aspect_of(step(0, F), step(1, F, failure=other)) is Aspect.BYTES
    assert bisect.aspect_of(step(0, F), step(1, F)) is None


def swaps(names: str, sufficient: Mapping[str, bool]) -> tuple[list[str], list[str]]:
    """Swap until nothing is left to try; return what was tried, and the culprits. `sufficient`: by sorted letters."""
    tried: dict[tuple[str, ...], bool] = {}
    order = []
    while (swap := bisect.next_swap(tuple(names), tried)) is not None:
        order.append("".join(swap))
        tried[swap] = any(set(one) <= set(swap) for one in sufficient)
    return order, ["".join(one) for one in bisect.culprits(tuple(names), tried)]


@pytest.mark.parametrize(
    ("names", "sufficient", "tried", "found"),
    [
        ("", "", [], []),
        ("a", "a", [], ["a"]),  # both sides differ in it alone, and both were built
        ("ab", "a", ["a", "b"], ["a"]),
        ("ab", "a b", ["a", "b"], ["a", "b"]),  # each alone
        ("ab", "ab", ["a", "b"], ["ab"]),  # only both together
        ("abc", "ac", ["a", "b", "c", "bc", "ac"], ["ac"]),
        ("abcd", "bd", ["a", "b", "c", "d", "bcd", "cd", "bd"], ["bd"]),
        ("abcdefghi", "abc", [], ["abcdefghi"]),  # too many to try
    ],
)
def test_the_smallest_set_of_changed_requirements_is_named(
    names: str, sufficient: str, tried: list[str], found: list[str]
) -> None:
    """All together are known to change the outcome."""
    order, culprits = swaps(names, dict.fromkeys(sufficient.split(), True))
    assert order == tried
    assert culprits == found


@given(st.sets(st.sampled_from("abcdefgh"), min_size=1), st.data())
def test_nothing_can_be_left_out_of_a_set_that_is_named(names: set[str], data: st.DataObject) -> None:
    """And it suffices."""
    cause = data.draw(st.sets(st.sampled_from(sorted(names)), min_size=1))
    _, culprits = swaps("".join(sorted(names)), {"".join(sorted(cause)): True})
    assert [set(one) for one in culprits] == [cause]


def test_a_change_has_the_upload_of_the_later_wheel() -> None:
    """Requirements come and go; one of the same version may be another file."""
    rebuilt = replace(pin("numpy", "1"), sha256="f" * 64, filename="numpy-1-1-py3-none-any.whl")
    earlier = step(0, R, "a", pin("numpy", "1"), pin("setuptools", "1"), pin("wheel", "1"))
    later = step(1, R, "b", pin("editables", "1"), rebuilt, pin("setuptools", "2"))
    assert bisect.release_changes(earlier, later, [upload(1), upload(5, "six")]) == (
        ReleaseChange("editables", None, "1"),
        ReleaseChange("numpy", "numpy-1-py3-none-any.whl", "numpy-1-1-py3-none-any.whl"),
        ReleaseChange("setuptools", "1", "2", upload(1).uploaded),
        ReleaseChange("wheel", "1", None),
    )


def test_where_no_lock_was_possible_the_release_of_that_moment_is_named() -> None:
    """Nothing was built before it, so nothing can be swapped."""
    unsettled = Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, "no version of hatchling")
    nothing = Step(at(0), replace(sample(verdict=F, failure=unsettled, pins=()), builds=()), "")
    found = bisect.turn(nothing, step(1, R, "b", pin("hatchling", "2")), [upload(1, "hatchling"), upload(3)], {})
    assert (found.culprits, found.swapped, found.aspect) == ((("hatchling",),), False, Aspect.VERDICT)


def test_what_a_backend_could_not_ask_for_is_no_cause() -> None:
    """It fails while it is asked, and so its lock lacks wheel; whichever side that is."""
    unasked = replace(BROKEN, phase=Phase.REQUIREMENTS)
    works = step(0, R, "a", pin("setuptools", "58.0.1"), pin("wheel", "0.37.0"))
    fails = step(1, F, "", pin("setuptools", "58.0.2"), failure=unasked)
    for earlier, later in ((works, fails), (fails, works)):
        found = bisect.turn(earlier, later, [], {})
        assert [change.name for change in found.changed] == ["setuptools", "wheel"]
        assert found.culprits == (("setuptools",),)
    assert bisect.suspects(works, fails, bisect.release_changes(works, fails, [])) == (("setuptools",), ("wheel",))
    built = step(1, F, "", pin("setuptools", "58.0.2"))  # it failed later, when it had all that it asked for
    assert bisect.suspects(works, built, bisect.release_changes(works, built, [])) == (("setuptools", "wheel"), ())


def test_a_limit_proves_nothing_about_a_requirement() -> None:
    """The machine may have been busy."""
    slow = Failure(Reason.TIME_OUT, Phase.BUILD_WHEEL, "")
    earlier, later = step(0, R, "a", pin("a", "1")), step(1, F, "", pin("a", "2"), failure=slow)
    assert not bisect.turn(earlier, later, [], {}).firm
    assert bisect.turn(earlier, step(1, F, "", pin("a", "2")), [], {}).firm


def test_a_swap_that_fails_for_another_reason_is_no_proof() -> None:
    """Of two changes, one may break the build, and the other break it in another way."""
    other = Failure(Reason.NO_WHEEL, Phase.BUILD_WHEEL, "wheel")
    assert bisect.gives_the_same(step(0, F), step(1, F), Aspect.VERDICT)
    assert not bisect.gives_the_same(step(0, F, failure=other), step(1, F), Aspect.VERDICT)
    elsewhere = replace(BROKEN, phase=Phase.REQUIREMENTS)
    assert not bisect.gives_the_same(step(0, F, failure=elsewhere), step(1, F), Aspect.VERDICT)


def test_the_build_tools_name_is_no_content() -> None:
    """Nor are packing, order and RECORD; METADATA and code are."""

    def wheel(**contents: str) -> Wheel:
        names = {"code": "a.py", "stamp": "a-1.dist-info/WHEEL", "record": "a-1.dist-info/RECORD"}
        names |= {"metadata": "a-1.dist-info/METADATA", "vendored": "a/b-1.dist-info/WHEEL"}
        listed = {"code": "1", "stamp": "1", "record": "1", "metadata": "1", "vendored": "1"} | contents
        files = [Member(names[key], value, 1, 0, (2020, 1, 1, 0, 0, 0), "", value) for key, value in listed.items()]
        return Wheel("a-1-py3-none-any.whl", "", tuple(files))

    same = bisect.content_digest(wheel())
    assert bisect.content_digest(wheel(stamp="2", record="2")) == same
    assert all(bisect.content_digest(wheel(**{key: "2"})) != same for key in ("code", "metadata", "vendored"))
