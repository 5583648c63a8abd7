"""Find the release of a build requirement that changed a wheel: what to build next, and what the builds show. Pure.

The verdict and the bytes follow from the lock of the build requirements. As of another moment of the index, the
lock can only be another one if a wheel of a build requirement was uploaded in between. So the moments just after
these uploads are the only ones to look at, and between two neighbours of them nothing happened.

The search keeps two moments with different outcomes and halves what is between them. It ends at two neighbours
with different outcomes, even where locks or outcomes alternate. Then it finds the change to the present outcome
in the half that it kept, and does not look for others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.model import LIMIT_REASONS, Phase, Verdict, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from orchestrator.model import Result, Wheel

MOST_SWAPPED = 8
"""Build requirements that change at one moment, of which each is swapped alone; more are named together."""

_STAMPED = re.compile(r"^[^/]+\.dist-info/(?:WHEEL|RECORD)$")
_TICK = timedelta(milliseconds=1)  # to which uv compares the moments of uploads


class Aspect(StrEnum):
    """What two results differ in."""

    VERDICT = "verdict"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Upload:
    """A wheel of a build requirement on the index."""

    project: str  # normalized (PEP 503)
    version: str
    filename: str
    uploaded: datetime  # UTC (PEP 700)

    @property
    def visible(self) -> datetime:
        """The first moment as of which the wheel counts: the millisecond after that of its upload."""
        moment = self.uploaded.astimezone(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000) + _TICK


@dataclass(frozen=True, slots=True)
class Step:
    """The result with the build requirements as of a moment."""

    moment: datetime  # UTC
    result: Result
    compared: str  # SHA-256 of the first wheel, or the digest of its contents; empty: there is no wheel


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """A build requirement that differs between two locks; None where a lock lacks it."""

    name: str
    earlier: str | None
    later: str | None
    uploaded: datetime | None = None  # of the later wheel; None if there is none


@dataclass(frozen=True, slots=True)
class Turn:
    """Two neighbouring moments with different outcomes, and what changes the outcome."""

    aspect: Aspect
    earlier: Step
    later: Step
    changed: tuple[ReleaseChange, ...]  # all build requirements in which the two locks differ
    culprits: tuple[tuple[str, ...], ...]  # sets of names, of which each alone gives the later outcome
    swapped: bool  # both sides were built with locks; if not, a lock was impossible, and nothing could be swapped
    firm: bool  # no build ran into a limit or was killed, which the next build may not be


def moments(uploads: Iterable[Upload], start: datetime, end: datetime) -> tuple[datetime, ...]:
    """Return the moments to look at, oldest first: both ends, and each at which another wheel counts."""
    between = {upload.visible for upload in uploads if start < upload.visible < end}
    return tuple(sorted({start, *between, end}))


def aspect_of(first: Step, last: Step) -> Aspect | None:
    """Return what two results differ in: the verdict, or else the bytes; None if they are alike.

    The bytes of an intrinsic release change with each build, whatever its build requirements are.
    """
    if first.result.verdict is not last.result.verdict:
        return Aspect.VERDICT
    return Aspect.BYTES if outcome(first, Aspect.BYTES) != outcome(last, Aspect.BYTES) else None


def outcome(step: Step, aspect: Aspect) -> tuple[str, ...]:
    """Return what of a result is compared: the verdict, and for the bytes also the hash or why there is none."""
    verdict = step.result.verdict
    if aspect is Aspect.VERDICT or verdict is Verdict.INTRINSIC:
        return (verdict.value,)
    return verdict.value, step.compared or reason_of(step.result)


def reason_of(result: Result) -> str:
    """Return the reason of a result's failure; empty if there is none."""
    return result.failure.reason.value if result.failure else ""


def content_digest(wheel: Wheel) -> str:
    """Return the digest of the contents of a wheel's files, without WHEEL, which names the build tool, and RECORD."""
    files = sorted((one.path, one.sha256) for one in wheel.members if not _STAMPED.search(one.path))
    return digest(files)


