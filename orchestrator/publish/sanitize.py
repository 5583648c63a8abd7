"""Makes text of packages safe to display: no hidden characters, no changes of the writing direction."""

from __future__ import annotations

import re

from pydantic_core import to_json

from orchestrator.util.escapes import all_escaped, visible

__all__ = ["json_text", "log_text", "visible"]

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, movements (ECMA-48, 5.4)
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # commands to the terminal: titles, links
    r"|[ -/]*[0-Z\\^-~])"  # everything shorter
)


def log_text(log: bytes, bound: int) -> str:
    """Return a log as text of at most about `bound` bytes: its beginning and end, without colours."""
    text = _cut(log, bound).decode("utf-8", errors="replace")
    return visible(_ESCAPE_SEQUENCE.sub("", re.sub(r"\r\n?", "\n", text)))


def json_text(value: object, *, escape: bool = True) -> str:
    """Return values of JSON as text that shows no hidden characters, and no tag to a program that takes it for HTML.

    Without `escape`, texts in it are escaped already.
    """
    return to_json(all_escaped(value) if escape else value, indent=1).decode().replace("<", "\\u003c") + "\n"


def _cut(log: bytes, bound: int) -> bytes:
    if len(log) <= bound:
        return log
    half = bound // 2
    left_out = len(log) - 2 * half
    return b"%b\n\n[... %d bytes left out ...]\n\n%b" % (log[:half], left_out, log[-half:])
