"""Finds the exact values that an environment planted, plain and encoded."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from orchestrator.analysis.causes.erasers import CLOSELY, by_token, cut, values, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.analysis.causes.erasers import Known, Texts
    from orchestrator.analysis.causes.model import SidePair
    from orchestrator.model import Traces

_ABSENT = (b"None", b"null", b"undefined", b"unset", b"nil", b"False", b'""', b"''", b"")
_WORDS = re.compile(rb"[+-]?[0-9A-Za-z/][0-9A-Za-z_.+:/-]*"), re.compile(rb"[0-9]+|[A-Za-z_]+")
_HEX = re.compile(rb"[0-9a-f]{24,}|[0-9A-F]{24,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{20,}={0,2}")
_LONGEST = 64 << 10  # bytes of a token in which words are compared one by one
_SHORTEST = 6  # bytes of a value that is searched for in encoded forms


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms in which some values can occur in a text, the longest first."""

    plain: tuple[bytes, ...]
    every: tuple[bytes, ...]  # encoded ones too


@lru_cache(maxsize=256)
def forms(traces: Traces, variations: tuple[str, ...]) -> Forms:
    """Return the forms of all values of some variations that never occur by chance."""
    plain = values(traces, variations)
    every = {form for value in plain if len(value) >= _SHORTEST for form in _coded(value)} | set(plain)
    return Forms(plain, tuple(sorted(every, key=lambda form: (-len(form), form))))


def _coded(value: bytes) -> set[bytes]:
    """Return a value in other encodings; not in hex and base64, which can begin at any offset."""
    text = value.decode("utf-8", "replace")
    found = {text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode("utf-32-le")}
    found |= {quote(text, safe="").encode(), quote(text).encode(), text.replace("/", "\\/").encode()}
    found |= {value.replace(b"/", second) for second in (b"_", b"-", b"#", b".", b"!", b"\\", b"\\\\", b"@")}
    found |= {value.lstrip(b"/").replace(b"/", second) for second in (b"_", b"-", b"#", b".", b"!")}
    found |= {value.upper(), value.lower(), value.replace(b"-", b"_"), value.upper().replace(b"-", b"_")}
    found |= {value.replace(b"-", b".").lower()}  # as PEP 440 writes a part of a version
    digests = (hashlib.md5(value, usedforsecurity=False), hashlib.sha1(value, usedforsecurity=False))
    found |= {first.hexdigest().encode() for first in (*digests, hashlib.sha256(value))}
    return found


def erase_telling(text: bytes, known: Forms, marker: bytes) -> bytes:
    """Return a text with a marker in place of each value, in any encoding."""
    large = len(text) > CLOSELY
    for form in known.plain if large else known.every:
        text = text.replace(form, marker)
    if large or not known.plain:
        return text
    text = _BASE64.sub(lambda found: _decoded(found[0], known, marker, _base64), text)
    return _HEX.sub(lambda found: _decoded(found[0], known, marker, _hex), text)


def _decoded(run: bytes, known: Forms, marker: bytes, decode: Callable[[bytes], bytes]) -> bytes:
    """Return an encoded run with its values erased; the run itself if it contains none.

    The value may begin anywhere in the run, so each alignment is tried.
    """
    for skip in range(4):
        inside = decode(run[skip:])
        erased = inside
        for form in known.every:
            erased = erased.replace(form, marker)
        if erased != inside:
            return run[:skip] + b"<coded>" + erased
    return run