def next_moment(known: Sequence[datetime], steps: Iterable[Step], *, every: bool = False) -> datetime | None:
    """Return the moment to judge next: both ends first, the newest before the oldest; None if nothing is left.

    `known` are the moments, oldest first. With `every`, each of them is judged.
    """
    judged = {step.moment: step for step in steps}
    for end in (known[-1], known[0]):
        if end not in judged:
            return end
    if every:
        return next((moment for moment in known if moment not in judged), None)
    aspect = aspect_of(judged[known[0]], judged[known[-1]])
    if aspect is None:
        return None
    earlier, later = last_turn(judged.values(), aspect)
    between = [moment for moment in known if earlier.moment < moment < later.moment]
    return between[len(between) // 2] if between else None


def last_turn(steps: Iterable[Step], aspect: Aspect) -> tuple[Step, Step]:
    """Return the last two neighbours of which only the later one has the present outcome; the ends must differ."""
    *ordered, last = sorted(steps, key=lambda step: step.moment)
    now = outcome(last, aspect)
    later = last
    for earlier in reversed(ordered):
        if outcome(earlier, aspect) != now:
            return earlier, later
        later = earlier
    msg = "the ends have the same outcome"
    raise ValueError(msg)


def turning_points(steps: Iterable[Step], *, every: bool = False) -> tuple[tuple[Step, Step], ...]:
    """Return the neighbours at which the outcome becomes the present one, or with `every` at which it changes."""
    ordered = sorted(steps, key=lambda step: step.moment)
    if every:
        return tuple(pair for pair in pairwise(ordered) if aspect_of(*pair))
    aspect = aspect_of(ordered[0], ordered[-1])
    return (last_turn(ordered, aspect),) if aspect else ()


def can_be_swapped(earlier: Step, later: Step) -> bool:
    """Return whether both sides were built, so that each has a lock."""
    return bool(earlier.result.builds and later.result.builds)


# --- which of several ------------------------------------------------------------------------


def release_changes(earlier: Step, later: Step, uploads: Iterable[Upload]) -> tuple[ReleaseChange, ...]:
    """Return the build requirements in which two locks differ, by name.

    Where one side has no lock, they are the releases whose upload made the difference: those of the later moment.
    """
    several = tuple(uploads)
    if can_be_swapped(earlier, later):
        return tuple(_changed(earlier.result, later.result, several))
    new = {upload.project: upload for upload in several if upload.visible == later.moment}
    return tuple(ReleaseChange(name, None, one.version, one.uploaded) for name, one in sorted(new.items()))


def _changed(earlier: Result, later: Result, uploads: Sequence[Upload]) -> Iterator[ReleaseChange]:
    """Compare the pins; unlike `changes` also where asking the backend failed, which has the declared ones locked."""
    then = {pin.name: pin for pin in earlier.build_requirements}
    since = {pin.name: pin for pin in later.build_requirements}
    times = {upload.filename: upload.uploaded for upload in uploads}
    for name in sorted(then.keys() | since.keys()):
        before, after = then.get(name), since.get(name)
        if before and after and before.sha256 != after.sha256 and before.version == after.version:
            yield ReleaseChange(name, before.filename, after.filename, times.get(after.filename))
        elif before is None or after is None or before.sha256 != after.sha256:
            uploaded = times.get(after.filename) if after else None
            yield ReleaseChange(name, before.version if before else None, after.version if after else None, uploaded)


def suspects(earlier: Step, later: Step, changed: Iterable[ReleaseChange]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that may change the outcome, and those that are swapped along with any of them.

    A backend that fails when it is asked for its requirements gets none of those that it would have asked for. That
    a lock lacks them follows from that failure, and is no cause of it.
    """
    several = tuple(changed)
    along = tuple(
        change.name
        for change in several
        if (change.later is None and _is_unanswered(later)) or (change.earlier is None and _is_unanswered(earlier))
    )
    names = tuple(change.name for change in several if change.name not in along)
    return (names, along) if names else (along, ())


def _is_unanswered(step: Step) -> bool:
    failure = step.result.failure
    return step.result.verdict is Verdict.FTBFS and failure is not None and failure.phase is Phase.REQUIREMENTS


def next_swap(names: tuple[str, ...], tried: Mapping[tuple[str, ...], bool]) -> tuple[str, ...] | None:
    """Return the names to swap next; None if nothing is left to try.

    `tried` has, for each set that was swapped, whether that gave the later outcome. All `names` together do. Each
    is swapped alone; if none suffices, each in turn is left out of those that are still needed.
    """
    if not 1 < len(names) <= MOST_SWAPPED:
        return None
    alone = [(name,) for name in names]
    if untried := next((one for one in alone if one not in tried), None):
        return untried
    if any(tried[one] for one in alone):
        return None
    return next((one for one in _leaving_out(names, tried) if one not in tried), None)


def culprits(names: tuple[str, ...], tried: Mapping[tuple[str, ...], bool]) -> tuple[tuple[str, ...], ...]:
    """Return the sets of names of which each alone gives the later outcome, after all that `next_swap` asks for.

    They are single names, if a single name suffices, or else one set from which nothing can be left out.
    """
    alone = tuple((name,) for name in names if tried.get((name,)))
    if alone or not names:
        return alone
    kept = names
    for less in _leaving_out(names, tried):
        kept = less if tried.get(less) else kept
    return (kept,)


def _leaving_out(names: tuple[str, ...], tried: Mapping[tuple[str, ...], bool]) -> Iterator[tuple[str, ...]]:
    """Yield the names without each in turn, and without those that were not needed, as far as that is known."""
    kept = names
    for name in names:
        less = tuple(other for other in kept if other != name)
        if len(less) < 1 or len(names) > MOST_SWAPPED:
            return
        yield less
        if less not in tried:
            return
        kept = less if tried[less] else kept


def gives_the_same(swapped: Step, later: Step, aspect: Aspect) -> bool:
    """Return whether a swap gave the later outcome; a failure must have the same reason, in the same phase."""
    failures = [
        (one.result.failure.reason, one.result.failure.phase) if one.result.failure else None
        for one in (swapped, later)
    ]
    return failures[0] == failures[1] and outcome(swapped, aspect) == outcome(later, aspect)


def turn(earlier: Step, later: Step, uploads: Iterable[Upload], tried: Mapping[tuple[str, ...], bool]) -> Turn:
    """Return what two neighbours with different outcomes show, after the swaps in `tried`."""
    aspect = aspect_of(earlier, later)
    assert aspect is not None  # noqa: S101 - the caller has compared them
    changed = release_changes(earlier, later, uploads)
    swapped = can_be_swapped(earlier, later)
    names = suspects(earlier, later, changed)[0] if swapped else tuple(change.name for change in changed)
    return Turn(
        aspect,
        earlier,
        later,
        changed,
        culprits(names, tried) if swapped else tuple((name,) for name in names),
        swapped,
        firm=_is_firm(earlier.result) and _is_firm(later.result),
    )


def _is_firm(result: Result) -> bool:
    """Return whether a result does not come from a limit or a signal, which may not strike the next build."""
    return result.failure is None or result.failure.reason not in LIMIT_REASONS
