"""Search remedies: try the first choice of each cause together, then the next choice of each cause that remains."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.experiments.outcomes import (
    HELD_ALREADY,
    RemedyTrial,
    Search,
    deeper,
    may_cost,
    outcomes,
    uselessness,
    varies_by_itself,
    why_no_recipe,
)
from orchestrator.experiments.remedies import REMEDIES, fixes, named
from orchestrator.experiments.runner import CHEAP, same
from orchestrator.model import LIMIT_REASONS, Grounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.experiments.runner import Case, ExperimentRunner, RecipeRuns
    from orchestrator.model import CauseFinding, Diagnosis, Remedied, Severity

    Choice = tuple[str, ...]  # remedies that are tried together

_KNOWN = frozenset(remedy.name for remedy in REMEDIES)


@dataclass(frozen=True, slots=True)
class RemedySearch:
    """The outcome of each remedy, and the set that was proven."""

    remedies: tuple[Remedied, ...] = ()
    recipe: tuple[str, ...] = ()
    proof: tuple[str, ...] = ()  # the names of the two builds that ran the recipe's final text; empty: none was run
    why: str = ""  # why there is no recipe, or what it costs; empty: neither


# --- which sets to try -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """The choices against each cause, and how many of them have failed; a choice is a few remedies together."""

    choices: Mapping[str, tuple[Choice, ...]]  # cause -> the gentlest first; at least one each
    tried: Mapping[str, int] = field(default_factory=dict)  # cause -> how many of its choices failed

    @property
    def wanted(self) -> Mapping[str, Choice]:
        """The current choice against each cause."""
        return {cause: choices[self.tried.get(cause, 0)] for cause, choices in self.choices.items()}

    @property
    def current(self) -> Choice:
        """The set to try now, in the catalogue's order."""
        return ordered(name for choice in self.wanted.values() for name in choice)

    @property
    def candidates(self) -> tuple[str, ...]:
        """All remedies that may be tried."""
        every = (name for choices in self.choices.values() for choice in choices for name in choice)
        return tuple(dict.fromkeys(every))

    @property
    def key(self) -> tuple[object, ...]:
        """What distinguishes it from other plans."""
        return tuple((cause, choices, self.tried.get(cause, 0)) for cause, choices in self.choices.items())

    def has_next(self, cause: str) -> bool:
        """Check whether a cause has another choice."""
        return self.tried.get(cause, 0) + 1 < len(self.choices[cause])

    def advanced(self, causes: Iterable[str]) -> Plan:
        """Go to the next choice of some causes, each of which has one."""
        return replace(self, tried={**self.tried, **{cause: self.tried.get(cause, 0) + 1 for cause in causes}})


@dataclass(frozen=True, slots=True)
class Choosing:
    """What the choices against a cause depend on."""

    cures: Mapping[str, tuple[str, ...]]  # cause -> its remedies, the gentlest first
    useless: Mapping[str, str] = field(default_factory=dict)  # remedies that do nothing in this case, and why
    by_itself: frozenset[str] = _KNOWN  # the remedies that may help where no variation causes the difference

    def against(self, finding: CauseFinding) -> tuple[Choice, ...]:
        """Return the choices against one cause."""
        return self.usable(choices_of(finding, self.cures.get(finding.name, ())), finding)

    def usable(self, choices: Iterable[Choice], finding: CauseFinding | None = None) -> tuple[Choice, ...]:
        """Leave out what does nothing."""
        allowed = _KNOWN if finding is None or finding.variations else self.by_itself
        kept = (tuple(name for name in choice if name in allowed and name not in self.useless) for choice in choices)
        return tuple(dict.fromkeys(choice for choice in kept if choice))


def ordered(names: Iterable[str]) -> Choice:
    """Return those remedies once each, in the catalogue's order."""
    wanted = set(names)
    return tuple(remedy.name for remedy in REMEDIES if remedy.name in wanted)


def plan(causes: Sequence[CauseFinding], holds: Sequence[str], choosing: Choosing) -> Plan:
    """Return the choices: the remedies of each cause, and those that hold the isolated variations."""
    choices = {finding.name: choosing.against(finding) for finding in causes}
    explained = {name for finding in causes for name in finding.variations}
    for name in holds:
        if name not in explained:
            choices[f"isolated {name}"] = choosing.usable([fixes([name])])
    return Plan({cause: found for cause, found in choices.items() if found})


def choices_of(cause_finding: CauseFinding, cures: Sequence[str]) -> tuple[Choice, ...]:
    """Return the choices against one cause; those that hold its variations are one choice, by default the last."""
    fix = fixes(cause_finding.variations)
    known = [name for name in cures if name in _KNOWN and (name in fix or not named(name).variation or not fix)]
    found: list[Choice] = []
    for name in known:
        choice = fix if name in fix else (name,)
        if choice not in found:
            found.append(choice)
    return tuple(found) if not fix or fix in found else (*found, fix)


