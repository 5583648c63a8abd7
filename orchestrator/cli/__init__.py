"""The commands. The only place where the parts are put together, and the only one that imports click.

What a command needs, and others do not, it imports by itself: each shall answer at once.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

import click

from orchestrator import __version__
from orchestrator.cli import (
    compare,
    drift,
    exclusions,
    explain,
    images,
    init,
    plan,
    publish,
    run,
    show,
    streams,
    witness,
)
from orchestrator.errors import FaultError, Interrupted, UsageError, WheelproofError
from orchestrator.farm.workers import stop_signals
from orchestrator.util import logs
from orchestrator.util.room import shortage

EPILOG = """Exit status: 0 every job got a verdict, whatever it is; 1 a fault of wheelproof; 2 the
command line is wrong; 3 the configuration is; 4 the container engine fails; 5 an image cannot be made;
6 the package index fails; 7 the results or the cache cannot be used; 8 another run works on the same
results; 9 some jobs got no verdict; 10 a witness found hashes that do not hold; 130 stopped, by SIGINT,
SIGTERM, SIGHUP or SIGQUIT. Of compare: 0 the same bytes, 1 they differ, 2 trouble."""

READABLE = 0o022
"""The umask of every command: the users of containers have to read what the cache holds."""

COMMANDS = (
    init.init,
    run.run,
    plan.plan,
    show.show,
    explain.explain,
    publish.publish,
    compare.compare,
    exclusions.exclusions,
    images.images,
    witness.witness,
    drift.drift,
)


@click.group(
    epilog=EPILOG,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="wheelproof")
def cli() -> None:
    """Prove which Python wheels can be rebuilt bit for bit."""


def main() -> None:
    """Run a command; whatever is foreseen to go wrong is one message and an exit status."""
    streams.settle()
    for number in stop_signals():
        signal.signal(number, signal.default_int_handler)
    os.umask(READABLE)
    try:
        cli(standalone_mode=False)
        sys.stdout.flush()
    except Interrupted as error:
        _leave(str(error))
    except WheelproofError as error:
        click.echo(f"wheelproof: {logs.printable(str(error))}", err=True)
        sys.exit(error.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(UsageError.exit_status)
    except (click.Abort, KeyboardInterrupt):
        _leave("stopped")
    except Exception as error:  # noqa: BLE001 - nothing is above
        known = shortage(error) or FaultError.of(error)
        if isinstance(known, FaultError):
            logs.fault("wheelproof has a fault", known)
        click.echo(f"wheelproof: {logs.printable(str(known))}", err=True)
        sys.exit(known.exit_status)


def _leave(message: str) -> NoReturn:
    """End at once: a thread that still waits for a network, say, holds nothing that would be lost."""
    click.echo(f"wheelproof: {message}", err=True)
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(Interrupted.exit_status)
