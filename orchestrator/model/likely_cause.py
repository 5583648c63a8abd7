"""A search for the input that a wheel follows from, where only the wheel's hash is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.model.build import Build
from orchestrator.model.inputs import METHOD, Pin


class SwapKind(StrEnum):
    """What is swapped."""

    NOTHING = "nothing"
    PACKAGE = "debian-package"
    REQUIREMENT = "build-requirement"
    EPOCH = "source-date-epoch"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class InputSwap:
    """One input in another version than in the build that is known."""

    kind: SwapKind
    names: tuple[str, ...] = ()  # of the packages that belong together, or of the build requirement
    now: str = ""  # in the rebuild
    was: str = ""  # in the build that is known

    @property
    def text(self) -> str:
        """The swap as readers see it."""
        if self.kind is SwapKind.NOTHING:
            return "the same inputs once more"
        name = {SwapKind.EPOCH: "SOURCE_DATE_EPOCH", SwapKind.PROFILE: "the profile"}.get(self.kind)
        return f"{name or ', '.join(self.names)} {self.now or 'none'} instead of {self.was or 'none'}"

    @property
    def input(self) -> str:
        """The input without its versions."""
        return self.text.partition(f" {self.now or 'none'} instead of ")[0]


@dataclass(frozen=True, slots=True)
class SwapTrial:
    """A rebuild with one swap, or why there is none."""

    swap: InputSwap
    sha256: str = ""  # of the wheel; empty without one
    why: str = ""  # why there is no wheel
    files: tuple[tuple[str, str], ...] = ()  # (address, SHA-256) of what was swapped in
    build: Build | None = None
    is_open: bool = False  # whether a later search may get what this one did not


@dataclass(frozen=True, slots=True)
class CauseSearch:
    """The record of a search: what was built to find why a wheel has not a listed hash."""

    id: str
    project: str
    version: str
    filename: str  # of the wheel
    job: str  # the id of the job whose first build is known
    image: str
    manifest: str
    sdist: str  # SHA-256
    wanted: tuple[str, ...]  # the listed SHA-256, sorted
    known: str  # the SHA-256 of the first build's wheel
    build_requirements: tuple[Pin, ...]
    trials: tuple[SwapTrial, ...]
    left: int  # swaps that the budget left untried
    started: datetime
    finished: datetime
    method: int = METHOD

    def proof(self, sha256: str) -> SwapTrial | None:
        """Return the trial that gave a listed hash; none for an empty one, which is that of a trial without a wheel."""
        return next((one for one in self.trials if one.sha256 and one.sha256 == sha256), None)

    @property
    def possible(self) -> tuple[str, ...]:
        """The inputs whose swap gives other bytes; none where the same inputs do not give the same bytes."""
        again = [one for one in self.trials if one.swap.kind is SwapKind.NOTHING]
        if any(one.sha256 != self.known for one in again):
            return ()
        return tuple(dict.fromkeys(one.swap.input for one in self.trials if one.sha256 not in {"", self.known}))
