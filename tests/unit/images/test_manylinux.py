"""An image of manylinux begins with an official one, and nothing takes its place."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.counterpart import counterpart_of
from orchestrator.errors import ImageError
from orchestrator.images.build import ensure
from orchestrator.images.recipe import as_locked, load
from orchestrator.model import OfferedWheel, Target
from tests.unit.images.test_build import IMAGES, FakeEngine

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "0123456789abcdef" * 4
BASE = f"registry.example/manylinux_2_28_x86_64@sha256:{DIGEST}"
SETTINGS = {"kind": "manylinux", "base": BASE, "python": "3.12", "platform": "x86_64-manylinux_2_28"}
PACKAGES = f"glibc:x86_64=2.28-251.el8\nmanylinux:all=sha256:{DIGEST}\n"
WHEEL = OfferedWheel("p-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl", "", "")


def described(folder: Path, lock: str = PACKAGES, **changes: str) -> Path:
    """Write images/ with one image of manylinux."""
    place = folder / "manylinux_2_28"
    place.mkdir(parents=True)
    for name in ("clock.c", "provision", "provision-manylinux"):
        shutil.copy(IMAGES / name, folder / name)
    (place / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (place / "packages.lock").write_text(lock)
    settings = (SETTINGS | changes).items()
    (place / "image.toml").write_text("".join(f'{key} = "{value}"\n' for key, value in settings if value))
    return folder


def test_its_target_is_what_its_settings_say(tmp_path: Path) -> None:
    """Its packages are rpm's, and its Python is none of them."""
    folder = described(tmp_path / "images")
    engine = FakeEngine(PACKAGES)
    image = ensure(engine, "manylinux_2_28", folder, tmp_path, strict=True, log=print)
    assert image.target == Target("3.12", "x86_64-manylinux_2_28")
    assert (image.base, image.drift) == ("registry", ())
    assert dict(image.packages)["manylinux:all"] == f"sha256:{DIGEST}"
    assert [arguments["BASE"] for _, arguments, _ in engine.built if arguments] == [BASE]
    assert all("provision" not in names for _, _, names in engine.built)
    assert as_locked(load(folder, "manylinux_2_28")).manifest == image.manifest
    assert counterpart_of(WHEEL, (image,)).image == "manylinux_2_28"


def test_another_base_is_another_image(tmp_path: Path) -> None:
    """Its interpreters are none of its packages, so the digest is part of what it contains."""
    other = PACKAGES.replace("0123", "3210")
    first, second = (described(tmp_path / str(number), lock) for number, lock in enumerate((PACKAGES, other)))
    assert as_locked(load(first, "manylinux_2_28")).manifest != as_locked(load(second, "manylinux_2_28")).manifest


def test_without_a_registry_there_is_no_such_image(tmp_path: Path) -> None:
    """No root file system of Debian takes its place."""
    folder = described(tmp_path / "images")
    with pytest.raises(ImageError, match=f"no registry gives {BASE}"):
        ensure(FakeEngine(PACKAGES, pulls=False), "manylinux_2_28", folder, tmp_path, strict=True, log=print)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "alpine"}, "the kind 'alpine' is unknown"),
        ({"base": "registry.example/manylinux_2_28_x86_64:latest"}, "none of manylinux"),
        ({"base": "registry.example/manylinux_2_28_x86_64@sha256:0123"}, "none of manylinux"),
        ({"python": ""}, "'python'"),
        ({"python": "cp312"}, "python = 'cp312' is none of manylinux"),
        ({"platform": "x86_64-musllinux_1_2"}, "none of manylinux"),
    ],
)
def test_settings_that_are_not_of_manylinux_are_refused(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    """The message names the setting."""
    with pytest.raises(ImageError, match=message):
        load(described(tmp_path / "images", **changes), "manylinux_2_28")
