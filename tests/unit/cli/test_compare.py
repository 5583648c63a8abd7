"""The command compare: what it prints, how it ends, and that nothing hostile reaches a terminal."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from orchestrator.model import Severity
from tests.sample_results import HOSTILE
from tests.samples import wheel
from tests.unit.cli.commands import ROOT, assert_harmless, run

NAME = "pkg-1.0-py3-none-any.whl"
MEMBERS = {
    "pkg/__init__.py": b"value = 1\n",
    "pkg-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n",
    "pkg-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: by hand\nTag: py3-none-any\n",
    "pkg-1.0.dist-info/RECORD": b"pkg/__init__.py,,\n",
}


def wheel_in(folder: Path, members: Any = None, name: str = NAME) -> Path:  # noqa: ANN401 - as tests.samples.wheel takes it
    """Write a wheel into a new folder."""
    folder.mkdir()
    return wheel(folder / name, MEMBERS if members is None else members)


def test_equal_wheels_end_with_0(tmp_path: Path) -> None:
    """In text and in JSON."""
    first, second = wheel_in(tmp_path / "1"), wheel_in(tmp_path / "2")
    ended = run("compare", first, second)
    assert (ended.status, ended.err) == (0, "")
    assert "the same bytes" in ended.out
    printed = json.loads(run("compare", "--json", first, second).out)
    file = {"filename": NAME, "sha256": hashlib.sha256(first.read_bytes()).hexdigest(), "size": first.stat().st_size}
    assert printed == {
        "first": file,
        "second": file,
        "equal": True,
        "severity": "none",
        "causes": [],
        "unexplained": [],
        "differences": [],
    }


def test_wheels_that_differ_end_with_1(tmp_path: Path) -> None:
    """Each difference is explained, or listed as unexplained."""
    first, second = wheel_in(tmp_path / "1"), wheel_in(tmp_path / "2", MEMBERS | {"pkg/__init__.py": b"value = 2\n"})
    ended = run("compare", first, second)
    assert (ended.status, ended.err) == (1, "")
    assert "at run time" not in ended.out
    assert "pkg/__init__.py" in ended.out
    printed = json.loads(run("compare", second, first, "--json").out)
    assert printed["equal"] is False
    assert printed["severity"] in {Severity.DATA, Severity.CODE}
    assert [(one["path"], one["aspect"]) for one in printed["differences"]] == [("pkg/__init__.py", "content")]
    assert printed["causes"] or printed["unexplained"]


def test_many_places_are_cut_unless_all_are_asked_for(tmp_path: Path) -> None:
    """How many there are more is printed; the data has all of them."""
    lines = [[f"value_{number} = {number + much}\n\nsame_{number} = 1\n" for number in range(9)] for much in (0, 100)]
    first, second = (
        wheel_in(tmp_path / f"{at}", MEMBERS | {"pkg/__init__.py": "\n".join(one).encode()})
        for at, one in enumerate(lines)
    )
    short, everything = run("compare", first, second).out, run("compare", "--all", first, second).out
    printed = json.loads(run("compare", "--json", first, second).out)["unexplained"]
    assert len(printed) == 9
    assert "and 6 more places" in short
    assert "more" not in everything
    assert all(one["where"] in everything for one in printed)


def test_the_same_bytes_under_another_name_differ(tmp_path: Path) -> None:
    """The name has the tags, and an installer reads them."""
    ended = run("compare", wheel_in(tmp_path / "1"), wheel_in(tmp_path / "2", name="pkg-1.0-py2.py3-none-any.whl"))
    assert ended.status == 1
    assert "tags" in ended.out


def test_modes_that_follow_the_umask_do_not_change_what_is_loaded(tmp_path: Path) -> None:
    """The first sentence is printed only where that is true."""

    def with_mode(mode: int) -> list[tuple[zipfile.ZipInfo, bytes]]:
        infos = [(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content) for name, content in MEMBERS.items()]
        for info, _ in infos:
            info.external_attr = (0o100000 | mode) << 16
        return infos

    first, second = wheel_in(tmp_path / "1", with_mode(0o644)), wheel_in(tmp_path / "2", with_mode(0o664))
    ended = run("compare", first, second)
    assert ended.status == 1
    assert ended.out.startswith("Everything loaded at run time is the same")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing", None, "it is not there"),
        ("passwd", b"root:x:0:0\n", "not a zip file"),
        (NAME, b"not a zip", "broken-wheel"),
        (NAME, b"", "broken-wheel"),
        ("folder", Path(), "no plain file"),
    ],
)
def test_a_file_that_is_no_wheel_is_one_line(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    """With exit status 2, which is not that of a difference."""
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
    for pair in ((path, path), (wheel_in(tmp_path / "1"), path)):
        ended = run("compare", *pair)
        assert (ended.status, ended.out) == (2, "")
        assert message in ended.err
        assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("names", [("a" * 64, "b" * 64), ("first.zip", "second.pyz"), (NAME, "b" * 64)])
def test_a_wheel_under_another_name_is_compared(tmp_path: Path, names: tuple[str, str]) -> None:
    """The farm keeps wheels under their hashes: such a name is no difference."""
    first = wheel_in(tmp_path / "1", name=names[0])
    same = wheel_in(tmp_path / "2", name=names[1])
    other = wheel_in(tmp_path / "3", MEMBERS | {"pkg/__init__.py": b"value = 2\n"}, name=names[1])
    assert run("compare", first, same).status == 0
    printed = json.loads(run("compare", "--json", first, other).out)
    assert (printed["first"]["filename"], printed["second"]["filename"]) == names
    assert {one["path"] for one in printed["differences"]} == {"pkg/__init__.py"}


def test_any_zip_is_compared_as_an_archive(tmp_path: Path) -> None:
    """Without a dist-info folder, with a link, and with a member that cannot be unpacked, which is listed."""
    paths = []
    for number, value in enumerate((b"one", b"two")):
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        path = wheel_in(tmp_path / str(number), [("../a", b"x"), (info, b"a"), ("b", value * 9)], name="x.zip")
        path.write_bytes(path.read_bytes().replace(value * 9, value * 8 + b"???"))
        paths.append(path)
    printed = json.loads(run("compare", "--json", *paths).out)
    assert [(one["path"], one["aspect"]) for one in printed["unexplained"]] == [("b", "content")]


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    """Its contents are unknown."""
    path = wheel_in(tmp_path / "1", [("a", b"x")], name="x.zip")
    data = path.read_bytes()
    at = data.index(b"PK\1\2") + 8
    path.write_bytes(data[:at] + bytes([data[at] | 1]) + data[at + 1 :])
    ended = run("compare", path, path)
    assert ended.status == 2
    assert "is encrypted" in ended.err


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("sin", ["../escapes", "/absolute", "twice", "link"])
def test_a_hostile_wheel_is_refused(tmp_path: Path, sin: str) -> None:
    """With one line."""
    members: list[tuple[zipfile.ZipInfo | str, bytes]] = list(MEMBERS.items())
    if sin == "link":
        info = zipfile.ZipInfo("pkg/link")
        info.external_attr = 0o120777 << 16
        members.append((info, b"/etc/passwd"))
    elif sin == "twice":
        members.append(("pkg/__init__.py", b""))
    else:
        members.append((sin, b""))
    ended = run("compare", wheel_in(tmp_path / "1", members), wheel_in(tmp_path / "2"))
    assert (ended.status, ended.out) == (2, "")
    assert "unsafe-wheel" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_hostile_names_and_contents_reach_no_terminal(tmp_path: Path) -> None:
    """Neither as control characters nor as lines that imitate ours."""
    name = f"pkg/{HOSTILE}\nEverything loaded at run time is the same.py".replace("../", "")
    hostile = {name: HOSTILE.encode() + b"\x9b31m\xff", "pkg/\x1b]0;owned\x07": b"1"}
    first = wheel_in(tmp_path / "1", {**MEMBERS, **hostile})
    second = wheel_in(tmp_path / "2", {**MEMBERS, **dict.fromkeys(hostile, b"other")})
    ended = run("compare", first, second)
    assert ended.status == 1, ended.err
    assert_harmless(ended.out + ended.err)
    assert not [line for line in ended.out.splitlines() if line.startswith("Everything")]
    printed = run("compare", "--json", first, second).out
    assert_harmless(printed)
    assert name in {one["path"] for one in json.loads(printed)["differences"]}


def test_comparing_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """Neither the library of the engine nor that of configurations."""
    first = wheel_in(tmp_path / "1")
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
