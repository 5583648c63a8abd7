"""The two wheels of a comparison, with what is known of the environments that built them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orchestrator.model import Traces

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from orchestrator.analysis.causes.model import Content
    from orchestrator.model import Wheel

UNKNOWN = Traces()
"""The traces of a wheel that was built elsewhere."""


class Contents(Protocol):
    """A wheel, open for reading."""

    @property
    def comment(self) -> bytes:
        """The archive's own comment."""

    @property
    def outside(self) -> bytes:
        """What the archive has outside of its members and of the list of them."""

    def packed(self, path: str) -> object:
        """Describe how a member is packed, as a value with a text."""

    def content(self, path: str) -> AbstractContextManager[Content | None]:
        """Open a member; None where it cannot be read."""


@dataclass(frozen=True, slots=True)
class WheelSide:
    """One of the two wheels: its list of members, its contents, and the values planted by its environment."""

    wheel: Wheel
    contents: Contents
    traces: Traces = UNKNOWN
