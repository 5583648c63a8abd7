"""The commands show and explain: what they print of records, hostile ones included."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.model import Verdict
from orchestrator.results.store import Results
from tests.sample_results import IMAGE, all_hostile, explained, sample
from tests.unit.cli.commands import ROOT, assert_harmless, run

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Result


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """Make a folder with a configuration, and results of two images and of a hostile package."""
    (tmp_path / "config.yaml").write_text("")
    for result in (
        sample("markupsafe", "2.1.4", days=-1),
        explained(),
        explained(image=replace(IMAGE, name="trixie"), days=-2),
        all_hostile(sample("rude", "1.0", Verdict.SENSITIVE)),
    ):
        keep(tmp_path, result)
    return tmp_path


def keep(folder: Path, result: Result) -> None:
    """Write a record."""
    Results(folder / "results", wheels=1, logs=1).write(result)


def test_explain_reports_all_that_is_known(farm: Path) -> None:
    """The verdict, its severity, causes, proofs, remedies, and what is unexplained or open."""
    ended = run("explain", "markupsafe==2.1.5", folder=farm)
    assert ended.status == 0, ended.err
    out = " ".join(ended.out.split())
    for expected in (
        "markupsafe 2.1.5 on bookworm: sensitive",
        "The bytes are the same when build-path and umask are held.",
        "debug-only: Everything loaded at run time is the same: only debug information differs.",
        "debug-path (isolated; caused by build-path)",
        "archive-modes (trace; may be caused by umask)",
        "first 0644 second 0664",
        "_speedups.cpython-311-x86_64-linux-gnu.so: content .note.strange first 0x10: 00 1a 2f ^^ second 0x10: 00 1b",
        "hold-umask umask first other bytes, debug-only",
        "prefix-map-source, fix-umask: proven, as part of a set: built with fix-umask and prefix-map-source together",
        "no-debug-info: rejected: the wheels then differ in code; it changed what is compiled",
        "Left open: whether timezone does it, too",
        "3 builds gave the bytes of the first",
        "sh: not run: nothing is known of the wheel that this text gives; no budget was left",
        "On the index: The wheel on the index has other bytes than the first build's. Code that may run differs.",
    ):
        assert expected in out


def test_explain_prints_all_places_if_they_are_asked_for(farm: Path) -> None:
    """And else how many there are more."""
    result = explained("many-places", "1.0")
    (left,) = result.unexplained
    many = tuple(replace(left, where=f"place-{number}") for number in range(5))
    keep(farm, replace(result, unexplained=many))
    assert "and 2 more places" in run("explain", "many-places", folder=farm).out
    assert "place-4" in run("explain", "many-places", "--all", folder=farm).out


def test_a_recipe_is_printed_as_it_is(farm: Path) -> None:
    """The tabs of a makefile and the first line of a script are kept."""
    assert (
        "\n%:\n\tdh $@ --buildsystem=pybuild\n"
        in run("explain", "markupsafe", "--recipe", "debian-rules", folder=farm).out
    )
    assert run("explain", "markupsafe", "--recipe", "sh", folder=farm).out == "#!/bin/sh\nset -eu\n"


def test_the_report_is_markdown_for_each_party(farm: Path) -> None:
    """With the evidence; a reproducible result has nothing to report."""
    out = run("explain", "markupsafe", "--report", folder=farm).out
    assert out.startswith("# Wheels of markupsafe 2.1.5 are not reproducible\n")
    assert "# Wheels are not reproducible because of setuptools: markupsafe 2.1.5, for example\n" in out
    assert "\n```diff\n-0644\n+0664\n```\n" in out
    assert "nothing to report" in run("explain", "markupsafe==2.1.4", "--report", folder=farm).out


def test_explain_takes_a_version_and_an_image(farm: Path) -> None:
    """And lists the project's other results where there is no such result."""
    assert run("explain", "markupsafe", folder=farm).out.startswith("markupsafe 2.1.5 on bookworm")
    assert run("explain", "markupsafe==2.1.4", folder=farm).out.startswith("markupsafe 2.1.4 on bookworm: reproducible")
    assert run("explain", "markupsafe", "--image", "trixie", folder=farm).out.startswith("markupsafe 2.1.5 on trixie")
    ended = run("explain", "markupsafe==2.1.4", "--image", "trixie", folder=farm)
    assert (ended.status, ended.out) == (2, "")
    assert "markupsafe==2.1.4 on trixie: there is no result; markupsafe has results for 2.1.4 on " in ended.err
    assert "2.1.5 on bookworm, 2.1.5 on trixie" in ended.err


def test_show_lists_earlier_results(farm: Path) -> None:
    """After the current result."""
    out = run("show", "markupsafe", "--image", "bookworm", folder=farm).out
    assert out.startswith("markupsafe 2.1.5 on bookworm: sensitive")
    assert "Differs in: markupsafe/_speedups.cpython-311-x86_64-linux-gnu.so (content)" in out
    assert "dist-info/RECORD" not in out
    earlier = out.partition("Earlier:")[2]
    assert "2.1.4" in earlier
    assert "2.1.5" not in earlier
    assert "trixie" not in out


