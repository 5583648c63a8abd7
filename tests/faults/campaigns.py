"""The campaigns, with the number of trials of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.engine_crashes import engine_crashes
from tests.faults.full_disks import full_disks
from tests.faults.hostile import hostile
from tests.faults.index_faults import index_faults
from tests.faults.killed_compilers import killed_compilers
from tests.faults.kills import kills
from tests.faults.lost_workers import lost_workers
from tests.faults.signals import signals

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.report import Campaign


@dataclass(frozen=True, slots=True)
class Entry:
    """One campaign."""

    name: str
    what: str
    full: int  # trials of `make faults`
    short: int  # trials of `make test`
    run: Campaign


def campaigns(hostile_sdists: Path | None = None) -> tuple[Entry, ...]:
    """Return all campaigns; `hostile_sdists` is a folder of sdists instead of the generated ones."""
    return (
        Entry("kills", "the orchestrator is killed at a random moment", 100, 2, kills),
        Entry("engine-crashes", "the container engine is killed during a run", 20, 1, engine_crashes),
        Entry("index-faults", "requirements are resolved at an index with faults", 300, 18, index_faults),
        Entry("killed-compilers", "a compiler in a container is killed from outside", 20, 1, killed_compilers),
        Entry(
            "hostile",
            "hostile sdists are built beside an honest one",
            1000 if hostile_sdists else 1,
            1,
            hostile(hostile_sdists),
        ),
        Entry("full-disks", "the disk of the results or the cache is full", 4, 1, full_disks),
        Entry("signals", "a run is asked to stop, or loses its standard error", 9, 2, signals),
        Entry("workers", "a run on Dask workers loses one, its scheduler or itself", 100, 1, lost_workers),
    )
