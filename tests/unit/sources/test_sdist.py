"""How an sdist is to be built, read from its pyproject.toml."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from orchestrator.errors import UsageError
from orchestrator.guest.archive import opened
from orchestrator.model import Failure, Limits, Reason
from orchestrator.sources.sdist import (
    LEGACY_BACKEND,
    LEGACY_REQUIRES,
    Source,
    describe,
    pack,
    project_of,
    recalled,
    remembered,
    requires_python,
    unlike,
)
from tests.samples import tar

LIMITS = Limits()


def described(tmp_path: Path, pyproject: bytes | None) -> Source | Failure:
    """Describe an sdist with that pyproject.toml."""
    members = [("pkg-1.0/setup.py", b"")]
    if pyproject is not None:
        members.append(("pkg-1.0/pyproject.toml", pyproject))
    return describe(tar(tmp_path / "pkg-1.0.tar.gz", members), Limits())


@pytest.mark.parametrize("pyproject", [None, b"", b"[tool.black]\nline-length = 100\n"])
def test_without_a_build_system_it_is_setuptools(tmp_path: Path, pyproject: bytes | None) -> None:
    """As PEP 517 and PEP 518 have it."""
    source = described(tmp_path, pyproject)
    assert isinstance(source, Source)
    assert (source.requires, source.backend) == (LEGACY_REQUIRES, LEGACY_BACKEND)


def test_a_build_system_is_taken_at_its_word(tmp_path: Path) -> None:
    """Requirements, backend and the folders of a backend inside the sdist."""
    text = b'[build-system]\nrequires = ["flit_core >=3.2,<4"]\nbuild-backend = "own"\nbackend-path = ["tools"]\n'
    source = described(tmp_path, text)
    assert isinstance(source, Source)
    assert (source.requires, source.backend, source.backend_path) == (("flit_core >=3.2,<4",), "own", ("tools",))


def test_a_folder_that_is_a_text_is_gone_through_letter_by_letter(tmp_path: Path) -> None:
    """As pip does it: flit-core 2 has ".", and is built."""
    source = described(tmp_path, b'[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = "."\n')
    assert isinstance(source, Source)
    assert source.backend_path == (".",)


@pytest.mark.parametrize(("requires", "folders"), [((), ()), (("a", "b>1"), ()), (("a",), ("tools", "x"))])
def test_what_is_remembered_is_recalled(requires: tuple[str, ...], folders: tuple[str, ...]) -> None:
    """Whatever there is of each."""
    source = Source(Path("x-1.tar.gz"), requires, "backend:it", folders)
    for one in (source, replace(source, cargo=(("", "1"), ("ext", "2")))):
        assert recalled(source.path, remembered(one)) == one


@pytest.mark.parametrize(
    "pyproject",
    [
        b"[build-system",
        b"\xff\xfe",
        b"build-system = 3\n",
        b"[build-system]\n",
        b'[build-system]\nrequires = "setuptools"\n',
        b"[build-system]\nrequires = []\nbuild-backend = 3\n",
        b'[build-system]\nrequires = []\nbuild-backend = "x"\nbackend-path = ["../.."]\n',
        b'[build-system]\nrequires = []\nbuild-backend = "'
        + b"x" * 200_000
        + b'"\n',  # no program can be begun with it
        b'[build-system]\nrequires = []\nbuild-backend = "x"\nbackend-path = [' + b'"x",' * 50_000 + b"]\n",
        b"a = " + b"[" * 100_000,
    ],
)
def test_what_cannot_be_understood_is_a_failure_of_the_package(tmp_path: Path, pyproject: bytes) -> None:
    """Never an exception, and never a guess."""
    failure = described(tmp_path, pyproject)
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.BROKEN_SDIST


def test_members_of_a_zip_may_have_no_date(tmp_path: Path) -> None:
    """Some writers leave the field empty; it says nothing about the sdist."""
    path = tmp_path / "pkg-1.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("pkg-1.0/setup.py", (1980, 0, 0, 0, 0, 0)), b"")
    source = describe(path, Limits())
    assert not isinstance(source, Failure), source
    with closing(opened(str(path))) as archive_of_it:
        assert [entry.mtime for entry in archive_of_it.entries()] == [315_532_800]


def test_the_members_of_a_zip_are_counted_before_they_are_read(tmp_path: Path) -> None:
    """Each takes memory, and they may be millions."""
    path = tmp_path / "x-1.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(11):
            archive.writestr(f"x-1/{number}", b"")
    failure = describe(path, replace(Limits(), members=10))
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.detail) == (Reason.SDIST_TOO_LARGE, "has more than 10 files")
    assert isinstance(describe(path, replace(Limits(), members=11)), Source)


# --- a project's folder ----------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project."""
    folder = tmp_path / "My Project"
    (folder / "pkg").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "My.Name"\n')
    (folder / "pkg" / "a.py").write_text("a")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o700)
    (folder / "pkg" / "link").symlink_to("../run")
    return folder


