"""The folder of a wheelhouse: real installers, sha256sum and readers of indexes take it, and it is never half there."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import tomllib
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.pylock import Pylock
from pypi_simple import PyPISimple

from orchestrator.cli.attest import form_of
from orchestrator.errors import FaultError, ResultsError, UsageError
from orchestrator.publish.evidence import check, new_key, public_key
from orchestrator.publish.wheelhouse import folder as folders
from orchestrator.publish.wheelhouse import readme
from orchestrator.publish.wheelhouse.folder import check_place, write
from tests import sample_wheelhouses
from tests.sample_wheelhouses import kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.model import Wheelhouse
    from orchestrator.results.store import Results

PURE, OTHER, TOOL = (
    "demo_pure-1.0-py3-none-any.whl",
    "demo_other-2!2.0+deb1-py2.py3-none-any.whl",
    "demo_tool-3.0-py3-none-any.whl",
)
JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Wheelhouse, Results]:
    """Build the wheels of a small wheelhouse, once for all tests."""
    return kept(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def out(made: tuple[Wheelhouse, Results], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write it to a path with spaces, where only the owner may read new files."""
    former = os.umask(0o077)
    try:
        place = tmp_path_factory.mktemp("a folder") / "my wheels"
        write(made[0], {}, made[1], place)
    finally:
        os.umask(former)
    return place


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command that must succeed, without settings of the user."""
    clean = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(cwd), "UV_NO_CONFIG": "1"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**clean, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Return the interpreter of a fresh environment."""
    run(sys.executable, "-m", "venv", "--without-pip", "venv", cwd=tmp_path)
    return tmp_path / "venv/bin/python"


def assert_installed(python: Path) -> None:
    """The modules of both wheels are there, and that of the tool is not."""
    run(python, "-c", "import demo_pure, demo_other", cwd=python.parent)
    assert not list(python.parents[1].glob("lib/*/site-packages/demo_tool*"))


@pytest.fixture(scope="module")
def url(out: Path) -> Iterator[str]:
    """Serve the folder; the pages of the index in the form that a client accepts, if it is JSON."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if JSON in self.headers.get("Accept", "") and self.path.startswith("/simple/"):
                self.path += "index.json"
            super().do_GET()

        def guess_type(self, path: str | os.PathLike[str]) -> str:
            return JSON if str(path).endswith("index.json") else super().guess_type(path)

        def log_message(self, *_: object) -> None:
            """No-op."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(out))) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def pip(python: Path, *arguments: str, cwd: Path) -> None:
    """Run pip for another environment, with nothing of the user's."""
    run(sys.executable, "-m", "pip", "--isolated", "--python", python, *arguments, cwd=cwd)


def test_pip_installs_from_the_index_by_its_path(out: Path, python: Path, tmp_path: Path) -> None:
    """With just the hashes of the requirements file."""
    index = ("--no-cache-dir", "--index-url", f"{out.as_uri()}/simple/")
    pip(python, "install", "--require-hashes", *index, "-r", str(out / "requirements.txt"), cwd=tmp_path)
    assert_installed(python)
    pip(python, "download", "--dest", "down", *index, "demo-pure", cwd=tmp_path)
    assert sorted(path.name for path in (tmp_path / "down").iterdir()) == [OTHER, PURE]


def test_the_commands_of_the_readme_work_as_they_are(out: Path, python: Path) -> None:
    """In the folder; sha256sum finds each wheel, and the list is sorted by bytes."""
    text = (out / "README.md").read_text()
    assert readme.INSTALL in text
    assert readme.CHECK in text
    run("sh", "-c", readme.INSTALL.replace("pip ", f"pip --isolated --python '{python}' "), cwd=out)
    assert_installed(python)
    assert run("sh", "-c", readme.CHECK, cwd=out) == f"{OTHER}: OK\n{PURE}: OK\n"
    assert run("sh", "-c", f"cd tools && {readme.CHECK}", cwd=out) == f"{TOOL}: OK\n"
    run("sh", "-c", "LC_ALL=C sort --check --key=2 SHA256SUMS", cwd=out)


@pytest.mark.parametrize("of", ["--default-index", "--index-url"])
def test_uv_installs_from_the_index(of: str, out: Path, python: Path, tmp_path: Path, url: str) -> None:
    """By its path and from a server."""
    index = f"{out.as_uri()}/simple/" if of == "--index-url" else f"{url}/simple/"
    uv = ("uv", "pip", "install", "--python", python, "--no-cache", "--require-hashes")
    run(*uv, of, index, "-r", out / "requirements.txt", cwd=tmp_path)
    assert_installed(python)


