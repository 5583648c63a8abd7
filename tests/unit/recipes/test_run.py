"""Recipes are run as they are written, without an index, on this host."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.model import RecipeForm
from orchestrator.recipes import write
from tests.recipe_cases import PATH, PYTHON, expecting, inputs, installed_pip, run, sdist_files, tar, zipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.model import Pin

NAME = "pkg-1.0-py3-none-any.whl"
MODES = "import stat\nreturn {'modes.txt': oct(stat.S_IMODE(os.stat('PKG-INFO').st_mode)).encode()}"
COMPILED = """
import shlex, subprocess, sysconfig
flags = shlex.split(sysconfig.get_config_var("CFLAGS") or "")
subprocess.run([*shlex.split(sysconfig.get_config_var("CC")), "-O2", "-DNDEBUG", *flags, "-g", "-c", "x.c"], check=True)
return {"x.o": open("x.o", "rb").read()}"""
SOURCE = "#include <assert.h>\nint x(int i) { assert(i > 1); return i; }\n"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that any user may read, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for wheels."""
    return tmp_path_factory.mktemp("links")


@pytest.fixture(scope="session")
def pip(links: Path) -> Pin:
    """Return the pin of that wheel."""
    return installed_pip(links)


def wheel(folder: Path) -> Path:
    """Return the wheel that a recipe left."""
    return folder / "dist" / NAME


def member(folder: Path, name: str) -> bytes:
    """Return a member of that wheel."""
    with zipfile.ZipFile(wheel(folder)) as archive:
        return archive.read(name)


def nothing_left(folder: Path) -> bool:
    """Return whether the recipe's own folder is gone."""
    return not list((folder.parent / f"{folder.name} tmp").iterdir())


def can_run(user: tuple[str, ...], program: str) -> bool:
    """Return whether a user can run a program."""
    done = subprocess.run([*user, "/bin/sh", "-c", '"$0" --version', program], check=False, capture_output=True)
    return done.returncode == 0


def ends(process: int, seconds: float) -> bool:
    """Return whether a process is gone, or waits only to be reaped, within so many seconds."""
    end = time.monotonic() + seconds
    while runs(process) and time.monotonic() < end:
        time.sleep(0.05)
    return not runs(process)


