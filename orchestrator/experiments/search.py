"""Search remedies: try the first choice of each cause together, then the next choice of each cause that remains."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.experiments.remedies import REMEDIES, fixes, named
from orchestrator.experiments.runner import same
from orchestrator.model import LADDER, Remedied, RemedyOutcome, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.experiments.runner import ExperimentRunner
    from orchestrator.model import CauseFinding, Diagnosis

_STAYS = "the difference that it was to remove is still there"
_DEEPER = "makes the difference more serious: {after} instead of {before}"
_BREAKS = "the build fails with it"
_LUCK = "gave the same bytes once, and others when it was built again"
_NOT_NEEDED = "another set of remedies is proven"
_NO_BUDGET = "the budget allowed no further build"


@dataclass(frozen=True, slots=True)
class RemedySearch:
    """The outcome of each remedy, and the smallest set that was proven."""

    remedies: tuple[Remedied, ...] = ()
    recipe: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The choices against each cause, and how many of them have failed; a choice is a few remedies together."""

    choices: Mapping[str, tuple[tuple[str, ...], ...]]  # cause -> the gentlest first
    tried: Mapping[str, int] = field(default_factory=dict)  # cause -> how many of its choices failed

    @property
    def exhausted(self) -> bool:
        """Whether a cause has no choice left."""
        return any(self.tried.get(cause, 0) >= len(choices) for cause, choices in self.choices.items())

    @property
    def wanted(self) -> Mapping[str, tuple[str, ...]]:
        """The current choice against each cause: that of another cause, where both have it among their choices."""
        found = {cause: choices[self.tried.get(cause, 0)] for cause, choices in self.choices.items()}
        for cause, choices in self.choices.items():
            others = {choice for other, choice in found.items() if other != cause}
            left = choices[self.tried.get(cause, 0) :]
            found[cause] = next((choice for choice in left if choice in others), found[cause])
        return found

    @property
    def current(self) -> tuple[str, ...]:
        """The set to build now, in the catalogue's order."""
        wanted = {name for choice in self.wanted.values() for name in choice}
        return tuple(remedy.name for remedy in REMEDIES if remedy.name in wanted)

    @property
    def candidates(self) -> tuple[str, ...]:
        """All remedies that may be tried."""
        every = (name for choices in self.choices.values() for choice in choices for name in choice)
        return tuple(dict.fromkeys(every))

    def advanced(self, causes: Iterable[str]) -> Plan:
        """Go to the next choice of some causes."""
        return replace(self, tried={**self.tried, **{cause: self.tried.get(cause, 0) + 1 for cause in causes}})


@dataclass(frozen=True, slots=True)
class RemedyTrial:
    """The result of building with a set of remedies."""

    names: tuple[str, ...]
    equal: bool
    broken: bool = False  # a build failed with them
    luck: bool = False  # the same bytes once, but not again
    diagnosis: Diagnosis | None = None


def plan(causes: Sequence[CauseFinding], holds: Sequence[str], cures: Mapping[str, tuple[str, ...]]) -> Plan:
    """Return the choices: the remedies of each cause, and those that hold the isolated variations."""
    choices = {
        cause_finding.name: choices_of(cause_finding, cures.get(cause_finding.name, ())) for cause_finding in causes
    }
    explained = {name for cause_finding in causes for name in cause_finding.variations}
    for name in holds:
        if name not in explained:
            choices[f"isolated {name}"] = (fixes([name]),)
    return Plan({cause: found for cause, found in choices.items() if found})


