"""On which wheels several farms agree, by what each of them claims; and in what their inputs differ where they do not.

A farm is a key: whoever signs with the same key is one farm, whatever it is called. A farm counts once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import canonicalize_version
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

_LISTED = 5  # inputs that differ, in one sentence


class Input(NamedTuple):
    """One input of a build."""

    kind: str  # sdist, build requirement, image, image package, method...
    name: str  # which of them; empty where there is one
    value: str


class Wheel(NamedTuple):
    """A wheel that a farm built or verified."""

    filename: str
    sha256: str


@dataclass(frozen=True, slots=True)
class FarmClaim:
    """What one farm claims of one job; every text of it is hostile."""

    farm: str  # the id of its key
    project: str  # normalized
    version: str
    image: str
    job: str  # the digest of all inputs
    started: datetime
    wheel: Wheel | None  # None: it built, or verified, none
    verdict: str
    inputs: tuple[Input, ...] = ()
    about: str = ""  # the published file that was verified; empty: what was built

    @property
    def release(self) -> tuple[str, str]:
        """The project, and the version as all its spellings share it: `1.0` and `1.0.0` are one (PEP 440)."""
        return self.project, canonicalize_version(self.version)


class Support(NamedTuple):
    """A wheel, and the farms that built it, by name."""

    wheel: Wheel
    farms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleaseAgreement:
    """What farms claim of one release."""

    project: str
    version: str
    agreed: tuple[Support, ...]  # wheels that enough farms have
    others: tuple[Support, ...]  # wheels that too few have
    without: tuple[tuple[str, str], ...]  # (farm, its verdict) of those that have none
    differing: tuple[str, ...]  # in what the inputs of farms differ that have other wheels; sentences
    conflicts: tuple[str, ...] = ()  # farms that claim two wheels of one job, which are not counted; sentences

    @property
    def is_agreed(self) -> bool:
        """Whether there is a wheel that enough farms have."""
        return bool(self.agreed)


def agree(claims: Iterable[FarmClaim], names: Mapping[str, str], threshold: int) -> tuple[ReleaseAgreement, ...]:
    """Return, for each release, the wheels that at least `threshold` farms have, sorted by project and version.

    `names` has the name of each farm, by the id of its key.
    """
    ordered = sorted(claims, key=lambda claim: (*claim.release, claim.farm, claim.started, claim.job))
    return tuple(
        _of_release(tuple(of_release), names, threshold)
        for _, of_release in groupby(ordered, key=lambda claim: claim.release)
    )


def _of_release(claims: Sequence[FarmClaim], names: Mapping[str, str], threshold: int) -> ReleaseAgreement:
    project, version, torn = claims[0].project, claims[0].version, conflicting(claims)
    counted = [claim for claim in newest(claims) if (claim.farm, claim.job) not in torn]
    supports = _supports(counted, names)
    agreed = tuple(one for one in supports if len(one.farms) >= threshold)
    others = tuple(one for one in supports if len(one.farms) < threshold)
    without = sorted({(names[claim.farm], claim.verdict) for claim in counted if claim.wheel is None})
    conflicts = sorted(_torn(names[farm], job, wheels) for (farm, job), wheels in torn.items())
    differing = tuple(_differing(counted, (agreed or others)[0], names)) if others and supports else ()
    return ReleaseAgreement(project, version, agreed, others, tuple(without), differing, tuple(conflicts))


def _torn(farm: str, job: str, wheels: frozenset[Wheel | None]) -> str:
    what = "both a wheel and none" if None in wheels else "two wheels"
    return f"{farm} claims {what} of one job, {job[:12]}"


def conflicting(claims: Iterable[FarmClaim]) -> Mapping[tuple[str, str], frozenset[Wheel | None]]:
    """Return the farms, each with a job, that claim different wheels of that one job, or one and none; and which."""
    found: dict[tuple[str, str], set[Wheel | None]] = {}
    for claim in claims:
        found.setdefault((claim.farm, claim.job), set()).add(claim.wheel)
    return {key: frozenset(wheels) for key, wheels in found.items() if len(wheels) > 1}


def newest(claims: Iterable[FarmClaim]) -> tuple[FarmClaim, ...]:
    """Return each farm's newest claim of each release on each image; the older ones are superseded.

    Claims of the same moment that differ are all left: each names another wheel, and none is the newest.
    """
    latest: dict[tuple[str, ...], list[FarmClaim]] = {}
    for claim in claims:
        key = (claim.farm, *claim.release, claim.image, claim.about)
        former = latest.get(key, [])
        if not former or claim.started > former[0].started:
            latest[key] = [claim]
        elif claim.started == former[0].started:
            former.append(claim)
    return tuple(claim for group in latest.values() for claim in group)


def _supports(claims: Iterable[FarmClaim], names: Mapping[str, str]) -> tuple[Support, ...]:
    """Return each wheel with its farms, the most supported first."""
    farms: dict[Wheel, set[str]] = {}
    for claim in claims:
        if claim.wheel is not None:
            farms.setdefault(claim.wheel, set()).add(claim.farm)
    supports = (Support(wheel, tuple(sorted(names[farm] for farm in of))) for wheel, of in farms.items())
    return tuple(sorted(supports, key=lambda one: (-len(one.farms), one.wheel)))


# --- why they do not agree -------------------------------------------------------------------


def _differing(claims: Sequence[FarmClaim], chosen: Support, names: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence on each farm without the chosen wheel: in what its inputs are not those of a farm with it."""
    having = [claim for claim in claims if claim.wheel == chosen.wheel]
    farms = {claim.farm for claim in having}
    for claim in claims:
        if claim.farm in farms or claim.wheel is None:
            continue
        nearest = min(having, key=lambda one: len(unlike(one, claim)))
        found = unlike(nearest, claim)
        of = f"{names[nearest.farm]} and {names[claim.farm]}"
        if not found:
            yield f"{of} have the same inputs: the wheel depends on something that no statement names"
            continue
        listed = "; ".join(found[:_LISTED]) + (f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else "")
        yield f"{of} differ in: {listed}"


