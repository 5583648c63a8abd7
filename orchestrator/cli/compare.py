"""The command that needs nothing but two wheels: compare."""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from orchestrator.cli import options, output
from orchestrator.errors import UsageError, WheelproofError


@click.command
@click.argument("first", metavar="FIRST.whl", type=click.Path(path_type=Path))
@click.argument("second", metavar="SECOND.whl", type=click.Path(path_type=Path))
@options.everything("all differences and places that the comparison lists")
@options.as_json("the comparison as one JSON object")
def compare(first: Path, second: Path, whole: bool, as_json: bool) -> None:
    """Compare two wheels and explain the differences; nothing is built, and no code of the wheels is run.

    Exit status: 0 the same bytes, 1 they differ, 2 they cannot be compared.
    """
    from orchestrator.analysis import compare_files
    from orchestrator.publish import terminal
    from orchestrator.publish.catalogue import summaries
    from orchestrator.util import escapes

    _bound(compare_files.SECONDS, compare_files.ROOM)
    try:
        comparison = compare_files.explained(first, second)
    except WheelproofError:
        raise
    except Exception as error:  # Python would end with a status of 1, which means that they differ
        msg = f"comparing {first} with {second}: {type(error).__name__}: {error}; please report it"
        raise UsageError(msg) from error
    if as_json:
        click.echo(json.dumps(escapes.encodable(comparison.as_json()), indent=1))
    else:
        bounds = terminal.WHOLE if whole else terminal.SHORT
        output.blocks(terminal.of_pair(comparison.diagnosis, summaries(), bounds))
    sys.exit(0 if comparison.equal else 1)


def _bound(seconds: int, room: int) -> None:
    """Limit the processor time and the memory of this process, whatever the wheels contain."""

    def late(_number: int, _frame: object) -> NoReturn:
        msg = (
            f"comparing: timed out after {seconds} s of CPU time; one of the wheels may be crafted to exhaust resources"
        )
        raise UsageError(msg)

    signal.signal(signal.SIGXCPU, late)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 10))
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
