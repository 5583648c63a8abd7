"""What got worse, and what got better: a release compared with its earlier results, or a project's last version. Pure.

`turns` compares all standings before and after a run. `before` compares one result with the earlier ones, whenever
the last change was. Both name the input that may be the culprit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING

from orchestrator.model import Outcome, Reason, Verdict
from orchestrator.results.drift import suspected
from orchestrator.results.history import built_as, changes, first_hash
from orchestrator.results.shown import has_recipe
from orchestrator.results.summary import strongest, version_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.model import InputChange, Result
    from orchestrator.results.summary import Standing, Verified

_SHORT = 12  # digits of a hash, enough to distinguish two


class Direction(StrEnum):
    """Which way a change goes."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "other"  # neither: sensitive became intrinsic, or a result settles nothing


class Subject(StrEnum):
    """What changed."""

    VERDICT = "verdict"
    BYTES = "bytes"  # the wheel, with equal inputs
    PUBLISHED = "published"  # the outcome of verifying the published wheel


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of a release, or of a project from its last version to this one."""

    project: str  # normalized (PEP 503)
    version: str
    image: str
    subject: Subject
    earlier: str  # a level such as "sensitive with a proven recipe", the start of a hash, or an outcome
    later: str
    direction: Direction
    inputs: tuple[InputChange, ...] = ()  # empty with another version, and of a published wheel
    culprit: str = ""  # the inputs in words; empty: the version itself changed
    earlier_version: str = ""  # empty: the same version
    way: tuple[str, ...] = ()  # profile, build tools, frontend and runtime that are not the default
    job: str = ""  # of the later result, or the later verification's id
    wheel: str = ""  # of a published wheel, its file name


# --- levels ----------------------------------------------------------------------------------


class Rank(StrEnum):
    """How good a result is, the best first."""

    REPRODUCIBLE = "reproducible"
    RECIPE = "recipe"  # not reproducible by itself; a recipe is proven to give the same bytes
    BUILDS = "builds"  # a wheel is built, and another build may give other bytes
    FAILS = "fails"  # no wheel is built
    NO_SDIST = "no-sdist"  # there is nothing to build


_RANKS = {
    Verdict.REPRODUCIBLE: Rank.REPRODUCIBLE,
    Verdict.SENSITIVE: Rank.BUILDS,
    Verdict.INTRINSIC: Rank.BUILDS,
    Verdict.FTBFS: Rank.FAILS,
    Verdict.NO_SDIST: Rank.NO_SDIST,
}


def rank(result: Result) -> Rank | None:
    """Return how good a result is; None if it settles nothing: a build lost a process to a signal each time."""
    if result.failure is not None and result.failure.reason is Reason.KILLED:
        return None
    found = _RANKS.get(result.verdict)
    return Rank.RECIPE if found is Rank.BUILDS and has_recipe(result) else found


def level(result: Result) -> str:
    """Return the verdict of a result in words, with what refines it."""
    if result.verdict is Verdict.FTBFS and result.reason:
        return f"ftbfs ({result.reason})"
    return f"{result.verdict} with a proven recipe" if rank(result) is Rank.RECIPE else result.verdict.value


def _direction(earlier: Rank | None, later: Rank | None) -> Direction:
    if earlier is None or later is None or earlier is later:
        return Direction.OTHER
    order = tuple(Rank)
    return Direction.WORSE if order.index(later) > order.index(earlier) else Direction.BETTER


# --- of results ------------------------------------------------------------------------------


def compared(earlier: Result, later: Result, way: tuple[str, ...] = ()) -> Turn | None:
    """Return what changed from one result to a later one of the same project on the same image; None if nothing did.

    Of one version, other bytes with equal inputs are worse where both verdicts are reproducible: two
    builds of one run agree, and two runs do not.
    """
    is_same = earlier.version == later.version
    if level(earlier) != level(later):
        direction = _direction(rank(earlier), rank(later))
        return _turn(earlier, later, Subject.VERDICT, (level(earlier), level(later)), direction, way)
    hashes = first_hash(earlier), first_hash(later)
    is_certain = earlier.verdict is later.verdict is Verdict.REPRODUCIBLE
    if is_same and is_certain and earlier.job == later.job and hashes[0] != hashes[1]:
        shown = hashes[0][:_SHORT], hashes[1][:_SHORT]
        return _turn(earlier, later, Subject.BYTES, shown, Direction.WORSE, way)
    return None


def _turn(
    earlier: Result,
    later: Result,
    subject: Subject,
    shown: tuple[str, str],
    direction: Direction,
    way: tuple[str, ...],
) -> Turn:
    is_same = earlier.version == later.version
    inputs = changes(earlier, later) if is_same else ()
    return Turn(
        later.project,
        later.version,
        later.image.name,
        subject,
        *shown,
        direction,
        inputs,
        suspected(inputs, earlier.wheelproof, later.wheelproof) if is_same else "",
        "" if is_same else earlier.version,
        way,
        later.job,
    )


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier results show of a result."""

    turn: Turn | None  # the last change, whenever that was; None if there is none
    unlike: int  # results with equal inputs and another wheel or verdict, as `Past.unlike` counts them


