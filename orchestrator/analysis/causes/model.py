"""What a cause is: the mirror image of a variation."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
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
    before: Mapping[str, bytes] = field(default_factory=dict)  # what precedes a token, equal on both sides


@dataclass(frozen=True, slots=True)
class Side:
    """A part of one wheel, and the values that its environment planted."""

    member: NormalizedMember
    traces: Traces


SidePair = tuple[Side, Side]


class Shown(StrEnum):
    """What shows that a cause is there, if no build does."""

    FILES = "files"  # the two files themselves: the cause states no more than what is seen
    ENVIRONMENT = "environment"  # a value that the environments of both sides are known to have planted
    FORM = "form"  # the difference only looks like it


class Party(StrEnum):
    """Who can remove a cause, and therefore gets the report."""

    PROJECT = "project"
    BACKEND = "backend"  # the build backend of the project
    TOOL = "tool"  # a compiler, a frontend or a generator that the build uses


@dataclass(frozen=True, slots=True)
class UpstreamAdvice:
    """What one party changes so that a cause goes away for everybody.

    It applies if each condition that is given is met: one of the `backends` built the wheel, one of the
    `variations` causes the difference, one of the texts of `shown` is in the evidence.
    """

    party: Party
    change: str  # in a few sentences; `back-ticks` mark code
    tool: str = ""  # which tool; empty: the project, or its own build backend
    known: tuple[str, ...] = ()  # issues about this, as owner/repository#number
    backends: tuple[str, ...] = ()  # names of projects: "setuptools"
    variations: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    def applies(self, backend: str, variations: tuple[str, ...], evidence: str) -> bool:
        """Check whether all conditions are met."""
        return (
            (not self.backends or backend in self.backends)
            and (not self.variations or not set(self.variations).isdisjoint(variations))
            and (not self.shown or any(text in evidence for text in self.shown))
        )


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
    upstream: tuple[UpstreamAdvice, ...]  # the first that applies is reported; the last one has no condition
    variations: tuple[str, ...] = ()  # which can cause it; empty: none, it differs in every build
    remedies: tuple[str, ...] = ()  # what fixes it, the least invasive first
    suspects: Callable[[SidePair], tuple[str, ...]] | None = None  # the variations to which its explained tokens point
    shown: Shown = Shown.ENVIRONMENT
    random: bool = False  # whether it says that the difference is random: builds in equal environments differ, too
    alike: tuple[str, ...] = ()  # variations of other causes that leave the same trace; the one that acts decides
    # Kinds of members in which it is named only where builds have shown, or will decide, that a variation of it acts:
    # those in which an order has a meaning.
    by_builds: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()  # kinds of members in which another cause explains the token, and it is named too
