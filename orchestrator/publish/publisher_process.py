"""Writes the site in a separate process, which reads all results, so that the run's memory does not grow with them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Self

from orchestrator.errors import NoRoomError, ResultsError
from orchestrator.results import manifest
from orchestrator.util import logs
from orchestrator.util.room import is_told_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

# Not `-m`, which would import from the current folder before all others: a user may have a json.py there.
_PROGRAM = "import sys; sys.path[:] = {path!r}; from orchestrator.cli import main; main()"
_SHOWN = 2000
_PATIENCE = 10  # seconds for the process to end


class PublisherProcess:
    """A process of `wheelproof publish --when-told`, which writes the site at each request.

    It is kept running, since starting it takes longer than writing the few pages that have changed.
    """

    def __init__(self, config_file: Path, folder: Path, asked: str | None = None) -> None:
        """Write the site of the results in that folder; `asked` is `config.shown` of the configuration."""
        self._config_file, self._folder, self._asked = config_file, folder, asked
        self._page = folder / "site" / "index.html"
        of = ["--config", str(config_file), "--results", str(folder)]
        program = _PROGRAM.format(path=sys.path)
        self._command = [sys.executable, "-c", program, "publish", "--when-told", *of]
        self._process: subprocess.Popen[bytes] | None = None
        self._complaint: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the context

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process after it has written what was requested."""
        self._end()
        self._complaint.close()

    def begin(self) -> None:
        """Start the process ahead of the first request, if it is not running."""
        self._process = self._process or self._begun()

    def is_published(self) -> bool:
        """Return whether the site is complete, of this code, covers all records and is newer than the configuration."""
        is_newer = self._page.is_file() and self._page.stat().st_mtime > self._config_file.stat().st_ctime
        return is_newer and manifest.is_whole(self._folder, self._asked)

    def publish(self) -> None:
        """Write the site of the present results. If a signal ends the process, one more process tries.

        Raises
        ------
        ResultsError
            The site cannot be written; the results themselves are safe.

        """
        if self._is_written():
            return
        status = self._end()
        if status < 0:
            logs.warning("writing the site again", fault=f"its process was ended by signal {-status}")
            if self._is_written():
                return
            status = self._end()
        fault = self._complaint_text() or f"it ended with status {status}"
        msg = f"writing the site: {fault}; fix that, and run wheelproof publish"
        raise (NoRoomError if is_told_of(fault) else ResultsError)(msg)

    def _is_written(self) -> bool:
        """Let the process write the site; return False if it ends instead."""
        self.begin()
        assert self._process and self._process.stdin and self._process.stdout  # noqa: S101, PT018 - requested as pipes
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
            return bool(self._process.stdout.readline())
        return False

    def _begun(self) -> subprocess.Popen[bytes]:
        """Start the process in its own session, so that a Ctrl-C only reaches the run."""
        self._complaint.truncate(0)
        return subprocess.Popen(  # noqa: S603 - ours
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaint,
            start_new_session=True,
        )

    def _complaint_text(self) -> str:
        self._complaint.seek(0)
        return self._complaint.read().decode("utf-8", "replace").strip()[-_SHOWN:]

    def _end(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        try:
            process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        return process.returncode
