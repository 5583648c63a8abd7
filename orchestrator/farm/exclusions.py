"""From an excluded project's results on the stock and the custom image to a record of its check."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator import __version__, config
from orchestrator.errors import ResultsError, WheelproofError
from orchestrator.farm import run
from orchestrator.farm.workers import attempted
from orchestrator.model import AUTO_IMAGE, Attempt, ExclusionCheck, Fate, Result, Verdict
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
        exclusion
        for exclusion in exclusions
        if exclusion.project not in checks or (now - checks[exclusion.project].checked).total_seconds() > age
    )


def run_with_checks(
    settings: Config,
    store: Results,
    tasks: Iterable[Task],
    exclusions: Iterable[Exclusion],
    carry_out: Callable[[tuple[Task, ...]], run.RunOutcome],
) -> tuple[run.RunOutcome, tuple[ExclusionCheck, ...]]:
    """Run tasks and check exclusions along with them; record and return the checks.

    Each excluded project is built on its stock image first. Where that fails, it is built on the custom
    image in a second round. Where a job stays open, the exclusion stays unchecked, and the outcome has
    the reason.
    """
    wanted = tuple(exclusions)
    outcome = carry_out((*tasks, *config.checks(settings, wanted)))
    custom = {exclusion: config.custom(settings, exclusion) for exclusion in _unbuilt(settings, wanted, outcome)}
    if second := tuple(task for task in custom.values() if task):
        outcome = outcome.followed_by(carry_out(second))
    judged = _results(outcome, wanted)
    checks: list[ExclusionCheck] = []
    for exclusion in wanted:
        check = attempted(_recorded, store, _checked, settings, exclusion, custom.get(exclusion), judged)
        if isinstance(check, ResultsError):
            raise check
        if isinstance(check, WheelproofError):
            logs.fault("an exclusion is not checked", check, project=exclusion.project)
            outcome = outcome.with_faults_of(run.RunOutcome((), ((exclusion.project, str(check)),), (check,)))
        elif check:
            checks.append(check)
    return outcome, tuple(checks)


def _recorded(store: Results, check: Callable[..., ExclusionCheck | None], *arguments: object) -> ExclusionCheck | None:
    outcome = check(*arguments)
    if outcome:
        store.write_check(outcome)
    return outcome


def _unbuilt(settings: Config, exclusions: tuple[Exclusion, ...], outcome: run.RunOutcome) -> Iterator[Exclusion]:
    """Yield the exclusions that may be lifted and whose project the stock image does not build."""
    judged = _results(outcome, exclusions)
    for exclusion in exclusions:
        stock = _stock(settings, exclusion, judged)
        if stock and stock.verdict not in _BUILT and not exclusion.never:
            yield exclusion


_Results = Mapping[tuple[str, str], Result]  # (project, image)


def _results(outcome: run.RunOutcome, exclusions: Iterable[Exclusion]) -> _Results:
    projects = {exclusion.project for exclusion in exclusions}
    return {(result.project, result.image.name): result for result in run.results(outcome, projects)}


def _stock(settings: Config, exclusion: Exclusion, judged: _Results) -> Result | None:
    """Return the project's result on its stock image; that is one of several if the configuration has `auto` there."""
    image = config.stock(settings, exclusion).image
    names = settings.auto_images if image == AUTO_IMAGE else (image,)
    preferred = sorted(names, key=lambda name: name == exclusion.image)  # the custom image is the second to be tried
    return next((judged[exclusion.project, name] for name in preferred if (exclusion.project, name) in judged), None)


def _checked(settings: Config, exclusion: Exclusion, custom: Task | None, judged: _Results) -> ExclusionCheck | None:
    stock = _stock(settings, exclusion, judged)
    lifting = judged.get((exclusion.project, custom.image)) if custom else None
    if stock is None or (custom and lifting is None):
        return None  # the open job has the reason
    return concluded(exclusion, stock, lifting, datetime.now(UTC))


def concluded(exclusion: Exclusion, stock: Result, custom: Result | None, now: datetime) -> ExclusionCheck:
    """Return the check of an exclusion, by the verdicts of its project on the images.

    A project that must never be built stays excluded whatever its verdicts. One that builds on the stock
    image needs no exclusion. One that builds only on the custom image is lifted there.
    """
    tried = (_attempt(stock), _attempt(custom) if custom else None)
    fate, why = _fate(exclusion, *tried)
    return ExclusionCheck(exclusion.project, now, fate, why, *tried, wheelproof=__version__)


def _attempt(result: Result) -> Attempt:
    return Attempt(result.image.name, result.version, result.job, result.verdict, result.reason)


def _fate(exclusion: Exclusion, stock: Attempt, custom: Attempt | None) -> tuple[Fate, str]:
    tried = "; ".join(_shown(attempt) for attempt in (stock, custom) if attempt)
    if exclusion.never:
        return Fate.NEVER, f"{exclusion.reason}; {tried}"
    if stock.verdict in _BUILT:
        return Fate.STALE, _shown(stock)
    if custom and custom.verdict in _BUILT:
        return Fate.LIFTED, tried
    return Fate.STILL_NEEDED, tried


def _shown(attempt: Attempt) -> str:
    if attempt.verdict in _BUILT:
        return f"{attempt.version} builds on {attempt.image}: {attempt.verdict}"
    return f"{attempt.version} does not build on {attempt.image}: {attempt.why or attempt.verdict}"
