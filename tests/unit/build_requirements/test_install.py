"""Build environments: what is installed, that nothing of it runs here, and that it is the same everywhere."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import resource
import shutil
import stat
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.installed_wheel import localize, localize_scripts, unlike_record
from orchestrator.build.container import guest_folder
from orchestrator.build.environment import first_environment
from orchestrator.build_requirements.install import MTIME, BuildEnvironments
from orchestrator.build_requirements.resolve import lock
from orchestrator.errors import PackageIndexError, TransientIndexError
from orchestrator.model import Lock, Pin, Target, digest
from orchestrator.sources import reading
from orchestrator.util.cache import sum_of, sweep, sweep_all, unfinished
from tests.loopback_index import LoopbackIndex, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOOKWORM = Target("3.11", "x86_64-manylinux_2_36")
TRIXIE = Target("3.13", "x86_64-manylinux_2_40")
AS_OF, TODAY = date(2025, 3, 1), date(2026, 1, 1)
_MANY = 60  # wheels of a long lock
_PIECE = 1 << 18  # bytes of a file in one of them
PTH = b"import builtins; builtins.read = getattr(builtins, 'read', 0) + 1\n"


@pytest.fixture
def served() -> Iterator[LoopbackIndex]:
    """Serve a wheel with a script, a .pth file and a module, and a second wheel of that release."""
    with LoopbackIndex() as index:
        members = {"tool/__init__.py": b"def main(): print('tool runs')\n", "tool.pth": PTH}
        index.publish("tool-1.0-py3-none-any.whl", wheel("tool", "1.0", members, scripts={"tool": "tool:main"}))
        other = wheel("tool", "1.0", {"other.py": b""}, tag="cp311-cp311-manylinux_2_36_x86_64")
        index.publish("tool-1.0-cp311-cp311-manylinux_2_36_x86_64.whl", other)
        yield index


def pin(served: LoopbackIndex, filename: str = "tool-1.0-py3-none-any.whl") -> Pin:
    """Return a pin on a file that the index serves."""
    return Pin("tool", "1.0", served.sha256("tool", filename), filename, "")


def environments(served: LoopbackIndex, cache: Path) -> BuildEnvironments:
    """Return environments of the loopback index, without waits between tries."""
    return BuildEnvironments(cache, served.url, read_timeout=1, retry_wait=0.01)


def fingerprint(folder: Path) -> str:
    """Hash everything that a build can see of a folder."""
    return digest(
        [
            (
                str(path.relative_to(folder)),
                state.st_mode,
                state.st_mtime_ns,
                path.is_file() and path.read_bytes().hex(),
            )
            for path in sorted([folder, *folder.rglob("*")])
            for state in (path.lstat(),)
        ]
    )


def run(environment: Path, *command: str) -> str:
    """Run as a build would: the environment's folder on PYTHONPATH, and its scripts on PATH."""
    lib = environment / "lib"
    variables = {"PYTHONPATH": str(lib), "PATH": f"{lib}/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout


# --- what is installed -----------------------------------------------------------------------


def test_just_the_pinned_wheel_is_installed(served: LoopbackIndex, tmp_path: Path) -> None:
    """Even where another file of that release would fit better."""
    kept = environments(served, tmp_path)
    pure = kept.materialize(Lock((pin(served),)), BOOKWORM)
    compiled = pin(served, "tool-1.0-cp311-cp311-manylinux_2_36_x86_64.whl")
    other = kept.materialize(Lock((compiled,)), BOOKWORM)
    assert (pure / "lib/tool/__init__.py").is_file()
    assert not (pure / "lib/other.py").exists()
    assert (other / "lib/other.py").is_file()
    assert not (other / "lib/tool").exists()


def test_an_empty_lock_is_an_empty_environment(tmp_path: Path) -> None:
    """It needs no index."""
    made = BuildEnvironments(tmp_path, "http://127.0.0.1:9/").materialize(Lock(), BOOKWORM)
    assert [path.name for path in (made / "lib").iterdir()] == ["sitecustomize.py"]
    assert run(made, "/usr/bin/python3", "-c", "print('starts')") == "starts\n"


def test_scripts_name_the_images_python(served: LoopbackIndex, tmp_path: Path) -> None:
    """They run under it, and RECORD knows them as they are."""
    made = environments(served, tmp_path).materialize(Lock((pin(served),)), BOOKWORM)
    script = made / "lib/bin/tool"
    assert script.read_bytes().startswith(b"#!/usr/bin/python3\n")
    assert run(made, "tool") == "tool runs\n"
    check = "import importlib.metadata as m; print([(str(f), f.hash.value, f.size) for f in m.files('tool') if f.hash])"
    code = base64.urlsafe_b64encode(hashlib.sha256(script.read_bytes()).digest()).rstrip(b"=").decode()
    assert repr(("bin/tool", code, script.stat().st_size)) in run(made, "/usr/bin/python3", "-c", check)
    assert str(Path(sys.executable).parent) not in (made / "lib/tool-1.0.dist-info/RECORD").read_text()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (b"#!/v/bin/python\nx", b"#!/usr/bin/python3\nx"),
        (b"#!/bin/sh\n'''exec' /v/bin/python \"$0\" \"$@\"\n' '''\nx", b"#!/usr/bin/python3\nx"),
        (b"#!/bin/sh\n'''exec' '/v/bin/python' \"$0\" \"$@\"\n' '''\nx", b"#!/usr/bin/python3\nx"),
        (b"#!/bin/sh\n'''exec' \"/v/bin/python\" \"$0\" \"$@\"\n' '''\nx", b"#!/usr/bin/python3\nx"),
        (b"#!/bin/sh\n'''exec' /other/python \"$0\" \"$@\"\n' '''\nx", None),
        (b"#!/v/bin/python3.11\nx", None),
        (b"#!/usr/bin/env bash\nx", None),
        (b"\x7fELF", None),
        (b"", None),
    ],
)
def test_localize(script: bytes, expected: bytes | None) -> None:
    """Both forms that name the host's interpreter are changed, and nothing else."""
    assert localize(script, "/v/bin/python") == (script if expected is None else expected)


