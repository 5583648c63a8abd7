"""The corresponding wheel on the index: its choice and its comparison."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.published_wheel import NONE, counterpart, published
from orchestrator.model import Diagnosis, OfferedWheel, Published, Severity, WheelFile

if TYPE_CHECKING:
    from pathlib import Path

MANY_OLD = ("p-1.0-cp311-cp311-manylinux1_x86_64.whl",)
MANY = (
    "p-1.0-cp311-cp311-macosx_11_0_arm64.whl",
    "p-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "p-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
    "p-1.0-cp311-cp311-manylinux_2_39_aarch64.whl",
    "p-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
    "p-1.0-cp312-cp312-manylinux_2_39_x86_64.whl",
)


def offered(*names: str) -> tuple[OfferedWheel, ...]:
    """Return wheels of these names."""
    return tuple(OfferedWheel(name, f"https://files.example/{name}", "") for name in names)


@pytest.mark.parametrize(
    ("ours", "names", "expected"),
    [
        ("p-1.0-py3-none-any.whl", ("p-1.0-py3-none-any.whl",), "p-1.0-py3-none-any.whl"),
        ("p-1.0-py3-none-any.whl", ("p-1.0-py2.py3-none-any.whl",), "p-1.0-py2.py3-none-any.whl"),
        (
            "p-1.0-py3-none-any.whl",
            ("p-1.0-py2.py3-none-any.whl", "p-1.0-py3-none-any.whl"),
            "p-1.0-py3-none-any.whl",
        ),
        ("p-1.0-py3-none-any.whl", MANY, None),
        ("p-1.0-cp311-cp311-linux_x86_64.whl", MANY, "p-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"),
        ("p-1.0-cp311-cp311-linux_aarch64.whl", MANY, "p-1.0-cp311-cp311-manylinux_2_39_aarch64.whl"),
        ("p-1.0-cp311-cp311-linux_x86_64.whl", MANY_OLD, MANY_OLD[0]),
        ("p-1.0-cp311-abi3-linux_x86_64.whl", MANY, None),
        ("p-1.0-cp313-cp313-linux_x86_64.whl", MANY, None),
        ("p-1.0-cp311-cp311-linux_x86_64.whl", ("p-1.0-py3-none-any.whl", "../nonsense.whl", ""), None),
        ("nonsense", MANY, None),
        ("p-1.0-py3-none-any.whl", (), None),
    ],
)
def test_the_published_wheel_is_the_one_for_the_same_python_abi_and_machine(
    ours: str, names: tuple[str, ...], expected: str | None
) -> None:
    """The same name first; then the same tags; then manylinux for the same machine."""
    found = counterpart(ours, offered(*names))
    assert (found.filename if found else None) == expected
    again = counterpart(ours, tuple(reversed(offered(*names))))
    assert again == found


OURS = WheelFile("p-1.0-cp311-cp311-linux_x86_64.whl", hashlib.sha256(b"ours").hexdigest(), 4)


def look(folder: Path, content: bytes, *names: str, found: Diagnosis | None = None) -> tuple[Published, list[str]]:
    """Look at an index on which all wheels have that content; return also under which names they were compared."""
    compared: list[str] = []

    def fetch(offered: OfferedWheel) -> tuple[Path, str]:
        path = folder / offered.filename
        path.write_bytes(content)
        return path, hashlib.sha256(content).hexdigest()

    def explain(path: Path, file: WheelFile) -> Diagnosis | None:
        assert (path.read_bytes(), file.size) == (content, len(content))
        compared.append(file.filename)
        return found

    return published(OURS, offered(*names), fetch, explain), compared


def test_no_wheel_for_the_same_tags_is_reported(tmp_path: Path) -> None:
    """Nothing is fetched for it."""
    assert look(tmp_path, b"", "p-1.0-py3-none-any.whl") == (NONE, [])
    assert list(tmp_path.iterdir()) == []


def test_the_same_bytes_need_no_explanation(tmp_path: Path) -> None:
    """Regardless of the other file's name."""
    found, compared = look(tmp_path, b"ours", MANY[1])
    assert found == Published(MANY[1], OURS.sha256, same=True)
    assert compared == []


def test_other_bytes_are_explained_under_our_name(tmp_path: Path) -> None:
    """The kind of Linux in its name is not a separate difference."""
    found, compared = look(tmp_path, b"other", MANY[2], found=Diagnosis(Severity.DATA, (), (), ()))
    assert (found.filename, found.same, found.severity) == (MANY[2], False, Severity.DATA)
    assert found.sha256 == hashlib.sha256(b"other").hexdigest()
    assert compared == [OURS.filename]


def test_a_published_wheel_that_cannot_be_read_is_other_bytes(tmp_path: Path) -> None:
    """And no more is claimed."""
    found, _ = look(tmp_path, b"bomb", MANY[2])
    assert (found.same, found.severity, found.causes, found.unexplained) == (False, None, (), ())