def extended(now: Plan, diagnosis: Diagnosis | None, choosing: Choosing) -> Plan:
    """Add the causes that have come to light, and variations of a known cause that its last choice does not hold."""
    choices = dict(now.choices)
    for finding in diagnosis.causes if diagnosis else ():
        if finding.name not in choices:
            choices[finding.name] = choosing.against(finding)
        elif finding.name in now.choices and not now.has_next(finding.name):
            last = choices[finding.name][-1]
            more = choosing.usable([fixes(finding.variations)]) if finding.variations else ()
            if more and not set(more[0]) <= set(now.current):
                choices[finding.name] = (*choices[finding.name], ordered((*last, *more[0])))
    return replace(now, choices={cause: found for cause, found in choices.items() if found})


def at_fault(now: Plan, trial: RemedyTrial, before: Severity | None) -> tuple[tuple[str, ...], bool]:
    """Name the causes whose choice failed, and whether all of these did for certain.

    Those that remain did. Where that does not decide it, one of those did whose choice does more than
    hold variations: holding one never makes the difference more serious and never breaks the build.
    """
    left = [cause for cause in now.choices if cause in trial.left]
    active = [cause for cause, choice in now.wanted.items() if any(not named(name).variation for name in choice)]
    costly = [cause for cause, choice in now.wanted.items() if any(map(may_cost, choice))]
    if trial.equal or trial.obstacle:
        return tuple(costly if trial.equal else now.choices), False
    if trial.broken or trial.luck or deeper(trial, before):
        return tuple([cause for cause in active if cause in left] or active or now.choices), False
    if trial.left:
        return tuple(left), True
    return tuple(active or now.choices), False


def next_plans(now: Plan, trial: RemedyTrial, before: Severity | None, choosing: Choosing) -> tuple[Plan, ...]:
    """Return the plans that follow from a set that failed, or that is costly; none: the causes have nothing left."""
    failing, certain = at_fault(now, trial, before)
    further = extended(now, trial.diagnosis, choosing) if certain else now
    movable = [cause for cause in failing if further.has_next(cause)]
    if not certain:
        return tuple(further.advanced([cause]) for cause in movable)
    following = further.advanced(movable)
    return (following,) if following.key != now.key else ()


# --- trying them -----------------------------------------------------------------------------


@dataclass
class _Log:
    """The trials of a search; no set is tried twice."""

    runner: ExperimentRunner
    before: Severity | None
    trials: dict[Choice, RemedyTrial] = field(default_factory=dict)
    blamed: dict[Choice, frozenset[str]] = field(default_factory=dict)
    spent: str = ""  # why the budget ended the search

    def trial(self, names: Choice) -> RemedyTrial | None:
        """Try a set of remedies; None where the budget is spent."""
        if names not in self.trials:
            made = tried(self.runner, names)
            if made is None:
                self.spent = self.runner.refusal
                return None
            self.spent = made.refusal
            self.trials[names] = made
        return self.trials[names]

    def blame(self, now: Plan, trial: RemedyTrial) -> None:
        """Record which remedies of a set failed."""
        failing, _ = at_fault(now, trial, self.before)
        names = frozenset(name for cause in failing for name in now.wanted[cause])
        self.blamed[trial.names] = self.blamed.get(trial.names, frozenset()) | (frozenset() if trial.equal else names)


def search_remedies(
    runner: ExperimentRunner, causes: Sequence[CauseFinding], holds: tuple[str, ...], before: Severity | None
) -> RemedySearch:
    """Try remedies until a recipe gives equal bytes in both environments, and make its set as small as possible.

    A set that makes the program worse is the recipe only if no other gives equal bytes.
    """
    names = suggested(causes, holds, runner.tools.cures)
    choosing = choosing_for(runner, names)
    first = plan(causes, holds, choosing)
    log = _Log(runner, before)
    hopeless = runner.tools.obstacle(())
    best = None if hopeless else _best(log, first, choosing)
    if best is None and not hopeless and not log.spent:
        best = _held(log, holds, choosing)
    if best is not None:
        best = _smallest(log, best, causes, holds)
    search = Search(
        candidates=tuple(dict.fromkeys((*first.candidates, *(name for tried_set in log.trials for name in tried_set)))),
        trials=tuple(log.trials.values()),
        blamed=tuple(log.blamed.get(names, frozenset()) for names in log.trials),
        best=best,
        useless=useless(names, first, choosing),
        holds=holds,
        before=before,
        spent=log.spent,
        unscriptable=hopeless,
    )
    recipe, proof = (best.names, best.proof) if best else ((), ())
    return RemedySearch(outcomes(search), recipe, proof, why_no_recipe(search))


