"""Recipes that yield the published bytes: as texts, and run on this host as a user would, without an index."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from orchestrator.experiments.remedies import NAMES
from orchestrator.guest import archive
from orchestrator.guest.restamp import NAMES as FIELDS
from orchestrator.model import OfferedWheel, RecipeForm, WheelFile
from orchestrator.model.request import LineEnds, Recreation
from orchestrator.model.verification import ArchiveField
from orchestrator.recipes import RecipeInputs, obstacle, wanted, write
from orchestrator.recipes.programs import crlf
from tests.recipe_cases import PLAIN, SHA, inputs, installed_pip, run, sdist_files, tar

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Pin

NAME = "pkg-1.0-py3-none-any.whl"
SCRIPTS = (RecipeForm.SH, RecipeForm.BUILD, RecipeForm.UV)
TOLD = Recreation(
    source_date_epoch=None, timezone="<-0330>3:30", umask=0o002, clock=1_500_000_000, line_ends=LineEnds.CRLF
)
OFFERED = OfferedWheel("pkg-1.0-cp311-cp311-linux_x86_64.whl", "https://index.invalid/pkg.whl", SHA)
PUBLISHED = replace(PLAIN, recreation=TOLD, published=OFFERED, taken=tuple(ArchiveField))
SEEN = """
import stat
names = ("SOURCE_DATE_EPOCH", "TZ", "PKG_NO_EXT")
told = [f"{name}={os.environ.get(name)}" for name in names]
told += [oct(stat.S_IMODE(os.stat("PKG-INFO").st_mode)), str(settings or {})]
return {"told.txt": "\\n".join(told).encode(), "info.txt": open("PKG-INFO", "rb").read()}"""


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for wheels."""
    return tmp_path_factory.mktemp("links")


@pytest.fixture(scope="module")
def pip(links: Path) -> Pin:
    """Return the pin of the only one."""
    return installed_pip(links)


def dated(wheel: Path, when: tuple[int, int, int, int, int, int], more: bytes = b"") -> Path:
    """Write the same wheel with another time, as its publisher's; `more` is appended to each module."""
    place = wheel.parents[2] / "published" / wheel.name
    place.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel) as ours, zipfile.ZipFile(place, "w") as theirs:
        for info in ours.infolist():
            content = ours.read(info)
            info.date_time = when
            theirs.writestr(info, content + more if info.filename.endswith(".py") else content)
    return place


def naming(given: RecipeInputs, wheel: Path, *taken: ArchiveField) -> RecipeInputs:
    """Return inputs of a recipe that yields that wheel."""
    content = wheel.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    offered = OfferedWheel(wheel.name, wheel.as_uri(), sha256)
    return replace(given, wheel=WheelFile(wheel.name, sha256, len(content)), published=offered, taken=taken)


def test_fields_have_one_name() -> None:
    """The model's and the program's."""
    assert tuple(one.value for one in ArchiveField) == FIELDS


@pytest.mark.parametrize("form", SCRIPTS)
@pytest.mark.parametrize("url", [OFFERED.url, "", "https://index.invalid/$(touch hostile)'"])
@pytest.mark.parametrize("remedies", [(), NAMES], ids=["plain", "all"])
def test_every_script_is_shell(form: RecipeForm, url: str, remedies: tuple[str, ...]) -> None:
    """In two shells; a URL that a shell would take for its own is not written."""
    text = write(form, replace(PUBLISHED, remedies=remedies, published=replace(OFFERED, url=url)))
    for shell in ("dash", "bash"):
        subprocess.run([f"/bin/{shell}", "-n"], input=text.encode(), check=True)
    assert "hostile" not in text


def test_the_text_names_what_it_sets_and_takes() -> None:
    """The published wheel by its hash; SOURCE_DATE_EPOCH is not set, even where a remedy has a value for it."""
    text = write(RecipeForm.SH, replace(PUBLISHED, remedies=("set-epoch",)))
    assert "times, modes, order, compression of its archive" in text
    assert "umask 002\n" in text
    assert 'export TZ="<-0330>3:30"' in text
    assert "export SOURCE_DATE_EPOCH" not in text
    assert '"FAKETIME=@1500000000" "FAKETIME_FMT=%s"' in text
    assert "libfaketime" in {one.name for one in wanted(RecipeForm.SH, PUBLISHED)}
    assert SHA in text
    as_it_is = write(RecipeForm.SH, replace(PUBLISHED, taken=()))
    assert "published=${2-}" not in as_it_is
    assert "exit 11" not in as_it_is


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (Recreation(umask=0o700), "umask"),
        (Recreation(umask=0o1022), "umask"),
        (Recreation(timezone="UTC`id`"), "time zone"),
        (Recreation(timezone='"; id; "'), "time zone"),
        (Recreation(timezone="$HOME"), "time zone"),
        (Recreation(variables=(("PATH", "/tmp"),)), "variable"),  # noqa: S108 - a text
        (Recreation(variables=(("PKG_NO_EXT", '"; id; "'),)), "variable"),
        (Recreation(variables=(("PKG_NO_EXT", "1"),)), ""),
        (Recreation(config_settings=()), ""),
        (TOLD, ""),
    ],
)
def test_what_cannot_be_written_is_refused(given: Recreation, why: str) -> None:
    """And a published wheel without a hash."""
    found = obstacle(replace(PUBLISHED, recreation=given))
    assert why in found
    assert bool(found) == bool(why)
    assert "no SHA-256" in obstacle(replace(PUBLISHED, published=replace(OFFERED, sha256="")))


