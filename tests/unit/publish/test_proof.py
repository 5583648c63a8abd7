"""Sentences claim equal bytes if and only if builds of the record show them, in all combinations."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from orchestrator.experiments.explain import FRAGILE
from orchestrator.model import (
    Build,
    CauseFinding,
    Experiment,
    ProgramAspect,
    ProgramChange,
    Proof,
    Recipe,
    RecipeForm,
    RecipeProof,
    Remedied,
    RemedyOutcome,
    Result,
    Severity,
    Verdict,
)
from orchestrator.publish import advice, proof, terminal, wording
from orchestrator.results.store import Results
from tests.sample_results import FIRST, SECOND, sample
from tests.samples import built, failed

RECORDS = Path(__file__).resolve().parents[2] / "records" / "2"
ONE, OTHER = "fix-umask", "set-epoch"
WHEEL, TEXT = "d" * 64, "#!/bin/sh\n"
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()
SETS = ((ONE,), (ONE, OTHER))
EXPERIMENTS = ("none", "equal", "unequal", "equal once", "of another set", "of the other alone")


def experiments(kind: str, remedies: tuple[str, ...]) -> tuple[Experiment, ...]:
    """Return what a record has of builds with a set of remedies."""
    equal = Experiment("second-with", "first-with", (), remedies, equal=True)
    return {
        "none": (),
        "equal": (equal,),
        "unequal": (replace(equal, equal=False),),
        "equal once": (equal, replace(equal, build="again", equal=False)),
        "of another set": (replace(equal, remedies=("strip-debug", "fix-home", OTHER)),),
        "of the other alone": (replace(equal, remedies=(OTHER,)),),
    }[kind]


def ran(name: str, *, sha256: str = WHEEL, recipe: str = DIGEST, second: bool = False) -> Build:
    """Return a build that ran a recipe."""
    return built(name, replace(SECOND if second else FIRST, recipe=recipe), sha256)


def recorded(remedies: tuple[str, ...], kind: str, recipes: tuple[Recipe, ...] = ()) -> Result:
    """Return a sensitive result with those remedies as its recipe."""
    found = sample(verdict=Verdict.SENSITIVE)
    return replace(
        found,
        holds=(),
        recipe=remedies,
        recipes=recipes,
        experiments=experiments(kind, remedies),
        severity=Severity.ARCHIVE,
    )


RECIPES = [(), *((Recipe(RecipeForm.SH, TEXT, "a.whl", WHEEL, one, ()),) for one in RecipeProof)]


@pytest.mark.parametrize(
    ("outcome", "remedies", "kind", "recipes"), list(product(RemedyOutcome, SETS, EXPERIMENTS, RECIPES))
)
def test_a_remedy_claims_equal_bytes_only_if_builds_show_them(
    outcome: RemedyOutcome, remedies: tuple[str, ...], kind: str, recipes: tuple[Recipe, ...]
) -> None:
    """And only as part of its set; a record of an earlier release has no recipes."""
    result = recorded(remedies, kind, recipes)
    said = proof.of_remedy(result, Remedied(ONE, outcome, why="it is so"))
    claims = outcome in {RemedyOutcome.PROVEN, RemedyOutcome.COSTLY} and kind == "equal"
    assert (proof.EQUAL in said) is claims
    assert ("as part of a set" in said) is (claims and len(remedies) > 1)
    assert all(name in said for name in remedies if claims and len(remedies) > 1)
    assert said.startswith("proven") is (claims and outcome is RemedyOutcome.PROVEN)
    assert said.startswith("proven") is proof.is_proven(result, Remedied(ONE, outcome))
    listed = "".join(str(block) for block in terminal.brief(replace(result, remedies=(Remedied(ONE, outcome),))))
    assert ("Remedies: " in listed) is said.startswith("proven")
    assert said.endswith((": it is so", "; it is so"))


def test_a_larger_set_shows_nothing_of_a_smaller_one() -> None:
    """Its members are proven as its parts."""
    larger = replace(recorded((ONE,), "none"), experiments=experiments("equal", (ONE, OTHER)))
    assert proof.EQUAL not in proof.of_set(larger)
    said = proof.of_remedy(larger, Remedied(ONE, RemedyOutcome.PROVEN))
    assert said == f"proven, as part of a set: built with {ONE} and {OTHER} together, {proof.EQUAL}"


@pytest.mark.parametrize(("remedies", "kind"), list(product(SETS, EXPERIMENTS)))
def test_a_set_claims_equal_bytes_only_if_builds_show_them(remedies: tuple[str, ...], kind: str) -> None:
    """Together, if it has several remedies."""
    said = proof.of_set(recorded(remedies, kind))
    assert (proof.EQUAL in said) is (kind == "equal")
    assert ("together" in said) is (kind == "equal" and len(remedies) > 1)


def test_remedies_that_hold_variations_are_shown_by_builds_that_held_them() -> None:
    """As in records of earlier releases; the sentence is about what was held."""
    held = Experiment("second-holding-umask", "first", ("umask",), (), equal=True)
    result = replace(recorded((ONE,), "none"), experiments=(held,))
    assert proof.of_remedy(result, Remedied(ONE, RemedyOutcome.PROVEN)) == f"proven: with umask held, {proof.EQUAL}"
    assert proof.of_set(result) == f"Built with umask held, {proof.EQUAL}."
    both = replace(result, experiments=(replace(held, hold=("home", "umask")),), holds=("home", "umask"))
    said = proof.of_remedy(both, Remedied(ONE, RemedyOutcome.PROVEN))
    assert said == f"proven, as part of a set: with home and umask held together, {proof.EQUAL}"
    other = replace(both, holds=("umask",))
    assert proof.EQUAL not in proof.of_remedy(other, Remedied(ONE, RemedyOutcome.PROVEN)) + proof.of_set(other)


def test_a_cost_is_stated() -> None:
    """What is worse, with both values; harmless changes are left out."""
    changes = (
        ProgramChange("a.so", ProgramAspect.OPTIMISATION, "-O2", "none"),
        ProgramChange("a.so", ProgramAspect.SIZE, "100", "99", cost=False),
    )
    said = proof.of_remedy(recorded((ONE,), "equal"), Remedied(ONE, RemedyOutcome.COSTLY, changes=changes))
    assert said == f"costly: built with it, {proof.EQUAL}; its cost: optimisation -O2 becomes none"


BUILDS: dict[str, tuple[tuple[Build, ...], bool]] = {
    "both": ((ran("one"), ran("two", second=True)), True),
    "one": ((ran("one"),), False),
    "the same one twice": ((ran("one"), ran("one")), False),
    "another wheel": ((ran("one"), ran("two", sha256="e" * 64, second=True)), False),
    "another text": ((ran("one"), ran("two", recipe="f" * 64, second=True)), False),
    "no text": ((ran("one"), ran("two", recipe="", second=True)), False),
    "failed": ((ran("one"), failed("two", replace(SECOND, recipe=DIGEST))), False),
    "both failed": (
        (failed("one", replace(FIRST, recipe=DIGEST)), failed("two", replace(SECOND, recipe=DIGEST))),
        False,
    ),
    "none": ((), False),
}


@pytest.mark.parametrize(
    ("builds", "stated", "recorded_builds"),
    list(product(BUILDS, RecipeProof, (True, False))),
)
def test_a_recipe_is_proven_only_by_two_builds_that_ran_its_text(
    builds: str, stated: RecipeProof, *, recorded_builds: bool
) -> None:
    """And gave the wheel whose hash it has; the record has to have them."""
    made, shown = BUILDS[builds]
    recipe = Recipe(RecipeForm.SH, TEXT, "a.whl", WHEEL, stated, tuple(build.name for build in made), "it is so")
    result = replace(recorded((ONE,), "equal", (recipe,)), builds=made if recorded_builds else ())
    said = proof.of_recipe(result, recipe)
    claims = shown and recorded_builds and stated is RecipeProof.PROVEN
    assert (proof.EQUAL in said) is claims
    assert ("different environments" in said) is claims
    shown_recipes = [(said in title, text) for title, text in advice.recipes(result)]
    assert shown_recipes == ([] if stated is RecipeProof.REJECTED else [(True, TEXT)])


def test_a_recipe_without_a_hash_is_proven_by_equal_wheels() -> None:
    """As that of a Debian package, whose tools are Debian's; in one environment it is said."""
    recipe = Recipe(RecipeForm.DEBIAN_RULES, TEXT, "a.whl", "", RecipeProof.PROVEN, ("one", "two"))
    result = replace(recorded((), "none"), builds=(ran("one"), ran("two")))
    assert proof.of_recipe(result, recipe).startswith("proven: this text was run as it is in 2 containers, in one env")
    other = replace(result, builds=(ran("one"), ran("two", sha256="e" * 64)))
    assert proof.EQUAL not in proof.of_recipe(other, recipe)


