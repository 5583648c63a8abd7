"""The build tools of a wheelhouse that are built here: which are proven, and which releases lack one. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.model import BUILT_HERE, Pin

if TYPE_CHECKING:
    from orchestrator.job.member import Candidate, Proof
    from orchestrator.model import Tool


@dataclass(slots=True)
class Tools:
    """Build tools that were built here, as far as they are proven."""

    known: dict[Tool, str] = field(default_factory=dict)  # why it is no member; empty: it is one
    proofs: dict[str, Proof] = field(default_factory=dict)  # in the order in which they are built
    pins: dict[str, Pin] = field(default_factory=dict)  # by NAME==VERSION, as the common recipe gives them
    whys: dict[str, str] = field(default_factory=dict)  # by NAME==VERSION: why a tool cannot be used

    def add(self, tool: Tool, outcome: Proof | str) -> None:
        """Add a tool with its proof, or with why it has none."""
        key = f"{tool.name}=={tool.version}"
        why = outcome if isinstance(outcome, str) else outcome.why
        wheel = None if isinstance(outcome, str) else outcome.wheel
        self.known[tool] = self.whys[key] = f"its build tool {tool.name} {tool.version}: {why}" if why else ""
        if wheel and not isinstance(outcome, str):
            self.put(key, outcome)

    def put(self, key: str, proof: Proof) -> None:
        """Put a proof in place of a former one, if that gave another wheel: else it needed fewer tools, and stays."""
        wheel, release, former = proof.wheel, proof.candidate.release, self.pins.get(key)
        if wheel and not (former and former.sha256 == wheel.sha256):
            self.pins[key] = Pin(release.project, release.version, wheel.sha256, wheel.filename, BUILT_HERE)
            self.proofs[f"tool {key}"] = proof

    def stale(self) -> tuple[tuple[str, Candidate], ...]:
        """Return the tools that were built with other wheels of tools than those that are handed out."""
        found = ((name.removeprefix("tool "), proof.candidate) for name, proof in self.proofs.items())
        return tuple((key, one) for key, one in found if self.used_by(one) != one)

    def why(self, requirement: str) -> str:
        """Return why a tool, as NAME==VERSION, cannot be used; empty: it can, or it was not built here."""
        return self.whys.get(requirement, "")

    def missing(self, candidate: Candidate) -> str:
        """Return why a release lacks one of its build tools; empty: it has all."""
        built = [f"{pin.name}=={pin.version}" for pin in candidate.settled.lock.pins if pin.built_here]
        unbuilt = [f"its build tool {one} was not built" for one in built if one not in self.pins]
        return next(filter(None, (*map(self.why, built), *unbuilt)), "")

    def used_by(self, candidate: Candidate) -> Candidate:
        """Return a release that is built with the tools as the common recipe gives them."""
        settled = candidate.settled
        pins = tuple(
            self.pins.get(f"{pin.name}=={pin.version}", pin) if pin.built_here else pin for pin in settled.lock.pins
        )
        return replace(candidate, settled=replace(settled, lock=replace(settled.lock, pins=pins)))
