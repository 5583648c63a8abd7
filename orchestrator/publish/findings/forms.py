"""The forms of a report: the value of `--format`, and the text of each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.publish.findings import github, junit, sarif, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.publish.findings.model import Report


class Form(StrEnum):
    """In which form findings are written."""

    TEXT = "text"
    GITHUB = "github"
    JUNIT = "junit"
    SARIF = "sarif"


DOCUMENTS = frozenset({Form.JUNIT, Form.SARIF})
"""Forms that are a whole document, so that standard output has nothing else."""


@dataclass(frozen=True, slots=True)
class Output:
    """A form, and the file that it is written to."""

    form: Form
    file: Path | None = None  # None: standard output


def output(value: str) -> Output:
    """Read FORM or FORM=FILE; a ValueError names what is wrong."""
    name, separator, file = value.partition("=")
    if name not in tuple(Form):
        msg = f"{name!r} is not one of {', '.join(Form)}"
        raise ValueError(msg)
    if separator and not file:
        msg = f"{value!r} names no file"
        raise ValueError(msg)
    if separator and (why := _unwritable(Path(file))):
        raise ValueError(why)
    return Output(Form(name), Path(file) if separator else None)


def _unwritable(file: Path) -> str:
    """Return why a file cannot be written, before the hours of a run; empty if nothing shows that it cannot."""
    try:
        if not file.absolute().parent.is_dir():
            return f"the folder of {file} does not exist"
        if file.is_dir():
            return f"{file} is a folder; name a file in it"
        place = file if file.exists() else file.absolute().parent
    except OSError as error:  # such as a name that is too long
        return f"{error}; name another file"
    return "" if os.access(place, os.W_OK) else f"{place} may not be written; name another file"


def clash(outputs: Iterable[Output], *, as_json: bool) -> str:
    """Return why the forms cannot share standard output, or a file; empty if they can."""
    several = tuple(outputs)
    printed = [one.form.value for one in several if one.file is None]
    whole = [name for name in printed if Form(name) in DOCUMENTS]
    if as_json and printed:
        return f"--json and --format {printed[0]} both print on standard output; write one to a file: {printed[0]}=FILE"
    if whole and len(printed) > 1:
        return f"--format {whole[0]} prints a whole document; write it to a file: {whole[0]}=FILE"
    files = [os.path.realpath(one.file) for one in several if one.file is not None]
    twice = next((file for number, file in enumerate(files) if file in files[:number] and file != os.devnull), None)
    return f"two --format name the file {twice}, and one would replace the other; name another file" if twice else ""


def written(form: Form, report: Report, fallback: str) -> str:
    """Return a report in a form; `fallback` is the file in which SARIF shows a finding that has no place."""
    if form is Form.JUNIT:
        return junit.document(report)
    if form is Form.SARIF:
        return sarif.document(report, fallback)
    lines = github.lines(report) if form is Form.GITHUB else text.lines(report)
    return "".join(f"{line}\n" for line in lines if line)
