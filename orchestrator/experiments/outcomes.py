"""The sentences about remedies: the outcome of each, and why. Each follows from the trials that were made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.experiments.remedies import applies, fixes, named
from orchestrator.model import LADDER, Remedied, RemedyOutcome, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.experiments.runner import Case
    from orchestrator.model import Diagnosis, ProgramChange

STAYS = "the difference that it was to remove is still there"
DEEPER = "makes the difference more serious: {after} instead of {before}"
BREAKS = "the build fails with it"
LIMIT = "the build with it reached a limit of the farm, which proves nothing"
LUCK = "gave the same bytes once, and others when it was run again"
ONLY_HELD = "holding it in the farm's own environment gives equal bytes; the recipe does not"
OWN_CAUSE = "removes its own cause; the difference stays: {left} remains"
OTHERS_FAIL = "was only tried in sets that failed: {why}"
NOT_NEEDED = "not needed: {names} gives equal bytes without it"
UNCONFIRMED = "gives equal bytes in two runs, but its final text was not run: {refusal}"
AS_SET = "proven as part of the set {names}"
COSTS = "gives equal bytes, at a cost: {costs}"

OTHER_BACKEND = "it is for another build backend"
EPOCH_IS_SET = "SOURCE_DATE_EPOCH is set in both builds already"
HELD_ALREADY = "both builds have the same {variation} already"
NO_SCRIPT = "no script can do it"
NO_ORDER = "no script can change in which order files are listed, and no remedy was proven that needs none"
NO_HOST = "no script can choose the host on which it runs, and no remedy was proven that needs none"
OTHER_PROVEN = "another set is proven"
NOTHING_REPAIRS = "a cause that nothing repairs remains: {left}"
UNKNOWN_LEFT = "the difference that remains has no known cause"

ORDER, HOST = "fileordering", "host"
"""The variations that no script can hold: the file system decides, and whoever runs it."""

CLOCK = "time"
"""The variation that runs on between two builds, even where it is held."""

_SHOWN_COSTS = 3


@dataclass(frozen=True, slots=True)
class RemedyTrial:
    """The result of running the recipe with a set of remedies in both environments."""

    names: tuple[str, ...]  # in the catalogue's order
    equal: bool = False  # proven: one text gave the wheel that it names, in both environments
    broken: bool = False  # a build failed with them
    limit: bool = False  # because of a limit of the farm
    luck: bool = False  # the same bytes once, but not again
    refusal: str = ""  # why the final text was not run, although two runs gave the same bytes
    obstacle: str = ""  # why no recipe with them can be written; then nothing was run
    diagnosis: Diagnosis | None = None  # of what remains
    changes: tuple[ProgramChange, ...] = ()  # of a proven set, compared with the first build
    proof: tuple[str, ...] = ()  # the names of the two builds that ran the final text

    @property
    def costs(self) -> tuple[ProgramChange, ...]:
        """What is worse in the remedied wheel."""
        return tuple(change for change in self.changes if change.cost)

    @property
    def left(self) -> tuple[str, ...]:
        """Name the causes that remain."""
        return tuple(finding.name for finding in self.diagnosis.causes) if self.diagnosis else ()


@dataclass(frozen=True, slots=True)
class Search:
    """What a search has done and found."""

    candidates: tuple[str, ...] = ()  # all remedies that the causes suggest
    trials: tuple[RemedyTrial, ...] = ()  # in their order
    blamed: tuple[frozenset[str], ...] = ()  # for each trial, the remedies that failed in it
    best: RemedyTrial | None = None  # the proven set
    useless: tuple[tuple[str, str], ...] = ()  # remedies that were never considered, and why
    holds: tuple[str, ...] = ()  # the variations that isolation has proven
    before: Severity | None = None  # of the difference without remedies
    spent: str = ""  # why nothing further was run, if the budget ended the search
    unscriptable: str = ""  # why no recipe at all can be proven


def outcomes(search: Search) -> tuple[Remedied, ...]:
    """Return the outcome of each candidate, beginning with those of the proven set."""
    proven = search.best.names if search.best else ()
    every = dict.fromkeys((*proven, *search.candidates, *(name for name, _ in search.useless)))
    return tuple(_outcome(search, name) for name in every)


def _outcome(search: Search, name: str) -> Remedied:
    if search.best is not None and name in search.best.names:
        return _proven(search.best, name)
    for trial in search.trials:
        if trial.equal and trial.costs and name in trial.names and may_cost(name):
            return _proven(trial, name)
    return _rejected(search, name) or _not_tried(search, name)


def _proven(trial: RemedyTrial, name: str) -> Remedied:
    costly = bool(trial.costs) and may_cost(name)
    part = AS_SET.format(names=" + ".join(trial.names)) if len(trial.names) > 1 else ""
    costs = COSTS.format(costs=worded_costs(trial.costs)) if costly else ""
    outcome = RemedyOutcome.COSTLY if costly else RemedyOutcome.PROVEN
    return Remedied(name, outcome, Severity.NONE, "; ".join(filter(None, (part, costs))), trial.changes)


def worded_costs(costs: Sequence[ProgramChange]) -> str:
    """Return what is worse, in words; only the first few."""
    words = [f"{change.aspect} of {change.path or 'the wheel'}: {change.before} -> {change.after}" for change in costs]
    more = len(words) - _SHOWN_COSTS
    return "; ".join((*words[:_SHOWN_COSTS], *([f"{more} more"] if more > 0 else [])))


def may_cost(name: str) -> bool:
    """Check whether a remedy can make a program worse: one that holds a variation or sets a date cannot."""
    return not named(name).variation and name != "set-epoch"


def _rejected(search: Search, name: str) -> Remedied | None:
    """Return the outcome of a remedy that was tried: of the last trial in which it failed, or else of an equal one."""
    with_it = [
        (trial, blamed)
        for trial, blamed in zip(search.trials, search.blamed, strict=True)
        if name in trial.names and not trial.obstacle
    ]
    if not with_it:
        return None
    failed = [pair for pair in with_it if name in pair[1]]
    equal = [pair for pair in with_it if pair[0].equal]
    trial, blamed = (failed or equal or with_it)[-1]
    after = trial.diagnosis.severity if trial.diagnosis else None
    if trial.refusal:
        return Remedied(
            name, RemedyOutcome.NOT_TRIED, None, _together(trial, UNCONFIRMED.format(refusal=trial.refusal))
        )
    return Remedied(name, RemedyOutcome.REJECTED, after, why_rejected(search, trial, blamed, name))


def why_rejected(search: Search, trial: RemedyTrial, blamed: frozenset[str], name: str) -> str:
    """Return why a remedy that was part of a trial is not part of the recipe."""
    if trial.equal:
        names = " + ".join(search.best.names if search.best else trial.names)
        return NOT_NEEDED.format(names=names)
    if name in fixes(search.holds) and set(fixes(search.holds)) <= set(trial.names) and _only_holds(trial.names):
        return ONLY_HELD
    why = why_failed(trial, search.before)
    if name in blamed:
        others = " and ".join(other for other in trial.names if other in blamed and other != name)
        return f"together with {others}: {why}" if others else why
    if why != STAYS:
        return OTHERS_FAIL.format(why=why)
    return OWN_CAUSE.format(left=_listed(trial.left) or "what no known cause explains")


def why_failed(trial: RemedyTrial, before: Severity | None) -> str:
    """Return why a set of remedies failed."""
    if trial.limit:
        return LIMIT
    if trial.broken:
        return BREAKS
    if trial.luck:
        return LUCK
    if deeper(trial, before) and trial.diagnosis and before:
        return DEEPER.format(after=trial.diagnosis.severity, before=before)
    return STAYS


def deeper(trial: RemedyTrial, before: Severity | None) -> bool:
    """Check whether a set of remedies made the difference more serious."""
    if trial.diagnosis is None or before is None:
        return False
    return LADDER.index(trial.diagnosis.severity) > LADDER.index(before)


def _only_holds(names: Iterable[str]) -> bool:
    return all(named(name).variation for name in names)


def _together(trial: RemedyTrial, why: str) -> str:
    return f"{' + '.join(trial.names)} {why}" if len(trial.names) > 1 else why


def _not_tried(search: Search, name: str) -> Remedied:
    obstacles = [trial.obstacle for trial in search.trials if name in trial.names and trial.obstacle]
    why = why_not_tried(
        useless=dict(search.useless).get(name, ""),
        obstacle=search.unscriptable or (obstacles[-1] if obstacles else ""),
        proven=search.best is not None,
        costly=search.best is not None and bool(search.best.costs),
        spent=search.spent,
        left=search.trials[-1].left if search.trials else (),
    )
    return Remedied(name, RemedyOutcome.NOT_TRIED, None, why)


def why_not_tried(*, useless: str, obstacle: str, proven: bool, costly: bool, spent: str, left: Sequence[str]) -> str:
    """Return why a remedy was not tried.

    `useless` and `obstacle` are sentences about the remedy itself. Where a set is proven, that is
    why; unless the set is costly and the budget ended the search for a better one.
    """
    if useless or obstacle:
        return useless or obstacle
    if proven and not (costly and spent):
        return OTHER_PROVEN
    if spent:
        return spent
    return NOTHING_REPAIRS.format(left=_listed(left)) if left else UNKNOWN_LEFT


def why_no_recipe(search: Search) -> str:
    """Return why there is no recipe, or what the recipe costs; empty: there is nothing to say."""
    if search.best is not None:
        return COSTS.format(costs=worded_costs(search.best.costs)) if search.best.costs else ""
    tried = [trial for trial in search.trials if not trial.obstacle]
    if search.unscriptable or (search.trials and not tried):
        return search.unscriptable or search.trials[-1].obstacle
    if search.spent or {ORDER, HOST} & {*search.holds}:
        return search.spent or (NO_ORDER if ORDER in search.holds else NO_HOST)
    if tried and _only_holds(tried[-1].names) and set(fixes(search.holds)) <= set(tried[-1].names) and search.holds:
        return ONLY_HELD
    if not search.candidates:
        return "no remedy is known for it"
    return _why_ended(tried[-1], search.before) if tried else "no remedy is known for it"


def _why_ended(trial: RemedyTrial, before: Severity | None) -> str:
    why = why_failed(trial, before)
    if why != STAYS:
        return f"{' + '.join(trial.names)}: {why}"
    return NOTHING_REPAIRS.format(left=_listed(trial.left)) if trial.left else UNKNOWN_LEFT


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def uselessness(name: str, case: Case, backend: str) -> str:
    """Return why a remedy does nothing in this case, whatever the causes are; empty: it may do something."""
    remedy = named(name)
    if not applies(remedy, backend):
        return OTHER_BACKEND
    if name == "set-epoch" and case.first.environment.source_date_epoch is not None:
        return EPOCH_IS_SET
    if remedy.variation in case.task.hold and remedy.variation != CLOCK:
        return HELD_ALREADY.format(variation=remedy.variation)
    if remedy.variation in {ORDER, HOST}:
        return NO_SCRIPT
    return ""


def varies_by_itself(name: str, case: Case) -> bool:
    """Check whether a remedy can remove what differs between two builds in one environment.

    Of what an environment holds, only the clock runs on between two builds.
    """
    return case.verdict is not Verdict.INTRINSIC or named(name).variation in ("", CLOCK)
