"""Crates are fetched from a registry before the build, which has no network; the real cargo, a registry on loopback."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.engine import Container, Engine
from orchestrator.build_requirements.crates import Crates
from orchestrator.build_requirements.install import BuildEnvironments
from orchestrator.errors import PackageIndexError, TransientIndexError
from orchestrator.farm.assemble import compiler
from orchestrator.farm.effects import JobEffects
from orchestrator.farm.workers import Cancellation, CpuSlots
from orchestrator.job.rebuild import rebuild
from orchestrator.model import Failure, Limits, Lock, Reason, Result, Task, Verdict
from orchestrator.results.store import Results
from orchestrator.sources import sdist
from orchestrator.sources.index import Index, local
from orchestrator.sources.sdist import Source
from tests.cause_cases import PACKAGES, PYPROJECT
from tests.crates_registry import CratesRegistry
from tests.docker.containers import SCRATCH, run_inside
from tests.samples import EPOCH, tar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.model import Image

LABEL = f"wheelproof-tests-{os.getpid()}"
LIMITS = Limits(seconds=120, memory=2 << 30, scratch=512 << 20)

CRATE = {
    "Cargo.toml": b'[package]\nname = "greeting"\nversion = "1.2.3"\nedition = "2021"\n',
    "src/lib.rs": b'pub fn word() -> &\'static [u8] { b"hello from a crate\\0" }\n',
}
PROJECT = {
    "rust/Cargo.toml": (
        b'[package]\nname = "rusty"\nversion = "1.0.0"\nedition = "2021"\n'
        b'[lib]\ncrate-type = ["cdylib"]\n[dependencies]\ngreeting = "1"\n'
    ),
    "rust/src/lib.rs": b'#[no_mangle]\npub extern "C" fn word() -> *const u8 { greeting::word().as_ptr() }\n',
}
SIN = b'''"""Is written in Rust, and has cargo build it."""
import ctypes
import subprocess


def commit():
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd="rust", check=True)
    library = "rust/target/release/librusty.so"
    word = ctypes.CDLL(library).word
    word.restype = ctypes.c_char_p
    return {"rusty/_rusty.so": open(library, "rb").read(), "rusty/word.txt": word()}
'''
ELSEWHERE = b'[source.crates-io]\nreplace-with = "other"\n[source.other]\nregistry = "sparse+http://127.0.0.1:1/"\n'
"""What an sdist may have in .cargo/config.toml, to send cargo elsewhere."""


@pytest.fixture
def registry() -> Iterator[CratesRegistry]:
    """A registry that has one crate."""
    with CratesRegistry() as found:
        found.publish("greeting", "1.2.3", CRATE)
        yield found


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files, which anyone may read."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def locked(engine: Engine, rust: Image, tmp_path: Path) -> bytes:
    """Let cargo itself write the project's Cargo.lock, as its author would have: it knows how a registry is called."""
    with CratesRegistry() as aside:
        checksum = aside.publish("greeting", "1.2.3", CRATE)
    given = tmp_path / "given"
    write(given / "project", PROJECT)
    write(given / "vendor/greeting", CRATE)
    marks = {"files": {}, "package": checksum}
    write(given / "vendor/greeting", {".cargo-checksum.json": json.dumps(marks).encode()})
    settings = b'[source.crates-io]\nreplace-with = "given"\n[source.given]\ndirectory = "/given/vendor"\n'
    write(given / "home", {"config.toml": settings})
    script = (
        "cp -r /given/project/rust /scratch/rust; cd /scratch/rust; cargo generate-lockfile --offline; cat Cargo.lock"
    )
    spec = Container(
        rust.id,
        ("/bin/sh", "-euc", script),
        environment={"CARGO_HOME": "/given/home", "PATH": "/usr/bin:/bin"},
        user="2222:2222",
        mounts=((str(given), "/given"),),
        scratch=SCRATCH,
        seconds=60,
    )
    completed, text = run_inside(engine, spec)
    assert completed.exit_code == 0
    assert checksum in text
    return text.encode()


@pytest.fixture
def rusty(locked: bytes, tmp_path: Path) -> Path:
    """The sdist of a project that is written in Rust."""
    return pack(tmp_path, locked, {})


