"""Which published wheel is verified on which image."""

from __future__ import annotations

import pytest

from orchestrator.analysis.counterpart import counterpart_of, counterparts, repair_platform
from orchestrator.model import Image, OfferedWheel, Target


def image(name: str, python: str, platform: str, libc6: str = "") -> Image:
    """Return an image; `libc6` is the version of Debian's package."""
    packages = (("libc6:amd64", libc6),) if libc6 else ()
    return Image(name, "", "", "", Target(python, platform), packages)


BOOKWORM = image("bookworm", "3.11", "x86_64-manylinux_2_36", "2.36-9+deb12u13")
TRIXIE = image("trixie", "3.13", "x86_64-manylinux_2_40", "2.41-12")
OFFICIAL = image("manylinux_2_28", "3.12", "x86_64-manylinux_2_28")
OLD = image("manylinux2014", "3.9", "x86_64-manylinux_2_17")
MUSL = image("musllinux_1_2", "3.12", "x86_64-manylinux_2_17")
ARM = image("arm", "3.11", "aarch64-manylinux_2_36")
DEBIAN = (BOOKWORM, TRIXIE)
ALL = (BOOKWORM, TRIXIE, OFFICIAL, OLD, MUSL)

NUMPY = (
    "numpy-2.1.0-cp311-cp311-macosx_14_0_arm64.whl",
    "numpy-2.1.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
    "numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "numpy-2.1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
    "numpy-2.1.0-cp311-cp311-win_amd64.whl",
    "numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "numpy-2.1.0-pp310-pypy310_pp73-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
)
MARKUPSAFE = (
    "markupsafe-3.0.3-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
    "markupsafe-3.0.3-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
    "markupsafe-3.0.3-cp313-cp313t-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
    "markupsafe-3.0.3-cp311-cp311-win32.whl",
)


def offered(name: str) -> OfferedWheel:
    """Return a wheel of that name."""
    return OfferedWheel(name, f"https://files.example/{name}", "")


@pytest.mark.parametrize(
    ("name", "images", "expected"),
    [
        ("six-1.17.0-py2.py3-none-any.whl", DEBIAN, "bookworm"),
        ("urllib3-2.5.0-py3-none-any.whl", DEBIAN, "bookworm"),
        ("p-1.0-py313-none-any.whl", DEBIAN, "trixie"),
        ("p-1.0-cp313-none-any.whl", DEBIAN, "trixie"),
        ("p-1.0-py2-none-any.whl", DEBIAN, "needs another Python: py2"),
        ("p-1.0-py314-none-any.whl", DEBIAN, "needs another Python: py314"),
        ("p-1.0-cp311-cp311-manylinux_2_36_x86_64.whl", DEBIAN, "bookworm"),
        ("p-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.manylinux_2_36_x86_64.whl", ALL, "bookworm"),
        ("p-1.0-cp38-abi3-manylinux_2_36_x86_64.whl", DEBIAN, "bookworm"),
        ("p-1.0-cp312-abi3-manylinux_2_36_x86_64.whl", DEBIAN, "needs another Python: cp312"),
        ("p-1.0-cp312-abi3-manylinux_2_41_x86_64.whl", DEBIAN, "trixie"),
        ("p-1.0-py3-none-manylinux_2_36_x86_64.whl", DEBIAN, "bookworm"),
        ("p-1.0-cp311-cp311-linux_x86_64.whl", DEBIAN, "bookworm"),
        ("p-1.0-cp313-cp313-manylinux_2_41_x86_64.whl", DEBIAN, "trixie"),
        ("p-1.0-cp313-cp313-manylinux_2_40_x86_64.whl", DEBIAN, "needs image manylinux_2_40"),
        ("p-1.0-cp313-cp313t-manylinux_2_41_x86_64.whl", DEBIAN, "needs another Python: cp313-cp313t"),
        ("p-1.0-cp39-cp39-manylinux_2_36_x86_64.whl", DEBIAN, "needs another Python: cp39"),
        ("p-1.0-pp310-pypy310_pp73-manylinux_2_36_x86_64.whl", DEBIAN, "needs another Python: pp310"),
        (NUMPY[0], DEBIAN, "needs macOS"),
        (NUMPY[1], DEBIAN, "needs another machine: aarch64"),
        (NUMPY[2], DEBIAN, "needs image manylinux_2_17"),
        (NUMPY[3], DEBIAN, "needs image musllinux_1_2"),
        (NUMPY[4], DEBIAN, "needs Windows"),
        (NUMPY[5], (BOOKWORM,), "needs image manylinux_2_17 and another Python: cp312"),
        ("p-1.0-cp39-cp39-manylinux2014_x86_64.whl", ALL, "manylinux2014"),
        ("p-1.0-cp39-cp39-manylinux_2_17_x86_64.whl", ALL, "manylinux2014"),
        ("p-1.0-cp37-abi3-manylinux_2_28_x86_64.whl", ALL, "manylinux_2_28"),
        (MARKUPSAFE[0], ALL, "needs another Python: cp311"),
        (MARKUPSAFE[1], ALL, "manylinux_2_28"),
        ("p-1.0-cp312-cp312-musllinux_1_2_x86_64.whl", ALL, "musllinux_1_2"),
        ("p-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", (MUSL,), "needs image manylinux_2_17"),
        ("p-1.0-cp311-cp311-macosx_10_9_x86_64.manylinux_2_36_x86_64.whl", DEBIAN, "bookworm"),
        ("p-1.0-cp311-cp311-ios_13_0_arm64_iphoneos.whl", DEBIAN, "needs iOS"),
        ("p-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl", DEBIAN, "needs Emscripten"),
        ("p-1.0-cp311-cp311-freebsd_14_amd64.whl", DEBIAN, "needs another system: freebsd_14_amd64"),
        ("p-1.0-cp311-cp311-manylinux_2_36_x86_64.whl", (ARM, BOOKWORM), "bookworm"),
        ("p-1.0-py3-none-any.whl", (), "no image is configured"),
        ("p-1.0-py3-none.whl", DEBIAN, "its name is not a wheel's"),
        ("../p-1.0-py3-none-any.whl", DEBIAN, "its name is not a wheel's"),
    ],
)
def test_a_wheel_is_verified_on_the_image_that_its_tags_ask_for(
    name: str, images: tuple[Image, ...], expected: str
) -> None:
    """Or what is missing is named."""
    found = counterpart_of(offered(name), images)
    assert (found.image or found.reason) == expected
    assert bool(found.image) is not bool(found.reason)


