"""The image of a former build is made again from its packages, or the reason is given."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ImageError
from orchestrator.images.recipe import format_lock, load, manifest
from orchestrator.images.recreate import BEFORE, FormerImage, Recreated, recreate, with_packages
from tests.unit.images.test_build import BOOKWORM, IMAGES, NO_ARCHIVE, FakeEngine, listed

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FORMER = (*BOOKWORM[:1], ("make:amd64", "4.3-4"), *BOOKWORM[2:])
"""The packages of an earlier image."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one image, whose lock fits BOOKWORM."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (tmp_path / "small/image.toml").write_text(f'suite = "bookworm"\nbase = "debian:x@sha256:12"\n{NO_ARCHIVE}')
    (tmp_path / "small/packages.lock").write_text(format_lock(BOOKWORM, NOON))
    for shared in ("clock.c", "provision"):
        shutil.copy(IMAGES / shared, tmp_path)
    return tmp_path


def recreated(
    engine: FakeEngine,
    folder: Path,
    packages: tuple[tuple[str, str], ...],
    *,
    listing: tuple[tuple[str, str], ...] | None = None,
    nearest: bool = False,
    method: str = "",
) -> Recreated:
    """Ask for the image that had these packages; the record lists `listing`, if that is another."""
    wanted = manifest(method or load(folder, "small").method, packages)
    former = FormerImage("small", wanted, packages if listing is None else listing, NOON)
    return recreate(engine, former, folder, folder / "cache", nearest=nearest, log=lambda _: None)


def test_the_lock_that_still_has_the_manifest_is_used(folder: Path) -> None:
    """Whether or not the record's packages are known."""
    made = recreated(FakeEngine(listed(BOOKWORM)), folder, BOOKWORM, listing=())

    assert (made.image is not None, made.why) == (True, "")


def test_recorded_packages_give_the_former_image(folder: Path) -> None:
    """Under another tag than today's."""
    engine = FakeEngine(listed(FORMER))
    made = recreated(engine, folder, FORMER)

    assert made.image is not None
    assert (made.image.packages, made.why) == (FORMER, "")
    assert load(folder, "small").tag not in engine.images


@pytest.mark.parametrize("nearest", [False, True])
def test_packages_that_are_gone_are_named(folder: Path, *, nearest: bool) -> None:
    """The image that came out instead is removed; with `nearest`, today's is used, and the reason remains."""
    engine = FakeEngine(listed(BOOKWORM))
    made = recreated(engine, folder, FORMER, nearest=nearest)

    assert "make:amd64=4.3-4" in made.why
    assert (made.image is not None) == nearest
    assert set(engine.images) == ({load(folder, "small").tag} if nearest else set())


@pytest.mark.parametrize("nearest", [False, True])
def test_packages_that_are_not_recorded_are_the_reason(folder: Path, *, nearest: bool) -> None:
    """Today's image is the former one in name only."""
    made = recreated(FakeEngine(listed(BOOKWORM)), folder, FORMER, listing=(), nearest=nearest)

    assert "not recorded" in made.why
    assert (made.image is not None) == nearest


def test_an_image_that_drifted_as_the_former_one_is_used(folder: Path) -> None:
    """Its packages are not recorded, and the lock does not give its manifest."""
    made = recreated(FakeEngine(listed(FORMER)), folder, FORMER, listing=())

    assert made.image is not None
    assert (made.image.packages, made.why) == (FORMER, "")


@pytest.mark.parametrize("nearest", [False, True])
def test_the_image_at_hand_is_used_if_it_is_the_former_one(folder: Path, *, nearest: bool) -> None:
    """It drifted from its lock, and the archive has neither those packages nor others: nothing is built."""
    engine = FakeEngine(listed(FORMER))
    recreated(engine, folder, FORMER, listing=())
    built = list(engine.built)
    made = recreated(engine, folder, FORMER, nearest=nearest)

    assert made.image is not None
    assert (made.image.packages, made.why) == (FORMER, "")
    assert engine.built == built


def test_an_image_that_cannot_be_made_leaves_the_reason(folder: Path) -> None:
    """The packages that are not recorded, and why today's image is not there."""
    engine = FakeEngine(listed(BOOKWORM), refuses=True)

    why = recreated(engine, folder, FORMER, listing=()).why

    assert "not recorded" in why
    assert "the engine says no" in why
    with pytest.raises(ImageError, match="the engine says no"):
        recreated(engine, folder, FORMER, listing=(), nearest=True)


@pytest.mark.parametrize("case", ["another recipe", "other packages"])
def test_a_manifest_that_does_not_follow_is_refused(folder: Path, case: str) -> None:
    """A record that lists other packages than its image had is found out before anything is built."""
    engine = FakeEngine(listed(FORMER))
    method, listing = ("0" * 64, FORMER) if case == "another recipe" else ("", BOOKWORM[:2])

    assert "another recipe" in recreated(engine, folder, FORMER, listing=listing, method=method).why
    assert engine.built == []


def test_an_image_that_is_not_here_is_the_reason(folder: Path) -> None:
    """Nothing else is built instead."""
    former = FormerImage("other", "0" * 64)

    made = recreate(FakeEngine(""), former, folder, folder / "cache", nearest=True, log=lambda _: None)

    assert (made.image, "no image 'other'" in made.why) == (None, True)


def test_the_snapshot_archive_is_asked_as_of_the_build_and_before(folder: Path) -> None:
    """An image may be older than the build on it."""
    past = with_packages(load(folder, "small"), FORMER, NOON)

    assert (past.snapshot, past.earlier) == (NOON, tuple(NOON - before for before in BEFORE))
    assert past.lock == FORMER
