"""Explain a difference: which variations cause it, proven by building again, and which remedies fix it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.build import variations
from orchestrator.experiments import attribution, search
from orchestrator.experiments.isolate import Suspects, contradiction, next_step
from orchestrator.experiments.remedies import fixes, held_by
from orchestrator.experiments.runner import CHEAP, ExperimentRunner, same
from orchestrator.model import (
    LIMIT_REASONS,
    NO_GROUNDS,
    CauseFinding,
    Diagnosis,
    Evidence,
    Grounds,
    Proof,
    Severity,
    Unexplained,
    Verdict,
    unaccounted,
)
from orchestrator.model.chance import bound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.experiments.presume import Presumed
    from orchestrator.experiments.runner import Case, Tools
    from orchestrator.model import Build, Difference, Experiment, Remedied

FRAGILE = "fragile"
"""The cause of a build that fails in only one of the two environments; it leaves no trace in a wheel."""

REPEATS = 2
"""How many more builds an intrinsic difference gets, in the first environment."""

_SHOWN = 300  # characters of a log's line
_RUNNING = "gives other bytes at every time, also in one and the same environment; the same when the clock stands still"
_FLAKY = "gives the same bytes at times, and at times not, in one and the same environment"
_FAILS = "fails to build at times, in one and the same environment"
_DOUBT = "whether the build with these held agreed by chance was not looked into"


@dataclass(frozen=True, slots=True)
class Explained:
    """What the explanation adds to the result."""

    severity: Severity | None = None
    holds: tuple[str, ...] = ()
    causes: tuple[CauseFinding, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    differences: tuple[Difference, ...] = ()
    builds: tuple[Build, ...] = ()  # made for the explanation
    experiments: tuple[Experiment, ...] = ()
    remedies: tuple[Remedied, ...] = ()
    recipe: tuple[str, ...] = ()
    proof: tuple[str, ...] = ()  # the names of the two builds that ran the recipe's final text
    recipe_why: str = ""  # why there is no recipe, or what it costs
    left_open: str = ""
    flaky: str = ""  # why it is intrinsic, whatever the first builds showed
    clock: str = ""  # why it is sensitive after all: no two builds have the same time, unless it stands still
    builds_compared: int = 0
    flake_bound: float | None = None


@dataclass(frozen=True, slots=True)
class Isolation:
    """The result of an isolation."""

    found: frozenset[str] | None = None
    open: str = ""  # why there is no answer
    flaky: str = ""
    stray: Build | None = None  # a build in the first environment that differs from the first


def explain(case: Case, tools: Tools, presumed: Presumed | None = None) -> Explained:
    """Find what makes two builds differ and what fixes it, as far as the task's budget allows.

    `presumed` is what was tried before the verdict on the case was known.

    Raises
    ------
    WheelproofError
        The farm failed. Nothing is known about the package, and the job stays open.

    """
    runner = presumed.runner if presumed else ExperimentRunner(case, tools)
    runner.case = case
    known = presumed.found if presumed and case.verdict is not Verdict.INTRINSIC else None
    found = known or diagnosed(case, tools)
    found = replace(found, differences=found.differences or case.differences)
    if case.verdict is Verdict.INTRINSIC:  # the control build shows that without a further build
        found = _intrinsic(case, runner, found)
    elif case.task.budget.builds:
        found = _doubted(runner, _sensitive(case, runner, found, presumed.holds if presumed else frozenset()))
    chance = bool(found.flaky) and runner.case.verdict is not Verdict.INTRINSIC
    if case.task.budget.builds and case.task.budget.remedies and not chance:
        found = _with_remedies(runner, found)
        doubted = _doubted(runner, found)
        found = doubted if doubted.flaky == found.flaky else _with_remedies(runner, doubted)
    found = _by_clock(found, tools.cures) if runner.case.verdict is Verdict.INTRINSIC else found
    found = _without_suspicions(runner, found)
    compared = runner.agreeing()
    return replace(
        found,
        unexplained=_with_the_rest(found),
        builds=tuple(runner.builds),
        experiments=tuple(runner.experiments),
        left_open="; ".join(dict.fromkeys(filter(None, (found.left_open, *runner.refused)))),
        builds_compared=compared,
        flake_bound=bound(compared),
    )


def _with_the_rest(found: Explained) -> tuple[Unexplained, ...]:
    """Return the unexplained places, and each difference that neither they nor a cause account for."""
    rest = unaccounted(found.differences, found.causes, found.unexplained)
    return (*found.unexplained, *(Unexplained(one.path, one.aspect) for one in rest))


# --- what the wheels show --------------------------------------------------------------------


def diagnosed(case: Case, tools: Tools) -> Explained:
    """Diagnose the first two wheels, with no further build."""
    if case.first.wheel is None or case.second.wheel is None:
        return Explained()
    diagnosis = Diagnosis(Severity.NONE, (), (), ())
    if not same(case.first, case.second):
        compared = tools.diagnose(case.first, case.second, _suspicions(case))
        if compared is None:
            return Explained(left_open="the wheels could not be looked into")
        diagnosis = compared
    return Explained(
        severity=diagnosis.severity,
        causes=diagnosis.causes,
        unexplained=diagnosis.unexplained,
        differences=diagnosis.differences,
    )


def _suspicions(case: Case) -> Grounds:
    """Return what may be suspected: all that varied, if builds can decide."""
    repeatable = case.verdict is not Verdict.INTRINSIC  # the control build gave the first one's bytes
    return Grounds(suspected=case.names, repeatable=repeatable) if case.task.budget.builds else NO_GROUNDS


def _without_suspicions(runner: ExperimentRunner, found: Explained) -> Explained:
    """Remove the causes that were named because builds might show them, and did not: they leave no trace of their own.

    Where several causes leave the same trace, such as an order, a recipe that needs the variation shows which it is.
    """
    alike, held = runner.tools.alike, held_by(found.recipe)
    case = runner.case
    shown = [attribution.by_recipe(one, held, alike.get(one.name, {})) for one in found.causes]
    proven = {former.name for former, one in zip(found.causes, shown, strict=True) if former.proof is not one.proof}
    causes = attribution.merged(shown)
    doubtful = [one.name for one in causes if one.name in alike and one.proof is not Proof.ISOLATED]
    left = tuple(one for one in found.unexplained if one.looks_like not in proven)
    if not doubtful or case.second.wheel is None:
        return replace(found, causes=causes, unexplained=left)
    diagnosis = runner.tools.diagnose(case.first, case.second, NO_GROUNDS)
    if diagnosis is None:
        return replace(found, causes=causes, unexplained=left)
    certain = {one.name for one in diagnosis.causes}
    kept = tuple(one for one in causes if one.name not in doubtful or one.name in certain)
    lost = {path for one in causes if one not in kept for path in one.members}
    more = (one for one in diagnosis.unexplained if one.path in lost and one not in left)
    cleared = tuple(replace(one, looks_like="") if one.looks_like in doubtful else one for one in left)
    return replace(found, causes=kept, unexplained=_unique((*cleared, *more)))


def _unique(places: Iterable[Unexplained]) -> tuple[Unexplained, ...]:
    """Return the places, each once."""
    return tuple({(one.path, one.aspect, one.where): one for one in reversed(tuple(places))}.values())[::-1]


# --- intrinsic -------------------------------------------------------------------------------


def _intrinsic(case: Case, runner: ExperimentRunner, found: Explained) -> Explained:
    """Diagnose what differs by itself, and build a few times more to estimate its rate."""
    if case.first.wheel is None or case.control is None or case.control.wheel is None:
        return replace(found, left_open="which builds fail is chance, so there is nothing to isolate")
    if case.task.budget.builds and max(case.first.seconds, case.control.seconds) <= CHEAP:
        runner.repeat(REPEATS)
    other = next(build for build in (case.control, case.second) if not same(case.first, build))
    diagnosis = runner.tools.diagnose(case.first, other, NO_GROUNDS)
    return _by_itself(found, diagnosis) if diagnosis else found


def _by_itself(found: Explained, control: Diagnosis) -> Explained:
    """Add what differs between builds in one environment: no variation causes it."""
    causes, left = attribution.by_itself(found.causes, found.unexplained, control)
    severity = max(filter(None, (found.severity, control.severity)), key=list(Severity).index)
    return replace(
        found,
        severity=severity,
        causes=causes,
        unexplained=left,
        differences=found.differences or control.differences,
    )


# --- sensitive -------------------------------------------------------------------------------


def _sensitive(case: Case, runner: ExperimentRunner, found: Explained, traced: frozenset[str]) -> Explained:
    """Isolate what makes a build fail, and then what makes the wheels differ.

    `traced` are the variations whose values the second build has planted, if holding them is known to be enough.
    """
    needed = traced
    other = case.second
    if bool(case.first.wheel) is not bool(case.second.wheel):
        failing = isolated(runner, _suspects_in_log(case), _fails_like(case.first), frozenset())
        fragile = _fragile(case, failing.found)
        found = replace(found, causes=(*found.causes, fragile), left_open=failing.open, flaky=failing.flaky)
        if failing.found is None or case.first.wheel is None:
            return found
        needed = failing.found
        other, found = _with_what_differs_besides(runner, needed, found)
    isolation = isolated(runner, _suspects(runner, found.causes), lambda build: same(case.first, build), needed)
    found = replace(found, left_open=isolation.open, flaky=isolation.flaky)
    if isolation.stray is not None:
        runner.case = replace(case, verdict=Verdict.INTRINSIC, control=isolation.stray)
        return _intrinsic(runner.case, runner, _diagnosed_again(runner, other, found, _suspicions(runner.case))[0])
    if isolation.found is None:
        return found
    found = replace(found, holds=tuple(name for name in case.names if name in isolation.found))
    return _as_traced(runner, found) if isolation.found == traced else _attributed(runner, other, found)


def _as_traced(runner: ExperimentRunner, found: Explained) -> Explained:
    """Mark the causes of a difference as isolated where their traces account for all of it.

    Each has one variation, which is held, so that a diagnosis on the grounds of what builds showed would be the same.
    """
    told = Diagnosis(found.severity or Severity.NONE, found.causes, found.unexplained, found.differences)
    proven = attribution.attributed(told, found.holds, (), runner.tools.alike)
    return replace(found, causes=proven.causes, unexplained=proven.unexplained)


def _attributed(runner: ExperimentRunner, other: Build, found: Explained) -> Explained:
    """Diagnose again on the grounds of what isolation has shown: what builds disproved is no cause."""
    acting = runner.acting(found.holds)
    grounds = attribution.grounds(runner.case.names, found.holds, acting)
    found, diagnosis = _diagnosed_again(runner, other, found, grounds)
    if diagnosis is None:
        return found
    proven = attribution.attributed(diagnosis, found.holds, acting, runner.tools.alike)
    return replace(found, causes=(*_fragiles(found), *proven.causes), unexplained=proven.unexplained)


def _diagnosed_again(
    runner: ExperimentRunner, other: Build, found: Explained, grounds: Grounds
) -> tuple[Explained, Diagnosis | None]:
    """Return what is found on other grounds, and its diagnosis; None if there is nothing to diagnose."""
    if other.wheel is None or same(runner.case.first, other):
        return found, None
    diagnosis = runner.tools.diagnose(runner.case.first, other, grounds)
    if diagnosis is None:
        return found, None
    causes = (*_fragiles(found), *diagnosis.causes)
    return replace(found, causes=causes, unexplained=diagnosis.unexplained), diagnosis


def _fragiles(found: Explained) -> tuple[CauseFinding, ...]:
    return tuple(one for one in found.causes if one.name == FRAGILE)


def _with_what_differs_besides(
    runner: ExperimentRunner, needed: frozenset[str], found: Explained
) -> tuple[Build, Explained]:
    """Return the build that no longer fails, and the diagnosis of its wheel."""
    builds = runner.hold([needed])
    if builds is None or same(runner.case.first, builds[0]):
        return runner.case.second, replace(found, severity=Severity.NONE)
    diagnosis = runner.tools.diagnose(runner.case.first, builds[0], _suspicions(runner.case))
    if diagnosis is None:
        return builds[0], found
    runner.judged(builds[0], diagnosis)
    return builds[0], replace(
        found,
        severity=diagnosis.severity,
        causes=(*found.causes, *diagnosis.causes),
        unexplained=diagnosis.unexplained,
        differences=diagnosis.differences,
    )


def _suspects(runner: ExperimentRunner, causes: tuple[CauseFinding, ...]) -> Suspects:
    """Return the variations that the causes name; where causes share a trace, these are only possible."""
    alike = runner.tools.alike
    certain = {
        cause_finding.variations[0]
        for cause_finding in causes
        if len(cause_finding.variations) == 1 and cause_finding.name not in alike
    }
    certain |= {name for cause_finding in causes if cause_finding.name == FRAGILE for name in cause_finding.variations}
    possible = {
        name for cause_finding in causes for name in (*cause_finding.variations, *alike.get(cause_finding.name, ()))
    } - certain
    return Suspects(tuple(sorted(certain)), tuple(sorted(possible)))


def isolated(
    runner: ExperimentRunner, suspects: Suspects, like: Callable[[Build], bool], needed: frozenset[str]
) -> Isolation:
    """Find a minimal set of variations that must be held for a build to be like the first.

    `needed` are known to be in the set. Where holding all suspects is not enough, the remaining
    difference may name more suspects. Where it names none, all variations are searched, after one
    more control build has confirmed that the first environment gives the first build's result.
    """
    case = runner.case
    seen = dict.fromkeys(runner.enough, True)
    doubted = False
    while (step := next_step(case.names, suspects, seen, needed)).found is None:
        if step.searched and not doubted:
            doubted = True
            for stray in runner.repeat(1) or ():
                why = _limited(stray)
                if why or not like(stray):
                    return Isolation(open=why) if why else Isolation(flaky=_by_chance(stray), stray=stray)
        builds = runner.hold(step.hold)
        if builds is None:
            return Isolation(open=_known_so_far(seen, suspects))
        if why := next(filter(None, map(_limited, builds)), ""):
            return Isolation(open=why)
        seen |= {held: like(build) for held, build in zip(step.hold, builds, strict=True)}
        if (clash := contradiction(seen)) is not None:
            return _settle(runner, clash, like)
        suspects = _more_suspects(runner, suspects, step.hold, builds, like)
    if step.searched and seen and not _again(runner, step.found, like):
        return Isolation(flaky=_FLAKY)
    return Isolation(found=step.found)


def _limited(build: Build) -> str:
    """Return why a build proves nothing; empty if it proves something."""
    is_limited = build.failure is not None and build.failure.reason in LIMIT_REASONS
    return f"{build.name} reached a limit of the farm, which proves nothing" if is_limited else ""


def _by_chance(control: Build) -> str:
    """Return what a control build shows that has not the first one's bytes."""
    return _FAILS if control.failure else _FLAKY


