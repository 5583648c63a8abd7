"""Where each record belongs: its file's name follows from its time and its id. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.model import RUN_SCHEMA, SCHEMA, VERIFICATION_SCHEMA, Result

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from orchestrator.model import Inputs, RunRecord, Verification

JOB_LENGTH = 16
"""Hex digits of a job's id in a file's name."""

STAMP = "%Y%m%dT%H%M%S.%fZ"
"""The form of a time in a file's name; it sorts by time."""

TRIALS = "method-2020"
"""The folder of the logs and rows of the method of 2020."""

SKEW = timedelta(hours=1)
"""How far ahead of this clock that of another machine may be."""


def name_of_result(result: Result) -> str:
    """Return the name of a record's file."""
    return f"{stem_of(result)}.json"


def stem_of(record: Result | Verification) -> str:
    """Return the name of a record's file without its ending: it is unique in the folder of its project."""
    return stem(record.started, record.job if isinstance(record, Result) else record.id)


def stem(started: datetime, id_: str) -> str:
    """Return the name of a record's file without its ending, given what it follows from."""
    return f"{started:{STAMP}}-{id_[:JOB_LENGTH]}"


def name_of(verification: Verification) -> str:
    """Return the name of the file of a verification's record."""
    return f"{stem_of(verification)}.json"


def after(moment: datetime) -> str:
    """Return a name that is higher than those of the records that were started until a moment."""
    return f"{moment:{STAMP}}~"


def name_of_run(run: RunRecord) -> str:
    """Return the name of the file of a run's record."""
    return f"{run.started:{STAMP}}.json"


def misplaced_run(path: Path, found: RunRecord, now: datetime) -> str:
    """Return why the record of a run does not belong to its path or its time; empty if it does."""
    if not 1 <= found.schema <= RUN_SCHEMA:
        return f"its schema is {found.schema}, and no later one than {RUN_SCHEMA} is known"
    if path.name != name_of_run(found):
        return f"it was written as {name_of_run(found)}"
    return "" if max(found.started, found.finished) <= now + SKEW else f"it is of {found.finished:%Y-%m-%d}"


def path_of(folder: Path, value: Result | Verification) -> Path:
    """Return the file of a record in a results folder."""
    if isinstance(value, Result):
        return folder / "records" / value.project / name_of_result(value)
    return folder / "verifications" / value.project / name_of(value)


def misplaced_verification(path: Path, found: Verification, now: datetime) -> str:
    """Return why the record of a verification does not belong to its path or its time; empty if it does."""
    if not 1 <= found.schema <= VERIFICATION_SCHEMA:
        return f"its schema is {found.schema}, and no later one than {VERIFICATION_SCHEMA} is known"
    if (path.parent.name, path.name) != (found.project, name_of(found)):
        return f"it was written as {found.project}/{name_of(found)}"
    return "" if max(found.started, found.finished) <= now + SKEW else f"it is of {found.finished:%Y-%m-%d}"


def misplaced(path: Path, result: Result, now: datetime) -> str:
    """Return why a record does not belong to its path, its time or this program; empty if it does."""
    if not 1 <= result.schema <= SCHEMA:
        return f"its schema is {result.schema}, and no later one than {SCHEMA} is known"
    if path.parent.name != result.project:
        return f"it is one of {result.project}"
    if path.name != name_of_result(result):
        return f"it was written as {name_of_result(result)}"
    if max(result.started, result.finished) > now + SKEW:
        return f"it is of {result.finished:%Y-%m-%d}, which is yet to come"
    if result.inputs is not None and not _are_of(result.inputs, result):
        return "its inputs are of something else"
    return ""


def _are_of(inputs: Inputs, result: Result) -> bool:
    """Whether inputs are of what a record names. Their hash is not taken: later releases read more fields into them."""
    sdist = result.sdist.sha256 if result.sdist else ""
    of = (result.project, result.version, sdist, result.image.name, result.image.manifest)
    return of == (inputs.project, inputs.version, inputs.sdist, inputs.image, inputs.manifest)
