"""The story of a difference: what does it, proven by building again, and what repairs it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.build import variations
from orchestrator.experiments import search
from orchestrator.experiments.isolate import Suspects, contradiction, next_step
from orchestrator.experiments.runner import ExperimentRunner, same
from orchestrator.model import LIMIT_REASONS, CauseFinding, Diagnosis, Evidence, Proof, Severity, Unexplained, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.experiments.runner import Case, Tools
    from orchestrator.model import Build, Difference, Experiment, Remedied

FRAGILE = "fragile"
"""The cause of a build that fails in one of the two environments alone; it leaves no trace in a wheel."""

REPEATS = 2
"""How often an intrinsic difference is built again, in the first environment."""

CHEAP = 120
"""Seconds: a build that takes longer is not repeated just to learn a rate."""

_SHOWN = 300  # characters of a log's line
_CONFIDENCE = 3  # -ln(0.05): n builds that agree bound the rate of others by 3/n, at 95 %
_FLAKY = "gives the same bytes at times, and at times not, in one and the same environment"


@dataclass(frozen=True, slots=True)
class Explained:
    """What was found out, for the result."""

    severity: Severity | None = None
    holds: tuple[str, ...] = ()
    causes: tuple[CauseFinding, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    differences: tuple[Difference, ...] = ()
    builds: tuple[Build, ...] = ()  # that were made for it
    experiments: tuple[Experiment, ...] = ()
    remedies: tuple[Remedied, ...] = ()
    recipe: tuple[str, ...] = ()
    left_open: str = ""
    flaky: str = ""  # why it must be told to differ by itself, whatever the first three builds said
    builds_compared: int = 0
    flake_bound: float | None = None


@dataclass(frozen=True, slots=True)
class Isolation:
    """What isolation came to."""

    found: frozenset[str] | None = None
    open: str = ""  # why there is no answer
    flaky: str = ""
    stray: Build | None = None  # one in the first environment that is unlike the first


def explain(case: Case, tools: Tools) -> Explained:
    """Tell what makes two builds differ, and what repairs it, as far as the task's budget allows.

    Raises
    ------
    WheelproofError
        The farm slipped. Nothing is known about the package, and the job stays open.

    """
    runner = ExperimentRunner(case, tools)
    found = diagnosed(case, tools)
    if case.verdict is Verdict.INTRINSIC:  # which the control build shows, without any further one
        found = _intrinsic(case, runner, found)
    elif case.task.budget.builds:
        found = _sensitive(case, runner, found)
    chance = bool(found.flaky) and runner.case.verdict is not Verdict.INTRINSIC
    if case.task.budget.builds and case.task.budget.remedies and not chance:
        found = _mended(runner, found)
    compared = runner.agreeing()
    return replace(
        found,
        builds=tuple(runner.builds),
        experiments=tuple(runner.experiments),
        left_open="; ".join(dict.fromkeys(filter(None, (found.left_open, *runner.refused)))),
        builds_compared=compared,
        flake_bound=bound(compared),
    )


def bound(compared: int) -> float | None:
    """Return the highest rate at which another build may differ unseen, when so many agreed, at 95 %."""
    return min(1.0, _CONFIDENCE / compared) if compared else None


# --- what the wheels tell --------------------------------------------------------------------


def diagnosed(case: Case, tools: Tools) -> Explained:
    """Tell what the first two wheels show by themselves, with no further build."""
    if case.first.wheel is None or case.second.wheel is None:
        return Explained(differences=case.differences)
    diagnosis = Diagnosis(Severity.NONE, (), (), ())
    if not same(case.first, case.second):
        told = tools.diagnose(case.first, case.second)
        if told is None:
            opened = tuple(Unexplained(one.path, one.aspect) for one in case.differences if not one.consequence)
            return Explained(
                unexplained=opened, differences=case.differences, left_open="the wheels could not be looked into"
            )
        diagnosis = told
    return Explained(
        severity=diagnosis.severity,
        causes=diagnosis.causes,
        unexplained=diagnosis.unexplained,
        differences=diagnosis.differences or case.differences,
    )


# --- intrinsic -------------------------------------------------------------------------------


def _intrinsic(case: Case, runner: ExperimentRunner, found: Explained) -> Explained:
    """Tell apart what differs by itself, and build a few times more to tell its rate."""
    if case.first.wheel is None or case.control.wheel is None:
        return replace(found, left_open="which builds fail is chance, so there is nothing to isolate")
    if case.task.budget.builds and max(case.first.seconds, case.control.seconds) <= CHEAP:
        runner.repeat(REPEATS)
    other = next(one for one in (case.control, case.second) if not same(case.first, one))
    told = runner.tools.diagnose(case.first, other)
    return _by_itself(found, told) if told else found


def _by_itself(found: Explained, control: Diagnosis) -> Explained:
    """Mark the causes that show between builds of one environment: no variation does them."""
    ours = {cause_finding.name: replace(cause_finding, variations=()) for cause_finding in control.causes}
    others = {cause_finding.name: cause_finding for cause_finding in found.causes}
    causes = tuple(replace(others[name], variations=()) if name in ours else others[name] for name in others)
    new = tuple(cause_finding for name, cause_finding in ours.items() if name not in others)
    left = tuple(dict.fromkeys((*found.unexplained, *control.unexplained)))
    severity = max((one for one in (found.severity, control.severity) if one), key=list(Severity).index)
    return replace(
        found,
        severity=severity,
        causes=(*causes, *new),
        unexplained=left,
        differences=found.differences or control.differences,
    )


# --- sensitive -------------------------------------------------------------------------------


def _sensitive(case: Case, runner: ExperimentRunner, found: Explained) -> Explained:
    """Isolate what makes a build fail, and then what makes the wheels differ."""
    needed: frozenset[str] = frozenset()
    if bool(case.first.wheel) is not bool(case.second.wheel):
        failing = isolated(runner, _suspects_in_log(case), _fails_like(case.first), frozenset())
        fragile = _fragile(case, failing.found)
        found = replace(found, causes=(*found.causes, fragile), left_open=failing.open, flaky=failing.flaky)
        if failing.found is None or case.first.wheel is None:
            return found
        needed = failing.found
        found = _with_what_differs_besides(runner, needed, found)
    isolation = isolated(runner, _suspects(runner, found.causes), lambda build: same(case.first, build), needed)
    found = replace(found, left_open=isolation.open, flaky=isolation.flaky)
    if isolation.stray is not None:
        runner.case = replace(case, verdict=Verdict.INTRINSIC, control=isolation.stray)
        return _intrinsic(runner.case, runner, found)
    if isolation.found is None:
        return found
    holds = tuple(name for name in case.names if name in isolation.found)
    alike = runner.tools.alike
    named = _attributed(found.causes, holds)
    causes = _merged(_proven(cause_finding, holds, alike.get(cause_finding.name, {})) for cause_finding in named)
    return _without_disproved(replace(found, holds=holds, causes=causes))


def _attributed(causes: tuple[CauseFinding, ...], holds: tuple[str, ...]) -> tuple[CauseFinding, ...]:
    """Give causes of which no variation is known what isolation has left for them.

    They do not come about by themselves: with all those held, the bytes are the same.
    """
    taken = {name for cause_finding in causes for name in cause_finding.variations}
    free = tuple(name for name in holds if name not in taken) or holds
    return tuple(
        cause_finding if cause_finding.variations else replace(cause_finding, variations=free)
        for cause_finding in causes
    )


def _without_disproved(found: Explained) -> Explained:
    """Take back what the experiments have shown not to do it: the bytes were the same though it was not held."""
    wrong = [one for one in found.causes if one.variations and not set(one.variations) & set(found.holds)]
    if not wrong:
        return found
    causes = tuple(cause_finding for cause_finding in found.causes if cause_finding not in wrong)
    lost = {path for cause_finding in wrong for path in cause_finding.members} - {
        path for cause_finding in causes for path in cause_finding.members
    }
    left = (Unexplained(one.path, one.aspect) for one in found.differences if one.path in lost and not one.consequence)
    return replace(found, causes=causes, unexplained=tuple(dict.fromkeys((*found.unexplained, *left))))


def _merged(causes: Iterable[CauseFinding]) -> tuple[CauseFinding, ...]:
    """Make one of causes that turned out to be the same."""
    once: dict[str, CauseFinding] = {}
    for cause_finding in causes:
        if (former := once.get(cause_finding.name)) is not None:
            members = tuple(sorted({*former.members, *cause_finding.members}))
            once[cause_finding.name] = replace(
                former, members=members, evidence=(*former.evidence, *cause_finding.evidence)
            )
        else:
            once[cause_finding.name] = cause_finding
    return tuple(once.values())


def _with_what_differs_besides(runner: ExperimentRunner, needed: frozenset[str], found: Explained) -> Explained:
    """Diagnose the wheel that there is once the build does not fail any more."""
    made = runner.hold([needed])
    if made is None or same(runner.case.first, made[0]):
        return replace(found, severity=Severity.NONE)
    told = runner.tools.diagnose(runner.case.first, made[0])
    if told is None:
        return found
    runner.judged(made[0], told)
    return replace(
        found,
        severity=told.severity,
        causes=(*found.causes, *told.causes),
        unexplained=told.unexplained,
        differences=told.differences,
    )


def _proven(cause_finding: CauseFinding, holds: tuple[str, ...], alike: Mapping[str, str]) -> CauseFinding:
    """Mark a cause as isolated where its variations are among those that are proven to do it.

    Of causes that leave one trace, it is the one whose variation that is.
    """
    if did_it := tuple(name for name in holds if name in cause_finding.variations):
        return replace(cause_finding, variations=did_it, proof=Proof.ISOLATED)
    if other := next((name for name in holds if name in alike), None):
        return replace(cause_finding, name=alike[other], variations=(other,), proof=Proof.ISOLATED)
    return cause_finding


def _suspects(runner: ExperimentRunner, causes: tuple[CauseFinding, ...]) -> Suspects:
    """Suspect what the causes name; what only shares its trace with another cause is but possible."""
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
    """Find the fewest variations that must be held for a build to be like the first.

    `needed` are known to be among them. Where holding all suspects is not enough, what is then
    still different may name others; where that names none, all variations are searched, if the
    control build was not like the first by mere luck.
    """
    case = runner.case
    seen: dict[frozenset[str], bool] = {}
    doubted = False
    while (step := next_step(case.names, suspects, seen, needed)).found is None:
        if step.searched and not doubted:
            doubted = True
            for stray in runner.repeat(1) or ():
                if not like(stray):
                    return Isolation(flaky=_FLAKY, stray=stray)
        made = runner.hold(step.hold)
        if made is None:
            return Isolation(open=_told_so_far(seen, suspects))
        if late := [build for build in made if build.failure and build.failure.reason in LIMIT_REASONS]:
            return Isolation(open=f"{late[0].name} hit a limit of ours, which tells nothing")
        seen |= {held: like(build) for held, build in zip(step.hold, made, strict=True)}
        if (clash := contradiction(seen)) is not None:
            return _settle(runner, clash, like)
        suspects = _more_suspects(runner, suspects, step.hold, made, like)
    if step.searched and seen and not _again(runner, step.found, like):
        return Isolation(flaky=_FLAKY)
    return Isolation(found=step.found)


def _more_suspects(
    runner: ExperimentRunner,
    suspects: Suspects,
    held: tuple[frozenset[str], ...],
    made: tuple[Build, ...],
    like: Callable[[Build], bool],
) -> Suspects:
    """Look, where holding all suspects was not enough, at what is left."""
    case = runner.case
    for one, build in zip(held, made, strict=True):
        if one >= suspects.all and one and not like(build) and build.wheel and case.first.wheel:
            told = runner.tools.diagnose(case.first, build)
            runner.judged(build, told)
            if told is not None:
                found = _suspects(runner, told.causes)
                return Suspects(
                    tuple(sorted({*suspects.certain, *found.certain})),
                    tuple(sorted({*suspects.possible, *found.possible} - {*suspects.certain, *found.certain})),
                )
    return suspects


def _again(runner: ExperimentRunner, held: frozenset[str], like: Callable[[Build], bool]) -> bool:
    """Build once more what is to be the answer; where there is no budget for it, once has to do."""
    made = runner.hold([held], again=True)
    return made is None or like(made[0])


def _settle(
    runner: ExperimentRunner, clash: tuple[frozenset[str], frozenset[str]], like: Callable[[Build], bool]
) -> Isolation:
    """Build both of two answers again that contradict each other: chance, or a true interplay."""
    less, more = clash
    made = runner.hold([less, more], again=True)
    if made is not None and (like(made[0]), like(made[1])) != (True, False):
        return Isolation(flaky=_FLAKY)
    names = " and ".join(" with ".join(sorted(one)) or "nothing" for one in clash)
    return Isolation(open=f"holding {names} contradict each other: holding more made it differ")


def _told_so_far(seen: dict[frozenset[str], bool], suspects: Suspects) -> str:
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
    """Suspect the variations whose values the failed build's last words repeat; any of them, for it may be none."""
    failed = case.second if case.second.failure else case.first
    assert failed.failure is not None  # noqa: S101 - one of the two has failed
    text = f"{failed.failure.evidence}\n{failed.failure.detail}"
    found = {name for name, value in variations.traces(failed).values if value in text}
    return Suspects(possible=tuple(name for name in case.names if name in found))


def _fragile(case: Case, found: frozenset[str] | None) -> CauseFinding:
    failed, built = (case.second, "built") if case.second.failure else (case.first, "built")
    assert failed.failure is not None  # noqa: S101 - as above
    line = _printable(failed.failure.evidence or _last_line(failed.failure.detail))
    told = (line, built) if failed is case.first else (built, line)
    names = tuple(name for name in case.names if found and name in found)
    proof = Proof.ISOLATED if names else Proof.TRACE
    return CauseFinding(FRAGILE, (), names, proof, (Evidence("", failed.failure.phase.value, *told),))


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text[:_SHOWN])


# --- remedies --------------------------------------------------------------------------------


def _mended(runner: ExperimentRunner, found: Explained) -> Explained:
    if found.severity is None and not found.holds:
        return found
    told = search.search_remedies(runner, found.causes, found.holds, found.severity)
    return replace(found, remedies=told.remedies, recipe=told.recipe)