def _more_suspects(
    runner: ExperimentRunner,
    suspects: Suspects,
    held: tuple[frozenset[str], ...],
    builds: tuple[Build, ...],
    like: Callable[[Build], bool],
) -> Suspects:
    """Add the suspects that the remaining difference names, where holding all suspects was not enough."""
    case = runner.case
    for names, build in zip(held, builds, strict=True):
        if names >= suspects.all and names and not like(build) and build.wheel and case.first.wheel:
            diagnosis = runner.tools.diagnose(case.first, build, _suspicions(case))
            runner.judged(build, diagnosis)
            if diagnosis is not None:
                more = _suspects(runner, diagnosis.causes)
                certain = {*suspects.certain, *more.certain}
                possible = {*suspects.possible, *more.possible} - certain
                return Suspects(tuple(sorted(certain)), tuple(sorted(possible)))
    return suspects


def _again(runner: ExperimentRunner, held: frozenset[str], like: Callable[[Build], bool]) -> bool:
    """Build the answer once more; without a budget for that, the first build is enough."""
    builds = runner.hold([held], again=True)
    return builds is None or like(builds[0])


def _settle(
    runner: ExperimentRunner, clash: tuple[frozenset[str], frozenset[str]], like: Callable[[Build], bool]
) -> Isolation:
    """Build two contradictory answers again: either was chance, or the variations interact."""
    less, more = clash
    builds = runner.hold([less, more], again=True)
    if builds is not None and (like(builds[0]), like(builds[1])) != (True, False):
        return Isolation(flaky=_FLAKY)
    names = " and ".join(" with ".join(sorted(held)) or "nothing" for held in clash)
    return Isolation(open=f"holding {names} contradict each other: holding more made it differ")


