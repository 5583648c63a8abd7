"""An excluded project's results on the stock image and on the custom one -> what became of the exclusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.model import Attempt, ExclusionCheck, Fate, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from orchestrator.model import Exclusion, Result

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