@pytest.fixture
def misleading(locked: bytes, tmp_path: Path) -> Path:
    """The same, with settings for cargo that lead elsewhere."""
    return pack(tmp_path, locked, {".cargo/config.toml": ELSEWHERE, "rust/.cargo/config.toml": ELSEWHERE})


def pack(folder: Path, locked: bytes, more: Mapping[str, bytes]) -> Path:
    """Write an sdist of the project."""
    members = {
        "PKG-INFO": b"Metadata-Version: 2.1\nName: rusty\nVersion: 1.0\n",
        "NAME": b"rusty",
        "pyproject.toml": PYPROJECT,
        "backend.py": (PACKAGES / "backend.py").read_bytes(),
        "sin.py": SIN,
        "rust/Cargo.lock": locked,
        **PROJECT,
        **more,
    }
    return tar(folder / "rusty-1.0.tar.gz", ((f"rusty-1.0/{path}", text) for path, text in members.items()))


def described(path: Path) -> Source:
    """Describe an sdist that can be."""
    found = sdist.describe(path, LIMITS)
    assert isinstance(found, Source)
    return found


def crates(engine: Engine, folder: Path, registry: str) -> Crates:
    """Return what fetches from that registry, with a separate cache."""
    ask = Index(None, folder / "cache", retry_wait=0.01).answer
    return Crates(folder / "cache", registry, engine.run, LABEL, ask, sleep=lambda _seconds: None)


def test_what_a_lock_names_is_fetched_once(
    engine: Engine, rust: Image, misleading: Path, registry: CratesRegistry, tmp_path: Path
) -> None:
    """From the registry that is configured, whatever the sdist would have cargo do; then from the cache."""
    fetching = crates(engine, tmp_path, registry.url)
    found = fetching.fetch(described(misleading), rust, LIMITS)
    assert not isinstance(found, Failure), found.detail
    assert found is not None
    assert (found / "vendor/greeting-1.2.3/src/lib.rs").read_bytes() == CRATE["src/lib.rs"]
    assert 'directory = "crates/vendor"' in (found / "config.toml").read_text()
    asked = list(registry.asked)
    assert "/crates/greeting/1.2.3/download" in asked
    assert fetching.fetch(described(misleading), rust, LIMITS) == found
    assert registry.asked == asked
    assert [path.name for path in found.parent.iterdir()] == [found.name]


def test_without_cargo_or_a_lock_nothing_is_fetched(
    engine: Engine, bookworm: Image, rust: Image, rusty: Path, registry: CratesRegistry, tmp_path: Path
) -> None:
    """Then the build itself reports what it lacks."""
    fetching = crates(engine, tmp_path, registry.url)
    source = described(rusty)
    assert [folder for folder, _ in source.cargo] == ["rust"]
    assert fetching.fetch(source, bookworm, LIMITS) is None
    assert fetching.fetch(replace(source, cargo=()), rust, LIMITS) is None
    assert registry.asked == []


def test_a_crate_with_another_hash_than_the_lock_is_refused(
    engine: Engine, rust: Image, rusty: Path, registry: CratesRegistry, tmp_path: Path
) -> None:
    """Cargo compares; nothing is kept."""
    registry.publish("greeting", "1.2.3", {**CRATE, "src/lib.rs": b"// other\n"})
    found = crates(engine, tmp_path, registry.url).fetch(described(rusty), rust, LIMITS)
    assert isinstance(found, Failure)
    assert found.reason is Reason.NEEDS_CRATES
    assert "checksum for `greeting v1.2.3` changed" in found.evidence
    assert not [path for path in (tmp_path / "cache/crates").iterdir() if path.is_dir()]


def test_a_registry_that_sends_cargo_elsewhere_is_not_followed(
    engine: Engine, rust: Image, rusty: Path, registry: CratesRegistry, tmp_path: Path
) -> None:
    """The container reaches one host, and no other service of the machine that it is on."""
    with CratesRegistry() as other:
        other.publish("greeting", "1.2.3", CRATE)
        registry.serve_crates_at(other.host)
        with pytest.raises(PackageIndexError, match=f"{other.host} is not of the registry"):
            crates(engine, tmp_path, registry.url).fetch(described(rusty), rust, LIMITS)
        assert other.asked == []