def packed(folder: Path, limits: Limits = LIMITS) -> bytes:
    """Return the archive of a folder."""
    stream = io.BytesIO()
    pack(folder, stream, limits, 1_600_000_000)
    return stream.getvalue()


def test_a_folder_is_packed_into_the_same_bytes_whenever_and_wherever(project: Path, tmp_path: Path) -> None:
    """Only contents, links and what may be executed count."""
    first = packed(project)
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, symlinks=True)
    for path in (copy / "pkg" / "a.py", copy / "run"):
        path.chmod(0o777 if path.name == "run" else 0o600)
        os.utime(path, (1, 1))
    assert packed(copy) == first
    (copy / "run").chmod(0o600)
    assert packed(copy) != first


def test_two_sdists_are_compared_by_their_contents(tmp_path: Path) -> None:
    """Times do not count, nor does the folder's name; a file of only one does."""
    files = {"PKG-INFO": b"1", "a.py": b"1"}
    first = tar(tmp_path / "a-1.tar.gz", [(f"a-1/{name}", text) for name, text in files.items()])
    second = tar(tmp_path / "a-2.tar.gz", [(f"a-2/{name}", text) for name, text in reversed(files.items())])
    assert unlike(first, second, LIMITS) == ()
    other = tar(tmp_path / "a-3.tar.gz", [("a-3/PKG-INFO", b"1"), ("a-3/a.py", b"2"), ("a-3/b.py", b"")])
    assert unlike(first, other, LIMITS) == ("a.py", "b.py")


def test_what_is_no_part_of_a_project_is_left_out(project: Path) -> None:
    """What it cannot do without, and what version control does not know, is not."""
    before = packed(project)
    for path in (".git/HEAD", "pkg/__pycache__/a.pyc", "env/pyvenv.cfg", ".mypy_cache/CACHEDIR.TAG"):
        (project / path).parent.mkdir()
        (project / path).write_text("x")
    assert packed(project) == before
    for path in ("results/a.json", "pkg/cache/b"):
        (project / path).parent.mkdir()
        (project / path).write_text("x")
    stream = io.BytesIO()
    pack(project, stream, LIMITS, 1_600_000_000, ours=(project / "results", project / "pkg" / ".." / "pkg" / "cache"))
    assert stream.getvalue() == before
    for path in ("results", "pkg/cache"):
        shutil.rmtree(project / path)
    (project / "pkg.egg-info").mkdir()
    (project / ".gitignore").write_text("pkg.egg-info\n")
    with tarfile.open(fileobj=io.BytesIO(packed(project))) as archive:
        names = {name.removeprefix("project/") for name in archive.getnames()}
        assert archive.getmember("project/pkg/link").linkname == "../run"
        assert archive.getmember("project/run").mode == 0o755
    assert names == {".gitignore", "pkg", "pkg/a.py", "pkg/link", "pkg.egg-info", "pyproject.toml", "run"}


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "../../My Project/../secret"])
def test_a_link_that_leads_out_is_refused(project: Path, target: str) -> None:
    """By its name, with what to do."""
    (project / "pkg" / "out").symlink_to(target)
    with pytest.raises(UsageError, match=r"pkg/out links to what is outside of it.*take it away"):
        packed(project)


