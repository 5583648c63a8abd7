"""Decides with which settings a published wheel is rebuilt next: by its clues, and by what earlier attempts left.

The first recreation follows all clues. Each later one is the nearest attempt so far with one change, for what that
left different or why it failed. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.analysis.clues import backends, times
from orchestrator.analysis.clues.catalogue import all_followed
from orchestrator.analysis.counterpart import of_one_kind
from orchestrator.model import Phase
from orchestrator.model.request import LineEnds, Recreation
from orchestrator.model.verification import STRENGTH, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.analysis.clues.facts import WheelFacts
    from orchestrator.model.verification import Closeness, RebuildAttempt

MOST = 5
"""The most recreations of one wheel."""

_EXTENSIONS = (".so", ".pyd")
_CANDIDATES = 4  # versions of setuptools
_SWITCHES = 1  # after a build that failed


def next_recreation(facts: WheelFacts, tried: Sequence[RebuildAttempt]) -> Recreation | None:
    """Return the recreation to build next; None if the wheel came out, or nothing is left to change.

    No recreation is returned twice.
    """
    if not tried:
        return all_followed(facts)
    if len(tried) >= MOST or any(_came_out(attempt) for attempt in tried):
        return None
    past = [attempt.recreation for attempt in tried]
    return next((one for one in _alternatives(facts, tried) if one not in past), None)


def _came_out(attempt: RebuildAttempt) -> bool:
    return attempt.closeness is not None and attempt.closeness.outcome in {Outcome.IDENTICAL, Outcome.RESTAMPED}


def _alternatives(facts: WheelFacts, tried: Sequence[RebuildAttempt]) -> Iterator[Recreation]:
    """Yield recreations in the order of what they promise; some were tried."""
    built = [attempt for attempt in tried if attempt.closeness is not None]
    if not built:
        yield from _after_failure(facts, tried[-1])
        return
    nearest = min(built, key=lambda attempt: (_compiles(facts, attempt), *_distance(attempt)))
    if nearest.closeness is None:
        return
    if _compiles(facts, nearest):
        yield from _switched(facts, nearest.recreation)
        return  # if there is no switch, its publisher kept the project from compiling by a way of its own
    for change in CHANGES:
        if change.fits(facts, nearest.closeness):
            yield from change.make(facts, nearest.recreation)


def _compiles(facts: WheelFacts, attempt: RebuildAttempt) -> bool:
    """Return whether our build compiled what its publisher's did not."""
    added = attempt.closeness.added if attempt.closeness else ()
    return not of_one_kind(attempt.wheel, facts.filename) or any(path.endswith(_EXTENSIONS) for path in added)


def _switched(facts: WheelFacts, past: Recreation) -> Iterator[Recreation]:
    """Yield each switch of a project's build files; beside one that has brought the build nearer, if one has."""
    for name, value in facts.switches:
        others = (pair for pair in past.variables if pair[0] != name)
        yield replace(past, variables=tuple(sorted((*others, (name, value)))))


def _distance(attempt: RebuildAttempt) -> tuple[int, int, int]:
    """Return how far an attempt is from the published wheel: by its outcome, then by what differs."""
    near = attempt.closeness
    if near is None:
        return len(STRENGTH), 0, 0
    members = len(near.changed) + len(near.missing) + len(near.added)
    return STRENGTH.index(near.outcome), members, len(near.lines)


# --- after a build that failed -------------------------------------------------------------------


def _after_failure(facts: WheelFacts, failed: RebuildAttempt) -> Iterator[Recreation]:
    """Yield recreations with fewer pins, as an index may not have them, or the image's Python may not run them.

    Then one with the build requirements of today: those of the day may not run on this Python either.
    """
    past = failed.recreation
    if failed.failure is not None and failed.failure.phase is Phase.FINISH:
        # Never without the repair: the published wheel would differ from ours, and its source not be why.
        yield replace(past, repair_with=())
        return
    if failed.failure is not None and failed.failure.phase is Phase.BUILD_WHEEL:
        yield from islice(_switched(facts, past), _SWITCHES)  # it may be the extension that cannot be compiled
    for version in islice(backends.setuptools_for(facts), _CANDIDATES) if _names_setuptools(past) else ():
        yield replace(past, overrides=_with_setuptools(past, version))
    if failed.failure is None or failed.failure.phase is not Phase.UNPACK:
        yield replace(past, overrides=tuple(pin for pin in past.overrides if not _is_setuptools(pin)))
        yield replace(past, overrides=())
        yield replace(past, overrides=all_followed(facts).overrides, as_of=None)
        yield replace(past, overrides=(), as_of=None)


def _names_setuptools(recreation: Recreation) -> bool:
    """Return whether a version of setuptools is pinned beside one of wheel: it is inferred, and others may be right."""
    return len(recreation.overrides) > 1 and any(map(_is_setuptools, recreation.overrides))


def _is_setuptools(pin: str) -> bool:
    return pin.startswith("setuptools==")