def _known_so_far(seen: dict[frozenset[str], bool], suspects: Suspects) -> str:
    enough = [held for held, like in seen.items() if like]
    if enough:
        fewest = min((sorted(held) for held in enough), key=len)
        return f"holding {', '.join(fewest)} is enough, but less may be"
    suspected = ", ".join(sorted(suspects.all)) or "none by its trace"
    return f"which variations do it is not proven; suspected: {suspected}"


# --- fragile ---------------------------------------------------------------------------------


def _fails_like(first: Build) -> Callable[[Build], bool]:
    return lambda build: bool(build.wheel) is bool(first.wheel)


def _suspects_in_log(case: Case) -> Suspects:
    """Return the variations whose values occur in the end of the failed build's log; each is only possible."""
    failed = case.second if case.second.failure else case.first
    assert failed.failure is not None  # noqa: S101 - one of the two has failed
    text = f"{failed.failure.evidence}\n{failed.failure.detail}"
    found = {name for name, value in variations.traces(failed).values if value in text}
    return Suspects(possible=tuple(name for name in case.names if name in found))


def _fragile(case: Case, found: frozenset[str] | None) -> CauseFinding:
    """Return the cause of a build that fails in one environment; `found` are the variations that make it fail."""
    failed, built = (case.second if case.second.failure else case.first), "built"
    assert failed.failure is not None  # noqa: S101 - as above
    line = _printable(failed.failure.evidence or _last_line(failed.failure.detail))
    sides = (line, built) if failed is case.first else (built, line)
    names = tuple(name for name in case.names if found and name in found)
    proof = Proof.ISOLATED if names else Proof.TRACE
    return CauseFinding(FRAGILE, (), names, proof, (Evidence("", failed.failure.phase.value, *sides),))


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:_SHOWN])


