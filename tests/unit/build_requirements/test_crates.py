"""The crates that an sdist locks, what its builds get of them, and the errors if they cannot be fetched."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.build import container
from orchestrator.build.container import Order
from orchestrator.build.engine import STDOUT, Completed, Container
from orchestrator.build.environment import first_environment
from orchestrator.build.variations import second_environment
from orchestrator.build_requirements import crates
from orchestrator.errors import AbsentError, PackageIndexError, TransientEngineError, TransientIndexError
from orchestrator.guest.crates import CARGO_FAILED, settings_of
from orchestrator.model import Failure, Limits, Reason
from orchestrator.sources.sdist import Source, describe
from tests.samples import IMAGE, tar

if TYPE_CHECKING:
    from collections.abc import Callable

REGISTRY = "http://registry.example/"
LIMITS = Limits()
SOURCE = Source(Path("rusty-1.0.tar.gz"), (), "maturin", cargo=(("", "a" * 64), ("ext", "b" * 64)))
RUST = replace(IMAGE, packages=(("cargo-web:amd64", "1.96"),))
SAID = b"""    Updating index
error: failed to sync

Caused by:
  failed to load lockfile

Caused by:
  checksum changed
"""


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["Cargo.lock", "Cargo.toml", "sub/Cargo.lock", "sub/Cargo.toml"], [""]),
        (["src/x/Cargo.lock", "src/x/Cargo.toml", "y/Cargo.toml", "y/Cargo.lock"], ["y", "src/x"]),
        (["a/Cargo.lock", "a/Cargo.toml", "ab/Cargo.lock", "ab/Cargo.toml", "a/b/Cargo.lock"], ["a", "ab"]),
        (["Cargo.lock", "sub/Cargo.toml", "Cargo.toml/x"], []),
        ([f"{number}/Cargo.{end}" for number in range(20) for end in ("lock", "toml")], None),
    ],
)
def test_the_outermost_locks_count(tmp_path: Path, paths: list[str], expected: list[str] | None) -> None:
    """Each with its manifest beside it, and not too many."""
    path = tar(tmp_path / "pkg-1.0.tar.gz", ((f"pkg-1.0/{one}", one.encode()) for one in paths))
    found = describe(path, LIMITS)
    assert isinstance(found, Source)
    folders = [folder for folder, _ in found.cargo]
    assert len(folders) == 8 if expected is None else folders == expected
    assert len({sha256 for _, sha256 in found.cargo}) == len(folders)


@pytest.mark.parametrize("second", [False, True])
def test_a_build_finds_its_crates_beside_its_build_requirements(*, second: bool) -> None:
    """One variation moves both; without crates the environment has no trace of them."""
    first = first_environment(source="x", salt="1", source_date_epoch=None)
    environment = second_environment(first, ()) if second else first
    order = Order("first", SOURCE, environment, Path("/envs/1"), RUST, LIMITS, crates=Path("/cache/crates/1"))
    found = container.container(order, Path("/guest"), 0, 2, "label")
    inside = dict(found.mounts)["/cache/crates/1"]
    assert inside == container.crates_path(environment)
    assert Path(inside).parent == Path(environment.environment_path).parent
    assert (found.environment["CARGO_HOME"], found.environment["CARGO_NET_OFFLINE"]) == (inside, "true")
    without = container.container(replace(order, crates=None), Path("/guest"), 0, 2, "label")
    assert not [name for name in without.environment if name.startswith("CARGO")]
    assert len(without.mounts) == len(found.mounts) - 1


def test_config_settings_come_as_a_backend_takes_them() -> None:
    """A repeated key has a list (PEP 517 leaves it to the frontend; so do the others)."""
    given = (("a", "1"), ("b", "2"), ("a", "3"))
    assert container.settings_of(given) == {"a": ["1", "3"], "b": "2"}
    environment = replace(first_environment(source="x", salt="1", source_date_epoch=None), config_settings=given)
    order = Order("first", SOURCE, environment, Path("/envs/1"), RUST, LIMITS)
    spec = json.loads(container.container(order, Path("/guest"), 0, 2, "label").command[-1])
    assert spec["config_settings"] == {"a": ["1", "3"], "b": "2"}


def ended(completed: Completed, said: bytes) -> Callable[[Container, Callable[[int, bytes], bool]], Completed]:
    """A fake engine whose container prints that and ends with that status."""

    def run(_container: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        listen(STDOUT + 1, said)
        return completed

    return run


CONFIG = b'{"dl": "http://registry.example/crates"}'
LINE = b'{"name": "greeting", "vers": "1.9.9"}\n'
LOCAL = b"error: failed to sync\n\nCaused by:\n  failed to parse lock file at: /p/Cargo.lock\n"
NO_PACKAGE = (
    b"    Updating `x` index\nerror: failed to sync\n\nCaused by:\n  no matching package named `greeting` found\n"
)
NO_VERSION = b"""    Updating `x` index
error: failed to sync