def test_pth_files_are_read_once(served: LoopbackIndex, tmp_path: Path) -> None:
    """As they are in an installer's own isolated environment; -S and -I still mean what they mean."""
    made = environments(served, tmp_path).materialize(Lock((pin(served),)), BOOKWORM)
    count = "len([path for path in sys.path if path.endswith('/lib')])"
    ask = f"import builtins, sys; print(getattr(builtins, 'read', 0), {count})"
    assert run(made, "/usr/bin/python3", "-c", ask) == "1 1\n"
    assert run(made, "/usr/bin/python3", "-c", f"import sitecustomize; {ask}") == "1 1\n"
    assert run(made, "/usr/bin/python3", "-S", "-c", ask) == "0 1\n"


def test_a_sitecustomize_of_a_package_gives_way(tmp_path: Path) -> None:
    """Ours stays: without it nobody's .pth files would be read."""
    with LoopbackIndex() as served:
        served.publish("tool-1.0-py3-none-any.whl", wheel("tool", "1.0", {"sitecustomize.py": b"1/0", "x.pth": PTH}))
        made = environments(served, tmp_path).materialize(Lock((pin(served),)), BOOKWORM)
        assert run(made, "/usr/bin/python3", "-c", "import builtins; print(builtins.read)") == "1\n"
        again = environments(served, tmp_path).materialize(Lock((pin(served),)), TRIXIE)
        assert fingerprint(made) == fingerprint(again)


# --- the same everywhere ---------------------------------------------------------------------


