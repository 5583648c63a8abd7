"""A wheel as the lists and the index of a wheelhouse have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.model.names import wheel_of

if TYPE_CHECKING:
    from orchestrator.model import MemberWheel
    from orchestrator.model.names import WheelName


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """A wheel with a checked name; wheels sort by file name, as `LC_ALL=C sort` does: all names are ASCII."""

    name: WheelName
    sha256: str
    size: int  # bytes
    requires_python: str  # a valid specifier of its METADATA; empty if it has none

    @property
    def project(self) -> str:
        """The project, normalized (PEP 503)."""
        return self.name.project

    @property
    def version(self) -> str:
        """The version, normalized (PEP 440)."""
        return str(self.name.version)


def listed(member: MemberWheel, requires_python: str) -> Listed:
    """Return a wheel of a wheelhouse; raises BadNameError if its name is none of its release."""
    wheel = member.wheel
    return Listed(wheel_of(wheel.filename, member.project, member.version), wheel.sha256, wheel.size, requires_python)