@pytest.mark.parametrize(
    ("names", "images", "wheel", "expected"),
    [
        (("p-1.0-cp311-cp311-manylinux_2_36_x86_64.whl", "p-1.0-py3-none-any.whl"), DEBIAN, 1, "bookworm"),
        (("p-1.0-cp311-cp311-manylinux_2_36_x86_64.whl", "p-1.0-py313-none-any.whl"), DEBIAN, 1, "trixie"),
        (
            ("p-1.0-cp313-cp313-manylinux_2_41_x86_64.whl", "p-1.0-cp311-cp311-manylinux_2_36_x86_64.whl"),
            DEBIAN,
            1,
            "bookworm",
        ),
        (
            ("p-1.0-cp38-abi3-manylinux_2_36_x86_64.whl", "p-1.0-cp311-cp311-manylinux_2_36_x86_64.whl"),
            DEBIAN,
            1,
            "bookworm",
        ),
        (("p-1.0-1-py3-none-any.whl", "p-1.0-10-py3-none-any.whl", "p-1.0-py3-none-any.whl"), DEBIAN, 1, "bookworm"),
        (("p-1.0-9-py3-none-any.whl", "p-1.0-py311-none-any.whl", "p-1.0-py310-none-any.whl"), DEBIAN, 1, "bookworm"),
        (("p-1.0-py310-none-any.whl", "p-1.0-py2.py3-none-any.whl", "p-1.0-py39-none-any.whl"), DEBIAN, 1, "bookworm"),
        (("p-1.0-py311-none-any.whl", "p-1.0-cp311-none-any.whl"), DEBIAN, 1, "bookworm"),
        (NUMPY, DEBIAN, 2, "needs image manylinux_2_17"),
        (NUMPY, (TRIXIE, OFFICIAL), 2, "needs image manylinux_2_17 and another Python: cp311"),
        (MARKUPSAFE, DEBIAN, 0, "needs image manylinux_2_28"),
        (MARKUPSAFE, ALL, 1, "manylinux_2_28"),
        (NUMPY[:1], DEBIAN, 0, "needs macOS"),
        (NUMPY[4:5] + NUMPY[1:2], DEBIAN, 1, "needs another machine: aarch64"),
        (NUMPY[3:5], DEBIAN, 0, "needs image musllinux_1_2"),
        (("nonsense", "p-1.0-py3-none-any.whl"), DEBIAN, 1, "bookworm"),
        (("nonsense",), DEBIAN, None, "no wheel is published"),
        ((), DEBIAN, None, "no wheel is published"),
        (NUMPY, (), None, "no image is configured"),
    ],
)
def test_one_wheel_of_a_release_is_verified(
    names: tuple[str, ...], images: tuple[Image, ...], wheel: int | None, expected: str
) -> None:
    """A pure wheel, one that an image can build, or the one that the first image would install; in any order."""
    wheels = tuple(map(offered, names))
    for given in (wheels, tuple(reversed(wheels))):
        found = counterparts(given, images)
        assert found.wheel == (None if wheel is None else wheels[wheel])
        assert (found.image or found.reason) == expected


def test_an_image_without_packages_has_the_glibc_of_its_target() -> None:
    """As the official images have none of Debian's packages."""
    other = image("ours", "3.11", "x86_64-manylinux_2_36")
    assert counterpart_of(offered("p-1.0-cp311-cp311-manylinux_2_36_x86_64.whl"), (other,)).image == "ours"


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        (NUMPY[2], "manylinux_2_17_x86_64"),
        (MARKUPSAFE[0], "manylinux_2_28_x86_64"),
        ("p-1.0-cp27-cp27mu-manylinux1_x86_64.whl", "manylinux1_x86_64"),
        ("p-1.0-cp39-cp39-manylinux_2_5_x86_64.manylinux1_x86_64.whl", "manylinux_2_5_x86_64"),
        (NUMPY[3], "musllinux_1_2_x86_64"),
        ("p-1.0-cp311-cp311-linux_x86_64.whl", ""),
        ("p-1.0-py3-none-any.whl", ""),
        (NUMPY[0], ""),
        ("nonsense", ""),
    ],
)
def test_the_platform_of_a_repair_is_the_newest_of_the_tags(name: str, platform: str) -> None:
    """Of two names of one platform, it is the newer one."""
    assert repair_platform(name) == platform
