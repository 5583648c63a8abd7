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
_BLANKS = re.compile(rb"[ \t\f\v]+")
_COMMA = re.compile(rb",? ?(\n?[)\]}])")


def _line_ends(pair: SidePair) -> SidePair:
    """Erase carriage returns that end lines, and a last end of line that only one text has."""
    pair = by_token(_without_returns, closely=False)(pair)
    return changed(pair, {LAST_NEWLINE: (b"", b"")} if LAST_NEWLINE in differing(pair) else {})


def _without_returns(texts: Texts, _known: object) -> Texts:
    if b"\r" not in texts[0] + texts[1]:
        return texts
    if not any(text.endswith(b"\n") for text in texts):  # a token of as many lines on both sides has no last end
        texts = texts[0] + b"\n", texts[1] + b"\n"
    return _ENDS.sub(b"\n", texts[0]), _ENDS.sub(b"\n", texts[1])


def _white_space(pair: SidePair) -> SidePair:
    """Erase texts that are equal but for white space and for commas before closing brackets."""
    texts = {place: token(pair, place) for place in differing(pair)}
    alike = [place for place, both in texts.items() if _bare(place, both[0]) == _bare(place, both[1])]
    return changed(pair, dict.fromkeys(alike, (b"", b"")))


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
