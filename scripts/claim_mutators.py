"""Changes of one kind each, of Python code and of files of dist-info: what two wheels of a pair differ in."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import io
import json
import re
import zipfile
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    Edit = tuple[int, int, str]  # from, to, the new text; in characters


class Mutator(NamedTuple):
    """A change of a text; it returns the same text where it does not apply."""

    name: str
    mutate: Callable[[str, random.Random], str]
    before: Callable[[str], str] = str  # what the first wheel's text needs


class Reordering(NamedTuple):
    """A change of an order in a file of dist-info, or in a JSON file, and the only causes that it may have."""

    name: str
    member: str  # below dist-info, or the name of a new JSON file
    text: str  # what both wheels have there; empty: their own
    mutate: Callable[[str, random.Random], str]
    causes: tuple[str, ...]  # empty: none, it is a change of meaning


# --- Python ----------------------------------------------------------------------------------


def _edited(text: str, edits: Sequence[Edit]) -> str:
    for begin, end, new in sorted(edits, reverse=True):
        text = text[:begin] + new + text[end:]
    return text


def _chosen(text: str, edits: Sequence[Sequence[Edit]], chance: random.Random) -> str:
    """Apply one of some changes that changes the text."""
    possible = [one for one in edits if _edited(text, one) != text]
    return _edited(text, chance.choice(possible)) if possible else text


class _Source:
    """A module with the offsets of its nodes, in characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.nodes = list(ast.walk(ast.parse(text)))
        self._starts = [0]
        for line in text.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._lines = [line.encode() for line in text.split("\n")]

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._at(node.lineno, node.col_offset), self._at(end_line, end)

    def _at(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1][:column].decode())

    def swapped(
        self, first: ast.expr | ast.stmt | ast.keyword, second: ast.expr | ast.stmt | ast.keyword
    ) -> list[Edit]:
        ours, theirs = self.span(first), self.span(second)
        return [(*ours, self.text[slice(*theirs)]), (*theirs, self.text[slice(*ours)])]


def _neighbours(
    source: _Source, of: Callable[[ast.AST], Sequence[ast.expr | ast.stmt | ast.keyword]]
) -> list[list[Edit]]:
    """Return the exchanges of two neighbours among what a node consists of."""
    edits = []
    for node in source.nodes:
        parts = of(node)
        edits += [source.swapped(ours, theirs) for ours, theirs in pairwise(parts)]
    return edits


def _exchange(
    of: Callable[[ast.AST], Sequence[ast.expr | ast.stmt | ast.keyword]],
) -> Callable[[str, random.Random], str]:
    def mutate(text: str, chance: random.Random) -> str:
        return _chosen(text, _neighbours(_Source(text), of), chance)

    return mutate


def _arguments(node: ast.AST) -> Sequence[ast.expr]:
    return node.args if isinstance(node, ast.Call) else []


def _keywords(node: ast.AST) -> Sequence[ast.keyword]:
    return node.keywords if isinstance(node, ast.Call) else []


def _elements(node: ast.AST) -> Sequence[ast.expr]:
    return node.elts if isinstance(node, ast.List | ast.Tuple) else []


def _members_of_set(node: ast.AST) -> Sequence[ast.expr]:
    return node.elts if isinstance(node, ast.Set) else []


def _statements(node: ast.AST) -> Sequence[ast.stmt]:
    body = getattr(node, "body", [])
    return (
        [one for one in body if isinstance(one, ast.Assign | ast.Expr | ast.Return)] if isinstance(body, list) else []
    )


def _values_of_dict(node: ast.AST) -> Sequence[ast.expr]:
    return node.values if isinstance(node, ast.Dict) else []


def _branches(text: str, chance: random.Random) -> str:
    """Exchange the conditions of an `if` and its `elif`."""
    source = _Source(text)
    edits = [
        source.swapped(node.test, node.orelse[0].test)
        for node in source.nodes
        if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
    ]
    return _chosen(text, edits, chance)


