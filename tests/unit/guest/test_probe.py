"""What shows a host to a build is read from files that may be absent, and anything may be in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.guest.probe import LONGEST, host, processor

if TYPE_CHECKING:
    from pathlib import Path

CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
model\t\t: 106
model name\t: Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz
flags\t\t: fpu vme sse2 avx512f
bugs\t\t: spectre_v1

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
VERSION = "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) #1 SMP Debian 6.1.76-1 (2024-02-01)\n"


def proc(folder: Path, cpuinfo: str, version: str = VERSION) -> str:
    """Write the two files."""
    (folder / "cpuinfo").write_text(cpuinfo, encoding="utf-8")
    (folder / "version").write_text(version, encoding="utf-8")
    return str(folder)


def test_the_first_processor_and_the_kernel_are_read(tmp_path: Path) -> None:
    """The kernel as /proc/version has it, which no personality changes."""
    found = host(proc(tmp_path, CPUINFO))
    assert found["processor"] == "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz"
    assert found["kernel_version"] == VERSION.strip()
    assert len(found["cpu_flags"]) == 16
    assert processor(CPUINFO)[1] == ["avx512f", "fpu", "sse2", "vme"]


@pytest.mark.parametrize(
    ("flags", "same"),
    [("avx512f sse2 vme fpu", True), ("fpu fpu vme sse2 avx512f", True), ("fpu vme sse2", False), ("", False)],
)
def test_flags_are_the_same_in_any_order(tmp_path: Path, flags: str, *, same: bool) -> None:
    """A kernel may list them otherwise."""
    other = tmp_path / "other"
    other.mkdir()
    found = host(proc(other, CPUINFO.replace("fpu vme sse2 avx512f", flags)))
    assert (found["cpu_flags"] == host(proc(tmp_path, CPUINFO))["cpu_flags"]) is same


def test_what_is_absent_is_not_known(tmp_path: Path) -> None:
    """As on ARM, which names no model, or where a runtime hides the files."""
    assert set(host(str(tmp_path / "none")).values()) == {""}
    assert host(proc(tmp_path, "processor\t: 0\nFeatures\t: fp asimd\n"))["cpu_flags"] == ""


def test_texts_are_cut_and_printable(tmp_path: Path) -> None:
    """A hypervisor chooses the model."""
    found = host(proc(tmp_path, f"model name\t: \x1b[1m\u202e{'x' * 400}\n", f"Linux \x07{'y' * 400}"))
    assert all(len(text) <= LONGEST and text.isprintable() for text in found.values())
