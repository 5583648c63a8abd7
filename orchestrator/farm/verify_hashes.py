"""From a run's results to the outcome for each wheel of a hash file; compares wheels that are available."""

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
    from orchestrator.model import Diagnosis, Result, Target
    from orchestrator.requirement_files import Wanted
    from orchestrator.results.store import Results
    from orchestrator.results.witness import Claim

_BEST = (WitnessOutcome.MATCHES, WitnessOutcome.DIFFERS, WitnessOutcome.UNBUILDABLE)


@dataclass(frozen=True, slots=True)
class AtHand:
    """The places of wheels: those built here, and the folders of the hash file's author."""

    store: Results
    folders: tuple[Path, ...]

    def diagnose(self, filename: str, sha256: str, result: Result) -> Diagnosis | None:
        """Explain how the wheel of that name and hash differs from a result's first build; None where it is missing."""
        build = result.builds[0]
        ours = self.store.wheels.find(build.wheel.sha256) if build.wheel else None
        theirs = self._find(filename, sha256)
        if build.wheel is None or ours is None or theirs is None or result.inputs is None:
            return None
        limits = result.inputs.limits
        given = wheel.Given(theirs, WheelFile(filename, sha256, theirs.stat().st_size))
        built = wheel.Given(ours, build.wheel, traces(build))
        return look(given, built, limits)

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
    results: Iterable[Result],
    faults: Mapping[str, str],
    at_hand: AtHand,
    folders: Folders,
) -> tuple[WitnessRow, ...]:
    """Return one row for each listed wheel; a wheel that fits no image is left out.

    Of several images, the one with the best outcome counts, because a hash file comes from one image.

    `faults` has, for each requirement without a verdict, the reason.
    """
    by_requirement: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_requirement[f"{result.project}=={result.version}"].append(result)
    names = {result.image.name for same in by_requirement.values() for result in same}
    targets = {image: _target(image, folders) for image in sorted(names)}

    def best(claim: Claim) -> WitnessRow | None:
        """Return the best outcome of a claim on any image."""
        fault = faults.get(claim.requirement, "")
        every = [
            witness.witnessed(claim, result, fault, targets.get(result.image.name), at_hand.diagnose)
            for result in sorted(by_requirement[claim.requirement], key=lambda result: result.image.name)
        ]
        if not every and claim.requirement in faults:
            every = [witness.witnessed(claim, None, fault, None, at_hand.diagnose)]
        return min(every, key=lambda row: _BEST.index(row.outcome), default=None)

    return tuple(row for claim in witness.claims(wanted) if (row := _row(best, claim)))


def _row(best: Callable[[Claim], WitnessRow | None], claim: Claim) -> WitnessRow | None:
    """Return the row of a claim; a fault of the program affects only this row."""
    row = attempted(best, claim)
    if isinstance(row, WheelproofError):
        logs.fault("a wheel cannot be compared", row, wheel=claim.filename or claim.requirement)
        sha256 = claim.hashes[0] if len(claim.hashes) == 1 else ""
        name, outcome = claim.filename or claim.requirement, WitnessOutcome.UNBUILDABLE
        return WitnessRow(name, sha256, outcome, reason=str(row), requirement=claim.requirement)
    return row


def _target(image: str, folders: Folders) -> Target | None:
    with suppress(ImageError, ValueError):
        described = recipe.load(folders, image)
        return recipe.target_of(described, described.lock)
    return None


def as_json(rows: Iterable[WitnessRow]) -> str:
    """Return rows as one JSON array."""
    return json.dumps(escapes.all_escaped([asdict(row) for row in rows]), indent=1) + "\n"