def test_a_folder_that_cannot_be_packed_is_refused(project: Path, tmp_path: Path) -> None:
    """No project, no plain files, or too much."""
    with pytest.raises(UsageError, match=r"neither pyproject\.toml nor setup\.py"):
        packed(tmp_path)
    with pytest.raises(UsageError, match="more than 10 bytes"):
        packed(project, replace(LIMITS, sdist=10))
    with pytest.raises(UsageError, match="or 2 files"):
        packed(project, replace(LIMITS, members=2))
    os.mkfifo(project / "pipe")
    with pytest.raises(UsageError, match="pipe is neither file, folder nor link"):
        packed(project)


@pytest.mark.parametrize(
    ("pyproject", "name"),
    [
        ('[project]\nname = "My.Name"\n', "my-name"),
        ('[project]\nname = "../../etc"\n', ""),
        ("[project]\nname = 5\n", ""),
        ("[build-system]\n", ""),
        ("not TOML", ""),
    ],
)
def test_a_folder_is_named_by_its_project(project: Path, tmp_path: Path, pyproject: str, name: str) -> None:
    """Or by its path, so that two folders of one name are two projects; or by setup.cfg."""
    (project / "pyproject.toml").write_text(pyproject)
    other = tmp_path / "other" / project.name
    shutil.copytree(project, other, symlinks=True)
    if name:
        assert project_of(project) == project_of(other) == name
        return
    assert project_of(project) != project_of(other)
    assert project_of(project) == project_of(other / ".." / ".." / project.name)
    assert canonicalize_name(project_of(other), validate=True).startswith("other-my-project-")
    for text, expected in (("[metadata]\nname = By_Cfg\n", "by-cfg"), ("[metadata]\nname = %(x)s\n", ""), ("[", "")):
        (project / "setup.cfg").write_text(text)
        assert project_of(project) == expected or (not expected and "my-project-" in project_of(project))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (b"Metadata-Version: 2.1\nRequires-Python: >=3.12\n\ntext\n", ">=3.12"),
        (b"Metadata-Version: 2.1\r\nrequires-python:>=3.12\r\n", ">=3.12"),
        (b"Metadata-Version: 2.1\n\nRequires-Python: >=3.12\n", ""),
        (b"Requires-Python: " + b">=3.12," * 1000, ""),
        (b"\xff\xfe", ""),
        (None, ""),
    ],
)
def test_which_pythons_an_sdist_admits(tmp_path: Path, metadata: bytes | None, expected: str) -> None:
    """By a header of its metadata, of usual length."""
    path = tar(tmp_path / "pkg-1.0.tar.gz", [("pkg-1.0/PKG-INFO", metadata)] if metadata else [("pkg-1.0/x", b"")])
    assert requires_python(path, LIMITS) == expected


@pytest.mark.parametrize(
    ("pyproject", "expected"),
    [
        ('[project]\nrequires-python = ">=3.12"', ">=3.12"),
        ("[project]\nrequires-python = 3.12", ""),
        ("project = 1", ""),
        ("[", ""),
        ("", ""),
    ],
)
def test_which_pythons_a_folder_admits(tmp_path: Path, pyproject: str, expected: str) -> None:
    """What is not there, or is not understood, admits all."""
    assert requires_python(tmp_path / "missing", LIMITS) == ""
    (tmp_path / "pyproject.toml").write_text(pyproject)
    assert requires_python(tmp_path, LIMITS) == expected