def unlike(first: FarmClaim, second: FarmClaim) -> tuple[str, ...]:
    """Return in what the inputs of two claims differ, each as "kind name: first's value, second's value".

    Packages of an image are listed instead of its manifest, where both claims have them.
    """
    ours, theirs = _by_name(first), _by_name(second)
    keys = sorted(ours.keys() | theirs.keys(), key=lambda key: (_RANK.get(key[0], len(_RANK)), key))
    both = all(any(kind == PACKAGE for kind, _ in inputs) for inputs in (ours, theirs))
    differing = [key for key in keys if ours.get(key) != theirs.get(key) and (both or key[0] != PACKAGE)]
    if any(kind == PACKAGE for kind, _ in differing):
        differing = [key for key in differing if key[0] != MANIFEST]
    return tuple(
        f"{' '.join(filter(None, key))}: {_shown(ours.get(key))}, {_shown(theirs.get(key))}" for key in differing
    )


SDIST, REQUIREMENT, MANIFEST, PACKAGE, AS_OF = "sdist", "build requirement", "image", "image package", "as-of"
"""Kinds of inputs; others are named as the fields of records."""

_RANK = {kind: rank for rank, kind in enumerate((SDIST, REQUIREMENT, PACKAGE, MANIFEST))}


def _by_name(claim: FarmClaim) -> dict[tuple[str, str], str]:
    return {(one.kind, one.name): one.value for one in claim.inputs}


def _shown(value: str | None) -> str:
    return "none" if value is None else value


# --- files -----------------------------------------------------------------------------------


def chosen(agreements: Iterable[ReleaseAgreement]) -> tuple[ReleaseAgreement, ...]:
    """Return the releases that one file can have: of each project the newest that is agreed, a final one if there is.

    Installers refuse a file with two versions of a project.
    """
    found: dict[str, ReleaseAgreement] = {}
    for one in agreements:
        if one.agreed and (one.project not in found or _age(one) > _age(found[one.project])):
            found[one.project] = one
    return tuple(found.values())


def _age(one: ReleaseAgreement) -> tuple[bool, Version]:
    version = Version(one.version)
    return not version.is_prerelease, version


def left_out(agreements: Sequence[ReleaseAgreement]) -> tuple[str, ...]:
    """Return a sentence on each release that a file does not have, and why."""
    versions = {one.project: one.version for one in chosen(agreements)}
    return tuple(
        f"{one.project} {one.version} is not in the file: "
        + (f"it has {versions[one.project]}, and one version of each project" if one.agreed else "it is not agreed")
        for one in agreements
        if not one.agreed or one.version != versions[one.project]
    )


def requirements(agreements: Iterable[ReleaseAgreement]) -> str:
    """Return a requirements file with the hashes of the agreed wheels, as pip's --require-hashes takes it."""
    return "".join(
        f"{one.project}=={one.version}"
        + "".join(f" \\\n    --hash=sha256:{sha256}" for sha256 in sorted({each.wheel.sha256 for each in one.agreed}))
        + "\n"
        for one in chosen(agreements)
    )


def pylock(agreements: Iterable[ReleaseAgreement], program: str) -> str:
    """Return a pylock.toml (PEP 751) with the agreed wheels, which it expects in the same folder as itself."""
    head = f'lock-version = "1.0"\ncreated-by = {_text(program)}\n'
    return head + ("".join(map(_package, chosen(agreements))) or "packages = []\n")


def _package(one: ReleaseAgreement) -> str:
    files = {each.wheel.filename: each.wheel for each in reversed(one.agreed)}  # of one name, the most supported
    wheels = "".join(
        f"\n[[packages.wheels]]\nname = {_text(wheel.filename)}\npath = {_text(wheel.filename)}\n"
        f"hashes = {{sha256 = {_text(wheel.sha256)}}}\n"
        for wheel in sorted(files.values())
    )
    return f"\n[[packages]]\nname = {_text(one.project)}\nversion = {_text(one.version)}\n{wheels}"


def _text(text: str) -> str:
    """Return a basic string of TOML: JSON's escapes are among its own."""
    return json.dumps(text)