@pytest.mark.parametrize(
    ("hold", "equal", "shown"),
    [(("umask",), True, True), (("umask",), False, False), (("umask", "home"), True, False), ((), True, False)],
)
def test_a_hold_is_claimed_only_if_builds_show_it(hold: tuple[str, ...], *, equal: bool, shown: bool) -> None:
    """In the sentences of the verdict, and of the cause that is isolated."""
    result = recorded((), "none")
    experiment = Experiment("second-holding", "first", hold, (), equal=equal)
    result = replace(result, holds=("umask",), experiments=(experiment,))
    assert ("The bytes are the same" in " ".join(wording.sentences(result))) is shown
    isolated = CauseFinding("archive-modes", (), ("umask",), Proof.ISOLATED)
    assert (proof.EQUAL in proof.of_cause(result, isolated)) is shown
    assert proof.EQUAL not in proof.of_cause(result, replace(isolated, proof=Proof.TRACE))


def test_holding_all_that_varied_is_shown_by_the_control_build() -> None:
    """Which is made in the first environment."""
    result = sample(verdict=Verdict.SENSITIVE)
    result = replace(result, holds=tuple(one.name for one in result.variations))
    assert "The bytes are the same" in proof.of_hold(result)
    assert "no build" in proof.of_hold(replace(result, builds=result.builds[:2]))
    assert proof.of_hold(replace(result, holds=())) == ""