# --- remedies --------------------------------------------------------------------------------


def _with_remedies(runner: ExperimentRunner, found: Explained) -> Explained:
    if found.severity is None and not found.holds:
        return found
    outcome = search.search_remedies(runner, found.causes, found.holds, found.severity)
    return replace(found, remedies=outcome.remedies, recipe=outcome.recipe, proof=outcome.proof, recipe_why=outcome.why)


def _doubted(runner: ExperimentRunner, found: Explained) -> Explained:
    """Make the control build that was left out, where the runs of a recipe contradict the build with variations held.

    The recipe held in both environments what is enough, and gave several wheels, or not the one predicted. Where the
    control build has the first one's bytes, the recipe does something else besides, and the verdict is kept.
    """
    if runner.case.control is not None or not runner.is_doubtful(found.holds):
        return found
    controls = runner.repeat(1)
    why = _limited(controls[0]) if controls else _DOUBT
    if not controls or why:
        return replace(found, left_open="; ".join(dict.fromkeys(filter(None, (found.left_open, why)))))
    runner.case = replace(runner.case, control=controls[0])
    if same(runner.case.first, controls[0]):
        return found
    runner.case = replace(runner.case, verdict=Verdict.INTRINSIC)
    known = replace(diagnosed(runner.case, runner.tools), flaky=_by_chance(controls[0]))
    return _intrinsic(runner.case, runner, known)


def _by_clock(found: Explained, cures: Mapping[str, tuple[str, ...]]) -> Explained:
    """Attribute a difference of two builds in one environment to the clock, where a clock that stands still removes it.

    The clock runs on between the first build and the control, so they share all but the time. The
    recipe must hold nothing but variations, its text must have given one wheel in all its runs, and
    each cause must be one that a clock can bring about, at least one of them by nothing else but
    the time zone, so that chance is not taken for the clock.
    """
    holds = held_by(found.recipe)
    timely = [cause.variations or "fix-time" in cures.get(cause.name, ()) for cause in found.causes]
    if "time" not in holds or set(found.recipe) != set(fixes(holds)) or not found.proof:
        return found
    if found.unexplained or not all(timely) or not any(_is_date(cures.get(cause.name, ())) for cause in found.causes):
        return found
    causes = tuple(cause if cause.variations else replace(cause, variations=("time",)) for cause in found.causes)
    return replace(found, holds=held_by(found.recipe), causes=causes, clock=_RUNNING)


def _is_date(cures: tuple[str, ...]) -> bool:
    """Check whether, of all variations, only those of the time can repair a cause: its trace is a date."""
    return {name for name in cures if name.startswith("fix-")} - {"fix-timezone"} == {"fix-time"}