Caused by:
  failed to select a version for the requirement `greeting = "^1"` (locked to 1.2.3)
"""
CHANGED = SAID.replace(b"checksum changed", b"checksum for `greeting v1.2.3` changed between lock files")
NO_FILE = b"""    Updating `x` index
 Downloading crates ...
error: failed to sync

Caused by:
  failed to get successful HTTP response from `http://registry.example/crates/greeting/1.2.3/download` (::1), got 404
"""
NO_SUM = NO_PACKAGE.replace(
    b"no matching package named `greeting` found", b"failed to verify the checksum of `greeting`"
)
CURL = NO_PACKAGE.replace(b"no matching package named `greeting` found", b"[7] Couldn't connect to server")
WELL = {"http://registry.example/config.json": CONFIG}
PAGE, FILE = "http://registry.example/gr/ee/greeting", "http://registry.example/crates/greeting/1.2.3/download"


def fetched(cache: Path, said: bytes, answers: dict[str, bytes], *later: bytes) -> Path | Failure | None:
    """Fetch from a registry with these answers, with a cargo that prints that each time, or another text later."""
    words = [said, *later]

    def run(_container: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        listen(STDOUT + 1, words.pop(0) if len(words) > 1 else words[0])
        return Completed(CARGO_FAILED)

    def ask(url: str, _limit: int) -> bytes:
        if url not in answers:
            raise AbsentError(url)
        return answers[url]

    found = crates.Crates(cache, REGISTRY, run, "label", ask, sleep=lambda _seconds: None)
    return found.fetch(SOURCE, RUST, LIMITS)


@pytest.mark.parametrize(
    ("said", "answers", "evidence"),
    [
        (LOCAL, {}, "failed to parse lock file"),
        (NO_PACKAGE, WELL, "no matching package named `greeting`"),
        (NO_VERSION, WELL | {PAGE: LINE}, "failed to select a version"),
        (CHANGED, WELL | {PAGE: LINE}, "checksum for `greeting v1.2.3` changed"),
        (NO_FILE, WELL | {PAGE: LINE}, "got 404"),
        (NO_PACKAGE.replace(b"no matching", b"unable to update https://example.org/x"), {}, "example.org"),
    ],
)
def test_what_a_registry_that_answers_well_lacks_is_a_result(
    tmp_path: Path, said: bytes, answers: dict[str, bytes], evidence: str
) -> None:
    """So is what needs no registry; cargo's error and its innermost cause are the evidence."""
    found = fetched(tmp_path, said, answers)
    assert isinstance(found, Failure)
    assert found.reason is Reason.NEEDS_CRATES
    assert found.evidence.startswith("error: failed to sync: ")
    assert evidence in found.evidence
    assert found.detail.startswith("the crates of ./Cargo.lock, ext/Cargo.lock cannot be fetched: error: failed")


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (CURL, WELL),
        (NO_SUM, WELL),
        (SAID, WELL),
        (b"", WELL),
        (b"Killed", WELL),
        (NO_PACKAGE, {}),
        (NO_PACKAGE, WELL | {PAGE: LINE}),
        (NO_PACKAGE, WELL | {PAGE: b"<html>log in</html>"}),
        (NO_PACKAGE, {"http://registry.example/config.json": b"<html>log in</html>"}),
        (NO_VERSION, WELL),
        (NO_VERSION, WELL | {PAGE: b"<html>log in</html>"}),
        (CHANGED, WELL | {PAGE: b""}),
        (NO_FILE, WELL | {FILE: b"it is there"}),
        (NO_FILE.replace(b"registry.example", b"10.0.0.1"), WELL),
    ],
)
def test_what_a_registry_does_not_confirm_leaves_the_job_open(
    tmp_path: Path, said: bytes, answers: dict[str, bytes]
) -> None:
    """Whatever cargo makes of it."""
    with pytest.raises(PackageIndexError, match="fetching crates"):
        fetched(tmp_path, said, answers)


