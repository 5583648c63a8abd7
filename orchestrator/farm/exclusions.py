"""An excluded project's results on the stock image and on the custom one -> what became of the exclusion; recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator import __version__, config
from orchestrator.errors import ResultsError, WheelproofError
from orchestrator.farm import run
from orchestrator.farm.workers import attempted
from orchestrator.model import Attempt, ExclusionCheck, Fate, Result, Verdict
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.config import Config
    from orchestrator.model import Exclusion, Task
    from orchestrator.results.store import Results

_BUILT = frozenset({Verdict.REPRODUCIBLE, Verdict.SENSITIVE, Verdict.INTRINSIC})


def due(
    exclusions: Iterable[Exclusion], checks: Mapping[str, ExclusionCheck], age: int, now: datetime
) -> tuple[Exclusion, ...]:
    """List the exclusions whose last check is older than `age` seconds, or that have none."""
    return tuple(
        one
        for one in exclusions
        if one.project not in checks or (now - checks[one.project].checked).total_seconds() > age
    )


def run_with_checks(
    settings: Config,
    store: Results,
    tasks: Iterable[Task],
    exclusions: Iterable[Exclusion],
    carry_out: Callable[[tuple[Task, ...]], run.RunOutcome],
) -> tuple[run.RunOutcome, tuple[ExclusionCheck, ...]]:
    """Carry out tasks, and check exclusions along with them; record, and return, what became of these.

    First each is built on its stock image. What that does not build is built on the custom image, in
    a second round. Where a job stays open, the exclusion stays unchecked, and the outcome says why.
    """
    wanted = tuple(exclusions)
    outcome = carry_out((*tasks, *config.checks(settings, wanted)))
    custom = {one: config.custom(settings, one) for one in _unbuilt(settings, wanted, outcome)}
    if second := tuple(task for task in custom.values() if task):
        later = carry_out(second)
        outcome = run.RunOutcome(
            (*outcome.records, *later.records), (*outcome.open, *later.open), (*outcome.faults, *later.faults)
        )
    found = _found(outcome, wanted)
    checks: list[ExclusionCheck] = []
    for one in wanted:
        check = attempted(_recorded, store, _checked, settings, one, custom.get(one), found)
        if isinstance(check, ResultsError):
            raise check
        if isinstance(check, WheelproofError):
            logs.fault("an exclusion is not checked", check, project=one.project)
            left = (*outcome.open, (one.project, str(check)))
            outcome = run.RunOutcome(outcome.records, left, (*outcome.faults, check))
        elif check:
            checks.append(check)
    return outcome, tuple(checks)


def _recorded(store: Results, check: Callable[..., ExclusionCheck | None], *arguments: object) -> ExclusionCheck | None:
    found = check(*arguments)
    if found:
        store.write_check(found)
    return found


def _unbuilt(settings: Config, exclusions: tuple[Exclusion, ...], outcome: run.RunOutcome) -> Iterator[Exclusion]:
    """Yield those that may be lifted, and that their stock image was seen not to build."""
    found = _found(outcome, exclusions)
    for one in exclusions:
        stock = found.get((one.project, config.stock(settings, one).image))
        if stock and stock.verdict not in _BUILT and not one.never:
            yield one


_Found = Mapping[tuple[str, str], Result]  # project, image


def _found(outcome: run.RunOutcome, exclusions: Iterable[Exclusion]) -> _Found:
    projects = {one.project for one in exclusions}
    return {(one.project, one.image.name): one for one in run.results(outcome, projects)}


def _checked(settings: Config, exclusion: Exclusion, custom: Task | None, found: _Found) -> ExclusionCheck | None:
    stock = found.get((exclusion.project, config.stock(settings, exclusion).image))
    lifting = found.get((exclusion.project, custom.image)) if custom else None
    if stock is None or (custom and lifting is None):
        return None  # the open job says why
    return concluded(exclusion, stock, lifting, datetime.now(UTC))


def concluded(exclusion: Exclusion, stock: Result, custom: Result | None, now: datetime) -> ExclusionCheck:
    """Say what became of an exclusion, by what its project came to on the images.

    What shall never be built stays excluded whatever comes of it. What builds on the stock image
    needs no exclusion. What builds only on the custom image is lifted there.
    """
    tried = (_attempt(stock), _attempt(custom) if custom else None)
    fate, why = _fate(exclusion, *tried)
    return ExclusionCheck(exclusion.project, now, fate, why, *tried, wheelproof=__version__)


def _attempt(result: Result) -> Attempt:
    return Attempt(result.image.name, result.version, result.job, result.verdict, result.reason)


def _fate(exclusion: Exclusion, stock: Attempt, custom: Attempt | None) -> tuple[Fate, str]:
    told = "; ".join(_told(one) for one in (stock, custom) if one)
    if exclusion.never:
        return Fate.NEVER, f"{exclusion.reason}; {told}"
    if stock.verdict in _BUILT:
        return Fate.STALE, _told(stock)
    if custom and custom.verdict in _BUILT:
        return Fate.LIFTED, told
    return Fate.STILL_NEEDED, told


def _told(one: Attempt) -> str:
    if one.verdict in _BUILT:
        return f"{one.version} builds on {one.image}: {one.verdict}"
    return f"{one.version} does not build on {one.image}: {one.why or one.verdict}"
