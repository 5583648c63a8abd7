"""Run one command in a virtual host: `python -m tests.virtual_host FOLDER -- COMMAND ...`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.virtual_host.machine import PROCESSOR, virtual_host


def main() -> int:
    """Start a host, bring the checkout and the images over that were asked for, and run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.virtual_host", description=__doc__)
    parser.add_argument("folder", type=Path, help="keeps the disks of the host")
    parser.add_argument("command", nargs="+", help="what root runs in it; `farm` is this checkout's wheelproof")
    parser.add_argument("--image", action="append", default=[], help="bring this image of the engine here over")
    parser.add_argument("--processor", default=PROCESSOR, help="a model that qemu knows; %(default)s by default")
    options = parser.parse_args()
    begun = time.monotonic()
    with virtual_host(options.folder, processor=options.processor) as host:
        print(f"started after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)  # noqa: T201
        for name in options.image:
            host.copy_image(name)
        command = options.command
        if command[0] == "farm":
            host.install()
            command = host.python("-m", "orchestrator", *command[1:])
        done = host.run(*command, check=False)
    sys.stdout.buffer.write(done.stdout)
    sys.stderr.buffer.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
