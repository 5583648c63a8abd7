"""The statements of several farms: read from their folders, each checked against the keys of the farms."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import EvidenceError, UsageError
from orchestrator.publish.claimed import ENDINGS, farm_claim, package_inputs, packages_of
from orchestrator.publish.evidence import bounded, public_key
from orchestrator.publish.statements.checking import check
from orchestrator.results.places import SKEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from orchestrator.publish.statements.reading import ReadStatement
    from orchestrator.results.agreement import FarmClaim, Input
    from orchestrator.util.signing import PublicKey

MOST = 1_000_000
"""Files with statements that are read: a farm of a thousand releases and ten years has fewer."""

_REASONS = 10  # that are listed
_LONGEST = 200  # characters of a reason


class Farms(NamedTuple):
    """The farms, by their keys."""

    keys: tuple[PublicKey, ...]
    names: Mapping[str, str]  # of each key, by its id


@dataclass(frozen=True, slots=True)
class Collected:
    """What is claimed, and what is not counted and why."""

    claims: tuple[FarmClaim, ...]
    ignored: tuple[str, ...]  # sentences, printable only after escaping


def farms(named: Iterable[tuple[str, Path]]) -> Farms:
    """Return farms by their names and the files of their public keys; names that share a key are one farm.

    Raises
    ------
    UsageError
        A key cannot be read, or two keys have one name.

    """
    keys: dict[str, PublicKey] = {}
    names: dict[str, list[str]] = {}
    for name, path in named:
        key = public_key(path)
        keys.setdefault(key.id, key)
        names.setdefault(key.id, []).append(name)
    if twice := [name for name, count in Counter(one for of in names.values() for one in set(of)).items() if count > 1]:
        msg = f"reading the keys of farms: two keys have the name {twice[0]}; a farm has one"
        raise UsageError(msg)
    return Farms(tuple(keys.values()), {id_: " = ".join(dict.fromkeys(of)) for id_, of in names.items()})


def collect(folders: Sequence[Path], known: Farms, now: datetime, *, published: bool) -> Collected:
    """Return the claims of the farms, in these folders or files; only what a farm's key signed is counted.

    What is of a time yet to come is not: it would supersede all that a farm signs until then.

    Raises
    ------
    UsageError
        A folder does not exist, or there are too many files.

    """
    ignored: Counter[str] = Counter()
    listed: dict[tuple[str, str], tuple[Input, ...]] = {}
    claims: list[tuple[FarmClaim, str]] = []
    for statement, signers in _signed(folders, known, now, ignored):  # none is kept: there may be very many
        manifest, packages = packages_of(statement)
        for farm in signers:
            if packages and (farm, manifest) not in listed:
                listed[farm, manifest] = package_inputs(packages)
            claims.extend(_claims(statement, farm, ignored, published=published))
    return Collected(
        tuple(replace(one, inputs=(*one.inputs, *listed.get((one.farm, of), ()))) for one, of in claims),
        tuple(f"{count} not counted: {why}" for why, count in ignored.most_common(_REASONS)),
    )


def _claims(
    statement: ReadStatement, farm: str, ignored: Counter[str], *, published: bool
) -> Iterator[tuple[FarmClaim, str]]:
    """Yield what a farm claims by a statement, with the manifest of its image; add why it is not counted."""
    try:
        claim = farm_claim(statement, farm, published=published)
    except EvidenceError as error:
        ignored[str(error)[:_LONGEST]] += 1
        return
    if claim:
        image = statement.claim.image if statement.claim else None
        yield claim, image.manifest if image else ""


def _signed(
    folders: Sequence[Path], known: Farms, now: datetime, ignored: Counter[str]
) -> Iterator[tuple[ReadStatement, tuple[str, ...]]]:
    """Yield each statement that a farm signed, with the ids of those farms; add why others are not counted."""
    for number, file in enumerate(file for folder in folders for file in _files(folder)):
        if number >= MOST:
            msg = f"reading statements: there are more than {MOST} files; name fewer folders"
            raise UsageError(msg)
        try:
            checked = check(bounded(file), known.keys)
            _insist_on_past(checked.statement.about.started, now)
        except EvidenceError as error:
            ignored[f"{file.parts[0] if len(file.parts) == 1 else _top(file, folders)}: {error}"[:_LONGEST]] += 1
            continue
        yield checked.statement, checked.signers


def _insist_on_past(started: datetime, now: datetime) -> None:
    if started > now + SKEW:
        msg = f"it is of {started:%Y-%m-%d}, which is yet to come"
        raise EvidenceError(msg)


def _top(file: Path, folders: Sequence[Path]) -> Path:
    return next((folder for folder in folders if file.is_relative_to(folder)), file)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files with statements in a folder, or a file that is named itself."""
    if folder.is_dir():
        yield from sorted(one for one in folder.rglob("*") if one.name.endswith(ENDINGS) and one.is_file())
    elif folder.is_file():
        yield folder
    else:
        msg = f"reading statements in {folder}: it does not exist; name the folder that a farm's attest wrote"
        raise UsageError(msg)
