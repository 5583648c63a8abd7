"""Check a comparison's JSON against the two wheels, with a reader that shares no code with the program.

Each check returns sentences: what is wrong, with the member; an empty list means that the check passed.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    Report = Mapping[str, Any]  # what `wheelproof compare --json` prints
    State = tuple[int, int] | None  # lines taken of both sides; None: unknown, since a text was cut

ORDERS = frozenset({"file-order", "hash-order", "locale-sorting", "metadata-order", "record-order", "object-order"})
"""The causes that say: the same items, in a different order."""

INSTALLED = frozenset({"code", "members"})
"""The severities of a difference in what is executed."""

CODE = re.compile(r".*\.(?:py|so|pyd|pth)", re.DOTALL)
"""The names of files that Python executes."""

_SPELLED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_PLACE = re.compile(r"lines? (\d+)(?: \| (\d+))?(?: to (\d+)(?: \| (\d+))?)?( and after)?")
_MORE = re.compile(r"and \d+ places more")
_LAST = "last newline"
_HEX = re.compile(r"…?((?:[0-9a-f]{2} ?)+)\|.*\|…?", re.DOTALL)
_NUMBER = re.compile(r" \(and \d+ more\)\Z")
_RECORD = "*.dist-info/RECORD"
_FOLDER = re.compile(r"([^/]+)(\.dist-info|\.data)/")


# --- wheels, read by zipfile alone -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class File:
    """One member of a wheel."""

    content: bytes
    mode: int
    time: tuple[int, ...]
    packing: tuple[object, ...]


def read(path: Path) -> dict[str, File]:
    """Return the members of a wheel by their names."""
    with zipfile.ZipFile(path) as archive:
        return {one.filename: _file(one, archive.read(one)) for one in archive.infolist()}


def _file(one: zipfile.ZipInfo, content: bytes) -> File:
    packing = (one.compress_type, one.flag_bits, one.extra, one.create_system)
    return File(content, one.external_attr >> 16, one.date_time, packing)


def is_text(content: bytes) -> bool:
    """Return whether a content is a text in UTF-8."""
    try:
        content.decode()
    except ValueError:
        return False
    return b"\0" not in content


# --- what the report has for a member --------------------------------------------------------


def unexplained(report: Report, path: str, aspect: str = "content") -> list[dict[str, Any]]:
    """Return the unexplained places of a member."""
    return [one for one in report["unexplained"] if (one["path"], one["aspect"]) == (path, aspect)]


def causes_of(report: Report, path: str) -> dict[str, str]:
    """Return the proof of each cause that has a member among its members or in its evidence, by its name."""
    return {
        one["name"]: one["proof"]
        for one in report["causes"]
        if path in one["members"] or any(place["path"] == path for place in one["evidence"])
    }


def claims_about_code(report: Report, path: str) -> list[str]:
    """Check that nothing is claimed of a file that is executed: no order, no proof, no lower severity."""
    found = causes_of(report, path)
    wrong = [f"{path}: called {name}" for name in sorted(ORDERS & found.keys())]
    wrong += [
        f"{path}: {name} is claimed with the proof {proof}" for name, proof in found.items() if proof != "possible"
    ]
    guesses = {one["looks_like"] for one in unexplained(report, path)}
    wrong += [f"{path}: a place looks like {name}" for name in sorted(ORDERS & guesses)]
    severities = [one["severity"] for one in report["differences"] if (one["path"], one["aspect"]) == (path, "content")]
    if report["severity"] not in INSTALLED or not set(severities) <= INSTALLED or not severities:
        wrong.append(f"{path}: the severity is {severities} of {report['severity']}")
    return wrong


def only_causes(report: Report, allowed: Collection[str], path: str) -> list[str]:
    """Check that a difference is called by one of some causes and by no other; or, if there are none, unexplained."""
    named = {one["name"] for one in report["causes"]} | {one["looks_like"] for one in report["unexplained"]} - {""}
    wrong = [f"{path}: it is called {name}" for name in sorted(named - set(allowed))]
    places = [one["where"] for one in report["unexplained"] if not one["looks_like"]]
    if not allowed:
        return wrong if unexplained(report, path) else [*wrong, f"{path}: it is not listed as unexplained"]
    if not named & set(allowed):
        wrong.append(f"{path}: it is not called {' or '.join(allowed)}")
    return [*wrong, *(f"{path}: {where} is unexplained" for where in places)]


# --- places of a text ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A place that a report lists: the lines before it on both sides, the texts there, and whether more follows."""

    begin: tuple[int, int]
    texts: tuple[str, str]
    rest: bool


