"""Lists the lines of a dist-info folder that differ from the published ones, and names the cause of each.

A line has a cause only if both sides have the same information, or a version of a build backend alone decides about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import getaddresses
from typing import TYPE_CHECKING

from orchestrator.analysis.causes import metadata
from orchestrator.analysis.causes.erasers import differing, token
from orchestrator.analysis.causes.model import Side
from orchestrator.analysis.excerpts import LONGEST, excerpt, printable
from orchestrator.analysis.formats import headers, members, spelling
from orchestrator.analysis.formats.text import WHOLE, Plain
from orchestrator.model import Traces
from orchestrator.model.verification import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.analysis.formats.text import MemberPair

    Values = tuple[tuple[str, str], ...]  # of headers: name and value

GENERATOR, SPELLING, LINE_ENDS = "generator", "backend-spelling", "line-ends"
_BY_NAME = {cause.name: cause for cause in metadata.CAUSES}
_NAMED = (GENERATOR, SPELLING, "metadata-order")
"""Causes of lines, by their slugs in the catalogue."""

READ = ("METADATA", "WHEEL", "entry_points.txt", "top_level.txt")
"""Files of the dist-info folder whose lines can have a cause."""

_MOST = 200  # lines of one file
_PYTHON = re.compile(r"Programming Language :: Python :: \d{1,2}(?:\.\d{1,3})?")
_VERSION = re.compile(r"(\d)\.(\d{1,2})", re.ASCII)
_LABEL = re.compile(r"[\W_]+")
_LONGEST_VALUE = 4096  # characters of a value that is parsed


@dataclass(frozen=True, slots=True)
class Given:
    """What decides about a line besides the two files that it is in."""

    files: frozenset[str] = frozenset()  # paths in the dist-info folder that both wheels have with the same bytes
    generators: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())  # which the two wheels name

    @property
    def other_backend(self) -> bool:
        """Whether the two wheels name different generators."""
        return self.generators[0] != self.generators[1]


def generators(wheel: bytes) -> tuple[str, ...]:
    """Return the values of `Generator` in a file WHEEL."""
    return tuple(value for name, value in headers.values(wheel) if name == "generator")


def lines(path: str, published: bytes, ours: bytes, given: Given) -> tuple[Line, ...]:
    """Return the lines of a member that differ, at least one if the contents do.

    One is without a cause unless causes explain all of the difference.
    """
    if published == ours:
        return ()
    name = path.partition("/")[2]
    if name not in READ or max(len(published), len(ours)) > WHOLE:
        return (_line(path, published, ours, ""),)
    plain = published.replace(b"\r\n", b"\n"), ours.replace(b"\r\n", b"\n")
    if plain != (published, ours):  # a checkout on Windows has CR LF, and readers take it for LF
        return (*_ends(path, published, ours), *lines(path, *plain, given))[:_MOST]
    pairs = members.normalize(path, Plain(published), Plain(ours))
    if not pairs or pairs[0][0].kind != headers.KIND:
        return tuple(line for pair in pairs for line in _of_pair(path, pair, {}))[:_MOST] or (
            _line(path, published, ours, ""),
        )
    both = published, ours
    found = [line for pair in pairs for line in _of_pair(path, pair, _causes(pair, both, given))]
    if len(found) > _MOST and any(not line.cause for line in found[_MOST:]):
        found.sort(key=lambda line: bool(line.cause))
    return tuple(found[:_MOST])


def _ends(path: str, published: bytes, ours: bytes) -> tuple[Line, ...]:
    """Return how the lines of the two files end, where that differs; the first such line represents all."""
    pairs = zip(*(re.findall(rb"\r?\n", one) for one in (published, ours)), strict=False)
    if all(first == second for first, second in pairs):
        return ()
    first, second = ("CR LF" if b"\r\n" in one else "LF" for one in (published, ours))
    name = printable(path.encode("utf-8", "surrogateescape"))[:LONGEST]
    return (Line(name, f"lines end in {first}", f"lines end in {second}", LINE_ENDS),)


def _of_pair(path: str, pair: MemberPair, causes: Mapping[str, str]) -> Iterable[Line]:
    sides = _sides(pair)
    for place in differing(sides):
        yield _line(path, *token(sides, place), causes.get(place, ""))


def _line(path: str, published: bytes, ours: bytes, cause: str) -> Line:
    bare = published.rstrip(b"\n"), ours.rstrip(b"\n")
    first, second = excerpt(*(bare if bare[0] != bare[1] else (published, ours)), LONGEST)
    return Line(printable(path.encode("utf-8", "surrogateescape"))[:LONGEST], first, second, cause)


def _sides(pair: MemberPair) -> tuple[Side, Side]:
    return Side(pair[0], Traces()), Side(pair[1], Traces())


def _causes(pair: MemberPair, both: tuple[bytes, bytes], given: Given) -> dict[str, str]:
    """Return the cause of each place that has one."""
    sides = _sides(pair)
    places = differing(sides)
    if pair[0].kind != headers.KIND:
        return dict.fromkeys(places, SPELLING) if _is_same_body(*map(headers.body, both)) else {}
    found: dict[str, str] = {}
    for name in _NAMED:
        erased = _BY_NAME[name].erase(sides)
        for place in places:
            texts = token(erased, place)
            if texts[0] == texts[1]:
                found.setdefault(place, name)
    if pair[0].path.endswith(".txt"):
        blank = [place for place in places if not b"".join(token(sides, place)).strip(b" \t\n")]
        return dict.fromkeys(blank, SPELLING) | found
    return _other_fields(sides, both, given) | found


def _is_same_body(first: bytes, second: bytes) -> bool:
    """Return whether two descriptions differ only in blank lines around them, or are UNKNOWN or empty."""
    bare = [re.sub(rb"\A\n+", b"", one).rstrip(b" \t\n") for one in (first, second)]
    return bare[0] == bare[1] or set(bare) == {b"UNKNOWN", b""}


# --- fields that backends write in several ways --------------------------------------------------


def _other_fields(sides: tuple[Side, Side], both: tuple[bytes, bytes], given: Given) -> dict[str, str]:
    """Return the places of fields with the same information as other fields of the other side."""
    first, second = (headers.values(data) for data in both)
    same = {name for group, read in _GROUPS if _is_same(read, first, second) for name in group}
    found = {}
    for place in differing(sides):
        texts = [text.rstrip(b"\n") for text in token(sides, place) if text]
        fields = [spelling.field(text) for text in texts]
        if any(b"\n" in text for text in texts):  # folded: not every reader unfolds it alike
            continue
        if (
            all(name in same for name, _ in fields)
            or all(_is_backends(*one, given) for one in fields)
            or (not token(sides, place)[0] and _is_too_new(fields, first, second))
        ):
            found[place] = SPELLING
    return found


_SINCE = {"license-expression": (2, 4), "import-name": (2, 5), "import-namespace": (2, 5)}
"""The version of the metadata that introduced a field (the core metadata specifications)."""


def _is_too_new(fields: list[tuple[str, str]], published: Values, ours: Values) -> bool:
    """Return whether our line is of a field that the published file's version of the metadata does not have."""
    since = _SINCE.get(fields[0][0], (0, 0)) if len(fields) == 1 else (0, 0)
    return _version(published) < since <= _version(ours)