def test_the_lock_file_is_valid_and_installs(out: Path, python: Path, tmp_path: Path) -> None:
    """By the library of the standard, and by uv."""
    lock = Pylock.from_dict(tomllib.loads((out / "pylock.toml").read_text()))
    other, pure = lock.packages
    assert [wheel.filename for one in lock.packages for wheel in one.wheels or ()] == [OTHER, PURE]
    assert (str(pure.requires_python), other.requires_python) == ("!=3.8.*,>=3.7", None)
    assert lock.created_by == "wheelproof 0.1.0"
    command = ("uv", "pip", "install", "--python", python, "--no-cache", "--no-index")
    run(*command, "-r", out / "pylock.toml", cwd=tmp_path)
    assert_installed(python)


@pytest.mark.parametrize("accept", ["text/html", JSON])
def test_a_client_reads_both_forms_of_the_index(accept: str, url: str, out: Path) -> None:
    """Each file has its hash, its Requires-Python, and a link that leads to it."""
    with PyPISimple(f"{url}/simple/", accept=accept) as client:
        assert client.get_index_page().projects == ["demo-other", "demo-pure"]
        page = client.get_project_page("demo-other")
        (pure,) = client.get_project_page("demo-pure").packages
        (other,) = page.packages
        client.download_package(other, out.parent / "other.whl")
    assert page.repository_version == "1.1"
    assert (pure.filename, pure.requires_python) == (PURE, ">=3.7,!=3.8.*")
    assert (other.filename, other.requires_python, other.is_yanked) == (OTHER, None, False)
    assert (out.parent / "other.whl").read_bytes() == (out / OTHER).read_bytes()
    if accept == JSON:
        assert other.size == (out / OTHER).stat().st_size
        assert page.versions == ["2!2.0+deb1"]


def test_every_statement_is_valid(out: Path) -> None:
    """One for each wheel, and the provenance of both builds; a .buildinfo beside them."""
    checked = list(check([out / "evidence"], (), None))
    assert {one.valid for one in checked} == {True}, checked
    assert len(checked) == 9
    of_wheel = next(one for one in checked if one.path.name == f"{PURE}.member.statement.json")
    assert "two builds by its rebuild.sh gave" in of_wheel.about
    assert of_wheel.record == f"as {PURE}, rebuild.sh, demo-pure-1.0.txt here"
    files = sorted(path.name for path in (out / "evidence").iterdir())
    assert files[4:] == [
        *(f"{PURE}{ending}" for ending in (".buildinfo", ".first.provenance.statement.json")),
        *(f"{PURE}{ending}" for ending in (".member.statement.json", ".second.provenance.statement.json")),
        "tools",
    ]


def test_every_statement_can_be_signed(made: tuple[Wheelhouse, Results], tmp_path: Path) -> None:
    """With the key of attest; a signed statement is compared with the folder, too, and another key is none."""
    public, other = new_key(tmp_path / "key", None), new_key(tmp_path / "other", None)
    form, place = form_of(tmp_path / "key", None), tmp_path / "signed"
    write(made[0], {}, made[1], place, ending=form.ending, content=lambda one: form.content(one, b""))
    checked = list(check([place / "evidence"], (public_key(public),), None))
    assert [(one.valid, len(one.signers)) for one in checked] == [(True, 1)] * 9
    assert {one.valid for one in check([place / "evidence"], (public_key(other),), None)} == {False}
    (place / PURE).write_bytes(b"another")
    assert {one.valid for one in check([place / "evidence"], (public_key(public),), None)} == {True, False}


@pytest.mark.parametrize("name", [PURE, f"tools/{TOOL}", "rebuild.sh", "rebuild/demo-pure-1.0.txt"])
def test_a_statement_of_other_files_is_rejected(name: str, out: Path, tmp_path: Path) -> None:
    """Where the wheel, or the recipe that is handed out with it, is not the one of the builds."""
    copy = shutil.copytree(out, tmp_path / "copy")
    (copy / name).write_bytes(b"another")
    rejected = {one.about for one in check([copy / "evidence"], (), None) if not one.valid}
    assert rejected == {f"it does not belong to this folder: {Path(name).name} has another SHA-256"}


def test_everybody_may_read_it_and_the_recipe_is_there(out: Path) -> None:
    """Whatever the umask is; a tool's data is named by its place among the builds."""
    modes = {path.relative_to(out).as_posix(): path.stat().st_mode & 0o777 for path in out.rglob("*")}
    assert {modes[name] for name in modes if (out / name).is_dir()} == {0o755}
    assert {name for name in modes if (out / name).is_file() and modes[name] != 0o644} == {"rebuild.sh"}
    assert (out.stat().st_mode & 0o777, modes["rebuild.sh"]) == (0o755, 0o755)
    assert (out / "rebuild.sh").read_text() == sample_wheelhouses.SCRIPT
    data = sorted(path.name for path in (out / "rebuild").iterdir())
    assert data == ["demo-other-2!2.0+deb1.txt", "demo-pure-1.0.txt", "tool_000-demo-tool-3.0.txt"]


