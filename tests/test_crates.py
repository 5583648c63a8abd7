"""What an sdist locks of crates, what its builds get of them, and what is said where they cannot be had."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import builder, crates
from orchestrator.builder import Order
from orchestrator.engine import STDOUT, Completed, Container
from orchestrator.errors import TransientEngineError
from orchestrator.guest_crates import CARGO_FAILED, settings_of
from orchestrator.model import Failure, Limits, Reason
from orchestrator.sdist import Source, describe
from orchestrator.variations import first_environment, second_environment
from tests.samples import IMAGE, tar

if TYPE_CHECKING:
    from collections.abc import Callable

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
    """So the variation that moves the one moves the other; and without crates nothing tells of them."""
    first = first_environment(source="x", salt="1", source_date_epoch=None)
    environment = second_environment(first, ()) if second else first
    order = Order("first", SOURCE, environment, Path("/envs/1"), RUST, LIMITS, crates=Path("/cache/crates/1"))
    found = builder.container(order, Path("/guest"), 0, 2, "label")
    inside = dict(found.mounts)["/cache/crates/1"]
    assert inside == builder.crates_path(environment)
    assert Path(inside).parent == Path(environment.environment_path).parent
    assert (found.environment["CARGO_HOME"], found.environment["CARGO_NET_OFFLINE"]) == (inside, "true")
    without = builder.container(replace(order, crates=None), Path("/guest"), 0, 2, "label")
    assert not [name for name in without.environment if name.startswith("CARGO")]
    assert len(without.mounts) == len(found.mounts) - 1


def test_config_settings_come_as_a_backend_takes_them() -> None:
    """A key that stands more than once has a list (PEP 517 leaves it to the frontend; so do the others)."""
    given = (("a", "1"), ("b", "2"), ("a", "3"))
    assert builder.settings_of(given) == {"a": ["1", "3"], "b": "2"}
    environment = replace(first_environment(source="x", salt="1", source_date_epoch=None), config_settings=given)
    order = Order("first", SOURCE, environment, Path("/envs/1"), RUST, LIMITS)
    spec = json.loads(builder.container(order, Path("/guest"), 0, 2, "label").command[-1])
    assert spec["config_settings"] == {"a": ["1", "3"], "b": "2"}


def ended(completed: Completed, said: bytes) -> Callable[[Container, Callable[[int, bytes], bool]], Completed]:
    """Stand in for an engine in which the container says that, and ends so."""

    def run(_container: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        listen(STDOUT + 1, said)
        return completed

    return run


def test_what_cargo_says_is_the_reason(tmp_path: Path) -> None:
    """Its error and the innermost cause, and which locks it was about."""
    fetching = crates.Crates(tmp_path, None, ended(Completed(CARGO_FAILED), SAID), "label")
    found = fetching.fetch(SOURCE, RUST, LIMITS)
    assert isinstance(found, Failure)
    assert (found.reason, found.evidence) == (Reason.NEEDS_CRATES, "error: failed to sync: checksum changed")
    assert found.detail.startswith(
        "the crates of ./Cargo.lock, ext/Cargo.lock cannot be fetched: error: failed to sync"
    )


@pytest.mark.parametrize(
    ("completed", "told"),
    [(Completed(137, timed_out=True), "900 seconds"), (Completed(137, cut_off=True), f"{crates.LARGEST} bytes")],
)
def test_a_limit_is_a_reason_too(tmp_path: Path, completed: Completed, told: str) -> None:
    """Too long, too much."""
    found = crates.Crates(tmp_path, None, ended(completed, b""), "label").fetch(SOURCE, RUST, LIMITS)
    assert isinstance(found, Failure)
    assert told in found.detail


def test_a_container_that_ends_otherwise_says_nothing_about_the_package(tmp_path: Path) -> None:
    """It is tried again."""
    with pytest.raises(TransientEngineError, match="status 1"):
        crates.Crates(tmp_path, None, ended(Completed(1), b"Traceback"), "label").fetch(SOURCE, RUST, LIMITS)


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
    """A lock that lies in an sdist may be an example's; and without cargo there is nothing to be done."""
    source = replace(SOURCE, **changes)
    assert crates.wanted(source, RUST) is expected
    assert not crates.wanted(source, IMAGE)


def test_cargo_is_told_of_a_registry_only_where_one_is_configured() -> None:
    """And always of the proxy, which is the only way out."""
    assert "source" not in settings_of(None, 1234)
    assert 'proxy = "http://127.0.0.1:1234"' in settings_of(None, 1234)
    assert 'registry = "sparse+http://registry.example/"' in settings_of("sparse+http://registry.example/", 1)