def _base64(run: bytes) -> bytes:
    run = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    return base64.b64decode(run[: len(run) // 4 * 4] + _rest(run))


def _rest(run: bytes) -> bytes:
    rest = run[len(run) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _hex(run: bytes) -> bytes:
    return binascii.unhexlify(run[: len(run) // 2 * 2])


def planted(
    name: str, variations: tuple[str, ...], *, gap: bool = False, only: Callable[[Texts], bool]
) -> Callable[[SidePair], SidePair]:
    """Return an eraser of the planted values of some variations, in tokens that `only` admits.

    With `gap`, a value may also be on one side only, as one more item of a list or in place
    of a word for an absent value.
    """
    marker = f"<{name}>".encode()
    upwards = re.compile(rb"\.\.(?:/\.\.)*/?(?=" + re.escape(marker) + rb")")  # from a folder that is as deep as it is

    def erase(texts: Texts, known: Known) -> Texts:
        if (_plants_nothing(known) and not any(marker in text for text in texts)) or not only(texts):
            return texts
        first = upwards.sub(b"", erase_telling(texts[0], forms(known.first, variations), marker))
        second = upwards.sub(b"", erase_telling(texts[1], forms(known.second, variations), marker))
        first, second = _level(first, second, marker, known, variations)
        if gap and first != second:
            first, second = _bridged(first, second, marker)
        return _words(first, second, marker, known, variations) if first != second else (first, second)

    return by_token(erase, closely=False)


def _plants_nothing(known: Known) -> bool:
    return not any(side.values or side.words for side in (known.first, known.second))


def _level(first: bytes, second: bytes, marker: bytes, known: Known, variations: tuple[str, ...]) -> Texts:
    """Erase from one side a short value at the place where the other side has an unmistakable value."""
    if (found := _filled(second, first, marker, words(known.first, variations))) is not None:
        return second, found
    if (found := _filled(first, second, marker, words(known.second, variations))) is not None:
        return found, first
    return first, second


def _filled(pattern: bytes, text: bytes, marker: bytes, fillings: tuple[bytes, ...]) -> bytes | None:
    """Return the pattern if the text equals it with a filling in place of each marker."""
    pieces = pattern.split(marker)
    if pattern == text or not fillings or not 1 < len(pieces) < 50 or len(text) > CLOSELY:  # noqa: PLR2004 - enough places
        return None
    at = 0
    for number, piece in enumerate(pieces):
        if number:
            if text.startswith(marker, at):
                at += len(marker)
            else:
                fit = next((filling for filling in fillings if text.startswith(filling + piece, at)), None)
                if fit is None:
                    return None
                at += len(fit)
        if not text.startswith(piece, at):
            return None
        at += len(piece)
    return pattern if at == len(text) else None


def _bridged(first: bytes, second: bytes, marker: bytes) -> Texts:
    """Erase a value that one side lacks: one more item of a list, or a word for an absent value in its place."""
    for near, far in ((first, second), (second, first)):
        if marker in near and marker not in far:
            item = re.compile(rb"(?:, ?|[:;\n ])?([\"']?)" + re.escape(marker) + rb"(?:/bin)?\1")
            if item.sub(b"", near) == far:
                return far, far
            bare = re.sub(rb"([\"'])" + re.escape(marker) + rb"\1", marker, near)
            if _filled(near, far, marker, _ABSENT) is not None or _filled(bare, far, marker, _ABSENT) is not None:
                return near, near
    return first, second


def _words(first: bytes, second: bytes, marker: bytes, known: Known, variations: tuple[str, ...]) -> Texts:
    """Erase short values, where each side has its environment's value at the same place."""
    ours, theirs = set(words(known.first, variations)), set(words(known.second, variations))
    ours, theirs = ours - theirs, theirs - ours
    short = max(len(first), len(second)) <= _LONGEST
    if not short or not ours or not theirs:
        return first, second
    first, second = _composed(first, second, marker, ours, theirs)
    if not (any(word in first for word in ours) and any(word in second for word in theirs)):
        return first, second
    return replaced_words(first, second, lambda left, right: left in ours and right in theirs, marker)


def _composed(first: bytes, second: bytes, marker: bytes, ours: set[bytes], theirs: set[bytes]) -> Texts:
    """Erase numbers of several parts, such as a kernel's version, within longer words of both sides.

    Both sides have one in as many places; "6.1.0" is not part of "16.1.0" or "6.1.0.2".
    """
    for first_form, second_form in zip(_parted(ours), _parted(theirs), strict=True):
        if not first_form or not second_form:
            continue
        left, right = list(_within(first_form).finditer(first)), list(_within(second_form).finditer(second))
        if left and len(left) == len(right):
            first, second = cut(first, left, marker), cut(second, right, marker)
    return first, second


_PARTED = re.compile(rb"\d+\.\d+\.\d+")


def _parted(words: set[bytes]) -> tuple[tuple[bytes, ...], ...]:
    """Return the words that begin with a number of three parts, in each spelling; the longest first."""
    found = sorted((word for word in words if _PARTED.match(word)), key=lambda word: (-len(word), word))
    spellings = (
        found,
        [word.upper() for word in found],
        [re.sub(rb"[.-]", b"_", word) for word in found],
        [word.replace(b".", b"-") for word in found],
        [word.replace(b".", b", ") for word in found if _PARTED.fullmatch(word)],
    )
    return tuple(tuple(spelling) for spelling in spellings)


@lru_cache(maxsize=256)
def _within(words: tuple[bytes, ...]) -> re.Pattern[bytes]:
    return re.compile(rb"(?<!\d)(?<!\d[._-])(?:" + b"|".join(map(re.escape, words)) + rb")(?![.]?\d)")


def replaced_words(first: bytes, second: bytes, same: Callable[[bytes, bytes], bool], marker: bytes) -> Texts:
    """Erase the unequal words at the same places of two texts for which `same` returns true."""
    for word in _WORDS:
        ours, theirs = list(word.finditer(first)), list(word.finditer(second))
        if len(ours) != len(theirs):
            continue
        gone = [
            (left, right)
            for left, right in zip(ours, theirs, strict=True)
            if left[0] != right[0] and same(left[0].rstrip(b".:/"), right[0].rstrip(b".:/"))
        ]
        if gone:
            return cut(first, [left for left, _ in gone], marker), cut(second, [right for _, right in gone], marker)
    return first, second
