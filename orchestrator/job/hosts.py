"""What two builds on two hosts show, where a task is spread over hosts. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.analysis import failure_signs
from orchestrator.analysis.cautions import NOT_SPREAD
from orchestrator.build.variations import HOST
from orchestrator.experiments.runner import same
from orchestrator.model import Caution, Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.model import Probe, Result, Task

ONE_HOST = (
    "spread is not applied: it builds on two hosts, and this run has only this one; start it with Dask workers on two "
    "hosts, or leave spread out of the configuration"
)


def spread_over(tasks: Sequence[Task], *, hosts: bool) -> tuple[tuple[Task, ...], str]:
    """Return the tasks as they are judged, and a warning if `spread` is not applied to some; empty: it is to all.

    `hosts`: whether a build can be sent to another host.
    """
    if hosts or not any(task.spread for task in tasks):
        return tuple(tasks), ""
    return tuple(replace(task, spread=False) for task in tasks), ONE_HOST


def not_spread(result: Result) -> tuple[Caution, ...]:
    """Return a caution if the second build was to run on another host and no probe shows that it did."""
    varied = any(one.name == HOST and one.mode is Mode.VARIED and not one.acted for one in result.variations)
    probes = _probes(result)
    if not varied or not probes:
        return ()
    names = tuple(build.name for build in result.builds[:2])
    return (Caution(NOT_SPREAD, names, failure_signs.printable(_why_not(*probes))),)


def _why_not(first: Probe, second: Probe) -> str:
    if first.boot_id and second.boot_id:
        return f"both builds ran on the kernel with the boot id {first.boot_id}"
    hidden = [name for name, probe in (("first", first), ("second", second)) if not probe.boot_id]
    return f"the boot id of the kernel of the {' and the '.join(hidden)} build is not known"


def agreement(result: Result) -> str:
    """Return that two processors gave the same bytes, for a caution's evidence; empty where this was not shown."""
    probes = _probes(result)
    acted = any(one.name == HOST and one.acted for one in result.variations)
    if not acted or not probes or not same(*result.builds[:2]):
        return ""
    first, second = probes
    if not (first.cpu_flags and second.cpu_flags) or first.cpu_flags == second.cpu_flags:
        return ""
    models = " and ".join(probe.processor or "an unnamed one" for probe in probes)
    return failure_signs.printable(f"the same bytes on two processors with different flags: {models}")


def _probes(result: Result) -> tuple[Probe, Probe] | None:
    """Return what the first two builds saw; None where one of them saw nothing."""
    found = [build.probe for build in result.builds[:2] if build.probe]
    return (found[0], found[1]) if len(found) > 1 else None
