"""A wheel's tags: by its name, the index's wheels, and its members."""

from __future__ import annotations

import pytest

from orchestrator.analysis import wheel_tags
from orchestrator.model import TagComparison

MANYLINUX = "bcrypt-3.2.2-cp36-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
WINDOWS = "bcrypt-3.2.2-cp36-abi3-win_amd64.whl"
PURE = "bcrypt-3.2.2-py3-none-any.whl"
LINUX = "bcrypt-3.2.2-cp311-cp311-linux_x86_64.whl"
PROGRAMS = "bcrypt-3.2.2-py3-none-linux_x86_64.whl"
MODULES = ("bcrypt/__init__.py", "bcrypt/_bcrypt.abi3.so")
NO_MODULES = ("bcrypt/__init__.py", "bcrypt-3.2.2.dist-info/RECORD")


def fell_back(ours: str, published: tuple[str, ...], members: tuple[str, ...] = MODULES) -> bool:
    """Return whether that wheel is a fallback."""
    found = wheel_tags.of(ours, published, lambda: members)
    assert found is not None
    return found.fallback


@pytest.mark.parametrize(
    ("ours", "published", "members", "fallback"),
    [
        (PURE, (MANYLINUX, WINDOWS), NO_MODULES, True),
        (LINUX, (MANYLINUX, WINDOWS), MODULES, False),
        (LINUX, (MANYLINUX, WINDOWS), NO_MODULES, True),  # pure but for its name
        (LINUX, (MANYLINUX, WINDOWS), (), False),  # nobody knows what is in it
        (PURE, (MANYLINUX, PURE), NO_MODULES, False),  # the project publishes a pure one itself
        (PURE, (), NO_MODULES, False),  # nothing to compare with
        (PURE, ("not-a-wheel.whl", "x"), NO_MODULES, False),
        (PROGRAMS, (MANYLINUX,), ("bcrypt/bin/tool",), False),  # for a platform, with no module by its own word
    ],
)
def test_a_fallback_is_a_wheel_without_what_all_published_ones_have(
    ours: str, published: tuple[str, ...], members: tuple[str, ...], *, fallback: bool
) -> None:
    """No claim if the index has a pure wheel, or none."""
    assert fell_back(ours, published, members) is fallback


def test_members_are_read_only_if_they_matter() -> None:
    """Reading a wheel costs time."""

    def members() -> tuple[str, ...]:
        pytest.fail("nobody needs to know")

    assert wheel_tags.of(PURE, (MANYLINUX,), members) == TagComparison(
        ("py3-none-any",), ("cp36-abi3-manylinux2014_x86_64", "cp36-abi3-manylinux_2_17_x86_64"), fallback=True
    )
    assert wheel_tags.of(LINUX, (), members) == TagComparison(("cp311-cp311-linux_x86_64",), ())


def test_an_invalid_name_has_no_tags() -> None:
    """A package may give its wheel any name."""
    assert wheel_tags.of("../evil.whl", (MANYLINUX,), lambda: MODULES) is None
    assert wheel_tags.of("evil", (MANYLINUX,), lambda: MODULES) is None


def test_tags_are_bounded() -> None:
    """An index may list any number of files."""
    many = [f"bcrypt-3.2.2-cp3{number}-cp3{number}-linux_x86_64.whl" for number in range(5000)]
    found = wheel_tags.of(PURE, many, lambda: MODULES)
    assert found is not None
    assert len(found.published) == wheel_tags.MOST
    assert found.fallback