def test_another_failure_the_second_time_leaves_the_job_open(tmp_path: Path) -> None:
    """A registry with changing answers shows nothing about the package."""
    with pytest.raises(TransientIndexError, match="another answer"):
        fetched(tmp_path, NO_PACKAGE, WELL, NO_FILE)


def test_too_many_bytes_are_a_result_and_too_much_time_is_not(tmp_path: Path) -> None:
    """How long it takes is the registry's doing."""
    found = crates.Crates(tmp_path, REGISTRY, ended(Completed(137, cut_off=True), b""), "label").fetch(
        SOURCE, RUST, LIMITS
    )
    assert isinstance(found, Failure)
    assert f"{crates.LARGEST} bytes" in found.detail
    with pytest.raises(PackageIndexError, match="900 s"):
        crates.Crates(tmp_path, REGISTRY, ended(Completed(137, timed_out=True), b""), "l").fetch(SOURCE, RUST, LIMITS)


def test_another_exit_status_of_the_container_is_no_failure_of_the_package(tmp_path: Path) -> None:
    """It is tried again."""
    with pytest.raises(TransientEngineError, match="status 1"):
        crates.Crates(tmp_path, REGISTRY, ended(Completed(1), b"Traceback"), "label").fetch(SOURCE, RUST, LIMITS)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"backend": "setuptools.build_meta"}, False),
        ({"backend": "setuptools.build_meta", "requires": ("setuptools", "Setuptools_Rust>=1.7")}, True),
        ({"backend": "setuptools.build_meta", "requires": ("setuptools-rust-like", "")}, False),
        ({"backend": "backend", "backend_path": (".",)}, True),
        ({"cargo": ()}, False),
    ],
)
def test_crates_are_wanted_by_what_calls_cargo(changes: dict[str, Any], *, expected: bool) -> None:
    """A lock in an sdist may belong to an example; without cargo nothing is fetched."""
    source = replace(SOURCE, **changes)
    assert crates.wanted(source, RUST) is expected
    assert not crates.wanted(source, IMAGE)


def test_cargo_gets_a_registry_only_if_one_is_configured() -> None:
    """And always of the proxy, which is the only way out."""
    assert "source" not in settings_of(None, 1234)
    assert 'proxy = "http://127.0.0.1:1234"' in settings_of(None, 1234)
    assert 'registry = "sparse+http://registry.example/"' in settings_of("sparse+http://registry.example/", 1)


def test_cargo_itself_names_the_registry_where_none_is_configured(tmp_path: Path) -> None:
    """Its index is a text in the program; where crates are downloaded from is in the registry's configuration."""
    asked: list[str] = []

    def ask(url: str, _limit: int) -> bytes:
        asked.append(url)
        return json.dumps({"dl": "https://files.example/crates"}).encode()

    def fetching(program: bytes) -> crates.Crates:
        run = ended(Completed(137, cut_off=True), b"")
        return crates.Crates(tmp_path, None, run, "label", ask, read=lambda *_file: program)

    program = b"\0unrelated https://other.example/\0sparse+https://index.example/\0"
    assert isinstance(fetching(program).fetch(SOURCE, RUST, LIMITS), Failure)
    assert asked == ["https://index.example/config.json"]
    with pytest.raises(PackageIndexError, match="under crates"):
        fetching(b"no address").fetch(SOURCE, RUST, LIMITS)


def test_crates_that_arrive_damaged_are_no_fault_of_the_package(tmp_path: Path) -> None:
    """An engine may lose a part of what a container gives, whatever its exit status."""

    def run(_container: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        listen(STDOUT, b"no archive")
        return Completed(0)

    with pytest.raises(TransientEngineError, match="cannot be unpacked"):
        crates.Crates(tmp_path, REGISTRY, run, "label").fetch(SOURCE, RUST, LIMITS)