def runs(process: int) -> bool:
    """Return whether a process is there, and does not only wait to be reaped."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(("form", "shell"), [(RecipeForm.SH, "dash"), (RecipeForm.UV, "bash")])
def test_a_recipe_gives_the_same_wheel_in_each_folder_and_checks_it(
    tmp_path: Path, links: Path, pip: Pin, form: RecipeForm, shell: str
) -> None:
    """Status 10 while nothing is expected or another wheel, 0 with the right hash; the umask and the path differ."""
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(MODES)), "fix-umask", pins=(pip,))
    first, second = tmp_path / "first", tmp_path / 'it\'s a "second" $one'
    done = run(form, given, first, links=links, shell=shell)
    assert done.returncode == 10, done.stderr
    assert "expected: not known" in done.stderr
    assert member(first, "modes.txt") == b"0o644"
    (second / "dist").mkdir(parents=True)
    (second / "dist" / "other.txt").touch()
    known = expecting(given, wheel(first))
    done = run(
        RecipeForm.SH, known, second, links=links, shell=shell, before=("sh", "-c", 'umask 077; exec "$@"', "sh")
    )
    assert done.returncode == 0, done.stderr
    assert wheel(second).read_bytes() == wheel(first).read_bytes()
    assert (second / "dist" / "other.txt").exists()
    assert nothing_left(first)
    assert nothing_left(second)


def test_another_wheel_is_kept_and_reported(tmp_path: Path, links: Path, pip: Pin) -> None:
    """The script names both hashes, and what it was built with."""
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files("return {'x': os.urandom(8)}")), pins=(pip,))
    run(RecipeForm.UV, given, tmp_path / "first", links=links)
    known = expecting(given, wheel(tmp_path / "first"))
    done = run(RecipeForm.UV, known, tmp_path / "second", links=links)
    assert done.returncode == 10
    assert known.wheel is not None
    assert known.wheel.sha256 in done.stderr
    assert hashlib.sha256(wheel(tmp_path / "second").read_bytes()).hexdigest() in done.stderr
    assert "it was built with Python" in done.stderr


def test_pip_gives_the_same_wheel_as_uv_whatever_its_settings(tmp_path: Path, links: Path, pip: Pin) -> None:
    """Settings that change what is installed are left out, in variables and in files."""
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(MODES)), "fix-umask", pins=(pip,))
    run(RecipeForm.UV, given, tmp_path / "first", links=links)
    odd = tmp_path / "pip.conf"
    odd.write_text(
        "[global]\nrequire-virtualenv = true\nconstraint = /nowhere\n[install]\nuser = true\nprefix = /nowhere\n"
    )
    known = expecting(given, wheel(tmp_path / "first"))
    settings = {"PIP_CONFIG_FILE": str(odd), "PIP_TARGET": "/nowhere", "PIP_REQUIRE_VIRTUALENV": "1"}
    done = run(RecipeForm.SH, known, tmp_path / "second", links=links, variables=settings)
    assert done.returncode == 0, done.stderr


def test_a_user_without_rights_can_run_it(open_folder: Path) -> None:
    """No root is needed."""
    if os.getuid():
        pytest.skip("only root can become another user")
    given = inputs(tar(open_folder / "pkg-1.0.tar.gz", sdist_files(MODES)), "fix-umask")
    run(RecipeForm.UV, given, open_folder / "first", links=open_folder)
    folder = open_folder / "second"
    for one in (folder, open_folder / "second tmp"):
        one.mkdir()
        os.chown(one, 65534, 65534)
    known = expecting(given, wheel(open_folder / "first"))
    user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    usable = [one for one in (PYTHON, "/usr/bin/python3") if can_run(user, one)]
    if not usable or not can_run(user, f"{PATH.split(':')[0]}/uv"):
        pytest.skip("no other user can run this Python, or uv")
    sdist = ("../pkg-1.0.tar.gz",)
    done = run(
        RecipeForm.UV, known, folder, links=open_folder, before=user, arguments=sdist, variables={"PYTHON": usable[0]}
    )
    assert done.returncode == 0, done.stderr


def test_a_zip_is_unpacked_too(tmp_path: Path, links: Path, pip: Pin) -> None:
    """With the archive's times, read as UTC."""
    content = "return {'time.txt': str(int(os.stat('PKG-INFO').st_mtime)).encode()}"
    for pack, name in ((zipped, "pkg-1.0.zip"), (tar, "pkg-1.0.tar.gz")):
        folder = tmp_path / name[-3:]
        run(RecipeForm.UV, inputs(pack(tmp_path / name, sdist_files(content)), pins=(pip,)), folder, links=links)
        assert member(folder, "time.txt") == b"1500000000"


def test_each_recipe_has_its_own_files(tmp_path: Path, links: Path, pip: Pin) -> None:
    """With a fixed folder too, which is not shared: it must not exist."""
    lists = "return {'list.txt': '\\n'.join([os.getcwd(), *sorted(os.listdir('.'))]).encode()}"
    first = tar(tmp_path / "one.tar.gz", sdist_files(lists, {"theirs.py": ""}))
    second = tar(tmp_path / "two.tar.gz", sdist_files(lists))
    for sdist in (first, second):
        given = inputs(sdist, "fix-build-path", pins=(pip,))
        assert run(RecipeForm.UV, given, tmp_path / sdist.stem, links=links).returncode == 10
    assert b"theirs.py" in member(tmp_path / first.stem, "list.txt")
    assert b"theirs.py" not in member(tmp_path / second.stem, "list.txt")
    given = inputs(second, "fix-build-path", pins=(pip,))
    place = member(tmp_path / second.stem, "list.txt").decode().splitlines()[0].removesuffix("/source")
    Path(place).mkdir()
    try:
        done = run(RecipeForm.UV, given, tmp_path / "third", links=links)
    finally:
        Path(place).rmdir()
    assert done.returncode == 2
    assert place in done.stderr