def choices_of(cause_finding: CauseFinding, cures: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the choices against one cause; those that hold its variations are one choice, by default the last."""
    fix = fixes(cause_finding.variations)
    known = [name for name in cures if name in _KNOWN and (name in fix or not named(name).variation or not fix)]
    found: list[tuple[str, ...]] = []
    for name in known:
        choice = fix if name in fix else (name,)
        if choice not in found:
            found.append(choice)
    return tuple(found) if not fix or fix in found else (*found, fix)


_KNOWN = frozenset(remedy.name for remedy in REMEDIES)


def search_remedies(
    runner: ExperimentRunner, causes: Sequence[CauseFinding], holds: tuple[str, ...], before: Severity | None
) -> RemedySearch:
    """Try remedies until a set gives equal bytes; without one, hold the variations that isolation has proven."""
    now = plan(causes, holds, runner.tools.cures)
    outcomes: dict[str, Remedied] = {}
    recipe: tuple[str, ...] = ()
    while now.choices and not now.exhausted:
        trial = tried(runner, now.current)
        if trial is None:
            break
        if trial.equal:
            recipe = trial.names
            break
        failing = at_fault(now, trial, before)
        outcomes |= {remedied.name: remedied for remedied in judged(now, trial, failing, before)}
        now = now.advanced(failing)
    recipe = recipe or fixes(holds)
    proven = {*recipe, *fixes(holds)}
    why = _NOT_NEEDED if recipe else _NO_BUDGET
    return RemedySearch(tuple(_outcome(name, proven, outcomes, why) for name in _in_order(now, recipe)), recipe)


def _in_order(now: Plan, recipe: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*recipe, *now.candidates)))


def _outcome(name: str, proven: set[str], outcomes: Mapping[str, Remedied], why: str) -> Remedied:
    if name in proven:
        return Remedied(name, RemedyOutcome.PROVEN, Severity.NONE)
    return outcomes.get(name) or Remedied(name, RemedyOutcome.NOT_TRIED, None, why)


def tried(runner: ExperimentRunner, names: tuple[str, ...]) -> RemedyTrial | None:
    """Build in both environments with a set of remedies, and diagnose the difference; None: no budget."""
    pair = runner.remedy(names)
    if pair is None:
        return None
    first, second = pair
    if not first.wheel or not second.wheel:
        return RemedyTrial(names, equal=False, broken=True)
    if same(first, second):
        luck = runner.case.verdict is Verdict.INTRINSIC and not _holds_again(runner, names)
        return RemedyTrial(names, equal=not luck, luck=luck)
    diagnosis = runner.tools.diagnose(first, second)
    runner.judged(second, diagnosis)
    return RemedyTrial(names, equal=False, diagnosis=diagnosis)


def _holds_again(runner: ExperimentRunner, names: tuple[str, ...]) -> bool:
    """Build once more: an intrinsic difference may have been equal by chance."""
    pair = runner.remedy(names, again=True)
    return pair is not None and same(*pair)


def at_fault(now: Plan, trial: RemedyTrial, before: Severity | None) -> tuple[str, ...]:
    """Name the causes whose choice failed: those that remain, or else all whose choice does more than hold variations.

    Holding a variation never makes the difference more serious and never breaks the build.
    """
    left = {cause_finding.name for cause_finding in trial.diagnosis.causes} if trial.diagnosis else set()
    active = [cause for cause, choice in now.wanted.items() if any(not named(name).variation for name in choice)]
    if trial.broken or trial.luck or deeper(trial, before):
        found = [cause for cause in active if cause in left] or active
    else:
        found = [cause for cause in now.choices if cause in left] or active
    return tuple(found) or tuple(now.choices)


def deeper(trial: RemedyTrial, before: Severity | None) -> bool:
    """Check whether a set of remedies made the difference more serious."""
    if trial.diagnosis is None or before is None:
        return False
    return LADDER.index(trial.diagnosis.severity) > LADDER.index(before)


def judged(now: Plan, trial: RemedyTrial, failing: Sequence[str], before: Severity | None) -> Iterable[Remedied]:
    """Yield what is known of each remedy of a set that failed."""
    after = trial.diagnosis.severity if trial.diagnosis else None
    rejected = {name for cause in failing for name in now.wanted[cause]}
    for name in trial.names:
        if name in rejected:
            others = " and ".join(other for other in trial.names if other in rejected and other != name)
            together = f"together with {others}: " if others else ""
            yield Remedied(name, RemedyOutcome.REJECTED, after, together + _why(trial, before))
        elif trial.diagnosis is not None:
            yield Remedied(name, RemedyOutcome.PROVEN, after, "its own cause went away; the difference did not")


def _why(trial: RemedyTrial, before: Severity | None) -> str:
    if trial.broken:
        return _BREAKS
    if trial.luck:
        return _LUCK
    if deeper(trial, before) and trial.diagnosis and before:
        return _DEEPER.format(after=trial.diagnosis.severity, before=before)
    return _STAYS
