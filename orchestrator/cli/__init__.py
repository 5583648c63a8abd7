"""The commands. The only folder that imports click.

A command imports by itself what no other command needs, so that each one starts quickly.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

import click

from orchestrator import __version__
from orchestrator.cli import (
    agree,
    attest,
    clean,
    compare,
    drift,
    exclusions,
    explain,
    images,
    init,
    listing,
    method_2020,
    plan,
    publish,
    replay,
    run,
    show,
    since,
    streams,
    verify,
    wheelhouse,
    wheels,
    witness,
)
from orchestrator.errors import FaultError, Interrupted, UsageError, WheelproofError
from orchestrator.farm.workers import stop_signals
from orchestrator.util import cache, logs
from orchestrator.util.room import shortage

EPILOG = """Each option can also be set by an environment variable, WHEELPROOF_COMMAND_OPTION: for instance
WHEELPROOF_RUN_JOBS=4. WHEELPROOF_CONFIG, WHEELPROOF_RESULTS, WHEELPROOF_QUIET and WHEELPROOF_LOG_FORMAT
apply to every command. The command line overrides them.

Completion in bash: eval "$(_WHEELPROOF_COMPLETE=bash_source wheelproof)"; zsh_source and fish_source
are for the other shells.

Exit status: 0 every job got a verdict, whatever it is; 1 a fault of wheelproof; 2 the command line is
wrong, or asks for something that does not exist; 3 the configuration is wrong; 4 the container engine
fails; 5 an image cannot be made; 6 the package index fails; 7 the results or the cache cannot be used;
8 another run uses the same results; 9 some jobs got no verdict; 10 a witness found hashes that do not
match, or a replay gives another wheel; 11 a published wheel does not reach what --require asks for; 12 a
release does not; 13 something got worse, and --fail-on or --fail asks for this status; 14 a statement or its
signature is not valid; 15 too few farms agree; 16 Dask's scheduler or its workers do not answer; 17
one recipe does not give all wheels of a set; 130 stopped by SIGINT, SIGTERM, SIGHUP or SIGQUIT. Of compare:
0 equal, 1 different, 2 an error."""

NAME = "wheelproof"

_GARBAGE = 10_000, 5, 2  # see gc.set_threshold; by default (700, 10, 10), it searches while modules load, for nothing
_TICK = 0.2
"""Seconds between two interruptions of a system call that the main thread waits for."""

COMMANDS = (
    init.init,
    run.run,
    verify.verify,
    plan.plan,
    show.show,
    explain.explain,
    publish.publish,
    compare.compare,
    exclusions.exclusions,
    images.images,
    witness.witness,
    replay.replay,
    attest.attest,
    agree.agree,
    drift.drift,
    since.since,
    listing.listing,
    wheels.wheels,
    wheelhouse.wheelhouse,
    method_2020.method_2020,
    clean.clean,
)


@click.group(
    epilog=EPILOG,
    commands=COMMANDS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": NAME.upper(),
    },
)
@click.version_option(__version__, "-V", "--version", prog_name=NAME)
def cli() -> None:
    """Prove which Python wheels can be rebuilt bit for bit."""


def main() -> None:
    """Run a command; every foreseen error is one message and an exit status."""
    streams.settle()
    gc.set_threshold(*_GARBAGE)
    _heed_signals()
    os.umask(cache.READABLE)
    try:
        cli(prog_name=NAME, standalone_mode=False)
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
    except Exception as error:  # noqa: BLE001 - the outermost level
        known = shortage(error) or FaultError.of(error)
        if isinstance(known, FaultError):
            logs.fault("wheelproof has a fault", known)
        click.echo(f"wheelproof: {logs.printable(str(known))}", err=True)
        sys.exit(known.exit_status)


def _heed_signals() -> None:
    """Let each signal that asks to stop raise KeyboardInterrupt, at the latest _TICK seconds after it came.

    Python only notes a signal, and acts on it between two instructions. A signal that comes after the last
    instruction before a system call does not interrupt that call, which may wait for minutes; the next tick does.
    """
    for number in stop_signals():
        signal.signal(number, signal.default_int_handler)
    signal.signal(signal.SIGALRM, lambda _number, _frame: None)  # one that is ignored would interrupt nothing
    # At its end, Python restores what SIGALRM does by default: it kills the process.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)


def _leave(message: str) -> NoReturn:
    """End at once: a thread may still wait for a network, but nothing of it would be lost."""
    click.echo(f"wheelproof: {message}", err=True)
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(Interrupted.exit_status)