def spelled(data: bytes) -> str:
    """Return bytes as a report displays them."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else _SPELLED.get(char, f"\\u{ord(char):04x}") for char in text)


def hidden(report: Report, path: str, first: bytes, second: bytes) -> list[str]:
    """Check that the unexplained places of a text member are all its differences, and show what is there.

    Between two places the lines have to be equal. What follows a text that was cut is not checked.
    """
    entries = unexplained(report, path)
    if not entries:
        return [f"{path}: no place is listed"]
    more = any(_MORE.fullmatch(one["where"]) for one in entries)
    lines = [one for one in entries if _PLACE.fullmatch(one["where"])]
    unknown = [one["where"] for one in entries if not (_PLACE.fullmatch(one["where"]) or _is_other(one["where"]))]
    if unknown:
        return [f"{path}: a place of a text is called {unknown[0]!r}"]
    wrong = _walked(path, sorted(map(_parsed, lines), key=lambda one: one.begin), (first, second), more=more)
    ended = {data.endswith(b"\n") for data in (first, second)}
    if len(ended) > 1 and first and second and not more and not any(_LAST in one["where"] for one in entries):
        wrong.append(f"{path}: the last newline is not listed")
    return wrong


def _is_other(where: str) -> bool:
    return bool(_MORE.fullmatch(where) or where == _LAST)


def _parsed(entry: Mapping[str, Any]) -> Place:
    match = _PLACE.fullmatch(entry["where"])
    assert match  # noqa: S101 - the caller has matched it
    begin = int(match[1]) - 1, int(match[2] or match[1]) - 1
    return Place(begin, (entry["first"], entry["second"]), bool(match[5]))


def _walked(path: str, places: Sequence[Place], data: tuple[bytes, bytes], *, more: bool) -> list[str]:
    """Walk along both texts: equal lines, a place, equal lines, a place; return where this fails."""
    sides = [text.removesuffix(b"\n").split(b"\n") if text else [] for text in data]
    states: set[State] = {(0, 0)}
    for place in places:
        if not any(_equal_until(state, place.begin, sides) for state in states):
            return [f"{path}: a difference before lines {place.begin[0] + 1} | {place.begin[1] + 1} is not listed"]
        if place.rest:
            return []
        if place.texts == ("", ""):  # listed without its texts, since they are too many
            states = {None}
            continue
        ends = [list(_ends(text, side, at)) for text, side, at in zip(place.texts, sides, place.begin, strict=True)]
        if not all(ends):
            return [f"{path}: the text of lines {place.begin[0] + 1} | {place.begin[1] + 1} is not what is there"]
        states = {
            None if first is None or second is None else (first, second) for first in ends[0] for second in ends[1]
        }
    whole = len(sides[0]), len(sides[1])
    if more or any(_equal_until(state, whole, sides) for state in states):
        return []
    return [f"{path}: a difference after the last place is not listed"]


def _equal_until(state: State, end: tuple[int, int], sides: Sequence[Sequence[bytes]]) -> bool:
    return state is None or (
        state[0] <= end[0] and state[1] <= end[1] and sides[0][state[0] : end[0]] == sides[1][state[1] : end[1]]
    )


def _ends(text: str, lines: Sequence[bytes], at: int) -> Iterator[int | None]:
    """Yield the lines at which a text that begins at a line can end; None if it is cut, nothing if it is not there."""
    if _is_cut(text):
        if _are_there(text, b"\n".join([*lines[at : at + 4 * len(text)], b""])):
            yield None
        return
    if text in ("", "nothing"):
        yield at
    for spell in (spelled, _in_ascii):  # of texts that look alike, characters are spelled
        so_far = ""
        for end in range(at, len(lines)):
            so_far += spell(lines[end])
            if text in (so_far, so_far + "\\n"):
                yield end + 1
            so_far += "\\n"
            if len(so_far) > len(text) + 2:
                break


def _in_ascii(data: bytes) -> str:
    return "".join(one if one.isascii() else f"\\u{ord(one):04x}" for one in spelled(data))


def _is_cut(text: str) -> bool:
    return "…" in text or bool(_HEX.fullmatch(text))


def _are_there(text: str, data: bytes) -> bool:
    """Return whether the stretches of a text that is cut, or its bytes in hex, are in the data in their order."""
    if found := _HEX.fullmatch(text):
        return bytes.fromhex(found[1]) in data
    stretches = [one for one in _NUMBER.sub("", text).split("…") if one]
    return any(
        _in_order(stretches, there)
        for there in (spelled(data), spelled(data).encode("ascii", "backslashreplace").decode())
    )


def _in_order(stretches: Sequence[str], there: str) -> bool:
    at = 0
    for one in stretches:
        at = there.find(one, at)
        if at < 0:
            return False
    return True


# --- differences of any kind -----------------------------------------------------------------


def missing(first: Mapping[str, File], second: Mapping[str, File], report: Report) -> list[str]:
    """Check that a report names each member that is added, removed or different, and shows what differs in code."""
    ours, theirs = _partners(first), _partners(second)
    wrong = [
        f"{path}: it is in one wheel only, and not named"
        for key, path in sorted((ours | theirs).items())
        if (key in ours) != (key in theirs) and not _is_presence_named(report, path)
    ]
    shared = sorted(ours.keys() & theirs.keys())
    same = {key for key in shared if first[ours[key]].content == second[theirs[key]].content}
    for key in shared:
        pair = first[ours[key]], second[theirs[key]]
        if not (key == _RECORD and _rows(pair[0].content, same) == _rows(pair[1].content, same)):
            wrong += _of_member(report, ours[key], *pair)
    return wrong


def _rows(record: bytes, same: Collection[str]) -> list[str]:
    """Return the lines of RECORD on members that are the same; all others follow from the differences of members."""
    lines = [_FOLDER.sub(r"*\2/", line, count=1) for line in record.decode("utf-8", "replace").splitlines()]
    return [line for line in lines if line.rsplit(",", 2)[0].strip('"') in same]


def _partners(files: Mapping[str, File]) -> dict[str, str]:
    """Return the names by what they are without the version of a release."""
    return {_FOLDER.sub(r"*\2/", name, count=1): name for name in files}


def _is_presence_named(report: Report, path: str) -> bool:
    texts = {text for one in report["unexplained"] for text in (one["path"], one["first"], one["second"])}
    for cause in report["causes"]:
        texts |= {*cause["members"]}
        texts |= {text for one in cause["evidence"] for text in (one["path"], one["first"], one["second"])}
    return path in texts or spelled(path.encode("utf-8", "surrogateescape")) in texts


def _of_member(report: Report, path: str, first: File, second: File) -> list[str]:
    archive = {name for name in causes_of(report, path) if name.startswith("archive-")}
    wrong = [
        f"{path}: its {aspect} differs and is not named"
        for aspect in ("mode", "time", "packing")
        if getattr(first, aspect) != getattr(second, aspect) and not archive and not unexplained(report, path, aspect)
    ]
    if first.content != second.content:
        wrong += _of_content(report, path, first.content, second.content)
    return wrong


def _of_content(report: Report, path: str, first: bytes, second: bytes) -> list[str]:
    consequence = any(one["consequence"] for one in report["differences"] if one["path"] == path)
    causes = {name for name in causes_of(report, path) if not name.startswith("archive-")}
    entries = unexplained(report, path)
    if not causes and not entries:
        return [] if consequence else [f"{path}: its content differs and is not named"]
    if CODE.fullmatch(path) and not any(one["first"] or one["second"] for one in entries):
        return [f"{path}: the code differs, and no text of it is shown"]
    if is_text(first) and is_text(second):
        return _of_text(report, path, first, second, explained=bool(causes))
    return [
        f"{path}: {one['where']} shows other bytes than there are"
        for one in entries
        if not _is_there(one, first, second)
    ]


def _of_text(report: Report, path: str, first: bytes, second: bytes, *, explained: bool) -> list[str]:
    entries = unexplained(report, path)
    if entries and all(_PLACE.fullmatch(one["where"]) or _is_other(one["where"]) for one in entries):
        if not explained or path.endswith(".py"):
            return hidden(report, path, first, second)
        return [] if entries else [f"{path}: nothing is listed"]
    if explained:
        return []
    return _lines_unseen(report, path, first, second)


def _lines_unseen(report: Report, path: str, first: bytes, second: bytes) -> list[str]:
    """Check that each line that only one side has is shown, of a text whose places are not lines."""
    entries = unexplained(report, path)
    if any(_MORE.fullmatch(one["where"]) or "…" in one["first"] + one["second"] for one in entries):
        return []
    counts = [Counter(data.split(b"\n")) for data in (first, second)]
    alone = [line for line in (*(counts[0] - counts[1]), *(counts[1] - counts[0])) if line.strip()]
    shown = "\n".join(text for one in entries for text in (one["where"], one["first"], one["second"]))
    return [
        f"{path}: the line {spelled(line)[:80]!r} is not shown" for line in alone if spelled(line).strip() not in shown
    ]


def _is_there(entry: Mapping[str, Any], first: bytes, second: bytes) -> bool:
    """Return whether the bytes of a place that is named by its offset are those of the member."""
    if not entry["where"].startswith("byte ") or entry["where"].endswith("and after"):
        return True
    return all(_are_there(entry[side], data) for data, side in ((first, "first"), (second, "second")))
