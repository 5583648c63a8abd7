"""Splitting what containers cost into layers, from samples; the measuring itself needs an engine."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import container_cost
import pytest
from container_cost import Layer, Sample

from orchestrator.guest.archive import opened, survey, unpack

if TYPE_CHECKING:
    from pathlib import Path


def repetition(more: float) -> dict[str, Sample]:
    """Samples of one repetition, in which every container of the engine takes some seconds more."""
    calls = {"create": (1.0, 0.02), "start": (1.0, 0.1)}
    return {
        "empty": Sample(0.2, 0.1 + more, 0.01, dockerd=0.04, containerd=0.02),
        "python": Sample(0.25, 0.13 + more, 0.01),
        "guest": Sample(0.3, 0.15 + more, 0.01),
        "build": Sample(0.5, 0.35 + more, 0.015, hook=0.1, calls=calls, reading={"survey": (0.002, 0.01)}),
        "asked": Sample(0.7, 0.5 + more, 0.015, hook=0.1, reading={"survey": (0.002, 0.01)}),
    }


def test_a_layer_is_what_a_kind_takes_more_than_the_one_before() -> None:
    """What all kinds have in common is in the first one only."""
    found = {layer.name: layer for layer in container_cost.layers_of([repetition(0), repetition(0.5)])}
    cpu = {name: layer.cpu for name, layer in found.items() if layer.cpu}
    assert cpu["shim, runc, kernel"] == pytest.approx((0.04, 0.54))
    assert cpu["an empty container"] == pytest.approx((0.11, 0.61))
    assert cpu["start of Python"] == pytest.approx((0.03, 0.03))
    assert cpu["imports of the guest"] == pytest.approx((0.02, 0.02))
    assert cpu["mounts, unpack, probe, hand over"] == pytest.approx((0.1, 0.1))
    assert cpu["asking for requirements"] == pytest.approx((0.15, 0.15))
    assert cpu["a build that asks, in all"] == pytest.approx((0.517, 1.017))
    assert found["call: start"] == Layer("call: start", 1, (), (0.1, 0.1))


def test_the_parts_of_a_build_that_asks_are_its_whole() -> None:
    """Nothing is counted twice or left out, but for our own part of the empty container, which the build has again."""
    found = {layer.name: layer.cpu[0] for layer in container_cost.layers_of([repetition(0)]) if layer.cpu}
    whole = found.pop("a build that asks, in all")
    found.pop("an empty container")
    assert sum(found.values()) == pytest.approx(whole)


def test_the_table_has_medians_and_spread() -> None:
    """In milliseconds; what was not measured is blank."""
    rows = [Layer("hook", 1, (0.1, 0.3, 0.12), (0.2, 0.2, 0.2)), Layer("call: wait", 2, wall=(0.001, 0.002, 0.003))]
    assert container_cost.table(rows).splitlines() == [
        "layer                              count   CPU ms  (min to max)        wall ms  (min to max)",
        "hook                                   1    120.0  (100.0 to 300.0)      200.0  (200.0 to 200.0)",
        "call: wait                             2                                   2.0  (1.0 to 3.0)",
    ]


def test_a_process_is_counted_with_its_ended_children() -> None:
    """Its name may have blanks and parentheses."""
    stat = f"7 (containerd (x)) S {' '.join(['0'] * 10)} 10 20 30 40 20 0"
    name, seconds = container_cost.process(stat)
    assert (name, seconds * os.sysconf("SC_CLK_TCK")) == ("containerd (x)", 100)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("cpu.stat", "usage_usec 2500000\nuser_usec 1\n"),
        ("cpuacct.usage", "2500000000\n"),
        ("cpuacct/cpuacct.usage", "2500000000\n"),
    ],
)
def test_both_versions_of_control_groups_are_read(tmp_path: Path, file: str, text: str) -> None:
    """The second gives microseconds, the first nanoseconds."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert container_cost.group_seconds(tmp_path) == 2.5


def test_no_control_groups_is_no_measurement(tmp_path: Path) -> None:
    """Rather than zeros."""
    with pytest.raises(RuntimeError, match="no processor time"):
        container_cost.group_seconds(tmp_path)


def test_the_sample_builds_a_wheel(tmp_path: Path) -> None:
    """Its backend needs nothing but the standard library."""
    archive = opened(str(container_cost.sdist(tmp_path)))
    unpack(archive, survey(archive, 1 << 20, 10), str(tmp_path / "source"), reverse=False)
    code = "import backend; print(backend.build_wheel('.'))"
    made = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "source", capture_output=True, check=True)
    assert made.stdout.decode().strip() == container_cost.WHEEL
    assert "small.py" in zipfile.ZipFile(tmp_path / "source" / container_cost.WHEEL).namelist()
