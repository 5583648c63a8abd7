"""Text of packages, made harmless to look at: nothing hidden in it, nothing that turns it around."""

from __future__ import annotations

import re
import unicodedata

_SUSPECT = re.compile(r"[^\t\n\x20-\x7e]")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""General categories (Unicode, chapter 4.5) that show nothing, or change how their neighbours show."""

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, movements (ECMA-48, 5.4)
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # commands to the terminal: titles, links
    r"|[ -/]*[0-Z\\^-~])"  # everything shorter
)


def visible(text: str) -> str:
    """Return the text with each character that does not show, or that reorders others, spelt out."""
    return _SUSPECT.sub(lambda found: _spelt(found.group()), text)


def _spelt(character: str) -> str:
    hidden = unicodedata.category(character) in _HIDDEN
    return f"\u27e8U+{ord(character):04X}\u27e9" if hidden else character


def log_text(log: bytes, bound: int) -> str:
    """Return a log as text of about `bound` bytes at most: its begin and its end, without colours."""
    text = _cut(log, bound).decode("utf-8", errors="replace")
    return visible(_ESCAPE_SEQUENCE.sub("", re.sub(r"\r\n?", "\n", text)))


def _cut(log: bytes, bound: int) -> bytes:
    if len(log) <= bound:
        return log
    half = bound // 2
    left_out = len(log) - 2 * half
    return b"%b\n\n[... %d bytes left out ...]\n\n%b" % (log[:half], left_out, log[-half:])
