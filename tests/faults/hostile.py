"""Campaign: hostile sdists, each together with an honest one in a run, and all of them in one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from packaging.utils import InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from tests.faults import packages
from tests.faults.harness import ended, last_line, leftovers, workspace
from tests.faults.hostile_sdists import cases
from tests.faults.processes import Meter
from tests.faults.report import RIGHT, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.docker.farm_fixture import FarmFixture

MEMORY = 400_000_000
"""Bytes that the farm and its helpers may use at once, containers not counted."""

_HONEST = "blameless"
_LIMIT = "30s"  # of one build
_STATUSES = {0, 9}  # every job has a verdict, some jobs are open
_OUTSIDE = "*innocent*"  # a wheel's forged name


def hostile(folder: Path | None = None) -> Callable[[int, int], Iterator[Trial]]:
    """Return the campaign for the sdists in a folder, or else for generated ones."""

    def campaign(count: int, _seed: int) -> Iterator[Trial]:
        """Build the first `count - 1` sdists, each in a run with an honest one; then all of them in one run."""
        with workspace() as place:
            attacks = [case.write(place.folder) for case in cases()] if folder is None else _sdists(folder)
            honest = packages.packed((_HONEST,), place.folder)
            for number, together in enumerate([*([one] for one in attacks[: count - 1]), attacks]):
                with place.farm(str(number), limits={"time": _LIMIT}) as farm:
                    yield _attacked(farm, together, honest)

    return campaign


def _sdists(folder: Path) -> list[Path]:
    return sorted(path.resolve() for path in folder.glob("*.tar.gz"))


def _attacked(farm: FarmFixture, attacks: Sequence[Path], honest: list[str]) -> Trial:
    begun = time.monotonic()
    process = farm.begin("run", *map(str, attacks), *honest)
    with Meter(process.pid) as meter:
        run, wrong = ended(process, begun, 60 + 30.0 * len(attacks))
    seconds = time.monotonic() - begun
    verdicts, untrue = _verdicts(farm)
    wrong += untrue
    if run.status not in _STATUSES:
        wrong += (f"status {run.status}: {last_line(run.err)}",)
    if raw := {character for character in run.out + run.err if not character.isprintable()} - {"\n"}:
        wrong += (f"control characters were printed: {sorted(raw)!r}",)
    if meter.peak > MEMORY:
        wrong += (f"{meter.peak / 1e6:.0f} MB of memory, more than {MEMORY / 1e6:.0f}",)
    if verdicts.get(_HONEST) != packages.VERDICTS[_HONEST]:
        wrong += (f"the honest sdist: {verdicts.get(_HONEST, 'no verdict')}",)
    names = [str(parse_sdist_filename(path.name)[0]) for path in attacks]
    wrong += tuple(f"{name} got no verdict" for name in names if name not in verdicts)
    wrong += tuple(f"written by a package: {path}" for path in farm.folder.parent.rglob(_OUTSIDE))
    wrong += leftovers(farm)
    outcome = verdicts.get(names[0], "open") if len(names) == 1 else RIGHT if not wrong else "wrong"
    what = names[0] if len(names) == 1 else f"all {len(names)} in one run"
    return Trial(f"{what}, {meter.peak / 1e6:.0f} MB, status {run.status}", outcome, wrong, seconds)


def _verdicts(farm: FarmFixture) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the verdict, with its reason if it has one, of each project; and what is wrong with the records."""
    verdicts: dict[str, str] = {}
    wrong: list[str] = []
    for path in farm.records():
        text = path.read_bytes().decode(errors="surrogateescape")
        try:
            record = json.loads(text)
            reason = (record.get("failure") or {}).get("reason") or ""
            verdicts[path.parent.name] = f"{record['verdict']} {reason}".strip()
        except (ValueError, AttributeError, KeyError) as error:
            wrong.append(f"the record of {path.parent.name} cannot be read: {error!r}")
            continue
        if raw := {character for character in text if not character.isprintable()} - {"\n"}:
            wrong.append(f"the record of {path.parent.name} has control characters: {sorted(raw)!r}")
        wrong += (f"{path.parent.name} is {record['verdict']} with a wheel named {name!r}" for name in _foreign(record))
    return verdicts, tuple(wrong)


def _foreign(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the wheels of a record that are not named as a wheel of its release must be."""
    for name in (build["wheel"]["filename"] for build in record["builds"] if build.get("wheel")):
        try:
            project, version, _, _ = parse_wheel_filename(name)
        except InvalidWheelFilename:
            yield name
        else:
            if (project, str(version)) != (record["project"], record["version"]):
                yield name