def test_show_compares_all_images(farm: Path) -> None:
    """Side by side first, then the verdict of each; an image without a result is an error."""
    keep(farm, sample("markupsafe", "2.1.5", Verdict.FTBFS, image=replace(IMAGE, name="trixie"), days=1))
    out = run("show", "markupsafe", folder=farm).out
    assert out.startswith("markupsafe 2.1.5 on bookworm and trixie\n  The verdicts are not the same.\n")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "Debian bookworm trixie" in lines
    assert "Python 3.11 3.13" in lines
    assert "Verdict sensitive ftbfs differs" in lines
    headlines = [line for line in lines if line.startswith("markupsafe 2.1.5 on ")]
    assert headlines[1:] == ["markupsafe 2.1.5 on bookworm: sensitive", "markupsafe 2.1.5 on trixie: ftbfs"]
    earlier = [line.split() for line in out.partition("Earlier:")[2].splitlines() if line.startswith("markupsafe")]
    assert [one[1:3] for one in earlier] == [["2.1.4", "bookworm"], ["2.1.5", "trixie"]]
    assert run("show", "markupsafe", "--image", "rust", folder=farm).status == 2


@pytest.mark.parametrize("command", [("show",), ("explain",), ("explain", "--report")])
def test_a_hostile_result_reaches_no_terminal(farm: Path, command: tuple[str, ...]) -> None:
    """Whatever its texts are, though all of them are printed."""
    ended = run(*command, "rude", folder=farm)
    assert ended.status == 0, ended.err
    assert_harmless(ended.out.replace("\t", "") + ended.err)
    assert "--report" in command or "gnp.exe" in ended.out


def test_show_fits_half_a_page(farm: Path) -> None:
    """With several images and many earlier results; recipes and whole hashes are for explain."""
    for day in range(10, 30):
        keep(farm, explained(days=-day))
    for arguments in (("markupsafe",), ("markupsafe", "--image", "bookworm")):
        out = run("show", *arguments, folder=farm).out
        assert len(out.splitlines()) <= 30
        assert "debian/rules" not in out
        assert not re.search(r"\b[0-9a-f]{13,}\b", out)
        assert re.search(r"\b[0-9a-f]{12}\b", out)
        assert "and 18 more; --json prints all of them" in out


def test_show_prints_records_as_json(farm: Path) -> None:
    """All of the project's, newest first, as run prints them."""
    results = json.loads(run("show", "markupsafe", "--json", folder=farm).out)
    assert [(one["project"], one["version"]) for one in results] == [
        ("markupsafe", "2.1.5"),
        ("markupsafe", "2.1.4"),
        ("markupsafe", "2.1.5"),
    ]
    assert json.loads(run("show", "markupsafe==2.1.4", "--json", folder=farm).out)[0]["verdict"] == "reproducible"


def test_show_counts_records_that_are_left_out(farm: Path) -> None:
    """Those that cannot be read, and those that are not where they belong."""
    assert "cannot be read" not in run("show", "markupsafe", folder=farm).out
    records = farm / "results" / "records"
    (records / "markupsafe" / "broken.json").write_text("{")
    (records / "markupsafe" / "misplaced.json").write_bytes(next((records / "rude").iterdir()).read_bytes())
    out = run("show", "markupsafe", folder=farm).out
    assert "2 records in " in out
    assert "cannot be read, or are not where they belong; the log names them" in out


def test_a_project_whose_records_cannot_be_read_is_said_to_have_some(farm: Path) -> None:
    """Otherwise it would seem never to have been built."""
    folder = farm / "results" / "records" / "six"
    folder.mkdir()
    (folder / "broken.json").write_text("{")
    ended = run("show", "six", folder=farm)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.endswith("cannot be read, or is not where it belongs; the log names it\n")


@pytest.mark.parametrize("project", ["", "markupsafe>=9", "markupsafe==2.*", "markupsafe==1,!=2"])
@pytest.mark.parametrize("command", ["show", "explain"])
def test_a_range_of_releases_is_refused(farm: Path, command: str, project: str) -> None:
    """In one line."""
    ended = run(command, project, folder=farm)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.endswith("write NAME or NAME==VERSION\n")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("project", "message"),
    [
        ("markupsave", "looking for markupsave: there is no result; did you mean 'markupsafe'?"),
        ("six", "looking for six: there is no result; there are results for markupsafe, rude"),
        ("rude==1.0", "reading 'rude==1.0': it is one release, but all of a project are compared; write rude"),
    ],
)
def test_drift_refuses_what_has_no_results(farm: Path, project: str, message: str) -> None:
    """Nothing that is found would look the same."""
    ended = run("drift", "rude", project, folder=farm)
    assert (ended.status, ended.out, ended.err) == (2, "", f"wheelproof: {message}\n")
    assert not (farm / "results" / ".lock").exists()


@pytest.mark.parametrize(("lines", "paged"), [(24, True), (200, False)])
def test_long_output_goes_through_a_pager(farm: Path, lines: int, *, paged: bool) -> None:
    """On a terminal that is shorter, and wrapped to its width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 60, 0, 0))
    environment = {"PYTHONPATH": str(ROOT), "PAGER": "sed s/^/paged:/", "PATH": os.environ["PATH"], "TERM": "xterm"}
    command = [sys.executable, "-m", "orchestrator", "explain", "markupsafe"]
    process = subprocess.Popen(command, cwd=farm, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    read = b""
    with suppress(OSError):  # the terminal's end
        while piece := os.read(ours, 1 << 16):
            read += piece
    os.close(ours)
    assert process.wait(60) == 0
    shown = read.decode().replace("\r", "").splitlines()
    assert shown[0].startswith("paged:markupsafe 2.1.5") == paged
    before_the_recipe = shown[: next(number for number, line in enumerate(shown) if "Recipe: " in line)]
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line).removeprefix("paged:")) for line in before_the_recipe) <= 60