def test_two_environments_of_one_lock_are_the_same(served: LoopbackIndex, tmp_path: Path) -> None:
    """Made in other folders, under another umask, and from another user's cache."""
    first = environments(served, tmp_path / "one").materialize(Lock((pin(served),)), BOOKWORM)
    before = os.umask(0o077)
    try:
        second = environments(served, tmp_path / "another one").materialize(Lock((pin(served),)), BOOKWORM)
    finally:
        os.umask(before)
    assert first.name == second.name
    assert fingerprint(first) == fingerprint(second)


def test_times_and_modes_are_constant(served: LoopbackIndex, tmp_path: Path) -> None:
    """One time for all, no bytecode, and no right that an ordinary installation would not give."""
    made = environments(served, tmp_path).materialize(Lock((pin(served),)), BOOKWORM)
    every = [made, *made.rglob("*")]
    assert {path.lstat().st_mtime for path in every} == {MTIME}
    assert {stat.S_IMODE(path.lstat().st_mode) for path in every if path.is_dir() or os.access(path, os.X_OK)} == {
        0o755
    }
    assert {stat.S_IMODE((made / "lib" / name).lstat().st_mode) for name in ("tool.pth", "sitecustomize.py")} == {0o644}
    assert not [path for path in every if path.suffix == ".pyc" or path.name == ".lock"]


def test_uvs_own_copy_is_left_alone(tmp_path: Path) -> None:
    """A file that came with the wheel is replaced here, and not where it is linked from."""
    with LoopbackIndex() as index:
        index.publish("tool-1.0-py3-none-any.whl", wheel("tool", "1.0", {"sitecustomize.py": b"theirs"}))
        environments(index, tmp_path).materialize(Lock((pin(index),)), BOOKWORM)
        kept = [path.read_bytes() for path in (tmp_path / "uv/cache").rglob("sitecustomize.py")]
    assert kept == [b"theirs"]


def test_a_long_lock_fits_into_uvs_memory(tmp_path: Path) -> None:
    """By default uv downloads fifty wheels at once: the 51 of poetry 2 take 800 MiB then, more than it may have."""
    random = Random(1)  # noqa: S311 - bytes that cannot be compressed
    names = [f"part{number}" for number in range(_MANY)]
    with LoopbackIndex() as index:
        for name in names:
            members = {f"{name}/{number}.bin": random.randbytes(_PIECE) for number in range(8)}
            index.publish(f"{name}-1.0-py3-none-any.whl", wheel(name, "1.0", members))
        locked = lock(names, BOOKWORM, index_url=index.url, as_of=None, cache=tmp_path, today=TODAY)
        assert isinstance(locked, Lock)
        place = BuildEnvironments(tmp_path, index.url).materialize(locked, BOOKWORM)
    assert sum(path.suffix == ".bin" for path in place.rglob("*")) == 8 * _MANY


