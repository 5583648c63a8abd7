"""Phrases that several modules use: lists of names, and what differs in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LOADED_SAME = "Everything loaded at run time is the same"

DEPTHS: Mapping[Severity, tuple[str, str]] = {
    Severity.NONE: ("nothing", "The two wheels are the same bytes."),
    Severity.ARCHIVE: (
        "archive only",
        f"{_LOADED_SAME}: only the archive differs, in times, permissions, order or packing.",
    ),
    Severity.METADATA: (
        "metadata",
        "Every module and every library is the same: what differs is what the wheel records about itself.",
    ),
    Severity.DEBUG: ("debug information", f"{_LOADED_SAME}: only debug information differs."),
    Severity.DATA: ("data", "The code is the same; data that is loaded at run time differs."),
    Severity.CODE: ("code", "Code that may run differs."),
    Severity.MEMBERS: ("other files", "One wheel has files or tags that the other lacks."),
}
"""Each severity's name in a few words, and its meaning in a sentence."""


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence lists them: "umask, home and time"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