@pytest.mark.parametrize("remedy", ["prefix-map-source", "prefix-map-folder"])
def test_wrapped_compilers_keep_the_flags_of_the_build(tmp_path: Path, links: Path, pip: Pin, remedy: str) -> None:
    """Paths are mapped; the optimisation level and NDEBUG stay; the user's CFLAGS do not count."""
    given = inputs(
        tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(COMPILED, {"x.c": SOURCE})), remedy, pins=(pip,), native=True
    )
    for folder in (tmp_path / "first", tmp_path / "the 'second'"):
        done = run(RecipeForm.UV, given, folder, links=links, variables={"CFLAGS": "-O0 -UNDEBUG"})
        assert done.returncode == 10, done.stderr
        code = member(folder, "x.o")
        assert b" -O2" in code
        assert b"__assert_fail" not in code
        assert b"rebuild." not in code
    assert wheel(tmp_path / "first").read_bytes() == wheel(tmp_path / "the 'second'").read_bytes()


def test_paths_can_be_equally_long(tmp_path: Path, links: Path, pip: Pin) -> None:
    """However long TMPDIR is, up to that length."""
    content = "return {'length.txt': str(len(os.getcwd())).encode()}"
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(content)), "same-length-path", pins=(pip,))
    run(RecipeForm.UV, given, tmp_path / "first", links=links, variables={"TMPDIR": "/tmp"})  # noqa: S108 - of the user
    assert member(tmp_path / "first", "length.txt") == str(120 + len("/source")).encode()
    long = tmp_path / ("x" * 120)
    long.mkdir()
    done = run(RecipeForm.UV, given, tmp_path / "second", links=links, variables={"TMPDIR": str(long)})
    assert done.returncode == 2, done.stderr


@pytest.mark.parametrize("form", [RecipeForm.SH, RecipeForm.UV])
def test_a_clean_environment_has_the_recipe_s_variables_only(
    tmp_path: Path, links: Path, pip: Pin, form: RecipeForm
) -> None:
    """And the settings of other remedies."""
    content = "return {'names.txt': '\\n'.join(f'{k}={v}' for k, v in os.environ.items()).encode()}"
    sdist = tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(content))
    given = inputs(sdist, "fix-timezone", "fix-locales", "fix-hash-seed", "fix-home", "fix-environment", pins=(pip,))
    run(form, given, tmp_path / "first", links=links, variables={"NOISE": "1"})
    lines = member(tmp_path / "first", "names.txt").decode().splitlines()
    assert not any(line.startswith(("NOISE", "PIP_FIND_LINKS")) for line in lines)
    assert {"TZ=UTC", "LC_ALL=C.UTF-8", "PYTHONHASHSEED=0"} <= set(lines)


def test_finishing_steps_are_in_the_script(tmp_path: Path, links: Path, pip: Pin) -> None:
    """Bills of materials go; the archive is canonical."""
    content = "return {'z': b'', 'pkg-1.0.dist-info/sboms/x.json': os.urandom(9), 'a': b''}"
    sdist = tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(content))
    given = inputs(sdist, "no-sbom", "strip-debug", "canonical-archive", pins=(pip,))
    run(RecipeForm.UV, given, tmp_path / "first", links=links)
    with zipfile.ZipFile(wheel(tmp_path / "first")) as archive:
        assert archive.namelist()[:3] == ["a", "pkg.py", "z"]
        assert not [name for name in archive.namelist() if "sboms" in name]
    done = run(RecipeForm.UV, expecting(given, wheel(tmp_path / "first")), tmp_path / "second", links=links)
    assert done.returncode == 0, done.stderr