def _version(values: Values) -> tuple[int, int]:
    """Return the version of the metadata; very high if there is none."""
    found = [_VERSION.fullmatch(value) for name, value in values if name == "metadata-version"]
    return (int(found[0][1]), int(found[0][2])) if len(found) == 1 and found[0] else (99, 0)


def _is_same(read: Callable[[Values], object], first: Values, second: Values) -> bool:
    """Return whether both sides have the same information in a group of fields."""
    ours, theirs = read(first), read(second)
    return ours is not None and ours == theirs


def _is_backends(name: str, value: str, given: Given) -> bool:
    """Return whether it depends on the version of a backend alone whether it writes this header.

    `Dynamic` lists which fields a backend computed (PEP 643), `License-File` files of the wheel (PEP 639). poetry adds
    a classifier for each version of Python that it knows and Requires-Python admits.
    """
    if name == "classifier":
        both = all(len(each) == 1 and each[0].startswith("poetry") for each in given.generators)
        return both and given.other_backend and _PYTHON.fullmatch(value) is not None
    if name == "license-file":
        return given.other_backend and not given.files.isdisjoint((value, f"licenses/{value}"))
    return name == "dynamic" and given.other_backend


def _addresses(values: Values) -> object:
    """Return the project's addresses by their labels, which PEP 753 normalizes; None if a label is missing."""
    found: set[tuple[str, str]] = set()
    for name, value in values:
        if name in ("home-page", "download-url") and value not in ("", "UNKNOWN"):
            found.add((_PLAIN_LABELS[name], value))
        elif name == "project-url":
            label, comma, url = value.partition(",")
            if not comma:
                return None
            found.add((_LABEL.sub("", label).lower(), url.strip()))
    return found


_PLAIN_LABELS = {"home-page": "homepage", "download-url": "download"}


def _people(kind: str) -> Callable[[Values], object]:
    """Return a function that reads names and addresses of authors or maintainers; None if they are not clear."""

    def read(values: Values) -> object:
        names, mails = ([value for name, value in values if name == one] for one in (kind, f"{kind}-email"))
        names, mails = ([one for one in each if one not in ("", "UNKNOWN")] for each in (names, mails))
        if len(names) > 1 or len(mails) > 1 or any(len(one) > _LONGEST_VALUE for one in (*names, *mails)):
            return None
        pairs = getaddresses(mails)
        if [_address(*pair) for pair in pairs] != [one.strip() for each in mails for one in _mails(each)]:
            return None
        if not names:
            return pairs
        if not pairs:
            return [(names[0], "")]
        return [(names[0], pairs[0][1])] if len(pairs) == 1 and pairs[0][0] in ("", names[0]) else None

    return read


def _address(name: str, mail: str) -> str:
    return f"{name} <{mail}>" if name else mail


def _mails(value: str) -> list[str]:
    """Return the addresses of a value without quotes: what cannot be split at its commas alone is not compared."""
    return re.sub(r'"([^",<>()\\]*)"', r"\1", value).split(",")


_GROUPS: tuple[tuple[tuple[str, ...], Callable[[Values], object]], ...] = (
    (("home-page", "download-url", "project-url"), _addresses),
    (("author", "author-email"), _people("author")),
    (("maintainer", "maintainer-email"), _people("maintainer")),
)
