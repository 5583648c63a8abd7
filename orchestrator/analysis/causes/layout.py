"""Causes that show in how a text is laid out: its ends of line and its white space."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.analysis.causes import upstream
from orchestrator.analysis.causes.erasers import by_token, changed, differing, token
from orchestrator.analysis.causes.model import Cause, Shown
from orchestrator.analysis.formats.text import LAST_NEWLINE

if TYPE_CHECKING:
    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import SidePair

_TEXTS = ("text", "metadata", "direct-url", "record")
_BOM = b"\xef\xbb\xbf"
_ENDS = re.compile(rb"\r\n?")
_LONE = re.compile(rb"\r(?![\r\n]|\Z)")
_BLANKS = re.compile(rb"[ \t\f\v]+")
_TABLES = re.compile(r"(?i)\.(?:tsv|tab)\Z")
_INDENTED = re.compile(
    r"(?i)\.(?:ya?ml|mk|mak|ini|cfg|conf|rst|sass|styl|pug|haml|coffee|nim)\Z|(?:\A|/)(?:GNU)?makefile[^/]*\Z"
    r"|\A[^/]+\.dist-info/(?:METADATA|WHEEL|entry_points\.txt)\Z"
)
_COMMA = re.compile(rb",? ?(\n?[)\]}])")


def _line_ends(pair: SidePair) -> SidePair:
    """Erase carriage returns that end lines, and a last end of line that only one text has."""
    erase = _without_last_returns if pair[0].member.kind == "metadata" else _without_returns
    pair = by_token(erase, closely=False)(pair)
    return changed(pair, {LAST_NEWLINE: (b"", b"")} if LAST_NEWLINE in differing(pair) else {})


def _without_returns(texts: Texts, _known: object) -> Texts:
    if b"\r" not in texts[0] + texts[1]:
        return texts
    if not any(text.endswith(b"\n") for text in texts):  # a token of as many lines on both sides has no last end
        texts = texts[0] + b"\n", texts[1] + b"\n"
    return _ENDS.sub(b"\n", texts[0]), _ENDS.sub(b"\n", texts[1])


def _without_last_returns(texts: Texts, known: object) -> Texts:
    """Do the same for headers: of two sides with a return within a line, one may have a header more."""
    return texts if any(_LONE.search(text) for text in texts) else _without_returns(texts, known)


def _white_space(pair: SidePair) -> SidePair:
    """Erase texts that are equal but for white space and for commas before closing brackets.

    Not where blanks are what a reader of data goes by: the indentation of YAML, of makefiles and of headers, and the
    fields of tables.
    """
    path = pair[0].member.path
    if _TABLES.search(path):
        return pair
    meant = bool(_INDENTED.search(path))
    texts = {place: token(pair, place) for place in differing(pair)}
    alike = [
        place
        for place, both in texts.items()
        if _bare(place, both[0]) == _bare(place, both[1]) and not (meant and _indents(both[0]) != _indents(both[1]))
    ]
    return changed(pair, dict.fromkeys(alike, (b"", b"")))


def _indents(text: bytes) -> list[bytes]:
    """Return the blanks before the lines that are not empty."""
    lines = (line for line in text.split(b"\n") if line.strip())
    return [line[: len(line) - len(line.lstrip(b" \t\f\v"))] for line in lines]


def _bare(place: str, text: bytes) -> bytes:
    """Return the lines of a text without blanks around them and with one blank in place of several."""
    begins = place.split(" ")[:2] == ["line", "1"]
    lines = (_BLANKS.sub(b" ", line).strip(b" ") for line in text.removeprefix(_BOM if begins else b"").split(b"\n"))
    return _COMMA.sub(rb"\1", b"\n".join(line for line in lines if line))


CAUSES: tuple[Cause, ...] = (
    Cause(
        name="line-ends",
        summary="The lines of a text end differently, or only one text ends its last line.",
        why=(
            "A tool wrote the file in text mode on another system, a version control system converted it on checkout, "
            "or an editor or a generator left out the last end of line."
        ),
        shows="The lines are equal; they end in CR LF, LF or CR, or the last one does not end.",
        example="x = 1\\r\\n | x = 1\\n",
        upstream=upstream.LINE_ENDS,
        kinds=_TEXTS,
        shown=Shown.FILES,
        erase=_line_ends,
    ),
    Cause(
        name="white-space",
        summary="A text differs only in white space, or in a comma before a closing bracket.",
        why=(
            "Another version of a generator or of a formatter wrote the file, or an editor changed its indentation. "
            "Where white space has a meaning, as in the indentation of Python, the difference is one of code."
        ),
        shows=(
            "The lines are equal without blanks at their beginnings and ends, tabs in place of blanks, empty lines, "
            "a byte order mark, or a comma before a closing bracket."
        ),
        example="    return x | \\treturn x",
        upstream=upstream.WHITE_SPACE,
        kinds=_TEXTS,
        shown=Shown.FILES,
        erase=_white_space,
    ),
)
