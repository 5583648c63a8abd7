"""The commands that need no engine: what they print, how they end, and that nothing hostile gets through them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.model import Severity, Verdict
from orchestrator.results.store import Results
from tests.sample_results import HOSTILE, IMAGE, all_hostile, explained, sample
from tests.samples import wheel

if TYPE_CHECKING:
    from orchestrator.model import Result

ROOT = Path(__file__).resolve().parents[3]
NAME = "pkg-1.0-py3-none-any.whl"
MEMBERS = {
    "pkg/__init__.py": b"value = 1\n",
    "pkg-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n",
    "pkg-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: by hand\nTag: py3-none-any\n",
    "pkg-1.0.dist-info/RECORD": b"pkg/__init__.py,,\n",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


def run(*arguments: str | Path, folder: Path = ROOT) -> Ended:
    """Run a command as users do."""
    command = [sys.executable, "-m", "orchestrator", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, env={"PYTHONPATH": str(ROOT)})
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def made(folder: Path, members: Any = None, name: str = NAME) -> Path:  # noqa: ANN401 - as tests.samples.wheel takes it
    """Write a wheel in a folder of its own."""
    folder.mkdir()
    return wheel(folder / name, MEMBERS if members is None else members)


def assert_harmless(text: str) -> None:
    """Nothing in it that a terminal might obey, or that turns text around."""
    assert not {one for one in text if not one.isprintable()} - {"\n"}


# --- compare ---------------------------------------------------------------------------------


def test_equal_wheels_end_with_0(tmp_path: Path) -> None:
    """And say so, in words and in JSON."""
    first, second = made(tmp_path / "1"), made(tmp_path / "2")
    ended = run("compare", first, second)
    assert (ended.status, ended.err) == (0, "")
    assert "the same bytes" in ended.out
    told = json.loads(run("compare", "--json", first, second).out)
    file = {"filename": NAME, "sha256": hashlib.sha256(first.read_bytes()).hexdigest(), "size": first.stat().st_size}
    assert told == {
        "first": file,
        "second": file,
        "equal": True,
        "severity": "none",
        "causes": [],
        "unexplained": [],
        "differences": [],
    }


def test_wheels_that_differ_end_with_1(tmp_path: Path) -> None:
    """Whatever differs is explained, or said not to be."""
    first, second = made(tmp_path / "1"), made(tmp_path / "2", MEMBERS | {"pkg/__init__.py": b"value = 2\n"})
    ended = run("compare", first, second)
    assert (ended.status, ended.err) == (1, "")
    assert "at run time" not in ended.out
    assert "pkg/__init__.py" in ended.out
    told = json.loads(run("compare", second, first, "--json").out)
    assert told["equal"] is False
    assert told["severity"] in {Severity.DATA, Severity.CODE}
    assert [(one["path"], one["aspect"]) for one in told["differences"]] == [("pkg/__init__.py", "content")]
    assert told["causes"] or told["unexplained"]


def test_the_same_bytes_under_another_name_differ(tmp_path: Path) -> None:
    """The tags are in the name, and an installer goes by them."""
    ended = run("compare", made(tmp_path / "1"), made(tmp_path / "2", name="pkg-1.0-py2.py3-none-any.whl"))
    assert ended.status == 1
    assert "tags" in ended.out


def test_modes_that_follow_the_umask_are_said_to_leave_what_is_loaded_alone(tmp_path: Path) -> None:
    """In the sentence that is said only where it is so."""

    def with_mode(mode: int) -> list[tuple[zipfile.ZipInfo, bytes]]:
        infos = [(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content) for name, content in MEMBERS.items()]
        for info, _ in infos:
            info.external_attr = (0o100000 | mode) << 16
        return infos

    first, second = made(tmp_path / "1", with_mode(0o644)), made(tmp_path / "2", with_mode(0o664))
    ended = run("compare", first, second)
    assert ended.status == 1
    assert ended.out.startswith("Everything loaded at run time is the same")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("missing", None, "it is not there"),
        ("passwd", b"root:x:0:0\n", "Invalid wheel filename"),
        (NAME, b"not a zip", "broken-wheel"),
        (NAME, b"", "broken-wheel"),
        ("folder", Path(), "no plain file"),
    ],
)
def test_what_is_no_wheel_is_told_in_one_line(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    """With the status for that, which is not that of a difference."""
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
    for pair in ((path, path), (made(tmp_path / "1"), path)):
        ended = run("compare", *pair)
        assert (ended.status, ended.out) == (2, "")
        assert told in ended.err
        assert len(ended.err.splitlines()) == 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("sin", ["../escapes", "/absolute", "twice", "link"])
def test_a_hostile_wheel_is_refused(tmp_path: Path, sin: str) -> None:
    """In one line, too."""
    members: list[tuple[zipfile.ZipInfo | str, bytes]] = list(MEMBERS.items())
    if sin == "link":
        info = zipfile.ZipInfo("pkg/link")
        info.external_attr = 0o120777 << 16
        members.append((info, b"/etc/passwd"))
    elif sin == "twice":
        members.append(("pkg/__init__.py", b""))
    else:
        members.append((sin, b""))
    ended = run("compare", made(tmp_path / "1", members), made(tmp_path / "2"))
    assert (ended.status, ended.out) == (2, "")
    assert "unsafe-wheel" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_hostile_names_and_contents_reach_no_terminal(tmp_path: Path) -> None:
    """Neither alone nor as lines that look like ours."""
    name = f"pkg/{HOSTILE}\nEverything loaded at run time is the same.py".replace("../", "")
    hostile = {name: HOSTILE.encode() + b"\x9b31m\xff", "pkg/\x1b]0;owned\x07": b"1"}
    first = made(tmp_path / "1", {**MEMBERS, **hostile})
    second = made(tmp_path / "2", {**MEMBERS, **dict.fromkeys(hostile, b"other")})
    ended = run("compare", first, second)
    assert ended.status == 1, ended.err
    assert_harmless(ended.out + ended.err)
    assert not [line for line in ended.out.splitlines() if line.startswith("Everything")]
    told = run("compare", "--json", first, second).out
    assert_harmless(told)
    assert name in {one["path"] for one in json.loads(told)["differences"]}


def test_comparing_waits_for_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """Neither the engine's library nor what reads configurations is loaded."""
    first = made(tmp_path / "1")
    code = f"""
import sys
from orchestrator import cli
try:
    cli.cli(["compare", {str(first)!r}, {str(first)!r}])
except SystemExit:
    print(*sorted({{"docker", "pydantic", "yaml", "jinja2", "requests"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)
    assert done.stdout.splitlines() == ["The two wheels are the same bytes.", ""]


# --- show and explain ------------------------------------------------------------------------


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


def test_explain_tells_the_whole_story(farm: Path) -> None:
    """Verdict, depth, what does it, what proves it, what repairs it, what is left and what is open."""
    ended = run("explain", "markupsafe==2.1.5", folder=farm)
    assert ended.status == 0, ended.err
    told = " ".join(ended.out.split())
    for expected in (
        "markupsafe 2.1.5 on bookworm: sensitive",
        "The bytes are the same when build-path and umask are held.",
        "debug-only: Everything loaded at run time is the same: only debug information differs.",
        "debug-path (isolated; done by build-path)",
        "archive-modes (trace; can be done by umask)",
        "first 0644 second 0664",
        "_speedups.cpython-311-x86_64-linux-gnu.so: content, .note.strange",
        "hold-umask umask first other bytes, debug-only",
        "prefix-map-source: proven",
        "no-debug-info: rejected: the wheels then differ in code; it changed what is compiled",
        "Left open: whether timezone does it, too",
        "3 builds gave the bytes of the first",
        "Recipe: debian/rules #!/usr/bin/make -f",
        "umask 022; dh_auto_build",
        "On the index: The wheel on the index has other bytes than the first build's. Code that may run differs.",
    ):
        assert expected in told


def test_a_recipe_can_be_pasted(farm: Path) -> None:
    """A rule of make begins with a tab, and a script with its interpreter."""
    out = run("explain", "markupsafe", folder=farm).out
    assert "\n%:\n\tdh $@ --buildsystem=pybuild\n" in out
    assert "\nRecipe: pip\n#!/bin/sh\n" in out


def test_the_report_is_markdown_for_the_project_itself(farm: Path) -> None:
    """With the evidence; of what is reproducible there is nothing to report."""
    told = run("explain", "markupsafe", "--report", folder=farm).out
    assert told.startswith("# Wheels of markupsafe 2")
    assert "| `0644` | `0664` |" in told
    assert "nothing to report" in run("explain", "markupsafe==2.1.4", "--report", folder=farm).out


def test_explain_takes_a_version_and_an_image(farm: Path) -> None:
    """And says what there is where there is no such result."""
    assert run("explain", "markupsafe", folder=farm).out.startswith("markupsafe 2.1.5 on bookworm")
    assert run("explain", "markupsafe==2.1.4", folder=farm).out.startswith("markupsafe 2.1.4 on bookworm: reproducible")
    assert run("explain", "markupsafe", "--image", "trixie", folder=farm).out.startswith("markupsafe 2.1.5 on trixie")
    ended = run("explain", "markupsafe==2.1.4", "--image", "trixie", folder=farm)
    assert (ended.status, ended.out) == (2, "")
    assert "markupsafe==2.1.4 on trixie: there is no result; there are results for markupsafe, rude" in ended.err


def test_show_tells_what_was_before(farm: Path) -> None:
    """After the story of the newest on an image, and what differs in it."""
    told = run("show", "markupsafe", "--image", "bookworm", folder=farm).out
    assert told.startswith("markupsafe 2.1.5 on bookworm: sensitive")
    assert "dist-info/RECORD" in told
    earlier = told.partition("Earlier:")[2]
    assert "2.1.4" in earlier
    assert "2.1.5" not in earlier
    assert "trixie" not in told


def test_show_tells_of_every_image(farm: Path) -> None:
    """Side by side first, and then the story of each; of an image without a result it says so."""
    keep(farm, sample("markupsafe", "2.1.5", Verdict.FTBFS, image=replace(IMAGE, name="trixie"), days=1))
    told = run("show", "markupsafe", folder=farm).out
    assert told.startswith("markupsafe 2.1.5 on bookworm and trixie\n  The verdicts are not the same.\n")
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert "Debian bookworm trixie" in lines
    assert "Python 3.11 3.13" in lines
    assert "Verdict sensitive ftbfs differs" in lines
    stories = [line for line in lines if line.startswith("markupsafe 2.1.5 on ")]
    assert stories[1:] == ["markupsafe 2.1.5 on bookworm: sensitive", "markupsafe 2.1.5 on trixie: ftbfs"]
    earlier = [line.split() for line in told.partition("Earlier:")[2].splitlines() if line.startswith("markupsafe")]
    assert [one[1:3] for one in earlier] == [["2.1.4", "bookworm"], ["2.1.5", "trixie"]]
    assert run("show", "markupsafe", "--image", "rust", folder=farm).status == 2


@pytest.mark.parametrize("command", [("show",), ("explain",), ("explain", "--report")])
def test_a_hostile_result_reaches_no_terminal(farm: Path, command: tuple[str, ...]) -> None:
    """Whatever its texts are, and though all of them are told."""
    ended = run(*command, "rude", folder=farm)
    assert ended.status == 0, ended.err
    assert_harmless(ended.out.replace("\t", "") + ended.err)
    assert "--report" in command or "gnp.exe" in ended.out