@pytest.mark.parametrize(
    ("sdist", "published", "arguments"),
    [(True, True, ""), (False, True, "pkg-1.0.tar.gz"), (True, False, f" {OFFERED.filename}")],
)
def test_files_without_a_url_are_given(sdist: bool, published: bool, arguments: str) -> None:  # noqa: FBT001 - a case
    """To a Dockerfile and a workflow too, in their places."""
    given = replace(
        PUBLISHED,
        sdist=PLAIN.sdist if sdist else replace(PLAIN.sdist, url=""),
        published=OFFERED if published else replace(OFFERED, url=""),
    )
    words = arguments.split(" ") if arguments else []
    docker = write(RecipeForm.DOCKERFILE, given)
    assert "RUN sh recipe.sh" + "".join(f" /given/{one}" if one else " ''" for one in words) + "\n" in docker
    job = yaml.safe_load(write(RecipeForm.GITHUB, given))["jobs"]["rebuild"]
    assert [step["shell"] for step in job["steps"] if "shell" in step] == [
        "sh {0}" + "".join(f" '{one}'" for one in words)
    ]


def test_it_builds_as_the_publisher_did(tmp_path: Path, links: Path, pip: Pin) -> None:
    """Umask, zone, epoch, ends of lines and settings reach the build, whatever the user has."""
    told = replace(TOLD, clock=None, variables=(("PKG_NO_EXT", "1"),))
    given = replace(
        inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(SEEN)), pins=(pip,)),
        recreation=told,
        config_settings=(("key", "a b"),),
    )
    theirs = {"TZ": "GMT+12", "SOURCE_DATE_EPOCH": "1", "PKG_NO_EXT": "0"}
    for form in SCRIPTS[::2]:
        done = run(form, given, tmp_path / form, links=links, variables=theirs)
        assert done.returncode == 10, done.stderr
        with zipfile.ZipFile(tmp_path / form / "dist" / NAME) as wheel:
            lines = wheel.read("told.txt").decode().splitlines()
            assert lines == ["SOURCE_DATE_EPOCH=None", "TZ=<-0330>3:30", "PKG_NO_EXT=1", "0o664", "{'key': 'a b'}"]
            assert wheel.read("info.txt") == b"Metadata-Version: 2.1\r\nName: pkg\r\nVersion: 1.0\r\n"
    dated_ = replace(given, source_date_epoch=1_600_000_000)
    run(RecipeForm.UV, dated_, tmp_path / "dated", links=links, variables=theirs)
    with zipfile.ZipFile(tmp_path / "dated" / "dist" / NAME) as wheel:
        assert b"SOURCE_DATE_EPOCH=1600000000\n" in wheel.read("told.txt")


def test_it_yields_the_published_bytes(tmp_path: Path, links: Path, pip: Pin) -> None:
    """Fetched, or given as second argument; a file that is not the published one ends it with status 2."""
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(SEEN)), pins=(pip,))
    given = replace(given, recreation=Recreation(timezone="UTC", umask=0o022))
    run(RecipeForm.UV, given, tmp_path / "first", links=links)
    published = dated(tmp_path / "first" / "dist" / NAME, (2021, 2, 3, 4, 5, 6))
    known = naming(given, published, ArchiveField.TIMES)
    fetched = tmp_path / "fetched"
    done = run(RecipeForm.SH, known, fetched, links=links, before=("sh", "-c", 'umask 077; exec "$@"', "sh"))
    assert done.returncode == 0, done.stderr
    assert (fetched / "dist" / NAME).read_bytes() == published.read_bytes()
    assert known.published is not None
    known = replace(known, published=replace(known.published, url=""))
    done = run(RecipeForm.UV, known, tmp_path / "given", links=links, arguments=("", str(published)))
    assert done.returncode == 0, done.stderr
    first = str(tmp_path / "first" / "dist" / NAME)
    for arguments, why in (
        ((), "second argument"),
        (("", "/nonexistent"), "cannot read /nonexistent"),
        (("", first), "not the published wheel"),
    ):
        done = run(RecipeForm.UV, known, tmp_path / "third", links=links, arguments=arguments)
        assert done.returncode == 2, done.stderr
        assert why in done.stderr


def test_it_refuses_what_is_more_than_an_archive(tmp_path: Path, links: Path, pip: Pin) -> None:
    """A published module that has one more line: the wheel that was built is kept as it is."""
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(SEEN)), pins=(pip,))
    given = replace(given, recreation=Recreation(timezone="UTC", umask=0o022))
    run(RecipeForm.UV, given, tmp_path / "first", links=links)
    ours = tmp_path / "first" / "dist" / NAME
    known = naming(given, dated(ours, (2021, 2, 3, 4, 5, 6), b"import os\n"), *ArchiveField)
    done = run(RecipeForm.UV, known, tmp_path / "second", links=links)
    assert done.returncode == 10, done.stderr
    assert "more than the archive differs from the published wheel: pkg.py: its bytes differ" in done.stderr
    assert (tmp_path / "second" / "dist" / NAME).read_bytes() == ours.read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"a\nb\n", b"a\r\nb\n", b"a\n\0", b"", b"no end", b"\n" + b"x" * 8000 + b"\0\n", b"x" * 7999 + b"\0\n", b"a\rb\n"],
)
def test_ends_of_lines_are_those_of_the_guest(tmp_path: Path, content: bytes) -> None:
    """The build that gave the bytes had the guest's."""
    (tmp_path / "file").write_bytes(content)
    os.utime(tmp_path / "file", (1, 1))
    (tmp_path / "link").symlink_to("/nonexistent")
    crlf.main(str(tmp_path))
    ours, when = (tmp_path / "file").read_bytes(), (tmp_path / "file").stat().st_mtime
    (tmp_path / "file").write_bytes(content)
    archive.with_crlf([str(tmp_path / "file")])
    assert (ours, when) == ((tmp_path / "file").read_bytes(), 1)