def test_an_environment_is_made_once(served: LoopbackIndex, tmp_path: Path) -> None:
    """However many threads ask, and in the next run; the other target has its own."""
    found: list[Path] = []
    kept = environments(served, tmp_path)
    locked = Lock((pin(served),))
    threads = [threading.Thread(target=lambda: found.append(kept.materialize(locked, BOOKWORM))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [environments(served, tmp_path).materialize(locked, BOOKWORM)] * 6 == found
    assert served.count("/files/tool/tool-1.0-py3-none-any.whl") == 1
    assert kept.materialize(locked, TRIXIE) != found[0]


@pytest.mark.parametrize("harm", ["emptied", "flipped", "gone", "added", "mode"])
def test_an_environment_that_came_to_harm_is_used_by_no_build(served: LoopbackIndex, tmp_path: Path, harm: str) -> None:
    """It is made again, the same; builds would fail or differ by it."""
    locked = Lock((pin(served),))
    made = environments(served, tmp_path).materialize(locked, BOOKWORM)
    expected = fingerprint(made)
    (HARMS | {"mode": lambda file: file.chmod(0o600)})[harm](made / "lib/tool/__init__.py")
    anew = environments(served, tmp_path)
    assert anew.materialize(locked, BOOKWORM) == anew.materialize(locked, BOOKWORM) == made
    assert fingerprint(made) == expected


def test_processes_race_safely(served: LoopbackIndex, tmp_path: Path) -> None:
    """Each gets the same complete environment, and no other file is left."""
    script = (
        "import sys; from pathlib import Path; from orchestrator.build_requirements.install import BuildEnvironments;"
        "from orchestrator.model import *;"
        f"print(BuildEnvironments(Path({str(tmp_path)!r}), {served.url!r})"
        f".materialize(Lock(({pin(served)!r},)), {BOOKWORM!r}))"
    )
    root = Path(__file__).parents[3]
    racers = [subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE) for _ in range(4)]
    said = {racer.communicate(timeout=60)[0] for racer in racers}
    made = environments(served, tmp_path).materialize(Lock((pin(served),)), BOOKWORM)
    assert said == {f"{made}\n".encode()}
    assert list((tmp_path / "buildenvs").iterdir()) == [made]


def test_what_a_killed_process_left_is_swept_away(served: LoopbackIndex, tmp_path: Path) -> None:
    """However new it is; but not what somebody is at work on."""
    (tmp_path / "buildenvs" / ".unfinished-left" / "environment").mkdir(parents=True)
    with unfinished(tmp_path / "buildenvs") as lent:
        environments(served, tmp_path)
        assert list((tmp_path / "buildenvs").iterdir()) == [lent]


def test_every_folder_of_the_cache_is_swept(tmp_path: Path) -> None:
    """All in which something is made; what was damaged goes once no build can use it any more, a day later."""
    left = [tmp_path / one for one in (".unfinished-1", "locks/.unfinished-2", "debian/ab/.unfinished-3")]
    for one in (*left, tmp_path / "guest/.damaged-old/x", tmp_path / "guest/.damaged-new/x"):
        one.mkdir(parents=True)
    os.utime(tmp_path / "guest/.damaged-old", (0, 0))
    sweep_all(tmp_path)
    assert not [one for one in left if one.exists()]
    assert [one.name for one in (tmp_path / "guest").iterdir()] == [".damaged-new"]


def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    """What it was making is swept at once."""
    script = (
        "import sys; from pathlib import Path; from orchestrator.util.cache import unfinished\n"
        f"with unfinished(Path({str(tmp_path)!r})):\n    print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as at_work:
        assert at_work.stdout is not None
        at_work.stdout.readline()
        sweep(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
        at_work.kill()
        at_work.wait()
        sweep(tmp_path)
    assert not list(tmp_path.iterdir())


# --- what came to harm -----------------------------------------------------------------------


HARMS: dict[str, Callable[[Path], object]] = {
    "emptied": lambda file: file.write_bytes(b""),
    "flipped": lambda file: file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:]),
    "gone": lambda file: file.unlink(),
    "added": lambda file: (file.parent / "more.py").write_bytes(b""),
}
PARTS = ["tool/__init__.py", "tool.pth", "METADATA", "RECORD", "WHEEL", "entry_points.txt", ".http", ".rkyv"]


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("part", PARTS)
def test_what_uv_keeps_may_come_to_harm(served: LoopbackIndex, tmp_path: Path, part: str, harm: str) -> None:
    """It reaches no environment: the wheel is fetched again, and what uv keeps is whole from then on."""
    locked = Lock((pin(served),))
    expected = fingerprint(environments(served, tmp_path / "aside").materialize(locked, BOOKWORM))
    environments(served, tmp_path).materialize(locked, BOOKWORM)
    uvs = tmp_path / "uv" / "cache"
    (file,) = [file for file in uvs.rglob("*") if file.is_file() and str(file).endswith(part)]
    for _ in range(2):
        shutil.rmtree(tmp_path / "buildenvs")
        if file.exists():
            HARMS[harm](file)
        assert fingerprint(environments(served, tmp_path).materialize(locked, BOOKWORM)) == expected
    shutil.rmtree(tmp_path / "buildenvs")
    asked = len(served.requests)
    environments(served, tmp_path).materialize(locked, BOOKWORM)
    assert not [line for line in served.requests[asked:] if "/files/" in line]


def test_a_wheel_that_brings_others_is_as_its_own_record_has_it(tmp_path: Path) -> None:
    """Their RECORDs are files like any other, and it is fetched once."""
    vendored = {"tool/_vendor/x-1.dist-info/RECORD": b"x.py,sha256=A,1\n", "tool/__init__.py": b""}
    with LoopbackIndex() as served:
        served.publish("tool-1.0-py3-none-any.whl", wheel("tool", "1.0", vendored))
        environments(served, tmp_path).materialize(Lock((pin(served),)), BOOKWORM)
        assert len([line for line in served.requests if line.startswith("GET /files/")]) == 1


def test_a_wheel_with_a_wrong_record_is_taken_as_it_is(tmp_path: Path) -> None:
    """Some are published like that; it is fetched once more to make sure of it."""
    good = wheel("tool", "1.0", {"tool/__init__.py": b"x = 1\n", "tool/more.py": b""})
    bad = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as archive, zipfile.ZipFile(bad, "w") as written:
        for name in archive.namelist():
            text = archive.read(name)
            written.writestr(name, text.replace(b"py,sha256=", b"py,sha256=A") if name.endswith("RECORD") else text)
    with LoopbackIndex() as served:
        served.publish("tool-1.0-py3-none-any.whl", bad.getvalue())
        made = environments(served, tmp_path).materialize(Lock((pin(served),)), BOOKWORM)
        assert served.count("/files/tool/tool-1.0-py3-none-any.whl") >= 2
    assert (made / "lib/tool/__init__.py").read_bytes() == b"x = 1\n"
    assert "tool/more.py,sha256=A" in (made / "lib/tool-1.0.dist-info/RECORD").read_text()


@pytest.mark.parametrize("kind", ["shake_128", "shake_256", "md9", "", "\udcff"])
def test_a_record_may_name_any_hash(tmp_path: Path, kind: str) -> None:
    """What has no digest of one length, or is no hash at all, is as good as another one."""
    record = tmp_path / "tool-1.dist-info" / "RECORD"
    record.parent.mkdir()
    (tmp_path / "tool.py").write_bytes(b"")
    record.write_bytes(f"tool.py,{kind}=AA,0\n".encode("utf-8", "surrogateescape"))
    assert unlike_record(tmp_path) == "tool.py"


@pytest.mark.parametrize(
    "rows",
    [b"".join(b"%07d.py,sha256=A,1\n" % number for number in range(1_500_000)), b"x" * (64 << 20), b'"' * (1 << 20)],
)
def test_a_huge_record_does_not_take_the_farm_s_memory(tmp_path: Path, rows: bytes) -> None:
    """It is read in a helper, within bounds."""
    record = tmp_path / "tool-1.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_bytes(rows)
    before = peak()
    assert reading.unlike_record(tmp_path)
    assert peak() - before < 16 << 10


def peak() -> int:
    """Return the most memory that this process ever had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_large_script_is_localized_in_pieces(tmp_path: Path) -> None:
    """And RECORD has its new hash."""
    script, rest = tmp_path / "bin" / "tool", bytes(5 << 20)
    script.parent.mkdir()
    script.write_bytes(b"#!/v/bin/python\n" + rest)
    script.chmod(0o755)
    record = tmp_path / "tool-1.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_bytes(b"bin/tool,sha256=A,1\n\xff.py,,\ntool-1.dist-info/RECORD,,\n")
    localize_scripts(tmp_path, "/v/bin/python")
    assert script.read_bytes() == b"#!/usr/bin/python3\n" + rest
    assert script.stat().st_mode & 0o777 == 0o755
    code = base64.urlsafe_b64encode(hashlib.sha256(script.read_bytes()).digest()).rstrip(b"=")
    size = script.stat().st_size
    expected = b"bin/tool,sha256=%b,%d\n\xff.py,,\ntool-1.dist-info/RECORD,,\n" % (code, size)
    assert record.read_bytes() == expected


@pytest.mark.parametrize("harm", [*HARMS, "mode"])
def test_a_folder_that_came_to_harm_is_made_again(tmp_path: Path, harm: str) -> None:
    """What uses it meanwhile keeps it, for it is moved aside; nobody has to remove anything."""
    environment = first_environment(source="x", salt="1", source_date_epoch=None)
    made = guest_folder(tmp_path, environment)
    expected = sum_of(made)
    file = made / "orchestrator/guest/main.py"
    (HARMS | {"mode": lambda one: one.chmod(0o600)})[harm](file)
    assert guest_folder(tmp_path, environment) == made
    assert sum_of(made) == expected
    (aside,) = (tmp_path / "guest").glob(".damaged-*")
    assert (aside / made.name).is_dir()


# --- what goes wrong -------------------------------------------------------------------------


FAULTS: dict[str, Callable[[LoopbackIndex, int], None]] = {
    "503-for-the-page": lambda index, times: index.answer("/simple/", status=503, times=times),
    "503-for-the-file": lambda index, times: index.answer("/files/", status=503, times=times),
    "truncated": lambda index, times: index.truncate("/files/", times=times),
    "stalled": lambda index, times: index.stall("/files/", times=times),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_passing_fault_is_tried_again(
    served: LoopbackIndex, tmp_path: Path, fault: Callable[[LoopbackIndex, int], None]
) -> None:
    """It leaves no mark on the environment."""
    fault(served, 1)
    made = environments(served, tmp_path / "one").materialize(Lock((pin(served),)), BOOKWORM)
    assert fingerprint(made) == fingerprint(
        environments(served, tmp_path / "two").materialize(Lock((pin(served),)), BOOKWORM)
    )


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_lasting_fault_leaves_nothing(
    served: LoopbackIndex, tmp_path: Path, fault: Callable[[LoopbackIndex, int], None]
) -> None:
    """Neither a verdict nor half an environment."""
    fault(served, 1000)
    with pytest.raises(TransientIndexError, match="installing build requirements"):
        environments(served, tmp_path).materialize(Lock((pin(served),)), BOOKWORM)
    assert list((tmp_path / "buildenvs").iterdir()) == []


def test_another_file_than_was_locked(served: LoopbackIndex, tmp_path: Path) -> None:
    """It is an error that names both hashes, at once, and leaves nothing."""
    locked = pin(served)
    served.publish("tool-1.0-py3-none-any.whl", wheel("tool", "1.0", {"evil.py": b""}), sha256=locked.sha256)
    with pytest.raises(PackageIndexError, match=f"Hash mismatch.*{locked.sha256}.*{'[0-9a-f]' * 64}") as caught:
        environments(served, tmp_path).materialize(Lock((locked,)), BOOKWORM)
    assert not isinstance(caught.value, TransientIndexError)
    assert list((tmp_path / "buildenvs").iterdir()) == []


def test_a_file_that_is_gone(served: LoopbackIndex, tmp_path: Path) -> None:
    """It is the index's fault, not that of a package."""
    locked = replace(pin(served), version="0.9")
    with pytest.raises(PackageIndexError, match=r"no version of tool==0\.9"):
        environments(served, tmp_path).materialize(Lock((locked,)), BOOKWORM)


# --- what is hostile -------------------------------------------------------------------------


def test_a_wheel_cannot_write_elsewhere(tmp_path: Path) -> None:
    """Paths that lead out, links and set-user-id bits come to nothing; no sdist's code runs."""
    content = io.BytesIO(wheel("tool", "1.0", {"../evil": b"", f"{tmp_path}/evil": b"", "a/../../../evil": b""}))
    with zipfile.ZipFile(content, "a") as archive:
        for name, mode in (("link", 0o120777), ("root", 0o106777)):
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, "/etc/passwd")
    with LoopbackIndex() as served:
        served.publish("tool-1.0-py3-none-any.whl", content.getvalue())
        made = environments(served, tmp_path / "cache").materialize(Lock((pin(served),)), BOOKWORM)
    assert list(tmp_path.rglob("evil")) == []
    assert not any(path.is_symlink() for path in made.rglob("*"))
    assert stat.S_IMODE((made / "lib/root").stat().st_mode) == 0o755


