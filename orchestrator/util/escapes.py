"""Escapes text of packages for records: no lone surrogates, hidden characters or terminal commands remain.

A character that is invisible, or changes how its neighbours are displayed, is written as ⟨U+202E⟩. So is
a lone surrogate, which represents a byte that is not UTF-8. If a text has the characters
⟨U+202E⟩ themselves, its ⟨ is written as ⟨U+27E8⟩, so that every text can be read back unchanged, and
no two texts are escaped to the same. All else is unchanged: é, 漢字, a backslash, line ends and tabs.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""General categories (Unicode, chapter 4.5) that are invisible, or change how their neighbours are displayed."""

_BEGIN = "\u27e8"
_SUSPECT = re.compile(r"[^\t\n\x20-\x7e]")
_WRITTEN = re.compile(r"\u27e8U\+([0-9A-F]{4,6})\u27e9")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_HIGHEST = 0x10FFFF


def visible(text: str) -> str:
    """Return the text with each hidden character spelt out, for display. It cannot be read back."""
    if text.replace("\n", "").replace("\t", "").isprintable():  # which no hidden character is
        return text
    return _SUSPECT.sub(lambda match: _shown(match.group()), text)


def escaped(text: str) -> str:
    """Return the text escaped for a record."""
    if text.isascii() and text.isprintable():
        return text
    return visible(_WRITTEN.sub(lambda match: _spelt(_BEGIN) + match.group()[1:], text))


def unescaped(text: str) -> str:
    """Return the text that was escaped."""
    return _WRITTEN.sub(_read, text) if _BEGIN in text else text


def is_marked(data: bytes) -> bool:
    """Return whether a JSON text may have escaped characters."""
    return b"\xe2\x9f\xa8U+" in data or (b"\\u" in data and b"\\u27e8" in data.lower())


def all_escaped(value: Any) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    """Return a JSON-like value with every text in it escaped, names of fields too.

    Raises
    ------
    ValueError
        It has a number that JSON cannot represent: infinity or NaN.

    """
    return _mapped(value, escaped)


def encodable(value: Any) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    """Return a JSON-like value with nothing but lone surrogates spelt out: what UTF-8, and strict parsers, refuse."""
    return _mapped(value, lambda text: _SURROGATE.sub(lambda match: _spelt(match.group()), text))


def all_unescaped(value: Any) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    """Return a JSON-like value with every text in it read back."""
    return _mapped(value, unescaped)


def _mapped(value: Any, change: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_mapped(key, change): _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, change) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        msg = f"a record may not have the number {value}"
        raise ValueError(msg)
    return value


def _shown(character: str) -> str:
    return _spelt(character) if unicodedata.category(character) in HIDDEN else character


def _spelt(character: str) -> str:
    return f"\u27e8U+{ord(character):04X}\u27e9"


def _read(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code <= _HIGHEST else match.group()
