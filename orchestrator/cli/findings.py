"""The options of a gate, and how its report is printed."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, streams
from orchestrator.errors import UsageError
from orchestrator.model import Require
from orchestrator.util.room import refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.farm.gate import Gate
    from orchestrator.farm.run import RunOutcome
    from orchestrator.model import Exclusion
    from orchestrator.publish.findings.forms import Form, Output
    from orchestrator.publish.findings.model import Report
    from orchestrator.results.store import Results

REGRESSION = "regression"


class _Format(click.ParamType[Any]):
    """FORM or FORM=FILE."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click has it
        """Read one value."""
        from orchestrator.publish.findings import forms

        try:
            return value if isinstance(value, forms.Output) else forms.output(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


REQUIRE = options.option(
    "--require",
    type=click.Choice([level.value for level in Require]),
    help="What each release must reach, or exit status 12: the verdict reproducible; that or a proven recipe; a wheel.",
)
FAIL_ON = options.option(
    "--fail-on",
    type=click.Choice([REGRESSION]),
    help="Exit status 13 if a release got worse than it was, or than the last version of its project.",
)
FORMATS = options.option(
    "--format",
    "formats",
    multiple=True,
    type=_Format(),
    metavar="FORM[=FILE]",
    help="Write findings as text, github (annotations), junit or sarif, to standard output or FILE; may be repeated.",
)


@dataclass(frozen=True, slots=True)
class Gated:
    """A gate, and the forms of its report."""

    gate: Gate
    outputs: tuple[Output, ...]
    as_json: bool  # whether standard output has one array of results

    @property
    def prints_document(self) -> bool:
        """Whether standard output has a document of a form, and nothing else."""
        from orchestrator.publish.findings.forms import DOCUMENTS

        return any(one.file is None and one.form in DOCUMENTS for one in self.outputs)

    def report(self, outcome: RunOutcome, store: Results, config_file: Path, exclusions: Iterable[Exclusion]) -> Report:
        """Return what a run found, the `exclusions` of what was asked for included."""
        from orchestrator import config
        from orchestrator.farm import gate
        from orchestrator.publish.findings import judged

        lines = config.lines(config_file.read_text(encoding="utf-8-sig", errors="replace"))
        places = gate.Places(config_file, lines, _base())
        checked = gate.checked(outcome, store, self.gate, places, tuple(exclusions))
        return judged.report(checked, self.gate.require, regressions=self.gate.regressions)

    def end(self, report: Report, outcome: RunOutcome, config_file: Path) -> None:
        """Print and write the report; raise the error of a run that does not pass, as `gate.insist`."""
        from orchestrator.farm import gate
        from orchestrator.publish.findings import forms

        for one in self.outputs:
            text = forms.written(one.form, report, gate.Places(config_file, {}, _base()).shown(config_file))
            if one.file is None:
                _print(one.form, text)
            else:
                _write(one.file, text)
        gate.insist(report, outcome, self.gate)
        if (self.gate.require or self.gate.regressions) and not (self.as_json or self.prints_document):
            click.echo(gate.passed(report, self.gate))


def _base() -> Path:
    """Return the folder to which places are relative: the checkout that a workflow works in, or the current folder."""
    here = Path.cwd()
    checkout = Path(os.environ.get("GITHUB_WORKSPACE") or here)
    return checkout if here.is_relative_to(checkout) else here


def gate(require: str | None, fail_on: str | None, outputs: tuple[Output, ...], *, as_json: bool) -> Gated | None:
    """Return the gate that the options ask for, and None if they ask for none.

    Raises
    ------
    UsageError
        Several forms cannot share standard output.

    """
    if not (require or fail_on or outputs):
        return None
    from orchestrator.farm.gate import Gate
    from orchestrator.publish.findings import forms

    outputs = tuple(dict.fromkeys(outputs))  # a workflow adds github, which a user may have asked for
    if why := forms.clash(outputs, as_json=as_json):
        raise UsageError(why)
    if any(one.file is None and one.form is forms.Form.GITHUB for one in outputs):
        streams.defuse()
    return Gated(Gate(Require(require) if require else None, fail_on == REGRESSION), outputs, as_json)


def _print(form: Form, text: str) -> None:
    """Print a text of a form; only commands of our own may be commands to a workflow."""
    is_command = form == "github"
    if is_command:
        streams.defuse(defused=False)
    sys.stdout.write(text)
    if is_command:
        streams.defuse()


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        doing, advice = f"writing {file}", "name another file with --format"
        raise refused(doing, file.absolute().parent, error, advice) from error
