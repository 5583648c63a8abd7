"""A verification as users read it: a row of JSON, and the words for its parts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.results.store import verification_value

if TYPE_CHECKING:
    from orchestrator.model import Verification

_FIELDS = (
    "project",
    "version",
    "wheel",
    "sha256",
    "outcome",
    "rebuilt_sha256",
    "taken",
    "clues",
    "build_requirements",
    "causes",
    "unexplained",
    "severity",
    "builds",
    "reason",
    "image",
    "uploaded",
    "recreation",
    "lines",
    "attempts",
)


def row(verification: Verification) -> dict[str, object]:
    """Return the object of `wheelproof verify --json` for one published wheel; its fields are those of the record."""
    value = verification_value(verification)
    image = verification.image.name if verification.image else ""
    return {name: value[name] for name in _FIELDS} | {"image": image}
