"""Normalizes bytecode: the header and the parts of code objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.causes.model import NormalizedMember
from orchestrator.analysis.formats import text
from orchestrator.analysis.formats.marshal import HEADER, read
from orchestrator.model import Severity

if TYPE_CHECKING:
    from orchestrator.analysis.formats.text import MemberPair


KIND = "bytecode"
TIME, FORM = "source time", "form"
FILENAME, _LINES = ": filename", ": lines"
_HEADERS = (TIME, "source size", "source hash", "flags")


def normalize(path: str, first: bytes, second: bytes) -> MemberPair:
    """Normalize two .pyc files; raises Unreadable if one cannot be parsed."""
    ours, theirs = read(first).tokens, read(second).tokens
    places = (*ours, *(place for place in theirs if place not in ours))
    unlike = [place for place in places if ours.get(place) != theirs.get(place)]
    if any(place not in _HEADERS and not place.endswith((FILENAME, _LINES)) for place in unlike):
        unlike = [place for place in unlike if not place.endswith(_LINES)]  # they are derived from the rest
    if first[HEADER:] != second[HEADER:] and all(place in _HEADERS for place in unlike):
        ours[FORM], theirs[FORM] = (text.hashed(data[HEADER:]) for data in (first, second))
        unlike.append(FORM)
    depths = {place: _depth(place) for place in unlike}
    return (
        NormalizedMember(path, KIND, {place: ours.get(place, b"") for place in unlike}, depths),
        NormalizedMember(path, KIND, {place: theirs.get(place, b"") for place in unlike}, depths),
    )


def _depth(place: str) -> Severity:
    """Return the severity of a token: a header and a form are derived, names of sources are data, all else is code."""
    if place in _HEADERS or place == FORM:
        return Severity.METADATA
    return Severity.DATA if place.endswith(FILENAME) else Severity.CODE