def test_a_cause_of_several_is_proved_as_part_of_the_set() -> None:
    """Only the set was held."""
    held = Experiment("second-holding", "first", ("umask", "home"), (), equal=True)
    result = replace(recorded((), "none"), holds=("umask", "home"), experiments=(held,))
    said = proof.of_cause(result, CauseFinding("archive-modes", (), ("umask",), Proof.ISOLATED))
    assert said == f"proved by building, as part of a set: with umask and home held together, {proof.EQUAL}"


def test_a_fragile_build_is_proved_by_a_build_that_ends_as_the_first() -> None:
    """Whatever its bytes."""
    held = Experiment("held", "first", ("home",), (), equal=False)
    fragile = CauseFinding(FRAGILE, (), ("home",), Proof.ISOLATED)
    result = replace(recorded((), "none"), experiments=(held,), builds=(built("first", FIRST, WHEEL),))
    assert "no build that shows it" in proof.of_cause(result, fragile)
    result = replace(result, builds=(*result.builds, built("held", SECOND, "e" * 64)))
    assert proof.of_cause(result, fragile).startswith("proved by building")


def printed(result: Result) -> str:
    """Return what the terminal and the report print of a result."""
    blocks = terminal.story(result, {})
    return "\n".join(block if isinstance(block, str) else "" for block in blocks) + advice.report(result)


def test_records_of_earlier_releases_claim_what_their_builds_show() -> None:
    """Each of their remedies that is said to be proven has an equal build with exactly the set that is named."""
    store = Results(RECORDS, wheels=1, logs=1)
    results = [result for project in (RECORDS / "records").iterdir() for result in store.of(project.name)]
    said = [(result, one, proof.of_remedy(result, one)) for result in results for one in result.remedies]
    assert len(said) >= 5
    for result, one, sentence in said:
        shows = [found for found in result.experiments if found.equal and (found.hold or found.remedies)]
        assert proof.EQUAL not in sentence or shows, one
        assert one.outcome is RemedyOutcome.PROVEN or proof.EQUAL not in sentence
    assert all(printed(result) for result in results)
    without = [replace(result, experiments=(), builds=()) for result in results]
    assert not [result.project for result in without if proof.EQUAL in printed(result)]


def test_a_build_that_held_everything_says_so_in_short() -> None:
    """A table of all names is too wide; fewer are listed, and so are all of a few."""
    result = sample(verdict=Verdict.SENSITIVE)
    names = tuple(one.name for one in result.variations)
    assert wording.held_names(result, names) == ("all variations",)
    assert wording.held_names(result, names[1:]) == names[1:]
    assert wording.held_names(replace(result, variations=result.variations[:2]), names[:2]) == names[:2]
    assert wording.held_names(replace(result, variations=()), names) == names


def test_forms_with_one_proof_are_a_line_and_the_proven_wheel_is_named() -> None:
    """Whatever the proof is; a wheel that no builds gave is not named."""
    forms = (RecipeForm.SH, RecipeForm.UV)
    both = tuple(Recipe(form, TEXT, "a.whl", WHEEL, RecipeProof.PROVEN, ("one", "two")) for form in forms)
    result = replace(recorded((ONE,), "equal", both), builds=(ran("one"), ran("two", second=True)))
    shown = printed(result)
    assert "\n  sh, uv: proven: this text was run" in shown
    assert shown.count(f"Proven wheel: a.whl, SHA-256 {WHEEL}") == 1
    assert "Proven wheel" not in printed(replace(result, builds=()))


def test_reasons_that_repeat_the_outcome_are_left_out() -> None:
    """The sentence names the set already."""
    remedied = Remedied(ONE, RemedyOutcome.PROVEN, why=f"proven as part of the set {ONE} + {OTHER}")
    said = proof.of_remedy(recorded((ONE, OTHER), "equal"), remedied)
    assert said == f"proven, as part of a set: built with {ONE} and {OTHER} together, {proof.EQUAL}"
