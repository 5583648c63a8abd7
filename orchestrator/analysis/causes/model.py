"""What a cause is: the mirror image of a variation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.model import Severity, Traces


class Content(Protocol):
    """The bytes of one member, which may be many: they are read in pieces."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes from there on, fewer at the end."""


@dataclass(frozen=True, slots=True)
class NormalizedMember:
    """A part of a wheel, taken apart into units that can be compared one by one.

    The parts are members, and the archive itself. A view holds only units in which the two wheels
    differ, and what a unit that differs needs to be understood; so that a wheel of any size can be
    looked at in little memory.
    """

    path: str  # of the member; empty for the archive itself
    kind: str  # slug of how it was taken apart: text, elf, bytecode, archive, json, raw...
    units: Mapping[str, bytes] = field(default_factory=dict)  # by place: a line, a section, a field
    depths: Mapping[str, Severity] = field(default_factory=dict)  # how deep a difference in that unit goes


@dataclass(frozen=True, slots=True)
class Side:
    """One wheel's view of a part, and what its environment planted."""

    view: NormalizedMember
    traces: Traces


SidePair = tuple[Side, Side]


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for which two builds differ, known by the trace that it leaves.

    `erase` returns both sides without that trace; it changes nothing that any other reason could
    have made. A cause is found where erasing its trace makes units equal that were not.
    """

    name: str
    summary: str  # what it is, in one sentence
    why: str  # what in a build brings it about
    shows: str  # how it shows in a wheel
    example: str  # of a real package, or of two lines side by side
    kinds: tuple[str, ...]  # of the views that can show it
    erase: Callable[[SidePair], SidePair]
    variations: tuple[str, ...] = ()  # which can do it; empty: none, it differs by itself
    remedies: tuple[str, ...] = ()  # what repairs it, the gentlest first
    suspects: Callable[[SidePair], tuple[str, ...]] | None = (
        None  # which of the variations units that it explains point to
    )
