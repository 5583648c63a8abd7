"""What builds have shown decides what is named: no cause survives its disproof, and nothing is dropped."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.experiments.attribution import attributed, by_itself, by_recipe, grounds
from orchestrator.model import (
    Aspect,
    CauseFinding,
    Diagnosis,
    Difference,
    Evidence,
    Proof,
    Severity,
    Unexplained,
    unaccounted,
)

ALIKE = {
    name: {"hash-seed": "hash-order", "fileordering": "file-order", "locales": "locale-sorting"}
    for name in ("hash-order", "file-order", "locale-sorting")
}
LINE = Unexplained("a.py", Aspect.CONTENT, "line 1", "x = {'a', 'b'}", "x = {'b', 'a'}", looks_like="hash-order")
UUIDS = "1b4e28ba-2fa1-4d2e-883f-0016d3cca427", "6fa459ea-ee8a-4ca4-894e-db77e160355e"


def diagnosis(*causes: CauseFinding, left: tuple[Unexplained, ...] = ()) -> Diagnosis:
    """Return a diagnosis of one member."""
    difference = Difference("a.py", Aspect.CONTENT, severity=Severity.CODE)
    return Diagnosis(Severity.CODE, causes, left, (difference,))


def test_an_order_in_code_is_named_after_the_variation_that_acts() -> None:
    """Its place is then no longer unexplained."""
    guess = CauseFinding("hash-order", ("a.py",), ("fileordering",), Proof.POSSIBLE)
    found = attributed(diagnosis(guess, left=(LINE,)), ("fileordering",), (("a.py", ("fileordering",)),), ALIKE)
    assert found.causes == (CauseFinding("file-order", ("a.py",), ("fileordering",), Proof.ISOLATED),)
    assert found.unexplained == ()


def test_an_unexplained_place_tells_which_variation_acts_on_it() -> None:
    """By member, where several act."""
    left = (Unexplained("a.py", Aspect.CONTENT, "line 1", "a", "b"),)
    found = attributed(diagnosis(left=left), ("time", "umask"), (("a.py", ("time",)),), {})
    assert [one.variations for one in found.unexplained] == [("time",)]


def test_an_identifier_that_follows_a_variation_is_derived() -> None:
    """It is not random: builds in equal environments agree."""
    left = (Unexplained("a.py", Aspect.CONTENT, "line 1", f"id {UUIDS[0]}", f"id {UUIDS[1]}"),)
    found = attributed(diagnosis(left=left), ("domain-host",), (("a.py", ("domain-host",)),), {})
    assert [(one.name, one.variations, one.proof) for one in found.causes] == [
        ("derived-value", ("domain-host",), Proof.ISOLATED)
    ]
    assert found.unexplained == ()


def test_an_identifier_beside_another_difference_is_derived_only_if_one_variation_acts() -> None:
    """Builds show which variations act on a member, and not on which of its places."""
    place = Unexplained("a.txt", Aspect.CONTENT, "line 1", f"id {UUIDS[0]}", f"id {UUIDS[1]}")
    dated = CauseFinding("build-date", ("a.txt",), ("time",), Proof.TRACE)

    def found(acting: tuple[str, ...], *causes: CauseFinding) -> list[tuple[str, tuple[str, ...]]]:
        told = attributed(diagnosis(*causes, left=(place,)), ("time", "build-path"), (("a.txt", acting),), {})
        return [(one.name, one.variations) for one in told.causes if one.name == "derived-value"]

    assert found(("time", "build-path"), dated) == []
    assert found(("time", "build-path")) == [("derived-value", ("time", "build-path"))]
    assert found(("build-path",), dated) == [("derived-value", ("build-path",))]


def test_what_equal_environments_show_is_isolated_and_has_no_variation() -> None:
    """A place of the control builds that no cause explains is marked; one word of a random kind is named."""
    place = Unexplained("a.txt", Aspect.CONTENT, "line 1", "pid = 4711", "pid = 4712")
    code = Unexplained("a.py", Aspect.CONTENT, "line 9", "x = one", "x = two")
    other = Unexplained("b.py", Aspect.CONTENT, "line 2", "y = 1", "y = 2")
    control = diagnosis(left=(place, code))
    causes, left = by_itself((), (place, code, other), control)
    assert [(one.name, one.members, one.evidence[0].chance) for one in causes] == [("random", ("a.txt",), "counter")]
    assert [(one.path, one.chance) for one in left] == [("a.py", True), ("b.py", False)]


def test_a_date_that_differs_by_itself_is_no_token() -> None:
    """The clock decides it, however it is spelled."""
    shown = Evidence("a.py", "line 1", "20261127T004925", "20280102T101239")
    dated = CauseFinding("build-date", ("a.py",), ("time",), Proof.TRACE, (shown,))
    causes, _ = by_itself((dated,), (), diagnosis(dated))
    assert [(one.name, one.variations, one.evidence[0].chance) for one in causes] == [("build-date", (), "")]


def test_chance_is_recognized_whichever_lines_make_up_a_place() -> None:
    """A line of a place that equal environments spell differently marks the place; those beside it are another."""
    names = ("lines 1 to 3", "line 4", "lines 6 to 8", "lines 9 | 8 to 12 | 11", "inner: line 1")
    ours = tuple(Unexplained("a.py", Aspect.CONTENT, where, "x = one", "x = two") for where in names)
    theirs = tuple(
        Unexplained("a.py", Aspect.CONTENT, where, "x = one", "x = three")
        for where in ("lines 2 to 3", "lines 7 | 6 to 10 | 9", "line 20")
    )
    _, left = by_itself((), ours, diagnosis(left=theirs))
    assert [(one.where, one.chance) for one in left] == [
        *zip(names, (True, False, True, True, False), strict=True),
        ("line 20", True),
    ]


def test_addresses_of_a_program_are_no_identifiers() -> None:
    """They move with what is before them; only a text that contains one tells of an object."""
    moved = Unexplained("a.so", Aspect.CONTENT, ".dynsym (moved)", "0xb0: 0xf01100000000", "0xb0: 0x801100000000")
    _, left = by_itself((), (moved,), diagnosis(left=(moved,)))
    assert [one.chance for one in left] == [True]
    assert attributed(diagnosis(left=(moved,)), ("time",), (), {}).causes == ()


def test_a_guess_is_proven_only_in_the_members_where_equal_environments_differ() -> None:
    """Elsewhere its places stay listed."""
    guess = CauseFinding("random-id", ("a.py", "b.py"), (), Proof.POSSIBLE, (Evidence("a.py", "line 1", *UUIDS),))
    here, there = (
        Unexplained(path, Aspect.CONTENT, "line 1", *UUIDS, looks_like="random-id") for path in ("a.py", "b.py")
    )
    shown = CauseFinding("random-id", ("a.py",), (), Proof.POSSIBLE)
    causes, left = by_itself((guess,), (here, there), diagnosis(shown, left=(here,)))
    assert [(one.name, one.proof, one.evidence[0].chance) for one in causes] == [
        ("random-id", Proof.ISOLATED, "identifier")
    ]
    assert [(one.path, one.chance) for one in left] == [("b.py", False)]


def test_a_recipe_that_needs_a_variation_decides_between_orders() -> None:
    """One that needs two of them does not."""
    guess = CauseFinding("file-order", ("a.py",), ("hash-seed", "fileordering"), Proof.POSSIBLE)
    assert by_recipe(guess, ("hash-seed", "umask"), ALIKE["file-order"]).name == "hash-order"
    assert by_recipe(guess, ("hash-seed", "fileordering"), ALIKE["file-order"]) == guess


NAMES = ("time", "umask", "hash-seed", "fileordering")
findings = st.builds(
    CauseFinding,
    st.sampled_from(["hash-order", "file-order", "archive-modes", "line-ends"]),
    st.lists(st.sampled_from(["a.py", "b.py"]), max_size=2, unique=True).map(tuple),
    st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple),
    st.just(Proof.POSSIBLE),
)
places = st.builds(
    Unexplained,
    st.sampled_from(["a.py", "b.py"]),
    st.just(Aspect.CONTENT),
    st.sampled_from(["line 1", "line 2"]),
    st.sampled_from(["pid = 4711", "x", UUIDS[0]]),
    st.sampled_from(["pid = 4712", "y", UUIDS[1]]),
    looks_like=st.sampled_from(["", "hash-order", "archive-modes"]),
)
diagnoses = st.builds(
    lambda causes, left: Diagnosis(
        Severity.CODE,
        tuple(causes),
        tuple(left),
        tuple(
            Difference(path, Aspect.CONTENT)
            for path in sorted({one.path for one in left} | {path for one in causes for path in one.members})
        ),
    ),
    st.lists(findings, max_size=3, unique_by=lambda one: one.name),
    st.lists(places, max_size=4, unique_by=lambda one: (one.path, one.where)),
)


@given(told=diagnoses, control=diagnoses, holds=st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
def test_no_difference_is_dropped(told: Diagnosis, control: Diagnosis, holds: list[str]) -> None:
    """Whatever builds show, each difference has a cause or is unexplained."""
    found = attributed(told, holds, (("a.py", tuple(holds[:1])),), ALIKE)
    assert unaccounted(told.differences, found.causes, found.unexplained) == ()
    causes, left = by_itself(told.causes, told.unexplained, control)
    assert unaccounted((*told.differences, *control.differences), causes, left) == ()


def test_the_grounds_are_what_isolation_has_shown() -> None:
    """What was varied and not needed is disproved."""
    found = grounds(NAMES, ("time",), (("a.py", ("time",)),))
    assert (found.suspected, found.disproved) == (("time",), ("umask", "hash-seed", "fileordering"))
    assert found.repeatable


def test_a_member_that_only_looks_like_a_cause_has_it_where_builds_show_it() -> None:
    """The two files show it in one member alone; builds in one environment differ in both."""
    guess = Unexplained("a.gcno", Aspect.CONTENT, "stamp", "1d55a0ad", "2adb2876", looks_like="coverage-stamp")
    stamp = CauseFinding("coverage-stamp", ("a.so",), (), Proof.TRACE)
    causes, left = by_itself((stamp,), (guess,), diagnosis(stamp, left=(guess,)))
    assert (causes, left) == ((replace(stamp, members=("a.gcno", "a.so"), proof=Proof.ISOLATED),), ())
    found = attributed(diagnosis(stamp, left=(guess,)), ("time",), (), {})
    assert [(one.name, one.members, one.variations) for one in found.causes] == [
        ("coverage-stamp", ("a.gcno", "a.so"), ("time",))
    ]
    assert found.unexplained == ()
