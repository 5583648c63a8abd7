"""From a run's results to what they say of a hash file's wheels; looks into wheels that are at hand."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis import wheel
from orchestrator.build.variations import traces
from orchestrator.errors import ImageError, WheelproofError
from orchestrator.farm.effects import look
from orchestrator.farm.workers import attempted
from orchestrator.images import recipe
from orchestrator.model import WheelFile
from orchestrator.model.names import BadNameError, WheelName
from orchestrator.results import witness
from orchestrator.results.witness import WitnessOutcome, WitnessRow
from orchestrator.util import escapes, logs
from orchestrator.util.cache import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from orchestrator.images.recipe import Folders
    from orchestrator.model import Diagnosis, Result, Target, Task
    from orchestrator.requirement_files import Wanted
    from orchestrator.results.store import Results
    from orchestrator.results.witness import Claim

_BEST = (WitnessOutcome.MATCHES, WitnessOutcome.DIFFERS, WitnessOutcome.UNBUILDABLE)


@dataclass(frozen=True, slots=True)
class AtHand:
    """Where wheels may lie: those that were built here, and those of whoever wrote the hash file."""

    store: Results
    folders: tuple[Path, ...]

    def diagnose(self, filename: str, sha256: str, result: Result) -> Diagnosis | None:
        """Tell why the wheel of that name and hash differs from a result's first; None where it is not at hand."""
        build = result.builds[0]
        ours = self.store.wheels.find(build.wheel.sha256) if build.wheel else None
        theirs = self._find(filename, sha256)
        if build.wheel is None or ours is None or theirs is None or result.inputs is None:
            return None
        limits = result.inputs.limits
        given = wheel.Given(theirs, WheelFile(filename, sha256, theirs.stat().st_size))
        made = wheel.Given(ours, build.wheel, traces(build))
        return look(given, made, limits)

    def _find(self, filename: str, sha256: str) -> Path | None:
        try:
            name = WheelName(filename)
        except BadNameError:
            return None
        for folder in self.folders:
            with suppress(OSError):
                path = folder / name.filename
                if sha256_of(path) == sha256:
                    return path
        return None


def rows(
    wanted: Iterable[Wanted],
    tasks: Iterable[Task],
    results: Iterable[Result],
    faults: Mapping[str, str],
    at_hand: AtHand,
    folders: Folders,
) -> tuple[WitnessRow, ...]:
    """Say of each wheel that is named what was found of it; what no image has a use for is left out.

    Of several images, the one that comes nearest to the file speaks: a file is of one of them.

    `faults` tells of each requirement without a verdict why there is none.
    """
    found: defaultdict[str, list[Result]] = defaultdict(list)
    for one in results:
        found[f"{one.project}=={one.version}"].append(one)
    targets = {image: _target(image, folders) for image in dict.fromkeys(task.image for task in tasks)}

    def said(claim: Claim) -> WitnessRow | None:
        """Say the best that any image says of a claim."""
        fault = faults.get(claim.requirement, "")
        every = [
            witness.witnessed(claim, one, fault, targets.get(one.image.name), at_hand.diagnose)
            for one in sorted(found[claim.requirement], key=lambda one: one.image.name)
        ]
        if not every and claim.requirement in faults:
            every = [witness.witnessed(claim, None, fault, None, at_hand.diagnose)]
        return min(every, key=lambda row: _BEST.index(row.outcome), default=None)

    return tuple(row for claim in witness.claims(wanted) if (row := _row(said, claim)))


def _row(said: Callable[[Claim], WitnessRow | None], claim: Claim) -> WitnessRow | None:
    """Say what was found of a claim; a fault of the program in one leaves the others as they are."""
    found = attempted(said, claim)
    if isinstance(found, WheelproofError):
        logs.fault("a wheel cannot be compared", found, wheel=claim.filename or claim.requirement)
        sha256 = claim.hashes[0] if len(claim.hashes) == 1 else ""
        return WitnessRow(claim.filename or claim.requirement, sha256, WitnessOutcome.UNBUILDABLE, reason=str(found))
    return found


def _target(image: str, folders: Folders) -> Target | None:
    with suppress(ImageError, ValueError):
        return recipe.target(recipe.load(folders, image).lock)
    return None


def as_json(found: Iterable[WitnessRow]) -> str:
    """Return rows as one JSON array."""
    return json.dumps(escapes.all_escaped([asdict(one) for one in found]), indent=1) + "\n"