def before(result: Result, others: Iterable[Result]) -> Before:
    """Compare a result with all other results of its project, newest first, each of which is read once.

    The last change of the release on this image, built in this way, counts, whenever it was: a gate that fails does
    not pass by being run again. A release that never changed is compared with the last version of its project. A
    result that settles nothing is passed over.
    """
    way = built_as(result.inputs)
    later, last = result, None
    turn: Turn | None = None
    unlike = 0
    for one in others:
        if (one.image.name, built_as(one.inputs)) != (result.image.name, way):
            continue
        if one.version != result.version:
            last = _higher(last, one, result.version)
            continue
        unlike += _disagrees(one, result)
        if turn is None and rank(one) is not None:
            turn = compared(one, later, way)
            later = one
    if turn is None and last is not None:
        turn = compared(last, result, way)
    return Before(turn, unlike)


def _disagrees(one: Result, result: Result) -> bool:
    """Return whether two results have equal inputs, and another wheel or another verdict."""
    wheels = first_hash(one), first_hash(result)
    return one.job == result.job and all(wheels) and (wheels[0] != wheels[1] or one.verdict is not result.verdict)


def _higher(last: Result | None, other: Result, version: str) -> Result | None:
    """Return the result of the higher version among those that are lower than `version`; of equal ones, the first."""
    if version_key(other.version) >= version_key(version):
        return last
    return other if last is None or version_key(other.version) > version_key(last.version) else last


# --- of a run --------------------------------------------------------------------------------


def turns(earlier: Iterable[Standing], after: Iterable[Standing]) -> tuple[Turn, ...]:
    """Return what a run changed, in the order of `after`; a project's first verdict on an image is no change.

    A version without an earlier verdict on its image is compared with the last version that has one.
    """
    known: dict[_Place, dict[str, Standing]] = {}
    for standing in earlier:
        known.setdefault(_place(standing), {})[standing.version] = standing
    found = (_of_standing(known.get(_place(standing), {}), standing) for standing in after)
    return tuple(turn for turn in found if turn is not None)


_Place = tuple[str, str, tuple[str, ...]]  # project, image, way


def _place(standing: Standing) -> _Place:
    return (standing.project, standing.image, standing.way)


def _of_standing(before: Mapping[str, Standing], after: Standing) -> Turn | None:
    """Compare a standing with those of its project, image and way before the run, by version."""
    former = before.get(after.version)
    if former is None and (version := last_version(after.version, before)):
        former = before[version]
    if former is None or (former.job, former.started) == (after.job, after.started):
        return None
    turn = compared(former.latest, after.latest, after.way)
    return _since_settled(turn, former, after.latest) if turn and rank(former.latest) is None else turn


def _since_settled(turn: Turn, former: Standing, later: Result) -> Turn | None:
    """Compare with the last verdict that was settled, where the last result of all settles nothing."""
    settled = next((one.verdict for one in former.history if one.reason != Reason.KILLED), None)
    if settled is None or rank(later) is None:
        return turn
    if settled is later.verdict:
        return None
    return replace(turn, earlier=settled.value, direction=_direction(_RANKS.get(settled), _RANKS.get(later.verdict)))


