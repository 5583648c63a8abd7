"""No change of code is explained, no difference is hidden, and an order is named only where it has no meaning."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import claim_checks
import pytest
from claim_mutators import MUTATORS, REORDERINGS
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.wheel_side import UNKNOWN
from tests.wheel_builder import diagnosed

if TYPE_CHECKING:
    from claim_mutators import Mutator, Reordering

MODULE = '''"""A module with something of each kind."""

import os
import sys

LIMITS = [10, 20, 30]
NAMES = {"one": 1, "two": 2}


def allowed(user, action):
    """Return whether a user may do something."""
    if user == "root":
        log(user, action, level=2, color="red")
        return True
    elif user in NAMES:
        check(user)
        perform(action)
        return False
    for name in os.environ:
        if name in ("PATH", "HOME"):
            continue
    return False


def run(command):
    os.execvp(command[0], command)
    sys.exit(1)
'''

RECORD = "pkg/a.py,sha256=aa,1\npkg/b.py,sha256=bb,2\npkg/c.py,sha256=cc,3\npkg-1.0.dist-info/RECORD,,\n"
INFO = "pkg-1.0.dist-info"
CODE = "pkg/module.py"


def report(path: str, first: bytes, second: bytes) -> dict[str, Any]:
    """Return the JSON of the comparison of two wheels of unknown origin that differ in one member."""
    others = {f"{INFO}/RECORD": RECORD.encode()}
    return asdict(diagnosed({**others, path: first}, {**others, path: second}, known=(UNKNOWN, UNKNOWN)))


def wrong_of_code(first: bytes, second: bytes) -> list[str]:
    """Return what is wrong with the comparison of two versions of a module."""
    found = report(CODE, first, second)
    return [*claim_checks.claims_about_code(found, CODE), *claim_checks.hidden(found, CODE, first, second)]


@pytest.mark.parametrize("mutator", MUTATORS, ids=[one.name for one in MUTATORS])
def test_no_change_of_code_is_explained(mutator: Mutator) -> None:
    """Each is a place of its own, of the severity of code, and no cause is more than possible."""
    before = mutator.before(MODULE)
    for seed in range(3):
        after = mutator.mutate(before, random.Random(seed))  # noqa: S311 - the same every time
        assert after != before
        assert wrong_of_code(before.encode(), after.encode()) == []
        assert wrong_of_code(after.encode(), before.encode()) == []


@pytest.mark.parametrize("one", REORDERINGS, ids=[one.name for one in REORDERINGS])
def test_an_order_is_named_where_it_has_no_meaning(one: Reordering) -> None:
    """With its cause and no other; where it has one, it is unexplained."""
    path = one.member if one.member.endswith(".json") else f"{INFO}/{one.member}"
    before = one.text or RECORD
    after = one.mutate(before, random.Random(1))  # noqa: S311 - the same every time
    assert after != before
    assert claim_checks.only_causes(report(path, before.encode(), after.encode()), one.causes, path) == []


LINES = st.sampled_from(
    ("", "x = 1", "    x = 1", "\tx = 1", "return False", "f(a, b)", "f(b, a)", "a,", "a", "x = 2 ")
)


@given(st.lists(LINES, max_size=12), st.lists(LINES, max_size=12), st.booleans(), st.booleans())
def test_all_lines_that_differ_are_places(first: list[str], second: list[str], ended: bool, last: bool) -> None:  # noqa: FBT001 - hypothesis gives them
    """Between the places that are listed, two modules are equal."""
    ours = ("\n".join(first) + "\n" * ended).encode()
    theirs = ("\n".join(second) + "\n" * last).encode()
    if ours != theirs:
        assert wrong_of_code(ours, theirs) == []


def test_a_text_that_is_cut_is_marked() -> None:
    """Also where only its spelling is too long: an end of line is displayed as two characters."""
    second = b"x\n" * 295
    found = report(CODE, b"", second)
    assert [one["second"][-1] for one in found["unexplained"]] == ["…"]


# --- the checks can fail ---------------------------------------------------------------------


def place(where: str, first: str, second: str, looks_like: str = "") -> dict[str, str]:
    """Return an unexplained place of the module."""
    return {
        "path": CODE,
        "aspect": "content",
        "where": where,
        "first": first,
        "second": second,
        "looks_like": looks_like,
    }


def answer(*places: dict[str, str], severity: str = "code", **cause: object) -> dict[str, Any]:
    """Return the JSON of a comparison with some places, and at most one cause."""
    differences = [{"path": CODE, "aspect": "content", "severity": severity, "consequence": False}]
    causes = [{"members": [CODE], "evidence": [], **cause}] if cause else []
    return {"severity": severity, "causes": causes, "unexplained": list(places), "differences": differences}


FIRST, SECOND = b"a\nb\nc\nd\ne\n", b"a\nB\nc\nnew\nd\nE\n"
ALL = (place("line 2", "b", "B"), place("line 4 | 4", "", "new\\n"), place("line 5 | 6", "e", "E"))


@pytest.mark.parametrize(
    "places",
    [
        (),
        ALL[1:],
        (ALL[0], ALL[2]),
        ALL[:2],
        (*ALL[:2], place("line 5", "e", "E")),
        (place("line 2", "b", "X"), *ALL[1:]),
        (place("line 2", "x…", "B"), *ALL[1:]),
        (*ALL, place("somewhere", "", "")),
    ],
)
def test_a_place_that_is_missing_or_wrong_is_noticed(places: tuple[dict[str, str], ...]) -> None:
    """Also a wrong number of a line, and a text that is not there."""
    assert claim_checks.hidden(answer(*ALL), CODE, FIRST, SECOND) == []
    assert claim_checks.hidden(answer(*places), CODE, FIRST, SECOND)


def test_a_last_newline_that_is_missing_is_noticed() -> None:
    """It is a place of its own."""
    assert claim_checks.hidden(answer(place("line 1", "a", "b")), CODE, b"a\n", b"b")
    both = place("line 1", "a", "b"), place("last newline", "\\n", "")
    assert claim_checks.hidden(answer(*both), CODE, b"a\n", b"b") == []


@pytest.mark.parametrize(
    "found",
    [
        answer(*ALL, name="hash-order", proof="possible"),
        answer(*ALL, name="build-date", proof="trace"),
        answer(place("line 2", "b", "B", looks_like="file-order")),
        answer(*ALL, severity="data"),
    ],
)
def test_a_claim_about_code_is_noticed(found: dict[str, Any]) -> None:
    """An order, a proof, or a lower severity."""
    assert claim_checks.claims_about_code(answer(*ALL, name="build-date", proof="possible"), CODE) == []
    assert claim_checks.claims_about_code(found, CODE)


def file(content: bytes, mode: int = 0o644, time: tuple[int, ...] = (2020, 1, 1)) -> claim_checks.File:
    """Return a member of a wheel."""
    return claim_checks.File(content, mode, time, ())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({CODE: file(b"a")}, {CODE: file(b"b")}),
        ({CODE: file(b"a")}, {CODE: file(b"a", mode=0o600)}),
        ({CODE: file(b"a")}, {CODE: file(b"a", time=(2021, 1, 1))}),
        ({CODE: file(b"a")}, {}),
        ({f"{INFO}/RECORD": file(b"a.py,x,1\n"), "a.py": file(b"")}, {f"{INFO}/RECORD": file(b""), "a.py": file(b"")}),
    ],
)
def test_a_member_that_is_not_named_is_noticed(
    first: dict[str, claim_checks.File], second: dict[str, claim_checks.File]
) -> None:
    """Whatever differs in it."""
    nothing: dict[str, Any] = {"severity": "code", "causes": [], "unexplained": [], "differences": []}
    assert claim_checks.missing(first, second, nothing)
    assert claim_checks.missing(first, first, nothing) == []


@pytest.mark.parametrize(
    ("allowed", "found"),
    [
        (("metadata-order",), answer(*ALL)),
        (("metadata-order",), answer(name="white-space", proof="trace")),
        (("metadata-order",), answer(*ALL, name="metadata-order", proof="trace")),
        ((), answer()),
        ((), answer(*ALL, name="metadata-order", proof="trace")),
    ],
)
def test_a_wrong_cause_is_noticed(allowed: tuple[str, ...], found: dict[str, Any]) -> None:
    """None, another, one beside a place that is unexplained, or one where none is allowed."""
    assert claim_checks.only_causes(answer(name="metadata-order", proof="trace"), ("metadata-order",), CODE) == []
    assert claim_checks.only_causes(answer(*ALL), (), CODE) == []
    assert claim_checks.only_causes(found, allowed, CODE)