def _with_setuptools(recreation: Recreation, version: str) -> tuple[str, ...]:
    others = (pin for pin in recreation.overrides if not _is_setuptools(pin))
    return tuple(sorted((*others, f"setuptools=={version}")))


# --- after a build that left a difference --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A change for what an attempt left different: whether it may help, and the recreations with it."""

    fits: Callable[[WheelFacts, Closeness], bool]
    make: Callable[[WheelFacts, Recreation], Iterator[Recreation]]


def _differing(near: Closeness) -> frozenset[str]:
    """Return the names of all members that differ."""
    return frozenset((*near.changed, *near.missing, *near.added, *(line.path for line in near.lines)))


def _in_dist_info(path: str) -> bool:
    return path.partition("/")[0].endswith(".dist-info")


def _metadata_differs(facts: WheelFacts, near: Closeness) -> bool:
    """Return whether what setuptools writes differs, rather than what wheel does: WHEEL and RECORD."""
    names = {path.rpartition("/")[2] for path in _differing(near) if _in_dist_info(path)}
    return backends.backend(facts)[0] == "wheel" and bool(names - {"WHEEL", "RECORD"})


def _other_setuptools(facts: WheelFacts, past: Recreation) -> Iterator[Recreation]:
    for version in islice(backends.setuptools_for(facts), _CANDIDATES):
        yield replace(past, overrides=_with_setuptools(past, version))


def _dependencies_differ(facts: WheelFacts, near: Closeness) -> bool:
    is_field = any(line.published.startswith("Requires-Dist:") for line in near.lines)
    return is_field and backends.backend(facts)[0] == "setuptools"


def _beside_wheel(facts: WheelFacts, past: Recreation) -> Iterator[Recreation]:
    if version := backends.wheel_for(facts):
        others = (pin for pin in past.overrides if not pin.startswith("wheel=="))
        yield replace(past, overrides=tuple(sorted((*others, f"wheel=={version}"))))


def _tags_differ(_facts: WheelFacts, near: Closeness) -> bool:
    return any(line.path.endswith("/WHEEL") and line.published.startswith("Tag:") for line in near.lines)


def _with_tags(facts: WheelFacts, past: Recreation) -> Iterator[Recreation]:
    """Yield the tag as an option of bdist_wheel: `py2.py3` of a wheel that names both."""
    option = backends.python_tag(facts)
    if option and backends.backend(facts)[0] in {"setuptools", "wheel"}:
        yield replace(past, config_settings=backends.settings(past.overrides, (option,)))


def _files_differ(_facts: WheelFacts, near: Closeness) -> bool:
    return not all(map(_in_dist_info, near.changed))


def _without_epoch(facts: WheelFacts, past: Recreation) -> Iterator[Recreation]:
    """Yield a build with the publisher's clock and no SOURCE_DATE_EPOCH: dates in files follow the clock."""
    when = times.written_at(facts) if times.one_time(facts) is None else times.one_time(facts)
    if when is not None:
        yield replace(past, source_date_epoch=None, clock=when, timezone=past.timezone or "UTC0")


def _odd_epoch(facts: WheelFacts, past: Recreation) -> Iterator[Recreation]:
    """Yield the odd second after the time of all members: a zip counts in twos, a file's content need not."""
    if past.source_date_epoch is not None and past.source_date_epoch == times.one_time(facts):
        yield replace(past, source_date_epoch=past.source_date_epoch + 1)


def _ends_may_differ(facts: WheelFacts, near: Closeness) -> bool:
    return bool(_differing(near)) and (bool(facts.crlf) or facts.written_crlf or 0 in facts.systems)


def _other_ends(_facts: WheelFacts, past: Recreation) -> Iterator[Recreation]:
    """Yield the other source, then no line end of Windows: a text may have come from elsewhere."""
    others = {
        LineEnds.AS_IS: (LineEnds.CRLF,),
        LineEnds.CRLF: (LineEnds.AS_IS,),
        LineEnds.WRITTEN: (LineEnds.WINDOWS, LineEnds.AS_IS),
        LineEnds.WINDOWS: (LineEnds.WRITTEN, LineEnds.AS_IS),
    }
    for ends in others[past.line_ends]:
        yield replace(past, line_ends=ends)


def _anything_differs(_facts: WheelFacts, near: Closeness) -> bool:
    """Return whether other build requirements may help."""
    return bool(_differing(near))


def _built_earlier(facts: WheelFacts, past: Recreation) -> Iterator[Recreation]:
    """Yield the build requirements of the moment when members were written, which may be long before the upload."""
    when = times.built_at(facts)
    if past.as_of is not None and when is not None and (backends.earliest(facts) or when) <= when < past.as_of:
        yield replace(past, as_of=when)


CHANGES = (
    Change(_tags_differ, _with_tags),
    Change(_metadata_differs, _other_setuptools),
    Change(_dependencies_differ, _beside_wheel),
    Change(_ends_may_differ, _other_ends),
    Change(_files_differ, _without_epoch),
    Change(_files_differ, _odd_epoch),
    Change(_anything_differs, _built_earlier),
)
"""All changes, the most promising first."""
