"""Compares a statement in a wheelhouse's folder with the files that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import EvidenceError
from orchestrator.model import MemberKind
from orchestrator.publish.wheelhouse.evidence import FOLDER
from orchestrator.recipes.wheelhouse import DATA, PROGRAM, TOOLS, data_name
from orchestrator.util.cache import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.model.statement import MemberClaim


def compare(statement: Path, subject: str, claim: MemberClaim) -> str:
    """Compare the wheel and the recipe in the folder of a statement's file with its claim; name those that are there.

    The name `subject` is checked: see `reading.read`.

    Raises
    ------
    EvidenceError
        One of them has another SHA-256, or cannot be read.

    """
    found = []
    for path, sha256 in _files(statement, subject, claim):
        if not path.is_file():
            continue
        if _sha256(path) != sha256:
            msg = f"it does not belong to this folder: {path.name} has another SHA-256"
            raise EvidenceError(msg)
        found.append(path.name)
    return f"as {', '.join(found)} here" if found else ""


def _files(statement: Path, subject: str, claim: MemberClaim) -> Iterator[tuple[Path, str]]:
    """Yield each file that the claim names, with its SHA-256; none if the statement is in no wheelhouse."""
    is_tool, at = claim.kind is MemberKind.TOOL, statement.resolve().parent
    folder = at.parent if is_tool else at
    if folder.name != FOLDER:
        return
    top, first = folder.parent, claim.builds[0].wheel
    yield (top / TOOLS if is_tool else top) / subject, first.sha256 if first else ""
    yield top / PROGRAM, claim.script
    if not is_tool:  # the name of its data depends on its place among the builds
        yield top / DATA / data_name(claim.project, claim.version), claim.data


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        msg = f"reading {path.name}: {error.strerror}"
        raise EvidenceError(msg) from error