def suggested(
    causes: Sequence[CauseFinding], holds: Sequence[str], cures: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the remedies that causes or isolation suggest, whether they can help or not."""
    choices = (choice for finding in causes for choice in choices_of(finding, cures.get(finding.name, ())))
    return tuple(dict.fromkeys(name for choice in (*choices, fixes(holds)) for name in choice))


def choosing_for(runner: ExperimentRunner, names: Sequence[str]) -> Choosing:
    """Return what the choices depend on in a case; of the remedies named, also whether they can be written."""
    tools = runner.tools
    why = {name: uselessness(name, runner.case, tools.backend) for name in _KNOWN}
    why |= {name: why[name] or tools.obstacle((name,)) for name in names}
    by_itself = frozenset(name for name in _KNOWN if varies_by_itself(name, runner.case))
    return Choosing(tools.cures, {name: reason for name, reason in why.items() if reason}, by_itself)


def useless(names: Sequence[str], now: Plan, choosing: Choosing) -> tuple[tuple[str, str], ...]:
    """Return those remedies that do nothing in this case, and why."""
    return tuple(
        (name, choosing.useless.get(name) or HELD_ALREADY.format(variation=named(name).variation))
        for name in names
        if name not in now.candidates
    )


def tried(runner: ExperimentRunner, names: Choice) -> RemedyTrial | None:
    """Run the recipe with a set of remedies in both environments; None: the budget did not allow both."""
    if (why := runner.tools.obstacle(names)) or runner.held(names):
        return RemedyTrial(names, equal=not why, obstacle=why)
    runs = runner.remedy(names)
    if runs is None:
        return None
    if failed := [build for build in (runs.first, runs.second) if build and not build.wheel]:
        limit = any(build.failure and build.failure.reason in LIMIT_REASONS for build in failed)
        return RemedyTrial(names, broken=True, limit=limit)
    if runs.second is None:
        return None
    if runs.equal:
        return _equal(runner, names, runs)
    diagnosis = runner.tools.diagnose(runs.first, runs.second, Grounds(suspected=runner.case.names))
    runner.judged(runs.second, diagnosis)
    return RemedyTrial(names, diagnosis=diagnosis)


def _equal(runner: ExperimentRunner, names: Choice, runs: RecipeRuns) -> RemedyTrial:
    """Return the trial of a set that gave equal bytes: proven by its final text, or luck."""
    if runs.final is None:
        return RemedyTrial(names, refusal=runs.refusal)
    if not runs.proven:
        return RemedyTrial(names, luck=True)
    original = runner.case.first
    is_other = original.wheel is not None and not same(original, runs.final[0])
    changes = runner.tools.changes(original, runs.final[0]) if is_other else ()
    return RemedyTrial(names, equal=True, changes=changes, proof=(runs.final[0].name, runs.final[1].name))


def _best(log: _Log, first: Plan, choosing: Choosing) -> RemedyTrial | None:
    """Try one plan after another: the first set without a cost, or else the one with the fewest costs."""
    waiting, seen = [first], set()
    best: RemedyTrial | None = None
    while waiting:
        now = waiting.pop(0)
        if now.key in seen or not now.current:
            continue
        seen.add(now.key)
        trial = log.trial(now.current)
        if trial is None or trial.refusal:
            break
        log.blame(now, trial)
        if trial.equal:
            best = cheaper(best, trial)
            if not trial.costs:
                break
        waiting += next_plans(now, trial, log.before, choosing)
    return best


def cheaper(best: RemedyTrial | None, trial: RemedyTrial) -> RemedyTrial:
    """Return the one of two proven sets that costs less; the former if both cost as much."""
    return trial if best is None or len(trial.costs) < len(best.costs) else best


def _held(log: _Log, holds: Sequence[str], choosing: Choosing) -> RemedyTrial | None:
    """Try to hold all that isolation has proven, if no plan had just that."""
    names = ordered(name for choice in choosing.usable([fixes(holds)]) for name in choice)
    trial = log.trial(names) if names else None
    return trial if trial is not None and trial.equal else None


# --- the smallest set ------------------------------------------------------------------------


def _smallest(log: _Log, best: RemedyTrial, causes: Sequence[CauseFinding], holds: tuple[str, ...]) -> RemedyTrial:
    """Leave out each remedy that is not needed, the last of the catalogue first."""
    if not cheap(log.runner.case):
        return best
    for name in reversed(best.names):
        rest = tuple(other for other in best.names if other != name)
        if not rest or needed(name, rest, causes, holds, log.runner.tools.cures):
            continue
        less = log.trial(rest)
        if less is None:
            break
        if less.equal and len(less.costs) <= len(best.costs):
            best = less
    return best


def cheap(case: Case) -> bool:
    """Check whether each build of a case takes so little time that a smaller set is worth some."""
    return case.seconds <= CHEAP


def needed(
    name: str,
    rest: Sequence[str],
    causes: Sequence[CauseFinding],
    holds: Sequence[str],
    cures: Mapping[str, tuple[str, ...]],
) -> bool:
    """Check whether isolation has shown that a remedy cannot be left out of a proven set.

    Isolation found a minimal set of variations to hold. So one that holds one of these is needed, unless another
    remedy is known to remove that, too; and those left are not enough if they just hold fewer variations.
    """
    variation = named(name).variation
    others = {cure for finding in causes if variation in finding.variations for cure in cures.get(finding.name, ())}
    if variation in holds and others.isdisjoint(rest):
        return True
    held = {named(other).variation for other in rest}
    return bool(holds) and "" not in held and not set(holds) <= held