def last_version(version: str, others: Iterable[str]) -> str:
    """Return the highest of the other versions that is lower (PEP 440); empty if there is none."""
    lower = (other for other in others if version_key(other) < version_key(version))
    return max(lower, key=version_key, default="")


# --- of published wheels ---------------------------------------------------------------------

_COMPARED = (Outcome.IDENTICAL, Outcome.RESTAMPED, Outcome.METADATA, Outcome.DIFFERS, Outcome.UNBUILDABLE)
"""Outcomes that can be compared, the best first; others show nothing about the wheel."""


def published_turns(earlier: Iterable[Verified], after: Iterable[Verified]) -> tuple[Turn, ...]:
    """Return what changed of published wheels, each by its strongest outcome on any image.

    The wheels of a version without an earlier outcome are compared with the weakest outcome of the last version.
    """
    former, latter = _strongest(earlier), _strongest(after)
    known = {(one.project, one.version, one.wheel, one.sha256): one for one in former}
    versions = {(one.project, one.version) for one in former}
    found = []
    for one in latter:
        was = known.get((one.project, one.version, one.wheel, one.sha256))
        if was is None and (one.project, one.version) not in versions:
            was = _weakest_of_last_version(one, former)
        if was is not None and was.outcome is not one.outcome:
            found.append(_published_turn(was, one))
    return tuple(found)


def published_before(newest_first: Iterable[Verified], version: str) -> tuple[Turn, ...]:
    """Return the last change of each published wheel of one version of a project, whenever that was, as `before`.

    Given are all verifications of the project. A wheel that never changed is compared with the last version.
    """
    every = tuple(newest_first)
    latest, former = _last_two(every)
    now = [one for one in _strongest(latest) if one.version == version]
    lower = [one for one in latest if one.version != version]
    earlier = {(one.wheel, one.sha256, one.image): one for one in former if one.version == version}
    known = [earlier[key] for one in now if (key := (one.wheel, one.sha256, one.image)) in earlier]
    unknown = [one for one in now if (one.wheel, one.sha256, one.image) not in earlier]
    return (*published_turns(known, now), *published_turns(lower, unknown))


def _last_two(newest_first: Iterable[Verified]) -> tuple[list[Verified], list[Verified]]:
    """Return the last verification of each published wheel on each image, and the last one with another outcome."""
    latest: dict[tuple[str, str, str, str], Verified] = {}
    former: dict[tuple[str, str, str, str], Verified] = {}
    for one in newest_first:
        key = (one.version, one.wheel, one.sha256, one.image)
        if latest.setdefault(key, one).outcome is not one.outcome:
            former.setdefault(key, one)
    return list(latest.values()), list(former.values())


def _strongest(found: Iterable[Verified]) -> tuple[Verified, ...]:
    by_project: dict[str, list[Verified]] = {}
    for one in found:
        by_project.setdefault(one.project, []).append(one)
    return tuple(chain.from_iterable(map(strongest, by_project.values())))


def _weakest_of_last_version(wanted: Verified, others: Sequence[Verified]) -> Verified | None:
    of_project = [one for one in others if one.project == wanted.project and one.outcome in _COMPARED]
    lower = [one for one in of_project if version_key(one.version) < version_key(wanted.version)]
    last = max((version_key(one.version) for one in lower), default=None)
    wheels = [one for one in lower if version_key(one.version) == last]
    return max(wheels, key=lambda one: one.rank, default=None)


def _published_turn(earlier: Verified, later: Verified) -> Turn:
    direction = Direction.OTHER
    if earlier.outcome in _COMPARED and later.outcome in _COMPARED:
        places = _COMPARED.index(earlier.outcome), _COMPARED.index(later.outcome)
        direction = Direction.WORSE if places[1] > places[0] else Direction.BETTER
    return Turn(
        later.project,
        later.version,
        later.image,
        Subject.PUBLISHED,
        earlier.outcome.value,
        later.outcome.value,
        direction,
        earlier_version="" if earlier.version == later.version else earlier.version,
        job=later.id,
        wheel=later.wheel,
    )