# --- writing ---------------------------------------------------------------------------------


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of all files in a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_former_wheelhouse_is_replaced(made: tuple[Wheelhouse, Results], tmp_path: Path) -> None:
    """With all of its files, and nothing is left beside it."""
    out = tmp_path / "out"
    write(made[0], {}, made[1], out)
    expected = files_in(out)
    (out / "former-1.0-py3-none-any.whl").write_bytes(b"")
    with (out / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  former-1.0-py3-none-any.whl\n")
    (out / "dist").mkdir()
    write(made[0], {}, made[1], out)
    assert files_in(out) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("exchanged", [True, False])
def test_folders_are_exchanged_on_any_system(exchanged: int, tmp_path: Path) -> None:
    """In one step, or where the system cannot, in two."""
    new, place = tmp_path / "new", tmp_path / "place"
    for folder in (new, place):
        folder.mkdir()
        (folder / "name").write_text(folder.name)
    if exchanged:
        folders.exchange(new, place)
    else:
        folders.exchange(new, place, lambda _new, _place: False)
    assert (place / "name").read_text() == "new"


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_wheel_that_is_not_the_one_that_was_built_is_an_error(damage: str, tmp_path: Path) -> None:
    """The former folder stays as it was."""
    house, store = kept(tmp_path)
    out = tmp_path / "out"
    write(house, {}, store, out)
    before = files_in(out)
    path = store.wheels.find(house.wheels[0].wheel.sha256)
    assert path
    path.unlink()
    if damage == "changed":
        path.write_bytes(b"another")
    with pytest.raises(ResultsError, match="is damaged" if damage == "changed" else "not kept any more"):
        write(house, {}, store, out)
    assert files_in(out) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out", "results", "sources"]


def test_no_folder_of_somebody_else_is_replaced(made: tuple[Wheelhouse, Results], tmp_path: Path) -> None:
    """Nor a file in the folder of a wheelhouse that no wheelhouse writes, such as a signature."""
    file, other, empty, signed = (tmp_path / name for name in ("file", "other", "empty", "signed"))
    file.write_text("")
    for folder in (other, empty):
        folder.mkdir()
    (other / "pkg-1.0-py3-none-any.whl").write_text("mine")
    write(made[0], {}, made[1], signed)
    (signed / "SHA256SUMS.asc").write_text("signature")
    nowhere = file / "new/house"
    for place, why in (
        (file, "no folder"),
        (nowhere, "no folder"),
        (other, "other files"),
        (signed, "SHA256SUMS.asc"),
        (Path("/"), "mount"),
    ):
        with pytest.raises(UsageError, match=why):
            check_place(place)
        with pytest.raises(UsageError, match=why):
            write(made[0], {}, made[1], place)
    check_place(tmp_path / "new/folder")
    write(made[0], {}, made[1], empty)
    assert (empty / "SHA256SUMS").is_file()


def test_an_sdist_of_a_path_is_handed_out(made: tuple[Wheelhouse, Results], tmp_path: Path) -> None:
    """Nobody else could rebuild its wheel; the folder may still be replaced."""
    house, file = made[0], tmp_path / "mine.tar.gz"
    file.write_bytes(b"an sdist")
    first, *others = house.wheels
    sdist = replace(first.sdist, sha256=hashlib.sha256(b"an sdist").hexdigest())
    house = replace(house, wheels=(replace(first, sdist=sdist), *others))
    for _ in range(2):
        write(house, {}, made[1], tmp_path / "house", sources={sdist.sha256: file})
    assert (tmp_path / "house/sources" / sdist.filename).read_bytes() == b"an sdist"
    run("sha256sum", "-c", "--strict", "SHA256SUMS", cwd=tmp_path / "house/sources")


@pytest.mark.parametrize(
    "mine",
    [
        "mine-1.0-py3-none-any.whl",
        "evidence/demo_pure-1.0-py3-none-any.whl.member.statement.json.sig",
        "sources/demo_pure-1.0.tar.gz",
        "dist/notes.txt",
        "simple/demo-pure/mine/index.html",
    ],
)
def test_no_file_of_a_user_is_lost(mine: str, made: tuple[Wheelhouse, Results], tmp_path: Path) -> None:
    """Wherever in the folder of a former wheelhouse it is. What rebuild.sh makes again may go."""
    place = tmp_path / "house"
    write(made[0], {}, made[1], place)
    (place / "dist/tools").mkdir(parents=True)
    (place / "dist" / PURE).write_bytes(b"rebuilt")
    check_place(place)
    (place / mine).parent.mkdir(parents=True, exist_ok=True)
    (place / mine).write_text("mine")
    with pytest.raises(UsageError, match="which no wheelhouse wrote"):
        write(made[0], {}, made[1], place)
    assert (place / mine).read_text() == "mine"
    assert (place / "SHA256SUMS").is_file()


def test_a_wheel_whose_builds_ran_another_recipe_is_not_handed_out(
    made: tuple[Wheelhouse, Results], tmp_path: Path
) -> None:
    """Whatever the wheelhouse claims of it."""
    with pytest.raises(FaultError, match="did not run the"):
        write(replace(made[0], script="#!/bin/sh\n"), {}, made[1], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
