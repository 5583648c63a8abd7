"""What a repaired wheel shows of its repair."""

from __future__ import annotations

import json

import pytest

from orchestrator.analysis.repair_signs import PATCHELF, Repair, repair_of

RECORD = b"pkg/__init__.py,sha256=x,1\r\n"
FOLDERS = ("pkg/", "pkg/m.so", "pkg-1.0.dist-info/", "pkg-1.0.dist-info/RECORD")
OLD_NAME = "MarkupSafe-2.1.5-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
NEW_NAME = "cffi-2.0.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
ONE_NAME = "pillow-12.0.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"


def bill(**tool: object) -> bytes:
    """Return a list of libraries that names a tool."""
    return json.dumps({"bomFormat": "CycloneDX", "metadata": {"tools": [tool]}}).encode()


@pytest.mark.parametrize(
    ("name", "more", "listed", "platform", "auditwheel"),
    [
        (OLD_NAME, ("MarkupSafe.libs/",), b"", "manylinux_2_17_x86_64", "auditwheel<6.3"),
        (OLD_NAME, ("p.libs/", "p.libs/libz-0b1c2d3e.so.1"), b"", "manylinux_2_17_x86_64", "auditwheel<6.4"),
        (NEW_NAME, (), b"", "manylinux_2_17_x86_64", "auditwheel>=6.4"),
        (
            ONE_NAME,
            ("pillow.libs/", "pillow.libs/libXau-154567c4.so.6.0.0"),
            b"",
            "manylinux_2_28_x86_64",
            "auditwheel",
        ),
        (ONE_NAME, (), bill(name="auditwheel", version="6.5.0"), "manylinux_2_28_x86_64", "auditwheel==6.5.0"),
        (NEW_NAME, (), bill(name="auditwheel", version="6; x"), "manylinux_2_17_x86_64", "auditwheel>=6.4"),
        (NEW_NAME, (), bill(name="auditwheel", version=6), "manylinux_2_17_x86_64", "auditwheel>=6.4"),
        (NEW_NAME, (), bill(name="other", version="6.5.0"), "manylinux_2_17_x86_64", "auditwheel>=6.4"),
        (NEW_NAME, (), b"[" * 100_000, "manylinux_2_17_x86_64", "auditwheel>=6.4"),
        (NEW_NAME, (), b'{"metadata": {"tools": 1}}', "manylinux_2_17_x86_64", "auditwheel>=6.4"),
        (NEW_NAME, (), b"\xff", "manylinux_2_17_x86_64", "auditwheel>=6.4"),
    ],
)
def test_a_repaired_wheel_shows_its_platform_and_the_version_of_auditwheel(
    name: str, more: tuple[str, ...], listed: bytes, platform: str, auditwheel: str
) -> None:
    """Exactly where it is listed, and otherwise by what its releases do differently."""
    found = repair_of(name, (*FOLDERS, *more), RECORD, listed)
    assert found == Repair(platform, (auditwheel, PATCHELF))


@pytest.mark.parametrize(
    ("name", "paths", "record"),
    [
        ("p-1.0-py3-none-any.whl", FOLDERS, RECORD),
        ("p-1.0-cp311-cp311-linux_x86_64.whl", FOLDERS, RECORD),
        ("p-1.0-cp311-cp311-win_amd64.whl", FOLDERS, RECORD),
        (OLD_NAME, FOLDERS, RECORD.replace(b"\r", b"")),
        (OLD_NAME, ("pkg/m.so", "pkg-1.0.dist-info/RECORD"), RECORD),
    ],
)
def test_a_wheel_that_auditwheel_did_not_write_was_not_repaired(
    name: str, paths: tuple[str, ...], record: bytes
) -> None:
    """As maturin writes such names itself, without folders."""
    assert repair_of(name, paths, record) is None
