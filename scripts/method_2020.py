"""The method of the tracker of 2020, timed: `pip wheel` from source, twice, one release after the other.

Runs inside a container, with nothing but the standard library; prints a line of JSON for each release.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PIP = (sys.executable, "-m", "pip", "wheel")
AS_IN_2020 = ("--no-binary", ":all:", "--no-cache-dir")
PATIENCE = 900  # seconds for one `pip wheel`
_LAST_WORDS = 2000  # characters of a failed build's log


def once(requirement: str, *options: str) -> tuple[float, int, str]:
    """Build once; return how many seconds that took, how many wheels came of it, and why it failed."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        log = ""
        try:
            done = subprocess.run(  # noqa: S603 - the releases are named by the list of `make bench`
                [*PIP, requirement, *AS_IN_2020, *options],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
                check=False,
            )
            log = done.stdout.decode(errors="replace")[-_LAST_WORDS:] if done.returncode else ""
        except subprocess.TimeoutExpired:
            log = f"took longer than {PATIENCE} s"
        return time.monotonic() - begun, len(list(Path(folder).glob("*.whl"))), log


def twice(requirement: str, once: Callable[..., tuple[float, int, str]] = once) -> dict[str, Any]:
    """Build twice; and, where dependencies were built too, twice more without them."""
    first = once(requirement)
    if first[2]:
        return {"requirement": requirement, "failure": first[2]}
    second = once(requirement)
    seconds = alone = first[0] + second[0]
    failure = second[2]
    if first[1] > 1 and not failure:
        without = [once(requirement, "--no-deps") for _ in range(2)]
        alone = sum(one[0] for one in without)
        failure = without[0][2] or without[1][2]
    if failure:
        return {"requirement": requirement, "failure": failure}
    return {"requirement": requirement, "seconds": seconds, "alone": alone, "wheels": first[1]}


def main() -> None:
    """Time the releases that the command line names."""
    os.umask(0o022)
    for requirement in sys.argv[1:]:
        print(json.dumps(twice(requirement)), flush=True)


if __name__ == "__main__":
    main()
