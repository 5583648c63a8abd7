"""Writes the site in a process of its own: it reads all results, and the run that goes on shall not grow with them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from orchestrator.errors import ResultsError

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN = 2000


def publish(config_file: Path, folder: Path) -> None:
    """Run `wheelproof publish`, out of reach of a Ctrl-C that is meant for the run.

    Raises
    ------
    ResultsError
        The site cannot be written; the results themselves are safe.

    """
    command = [sys.executable, "-m", "orchestrator", "publish", "--config", str(config_file), "--results", str(folder)]
    done = subprocess.run(command, capture_output=True, start_new_session=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-_SHOWN:] or f"it ended with status {done.returncode}"
        msg = f"writing the site: {said}; mend that, and run wheelproof publish"
        raise ResultsError(msg)
