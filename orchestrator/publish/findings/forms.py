"""The forms of a report: the value of `--format`, and the text of each."""

from __future__ import annotations

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
    if separator and not Path(file).absolute().parent.is_dir():
        msg = f"the folder of {file} does not exist"
        raise ValueError(msg)
    return Output(Form(name), Path(file) if separator else None)


def clash(outputs: Iterable[Output], *, as_json: bool) -> str:
    """Return why the forms cannot share standard output; empty if they can."""
    printed = [one.form.value for one in outputs if one.file is None]
    whole = [name for name in printed if Form(name) in DOCUMENTS]
    if as_json and printed:
        return f"--json and --format {printed[0]} both print on standard output; write one to a file: {printed[0]}=FILE"
    if whole and len(printed) > 1:
        return f"--format {whole[0]} prints a whole document; write it to a file: {whole[0]}=FILE"
    return ""


def written(form: Form, report: Report, fallback: str) -> str:
    """Return a report in a form; `fallback` is the file in which SARIF shows a finding that has no place."""
    if form is Form.JUNIT:
        return junit.document(report)
    if form is Form.SARIF:
        return sarif.document(report, fallback)
    lines = github.lines(report) if form is Form.GITHUB else text.lines(report)
    return "".join(f"{line}\n" for line in lines if line)
