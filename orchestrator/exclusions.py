"""An excluded project's results on the stock image and on the custom one -> what became of the exclusion; recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator import __version__, config, night
from orchestrator.model import Attempt, ExclusionCheck, Fate, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.config import Config
    from orchestrator.model import Exclusion, Result
    from orchestrator.results import Results

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


def checked(
    settings: Config, store: Results, exclusions: Iterable[Exclusion], outcome: night.Outcome
) -> tuple[ExclusionCheck, ...]:
    """Record, and return, what became of those exclusions for which all that a run had to judge has a verdict."""
    wanted = tuple(exclusions)
    results = night.results(outcome, {one.project for one in wanted})
    found = {(one.project, one.image.name): one for one in results}
    checks = tuple(filter(None, (_checked(settings, one, found) for one in wanted)))
    for one in checks:
        store.write_check(one)
    return checks


def _checked(settings: Config, exclusion: Exclusion, found: Mapping[tuple[str, str], Result]) -> ExclusionCheck | None:
    custom = config.custom(settings, exclusion)
    stock = found.get((exclusion.project, config.stock(settings, exclusion).image))
    lifting = found.get((exclusion.project, custom.image)) if custom else None
    if stock is None or (custom and lifting is None):
        return None  # it stays unchecked, and the open job says why
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
