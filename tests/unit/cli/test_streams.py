"""The reader of the output may disappear at any time; real processes, real pipes, a real terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.streams import Defused
from orchestrator.results.store import Results
from tests.sample_results import sample

ROOT = Path(__file__).resolve().parents[3]
LOGS = """
from orchestrator.cli import streams
from orchestrator.util import logs
from orchestrator.farm import progress
streams.settle()
for number in range(200):
    logs.error("x" * 1000, number=number)
with progress.shown(1) as shown:
    shown.finished("a", "a 1.0", "reproducible", "")
open("done", "w").write("all of it")
"""


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """A folder with a result."""
    tmp_path.joinpath("config.yaml").write_text("")
    Results(tmp_path / "results", wheels=1, logs=1).write(sample("six"))
    return tmp_path


def begin(folder: Path, *command: str, **streams: int) -> subprocess.Popen[bytes]:
    """Begin a program of ours in that folder."""
    return subprocess.Popen([sys.executable, *command], cwd=folder, env={"PYTHONPATH": str(ROOT)}, **streams)  # type: ignore[call-overload,no-any-return]


def test_a_log_that_nobody_reads_any_more_ends_nothing(tmp_path: Path) -> None:
    """A pipe without a reader, as after `| head`."""
    reading, writing = os.pipe()
    process = begin(tmp_path, "-c", LOGS, stderr=writing)
    os.close(writing)
    os.read(reading, 10)
    os.close(reading)
    assert process.wait(60) == 0
    assert (tmp_path / "done").read_text() == "all of it"


def test_a_terminal_that_goes_ends_nothing(tmp_path: Path) -> None:
    """Writing to it is an error then, not a broken pipe."""
    ours, theirs = os.openpty()
    process = begin(tmp_path, "-c", LOGS, stderr=theirs, stdout=theirs)
    os.close(theirs)
    os.read(ours, 10)
    os.close(ours)
    assert process.wait(60) == 0
    assert (tmp_path / "done").read_text() == "all of it"


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_stream_is_not_taken_for_a_file(farm: Path, closed: str) -> None:
    """The next file to be opened would get its number, and what is printed would go there."""
    command = f"exec {sys.executable} -m orchestrator publish {closed}"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=farm, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (farm / "results" / "site" / "packages" / "six.html").read_text().startswith("<!doctype html>")
    assert (farm / "results" / "site_data.json").read_text().startswith("{")


@pytest.mark.parametrize("command", ["show", "explain"])
def test_output_that_nobody_reads_is_no_error(farm: Path, command: str) -> None:
    """As `| head` leaves it."""
    reading, writing = os.pipe()
    os.close(reading)
    process = begin(farm, "-m", "orchestrator", command, "six", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


def test_output_that_has_no_room_is_an_error(farm: Path) -> None:
    """For it is wanted: half a JSON array is none."""
    full = os.open("/dev/full", os.O_WRONLY)
    process = begin(farm, "-m", "orchestrator", "show", "six", stdout=full, stderr=subprocess.PIPE)
    os.close(full)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 7
    assert err.startswith(b"wheelproof: printing the results: No space left on device")
    assert len(err.splitlines()) == 1


def test_a_fault_of_the_program_is_one_clear_line_below_its_traceback(farm: Path) -> None:
    """And an exit status that no verdict has."""
    broken = (
        "import sys; from orchestrator import cli, config; config.load = None; "
        "sys.argv = ['wheelproof', 'show', 'six']; cli.main()"
    )
    process = begin(farm, "-c", broken, stderr=subprocess.PIPE)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Traceback (most recent call last)" in err
    assert err.splitlines()[-1].startswith(b"wheelproof: a fault of wheelproof, please report it")


@pytest.mark.parametrize(
    ("pieces", "written"),
    [
        ((b"a ::b\n", b"c\n"), b"a ::b\nc\n"),
        ((b"::error::x\n",), b":\\u003aerror::x\n"),
        ((b"a\n \t::x\r::y\n",), b"a\n \t:\\u003ax\r:\\u003ay\n"),
        ((b"a\n", b":", b":x"), b"a\n:\\u003ax"),
        ((b"a", b"::x"), b"a::x"),
        ((b"\xc2\xa0\xe2\x80\xa8", b"::x"), b"\xc2\xa0\xe2\x80\xa8:\\u003ax"),
        ((b"a ##[group]b",), b"a ##\\u005bgroup]b"),
        ((b"a #", b"#", b"[x] #[y]"), b"a ##\\u005bx] #[y]"),
        ((b"", b"::", b""), b":\\u003a"),
    ],
)
def test_nothing_that_is_printed_is_a_command_to_a_workflow(pieces: tuple[bytes, ...], written: bytes) -> None:
    """However it is cut into pieces."""
    stream = Defused()
    assert b"".join(map(stream.feed, pieces)) == written


@pytest.mark.parametrize("in_workflow", [False, True])
def test_in_a_workflow_hostile_lines_are_harmless(*, in_workflow: bool) -> None:
    """On both streams, and in a real process."""
    program = "import sys\nfrom orchestrator.cli import streams\nstreams.settle()\n"
    program += "print('::error::x')\nprint('::error::y', file=sys.stderr)\n"
    program += "streams.defuse(defused=False)\nprint('::notice::ours')\n"
    more = {"GITHUB_ACTIONS": "true"} if in_workflow else {}
    ended = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT), **more}, capture_output=True, check=True
    )
    colons = rb":\u003a" if in_workflow else b"::"
    assert ended.stdout == colons + b"error::x\n::notice::ours\n"
    assert ended.stderr == colons + b"error::y\n"