def test_a_registry_that_does_not_answer_leaves_the_job_open(
    engine: Engine, rust: Image, rusty: Path, tmp_path: Path
) -> None:
    """It is named, with the network's error."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(TransientIndexError, match=f"{host} does not answer: "):
        crates(engine, tmp_path, f"http://{host}/index/").fetch(described(rusty), rust, LIMITS)


@pytest.mark.parametrize("lost", ["/index/gr", "/crates/"])
def test_a_crate_that_a_registry_lacks_is_a_result(
    engine: Engine, rust: Image, rusty: Path, registry: CratesRegistry, tmp_path: Path, lost: str
) -> None:
    """Be it the crate, or its file alone: the registry answers well, and lacks it for cargo and for the farm, twice."""
    for path in [path for path in registry.files if path.startswith(lost)]:
        del registry.files[path]
    found = crates(engine, tmp_path, registry.url).fetch(described(rusty), rust, LIMITS)
    assert isinstance(found, Failure)
    assert found.reason is Reason.NEEDS_CRATES
    assert "greeting" in found.evidence
    assert "rust/Cargo.lock" in found.detail


@pytest.mark.parametrize("spoilt", ["/index/config.json", "/index/gr", "/crates/"])
@pytest.mark.parametrize("content", [None, b"<html>log in</html>"])
def test_a_momentary_fault_of_a_registry_is_no_result(
    engine: Engine,
    rust: Image,
    rusty: Path,
    registry: CratesRegistry,
    tmp_path: Path,
    spoilt: str,
    content: bytes | None,
) -> None:
    """A page that is gone or foreign for a moment: the crates come, or the job stays open and the next try has them."""
    good = dict(registry.files)
    for path in [path for path in good if path.startswith(spoilt)]:
        registry.files.pop(path)
        registry.files |= {path: content} if content else {}
    fetching = crates(engine, tmp_path, registry.url)
    fetching.sleep = lambda _seconds: registry.files.update(good)
    with suppress(PackageIndexError):
        assert isinstance(fetching.fetch(described(rusty), rust, LIMITS), Path)
    registry.files.update(good)
    assert isinstance(fetching.fetch(described(rusty), rust, LIMITS), Path)


def test_a_project_in_rust_is_built_offline_with_its_crates(
    engine: Engine, rust: Image, rusty: Path, registry: CratesRegistry, cache: Path, tmp_path: Path
) -> None:
    """Twice, in different environments, and by its recipe; the crate's output is in each wheel."""
    results = Results(tmp_path / "results", wheels=1 << 30, logs=1 << 30)
    results.folder.mkdir()
    job_effects = JobEffects(
        engine=engine,
        index=Index(None, cache),  # for what a recipe installs
        lock=lambda _requirements, _target: Lock(),
        buildenvs=BuildEnvironments(cache, compiled=compiler(engine, (rust,), cache, LABEL)),
        results=results,
        slots=CpuSlots(2, (0, 1)),
        stop=Cancellation(),
        cache=tmp_path / "cache",
        label=LABEL,
        log=lambda _project, _what: None,
        crates=crates(engine, tmp_path, registry.url),
    )
    release, file = local(rusty)
    effects = replace(job_effects.effects("rusty", LIMITS, long=False, again=True), fetch=lambda _sdist: file)
    task = Task(str(file), rust.name, source_date_epoch=EPOCH, limits=LIMITS)
    result = rebuild(task, release, rust, effects)
    assert isinstance(result, Result)
    assert result.verdict in {Verdict.REPRODUCIBLE, Verdict.SENSITIVE}, result.failure
    assert any(build.environment.recipe for build in result.builds)
    for build in result.builds:
        assert build.failure is None
        assert build.wheel is not None
        wheel = job_effects.read(build, LIMITS)
        assert not isinstance(wheel, Failure)
        assert {member.path: member.size for member in wheel.members}["rusty/word.txt"] == len("hello from a crate")
