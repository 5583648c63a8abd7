"""Texts that a package or a user chose, as a recipe may contain them."""

from __future__ import annotations

import re
import shlex
from urllib.parse import urlsplit

_LONGEST = 200
"""Characters of a comment's quotation."""


def comment(text: str) -> str:
    """Return a text for a comment, in one line.

    GitHub replaces ${{ }} even in comments of a script, and a backslash at its end would continue a comment of make.
    """
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[:_LONGEST])
    return shown.replace("{{", "{ {").replace("\\", "/")


def plain(text: str, more: str = "") -> str:
    """Return of a name, a version or a file name what neither a shell nor make nor YAML takes for its own.

    `more` are characters that are harmless where the text goes.
    """
    return re.sub(rf"[^A-Za-z0-9.+!_{more}-]", "_", text)[:_LONGEST]


def word(text: str) -> str:
    """Quote a text as one word of a shell; printable text only."""
    return shlex.quote(text).replace("${{", "$''{{")


def url(text: str) -> str:
    """Return a URL that a recipe may fetch; "" for another scheme, for one with a user, or with other characters."""
    if not re.fullmatch(r"(?:https?|file)://[A-Za-z0-9._~:/?&=%+!@,;-]*", text):
        return ""
    return "" if "@" in urlsplit(text).netloc else text
