"""Campaign: the file system of the results or of the cache runs out of bytes or of inodes."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING

from tests.faults import packages
from tests.faults.harness import completed, kept, last_line, lost, ran, remove, truth, undisturbed, workspace
from tests.faults.report import RIGHT, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docker.farm_fixture import FarmFixture

_FULL = 7  # the exit status
_BYTES, _INODES = 32 << 20, 4000  # of the file system
_KINDS = (("results", "bytes"), ("results", "inodes"), ("cache", "bytes"), ("cache", "inodes"))
_LEFT = {"bytes": (0, 4 << 10, 16 << 10), "inodes": (0, 1, 3)}  # less than any run needs
_BEFORE = ("blameless", "exits")  # that have verdicts before the disk is full


def full_disks(count: int, seed: int) -> Iterator[Trial]:
    """Fill a disk and run: one message, status 7, nothing lost; with room, the next run completes."""
    random = Random(seed)  # noqa: S311 - no secret
    with workspace() as place:
        paths = packages.packed(tuple(packages.VERDICTS), place.folder)
        for number in range(count):
            what, kind = _KINDS[number % len(_KINDS)]
            with (
                place.farm(str(number), cache=".cache") as farm,
                _small_disk(farm.results if what == "results" else farm.folder / ".cache") as disk,
            ):
                yield _full(farm, disk, kind, random.choice(_LEFT[kind]), paths)


def _full(farm: FarmFixture, disk: Path, kind: str, left: int, paths: list[str]) -> Trial:
    begun = time.monotonic()
    undisturbed(farm, packages.packed(_BEFORE, farm.folder), {slug: packages.VERDICTS[slug] for slug in _BEFORE})
    before = kept(farm)
    filler = disk / "filler"
    _fill(filler, kind, left)
    run, wrong = ran(farm, "run", *paths)
    messages = [line for line in run.err.splitlines() if line.startswith("wheelproof: ")]
    if run.status != _FULL:
        wrong += (f"status {run.status}, not {_FULL}: {last_line(run.err)}",)
    if len(messages) != 1 or str(disk) not in messages[0]:
        wrong += (f"no single message that names {disk.name}/: {messages}",)
    if "Traceback" in run.err:
        wrong += ("a traceback was printed",)
    wrong += lost(before)
    remove(filler)
    wrong += completed(farm, paths, truth().findings, before)
    what = f"{disk.name} without {kind} but for {left}"
    return Trial(what, "wrong" if wrong else RIGHT, wrong, time.monotonic() - begun)


def _fill(filler: Path, kind: str, left: int) -> None:
    """Use up what a file system has, but for that much."""
    filler.mkdir()
    try:
        if kind == "inodes":
            for number in range(2 * _INODES):
                (filler / str(number)).touch()
        with (filler / "bytes").open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(1 << 12))
    except OSError:  # it is full
        pass
    if kind == "inodes":
        for number in range(left):
            (filler / str(number)).unlink()
    elif left:
        with (filler / "bytes").open("r+b") as stream:
            stream.truncate((filler / "bytes").stat().st_size - left)


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small file system there."""
    folder.mkdir()
    options = f"size={_BYTES},nr_inodes={_INODES},mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)  # noqa: S607
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607
