"""Runs the real program as of another moment: a clock that is ahead of this host's, or behind it, by preloading.

    clock = Clock(folder)
    subprocess.run([...], env={**os.environ, **clock.at(datetime(2026, 1, 31, 3, tzinfo=UTC))})

It is the clock of the images, images/clock.c, with three changes. Its offset is in a file of the test. The times of
files stay real, since the same file is read at several moments here. A process that is forked reads the offset again.
The program and all that it starts on this host see the moment; containers and the engine do not. A moment in the past
is safer than one in the future, because the engine dates its containers by the real clock.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from tests.installed import ROOT

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

SOURCE = ROOT / "images" / "clock.c"
AGAIN = """
static void again(void) { offset = read_offset(); }
__attribute__((constructor)) static void heed_forks(void) { pthread_atfork(NULL, NULL, again); }
"""


class Clock:
    """A clock for the processes of a test."""

    def __init__(self, folder: Path) -> None:
        """Compile it into that folder."""
        self._offset = folder / "clock-offset"
        self._library = folder / "libclock.so"
        text = SOURCE.read_text(encoding="utf-8")
        for name, value in (("CLOCK_FILE", self._offset), ("STARTED", folder / "absent")):
            before, define, after = text.partition(f'#define {name} "')
            assert define, name
            text = f'{before}{define}{value}"{after.partition(chr(34))[2]}'
        compiler = shutil.which("cc") or shutil.which("gcc")
        assert compiler, "scripts/setup-compiler installs one"
        command = [compiler, "-O2", "-shared", "-fPIC", "-x", "c", "-o", str(self._library), "-", "-ldl", "-lpthread"]
        subprocess.run(command, input=text + AGAIN, text=True, check=True, capture_output=True)

    def at(self, moment: datetime) -> dict[str, str]:
        """Return the variables with which a process begins at a moment; those that run already keep theirs."""
        self._offset.write_text(str(round(moment.timestamp() - time.time())))
        return {"LD_PRELOAD": str(self._library)}