def test_a_script_cannot_be_written_elsewhere(tmp_path: Path) -> None:
    """A name that leads out is an error, and nothing is kept."""
    with LoopbackIndex() as served:
        content = wheel("tool", "1.0", {"tool.py": b""}, scripts={"../../../evil": "tool:main"})
        served.publish("tool-1.0-py3-none-any.whl", content)
        with pytest.raises(PackageIndexError, match="within the scripts directory"):
            environments(served, tmp_path / "cache").materialize(Lock((pin(served),)), BOOKWORM)
    assert list(tmp_path.rglob("evil")) == []
    assert list((tmp_path / "cache/buildenvs").iterdir()) == []


def test_nothing_of_the_hosts_configuration_leaks_in(
    served: LoopbackIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither another index, nor another way to install."""
    for name, value in {
        "UV_INDEX_URL": "http://127.0.0.1:9/",
        "UV_LINK_MODE": "symlink",
        "UV_COMPILE_BYTECODE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "uv.toml").write_text("[pip]\ncompile-bytecode = true\n")
    monkeypatch.chdir(tmp_path)
    made = environments(served, tmp_path / "cache").materialize(Lock((pin(served),)), BOOKWORM)
    assert not any(path.is_symlink() or path.suffix == ".pyc" for path in made.rglob("*"))


# --- real requirements -----------------------------------------------------------------------


def real(cache: Path, target: Target, *requirements: str) -> Path:
    """Lock real requirements as of a date, and install them."""
    found = lock(requirements, target, index_url=None, as_of=AS_OF, cache=cache, today=TODAY)
    assert isinstance(found, Lock), found
    return BuildEnvironments(cache).materialize(found, target)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one cache for all real requirements, so that each is downloaded once."""
    return tmp_path_factory.mktemp("cache")


def test_setuptools_and_cython(cache: Path) -> None:
    """The shim of setuptools' .pth file is there, and Cython is compiled for the image's Python."""
    made = real(cache, BOOKWORM, "setuptools", "Cython")
    ask = "import sys; print('_distutils_hack' in sys.modules)"
    assert run(made, "/usr/bin/python3", "-c", ask) == "True\n"
    assert list((made / "lib/Cython/Compiler").glob("Code.cpython-311-x86_64-linux-gnu.so"))
    assert (made / "lib/bin/cython").read_bytes().startswith(b"#!/usr/bin/python3\n")


def test_the_other_targets_cython(cache: Path) -> None:
    """One host serves both images."""
    made = real(cache, TRIXIE, "setuptools", "Cython")
    assert list((made / "lib/Cython/Compiler").glob("Code.cpython-313-x86_64-linux-gnu.so"))


def test_programs_come_along(cache: Path) -> None:
    """As scripts of modules, as binaries, and as scripts that start binaries; none of them is run here."""
    made = real(cache, BOOKWORM, "meson-python", "ninja", "cmake", "hatchling", "flit_core")
    begins = {name: (made / "lib/bin" / name).read_bytes()[:19] for name in ("meson", "cmake", "hatchling", "ninja")}
    assert begins.pop("ninja").startswith(b"\x7fELF")
    assert set(begins.values()) == {b"#!/usr/bin/python3\n"}
    assert os.access(made / "lib/bin/ninja", os.X_OK)
    assert os.access(made / "lib/cmake/data/bin/cmake", os.X_OK)
    assert (made / "lib/flit_core/buildapi.py").is_file()
    assert not [path for path in made.rglob("*") if path.suffix == ".pyc"]
