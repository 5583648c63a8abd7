"""What a cause is: the mirror image of a variation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.model import Severity, Traces


class Content(Protocol):
    """The bytes of one member, which may be large and is read in pieces."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes from there on, fewer at the end."""


@dataclass(frozen=True, slots=True)
class NormalizedMember:
    """A part of a wheel, split into tokens that are compared one by one.

    The parts are the members and the archive itself. It contains only tokens in which the two wheels
    differ, and the context that an unequal token needs; so a wheel of any size is compared in
    little memory.
    """

    path: str  # of the member; empty for the archive itself
    kind: str  # slug of the parser: text, elf, bytecode, archive, json, raw...
    tokens: Mapping[str, bytes] = field(default_factory=dict)  # by place: a line, a section, a field
    depths: Mapping[str, Severity] = field(default_factory=dict)  # how severe a difference in that token is


@dataclass(frozen=True, slots=True)
class Side:
    """A part of one wheel, and the values that its environment planted."""

    member: NormalizedMember
    traces: Traces


SidePair = tuple[Side, Side]


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why two builds differ, recognized by its trace.

    `erase` returns both sides without that trace; it changes nothing that another reason could
    have caused. A cause is found if erasing its trace makes unequal tokens equal.
    """

    name: str
    summary: str  # what it is, in one sentence
    why: str  # what in a build causes it
    shows: str  # how it shows in a wheel
    example: str  # of a real package, or of two lines side by side
    kinds: tuple[str, ...]  # of the normalized members that can show it
    erase: Callable[[SidePair], SidePair]
    variations: tuple[str, ...] = ()  # which can cause it; empty: none, it differs in every build
    remedies: tuple[str, ...] = ()  # what fixes it, the least invasive first
    suspects: Callable[[SidePair], tuple[str, ...]] | None = None  # the variations to which its explained tokens point
    besides: tuple[str, ...] = ()  # kinds of members in which another cause explains the token, and it is named too