def test_what_is_missing_ends_it_before_anything_is_built(tmp_path: Path, links: Path, pip: Pin) -> None:
    """With one line that says what to do, and status 2; a wrong sdist is none of these."""
    sdist = tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(MODES))
    given = inputs(sdist, pins=(pip,))
    for number, (text, changed, variables) in enumerate(
        (
            ("set PYTHON", given, {"PYTHON": "no-such-python"}),
            ("set PYTHON to a Python 3.9", replace(given, native=True, python="3.9"), {}),
            ("as argument", replace(given, sdist=replace(given.sdist, url="ftp://host/pkg-1.0.tar.gz")), {}),
            ("run this where it is builder", replace(given, remedies=("fix-domain-host",)), {}),
        )
    ):
        done = run(RecipeForm.UV, changed, tmp_path / str(number), links=links, variables=variables)
        assert done.returncode == 2, done.stderr
        assert text in done.stderr
        assert nothing_left(tmp_path / str(number))
    sdist.write_bytes(b"another")
    done = run(RecipeForm.UV, given, tmp_path / "last", links=links)
    assert done.returncode == 1
    assert "not the expected sdist" in done.stderr
    sdist.unlink()
    done = run(RecipeForm.UV, given, tmp_path / "absent", links=links)
    assert done.returncode == 2
    assert "name the sdist as argument" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", ["../out", "/etc/out", "link/out"])
def test_an_unsafe_sdist_is_not_unpacked(tmp_path: Path, links: Path, pip: Pin, path: str) -> None:
    """A member that leads out of the folder ends the script."""
    sdist = zipped(tmp_path / "pkg-1.0.zip", sdist_files(MODES))
    with zipfile.ZipFile(sdist, "a") as archive:
        link = zipfile.ZipInfo("pkg-1.0/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "..")
        archive.writestr(zipfile.ZipInfo(path if path[0] in "./" else f"pkg-1.0/{path}"), "x")
    done = run(RecipeForm.UV, inputs(sdist, pins=(pip,)), tmp_path / "first", links=links)
    assert done.returncode == 1, done.stderr
    assert "unsafe sdist" in done.stderr
    assert nothing_left(tmp_path / "first")


@pytest.mark.parametrize("form", [RecipeForm.SH, RecipeForm.UV])
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_signal_ends_the_build_and_removes_the_folder(
    tmp_path: Path, links: Path, shell: str, form: RecipeForm
) -> None:
    """At once, with all processes of the build."""
    started = tmp_path / "started"
    content = f"open({str(started)!r}, 'w').write(str(os.getpid()))\nimport time\ntime.sleep(600)\nreturn {{}}"
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(content)))
    folder, temporary = tmp_path / "first", tmp_path / "first tmp"
    folder.mkdir()
    temporary.mkdir()
    (folder / "recipe.sh").write_text(write(form, given))
    variables = {**os.environ, "PATH": PATH, "TMPDIR": str(temporary), "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(links)}
    with subprocess.Popen([shell, "recipe.sh"], cwd=folder, env=variables, stderr=subprocess.DEVNULL) as process:
        while not (started.exists() and started.read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert nothing_left(folder)
    assert ends(int(started.read_text()), 30)


@pytest.mark.parametrize("form", [RecipeForm.SH, RecipeForm.UV])
def test_processes_that_a_build_leaves_are_ended(tmp_path: Path, links: Path, form: RecipeForm) -> None:
    """Before the wheel is looked at, so that they cannot change it."""
    content = """
import subprocess
left = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
return {"left": str(left.pid).encode()}"""
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(content)))
    assert run(form, given, tmp_path / "first", links=links).returncode == 10
    assert ends(int(member(tmp_path / "first", "left")), 1)  # a kill may take a moment


def test_the_status_is_that_of_the_wheel_even_if_the_folder_cannot_be_removed(
    tmp_path: Path, links: Path, pip: Pin
) -> None:
    """A build may leave what the user has no right to remove."""
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(MODES)), "fix-umask", pins=(pip,))
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "rm").write_text("#!/bin/sh\nexit 1\n")
    (tools / "rm").chmod(0o755)
    done = run(RecipeForm.UV, given, tmp_path / "first", links=links, variables={"PATH": f"{tools}:{PATH}"})
    assert done.returncode == 10
    assert "cannot remove" in done.stderr


@pytest.mark.parametrize("form", [RecipeForm.SH, RecipeForm.UV])
def test_settings_of_the_interpreter_do_not_count(tmp_path: Path, links: Path, pip: Pin, form: RecipeForm) -> None:
    """Nor do other programs that compile."""
    content = "return {'names': '\\n'.join(sorted(os.environ)).encode()}"
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(content)), pins=(pip,))
    odd = dict.fromkeys(("PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONWARNINGS", "AR", "CPP"), "1")
    done = run(form, given, tmp_path / "first", links=links, variables=odd)
    assert done.returncode == 10, done.stderr
    assert not set(odd) & set(member(tmp_path / "first", "names").decode().split())


