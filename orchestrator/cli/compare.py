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
@options.as_json("the comparison as one JSON object")
def compare(first: Path, second: Path, as_json: bool) -> None:
    """Tell why two wheels differ, and how deep; nothing is built, and nothing of them is run.

    Exit status: 0 the same bytes, 1 they differ, 2 they cannot be compared.
    """
    from orchestrator.analysis import compare_files
    from orchestrator.publish import terminal
    from orchestrator.publish.catalogue import summaries
    from orchestrator.util import escapes

    _bound(compare_files.SECONDS, compare_files.ROOM)
    try:
        found = compare_files.explained(first, second)
    except WheelproofError:
        raise
    except Exception as error:  # a status of 1, which Python would end with, says that they differ
        msg = f"comparing {first} with {second}: {type(error).__name__}: {error}; that is a fault of ours: report it"
        raise UsageError(msg) from error
    if as_json:
        click.echo(json.dumps(escapes.encodable(found.as_json()), indent=1))
    else:
        output.blocks(terminal.of_pair(found.diagnosis, summaries()))
    sys.exit(0 if found.equal else 1)


def _bound(seconds: int, room: int) -> None:
    """See to it that no wheel, whatever it is made of, keeps us longer, or takes more memory than it may."""

    def late(_number: int, _frame: object) -> NoReturn:
        msg = f"comparing: no end after {seconds} s of processor time; at least one of the two is made to take for ever"
        raise UsageError(msg)

    signal.signal(signal.SIGXCPU, late)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 10))
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