def _indented_return(text: str, chance: random.Random) -> str:
    """Move a `return` after a block into the block."""
    pattern = re.compile(r"^( +) {4,}\S.*\n(?=\1return )", re.MULTILINE)
    return _chosen(text, [[(match.end(), match.end(), "    ")] for match in pattern.finditer(text)], chance)


def _by_pattern(pattern: str, new: str) -> Callable[[str, random.Random], str]:
    """Return a change of one place in which a pattern matches."""
    compiled = re.compile(pattern, re.MULTILINE)

    def mutate(text: str, chance: random.Random) -> str:
        edits = [[(*match.span(), match.expand(new))] for match in compiled.finditer(text)]
        return _chosen(text, edits, chance)

    return mutate


def _everywhere(pattern: str, new: str) -> Callable[[str, random.Random], str]:
    return lambda text, _chance: re.sub(pattern, new, text, flags=re.MULTILINE)


def _moved_line(text: str, chance: random.Random) -> str:
    """Move one line to another place."""
    lines = text.split("\n")
    line = lines.pop(chance.randrange(len(lines)))
    lines.insert(chance.randrange(len(lines)), line)
    return "\n".join(lines)


def _shuffled_lines(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    begin = chance.randrange(max(1, len(lines) - 6))
    part = lines[begin : begin + 6]
    chance.shuffle(part)
    return "\n".join([*lines[:begin], *part, *lines[begin + 6 :]])


def _with(line: str) -> Callable[[str], str]:
    return lambda text: f"{text.rstrip()}\n{line}\n"


MUTATORS = (
    Mutator("indented-return", _indented_return),
    Mutator("swapped-arguments", _exchange(_arguments)),
    Mutator("swapped-keywords", _exchange(_keywords)),
    Mutator("swapped-elements", _exchange(_elements)),
    Mutator("swapped-members-of-a-set", _exchange(_members_of_set), _with('NAMES = {"alpha", "beta", "gamma"}')),
    Mutator("swapped-values", _exchange(_values_of_dict), _with('LEVELS = {"low": 1, "high": 2}')),
    Mutator("swapped-statements", _exchange(_statements)),
    Mutator("swapped-branches", _branches),
    Mutator("shuffled-lines", _shuffled_lines),
    Mutator("reversed-list", _by_pattern(r'\("x", "y", "z"\)', '("z", "y", "x")'), _with('ORDER = ("x", "y", "z")')),
    Mutator("reversed-paths", _by_pattern('"a.py", "b.py"', '"b.py", "a.py"'), _with('LOADED = ["a.py", "b.py"]')),
    Mutator("moved-line", _moved_line),
    Mutator("duplicated-line", _by_pattern(r"^(.+\n)", r"\1\1")),
    Mutator("dropped-line", _by_pattern(r"^.+\n", "")),
    Mutator("dropped-comma", _by_pattern(r'(["\']),( ?["\'])', r"\1\2"), _with('PARTS = ["one", "two"]')),
    Mutator("comma-after-value", _by_pattern("^LIMIT = 5$", "LIMIT = 5,"), _with("LIMIT = 5")),
    Mutator("tabs-for-blanks", _everywhere("^    ", "\t")),
    Mutator("tab-for-blanks", _by_pattern("^ {8}(?=\\S)", "\t")),
    Mutator("dedented", _by_pattern("^    ( +\\S)", r"\1")),
    Mutator("trailing-blank", _by_pattern("(\\S)$", r"\1 ")),
    Mutator("blank-line", _by_pattern("^(?=\\S)", "\n")),
    Mutator("crlf", _everywhere("\n", "\r\n")),
    Mutator("cr", _everywhere("\n", "\r")),
    Mutator("one-crlf", _by_pattern("\n", "\r\n")),
    Mutator("mark", lambda text, _: f"\ufeff{text}"),
    Mutator("last-newline", lambda text, _: text[:-1] if text.endswith("\n") else f"{text}\n"),
    Mutator("blanks-in-string", _by_pattern('"a b"', '"a  b"'), _with('KEY = "a b"')),
    Mutator("number", _by_pattern(r"\b7200\b", "72000"), _with("LEASE = 7200")),
    Mutator("number-like-time", _by_pattern("1700000000", "1800000000"), _with("EXPIRES = 1700000000")),
    Mutator("digest", _by_pattern("0f3a9c1e", "e1c9a3f0"), _with('PIN = "0f3a9c1e77aa0f3a9c1e77aa0f3a9c1e77aa0f3a"')),
    Mutator("date-string", _by_pattern("2024-05-01", "2024-06-11"), _with('UNTIL = "2024-05-01"')),
    Mutator("date-tuple", _by_pattern("2024, 5, 1", "2025, 1, 9"), _with("UNTIL = (2024, 5, 1)")),
    Mutator("time-string", _by_pattern("12:30:11", "14:31:09"), _with('AT = "2024-05-01 12:30:11"')),
    Mutator("path-string", _by_pattern("/srv/one", "/srv/two"), _with('FOLDER = "/srv/one/cache"')),
    Mutator("word-string", _by_pattern("alpha", "omega"), _with('HOST = "alpha"')),
    Mutator("address", _by_pattern("0x7f10", "0x7f20"), _with('TEXT = "<object at 0x7f10aabbccd0>"')),
)
"""Changes of Python code, with some that change no behaviour: a reader has to see them, too."""


# --- dist-info -------------------------------------------------------------------------------


def _reversed_lines(pattern: str) -> Callable[[str, random.Random], str]:
    """Return a change that reverses the lines that begin with a pattern, each staying where such a line was."""
    compiled = re.compile(pattern)

    def mutate(text: str, _chance: random.Random) -> str:
        lines = text.split("\n")
        places = [place for place, line in enumerate(lines) if compiled.match(line)]
        moved = [lines[place] for place in reversed(places)]
        for place, line in zip(places, moved, strict=True):
            lines[place] = line
        return "\n".join(lines)

    return mutate


def _shuffled(pattern: str) -> Callable[[str, random.Random], str]:
    """Return a change that shuffles the lines that begin with a pattern."""
    compiled = re.compile(pattern)

    def mutate(text: str, chance: random.Random) -> str:
        lines = text.split("\n")
        places = [place for place, line in enumerate(lines) if compiled.match(line)]
        moved = [lines[place] for place in places]
        while len(set(moved)) > 1 and moved == [lines[place] for place in places]:
            chance.shuffle(moved)
        for place, line in zip(places, moved, strict=True):
            lines[place] = line
        return "\n".join(lines)

    return mutate


def _replaced(text: str, new: str) -> Callable[[str, random.Random], str]:
    return lambda whole, _chance: whole.replace(text, new)


_BODY = "First, stop the service.\nThen, remove its folder.\nLast, start it.\n"
_METADATA = (
    "Metadata-Version: 2.4\nName: claims\nVersion: 1.0\nSummary: a sample\n"
    + "".join(f"Classifier: {one}\n" for one in ("Typing :: Typed", "Environment :: Console", "Topic :: Utilities"))
    + "".join(f"Project-URL: {one}, https://example.org/{one}\n" for one in ("Source", "Changes", "Issues"))
    + "".join(f"Requires-Dist: {one}\n" for one in ("idna", "attrs>=22", 'tomli; python_version < "3.11"', "six"))
    + "".join(f"Provides-Extra: {one}\n" for one in ("test", "docs", "all"))
    + "".join(f"License-File: {one}\n" for one in ("LICENSE", "NOTICE", "AUTHORS"))
    + "".join(f"Dynamic: {one}\n" for one in ("classifier", "license-file", "requires-dist"))
    + "".join(f"Platform: {one}\n" for one in ("linux", "darwin", "win32"))
    + "Keywords: alpha,beta,gamma\n"
    + f"Description-Content-Type: text/plain\n\n{_BODY}"
)
_ENTRIES = "[console_scripts]\nalpha = claims:one\nbeta = claims:two\n\n[claims.plugins]\ngamma = claims:three\n"
_TAGS = "Wheel-Version: 1.0\nGenerator: claims\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"
_KEYS = {"name": "claims", "limits": {"low": 1, "high": 2, "most": 3}, "steps": ["stop", "remove", "start"]}
_ORDER = ("metadata-order",)


def _header(name: str) -> Reordering:
    return Reordering(f"header-{name}", "METADATA", _METADATA, _shuffled(f"{name}: "), _ORDER)


def _turned_keys(text: str, _chance: random.Random) -> str:
    def turned(value: object) -> object:
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    return json.dumps(turned(json.loads(text)), indent=1)


def _turned_list(text: str, _chance: random.Random) -> str:
    value = json.loads(text)
    value["steps"].reverse()
    return json.dumps(value, indent=1)


REORDERINGS = (
    *map(
        _header, ("Classifier", "Project-URL", "Requires-Dist", "Provides-Extra", "License-File", "Dynamic", "Platform")
    ),
    Reordering("headers", "METADATA", _METADATA, _reversed_lines(r"(Classifier|Requires-Dist|License-File): "), _ORDER),
    Reordering("body", "METADATA", _METADATA, _reversed_lines("First|Then|Last"), ()),
    Reordering("record", "RECORD", "", _shuffled("."), ("record-order",)),
    Reordering("record-reversed", "RECORD", "", _reversed_lines("."), ("record-order",)),
    Reordering("entries", "entry_points.txt", _ENTRIES, _reversed_lines("alpha|beta"), _ORDER),
    Reordering(
        "sections",
        "entry_points.txt",
        _ENTRIES,
        _replaced(_ENTRIES, "[claims.plugins]\ngamma = claims:three\n\n" + _ENTRIES.partition("\n\n")[0] + "\n"),
        _ORDER,
    ),
    Reordering("entry-to-another-section", "entry_points.txt", _ENTRIES, _reversed_lines("beta|gamma"), ()),
    Reordering("top-level", "top_level.txt", "claims\n_claims\ntests\n", _reversed_lines("."), _ORDER),
    Reordering("tags", "WHEEL", _TAGS, _reversed_lines("Tag: "), _ORDER),
    Reordering("json-keys", "claims.json", json.dumps(_KEYS, indent=1), _turned_keys, ("hash-order",)),
    Reordering("json-list", "claims.json", json.dumps(_KEYS, indent=1), _turned_list, ()),
)
"""Orders without a meaning, each with its cause; and, without one, orders that have a meaning."""


# --- wheels ----------------------------------------------------------------------------------


def repacked(source: Path, target: Path, files: Mapping[str, bytes]) -> None:
    """Copy a wheel with other contents of some members, and new ones; RECORD fits, unless it is given.

    Times, modes and packing stay as they are; a new member has those of the first one.
    """
    with zipfile.ZipFile(source) as archive:
        infos = {one.filename: one for one in archive.infolist()}
        contents = {name: archive.read(name) for name in infos}
    record = next(name for name in infos if name.endswith(".dist-info/RECORD"))
    added = [name for name in files if name not in infos]
    contents |= files
    if record not in files:
        contents[record] = _recorded(contents, record)
    model = next(iter(infos.values()))
    with zipfile.ZipFile(target, "w") as archive:
        for name in (*added, *infos):
            archive.writestr(_info(name, infos.get(name, model)), contents[name])


def _info(name: str, model: zipfile.ZipInfo) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, model.date_time)
    info.external_attr, info.compress_type = model.external_attr, model.compress_type
    return info


def _recorded(contents: Mapping[str, bytes], record: str) -> bytes:
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\n")
    for name, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.writerow((name, "", "") if name == record else (name, f"sha256={digest}", len(content)))
    return lines.getvalue().encode()


def modules(path: Path, sizes: range) -> Iterator[tuple[str, str]]:
    """Yield the Python files of a wheel that have one of some sizes, and can be parsed: (name, text)."""
    with zipfile.ZipFile(path) as archive:
        for one in archive.infolist():
            if one.filename.endswith(".py") and one.file_size in sizes:
                text = archive.read(one).decode("utf-8", "replace")
                if "\ufffd" not in text and "\r" not in text and "\f" not in text:
                    yield one.filename, text