def test_a_folder_that_would_break_the_build_is_refused(tmp_path: Path, links: Path, pip: Pin) -> None:
    """With a colon, PATH would be another; a script that sets nothing is told what to set."""
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(MODES)), pins=(pip,))
    (tmp_path / "a:b").mkdir()
    done = run(RecipeForm.UV, given, tmp_path / "first", links=links, variables={"TMPDIR": str(tmp_path / "a:b")})
    assert done.returncode == 2
    assert "set TMPDIR" in done.stderr
    assert not list((tmp_path / "a:b").iterdir())


def test_compiled_wheels_need_a_folder_in_which_programs_run(tmp_path: Path, links: Path, pip: Pin) -> None:
    """Wrappers that cannot be run would be passed over in silence."""
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(MODES)), pins=(pip,), native=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "chmod").write_text("#!/bin/sh\n")  # as if the file system were mounted with noexec
    (tools / "chmod").chmod(0o755)
    done = run(RecipeForm.UV, given, tmp_path / "first", links=links, variables={"PATH": f"{tools}:{PATH}"})
    assert done.returncode == 2
    assert "no program can be run in" in done.stderr
    assert nothing_left(tmp_path / "first")


def test_another_compiled_wheel_is_told_from_the_proven_one_by_the_headers(
    tmp_path: Path, links: Path, pip: Pin
) -> None:
    """The script names each package that is another here, Python's headers among them; debug information has them."""
    packages = (("gcc-12:amd64", "12.2.0-14"), ("libpython3.11-dev:amd64", "3.11.2-6+deb12u9"), ("perl", "5"))
    given = replace(
        inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(MODES)), pins=(pip,), native=True), packages=packages
    )
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "dpkg-query").write_text('#!/bin/sh\n[ "$4" = gcc-12 ] && echo 12.2.0-14 || echo 3.11.2-6+deb12u6\n')
    (tools / "dpkg-query").chmod(0o755)
    done = run(RecipeForm.UV, given, tmp_path / "first", links=links, variables={"PATH": f"{tools}:{PATH}"})
    note = "note: libpython3.11-dev is 3.11.2-6+deb12u6; the recipe was written for 3.11.2-6+deb12u9\n"
    assert done.stderr.count(note) == 2  # at the beginning, and when the wheel is another one
    assert "note: gcc-12" not in done.stderr


def test_pip_has_the_recipe_s_temporary_folder(tmp_path: Path, links: Path, pip: Pin) -> None:
    """A signal ends pip before it removes its own folders, so these must be in that of the script."""
    given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(MODES)), pins=(pip,))
    spy, seen = tmp_path / "spy", tmp_path / "seen"
    spy.mkdir()
    note = (
        f"import os, sys\nif 'install' in sys.orig_argv: open({str(seen)!r}, 'a').write(os.environ['TMPDIR'] + '\\n')\n"
    )
    (spy / "sitecustomize.py").write_text(note)
    done = run(RecipeForm.SH, given, tmp_path / "first", links=links, variables={"PYTHONPATH": str(spy)})
    assert done.returncode == 10, done.stderr
    assert all("/rebuild." in folder for folder in seen.read_text().splitlines())


def test_what_a_failed_build_printed_is_shown(tmp_path: Path, links: Path) -> None:
    """All of it, with the lines of the processes that it started; nothing of a build that succeeds."""
    content = "import subprocess\nsubprocess.call(['echo', 'of a tool'])\nprint('of the backend')\n"
    for ended, status in (("raise ValueError('why')", 1), ("return {}", 10)):
        given = inputs(tar(tmp_path / "pkg-1.0.tar.gz", sdist_files(content + ended)))
        done = run(RecipeForm.SH, given, tmp_path / str(status), links=links)
        assert done.returncode == status
        shown = [line in done.stderr for line in ("of a tool", "of the backend", "ValueError: why", "the build failed")]
        assert shown == [status == 1] * 4, done.stderr
        assert not done.stdout
