"""Text of packages as records have it: nothing in it that JSON has no form for, that hides, or that a terminal obeys.

A character that shows nothing, or changes how its neighbours show, is written as ⟨U+202E⟩. A lone
surrogate, which stands for a byte that is not UTF-8, is one of those. Where a text has the characters
⟨U+202E⟩ themselves, its ⟨ is written as ⟨U+27E8⟩, so that every text can be read back as it was, and
no other text reads as the same. All else stays as it is: é, 漢字, a backslash, and line ends and tabs.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""General categories (Unicode, chapter 4.5) that show nothing, or change how their neighbours show."""

_BEGIN = "\u27e8"
_SUSPECT = re.compile(r"[^\t\n\x20-\x7e]")
_WRITTEN = re.compile(r"\u27e8U\+([0-9A-F]{4,6})\u27e9")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_HIGHEST = 0x10FFFF


def visible(text: str) -> str:
    """Return the text with each hidden character spelt out: to be looked at, not to be read back."""
    return _SUSPECT.sub(lambda found: _shown(found.group()), text)


def escaped(text: str) -> str:
    """Return the text as a record has it."""
    if text.isascii() and text.isprintable():
        return text
    return visible(_WRITTEN.sub(lambda found: _spelt(_BEGIN) + found.group()[1:], text))


def unescaped(text: str) -> str:
    """Return the text that a record's stands for."""
    return _WRITTEN.sub(_read, text) if _BEGIN in text else text


def is_marked(data: bytes) -> bool:
    """Tell whether there may be something in a JSON text to read back."""
    return b"\xe2\x9f\xa8U+" in data or b"\\u27e8" in data.lower()


def all_escaped(value: Any) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    """Return a JSON-like value with every text in it escaped, names of fields too.

    Raises
    ------
    ValueError
        There is a number in it that JSON has no form for: an infinite one, or none.

    """
    return _mapped(value, escaped)


def encodable(value: Any) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    """Return a JSON-like value with nothing but lone surrogates spelt out: what UTF-8, and strict parsers, refuse."""
    return _mapped(value, lambda text: _SURROGATE.sub(lambda found: _spelt(found.group()), text))


def all_unescaped(value: Any) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    """Return a JSON-like value with every text in it read back."""
    return _mapped(value, unescaped)


def _mapped(value: Any, change: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_mapped(key, change): _mapped(one, change) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(one, change) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        msg = f"a record may not have the number {value}"
        raise ValueError(msg)
    return value


def _shown(character: str) -> str:
    return _spelt(character) if unicodedata.category(character) in HIDDEN else character


def _spelt(character: str) -> str:
    return f"\u27e8U+{ord(character):04X}\u27e9"


def _read(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return chr(code) if code <= _HIGHEST else found.group()
