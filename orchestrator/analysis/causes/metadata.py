"""Causes that show in the dist-info folder: RECORD, METADATA, WHEEL, direct_url.json, SBOMs; and in the version."""

from __future__ import annotations

import re
import stat
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.analysis.causes import upstream
from orchestrator.analysis.causes.archive import MODE
from orchestrator.analysis.causes.erasers import by_place, by_token, changed, differing, in_turn, token, words
from orchestrator.analysis.causes.model import Cause, Shown
from orchestrator.analysis.causes.planted_values import erase_telling, forms
from orchestrator.analysis.formats import headers, spelling
from orchestrator.analysis.formats.text import LAST_NEWLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.analysis.causes.erasers import Known, Texts
    from orchestrator.analysis.causes.model import SidePair


VERSION = "version"
"""The name of a wheel's version among the values that its build planted."""

_ORDER_VARIATIONS = ("fileordering", "hash-seed", "locales", "num-cpus")
_ORDER_REMEDIES = ("fix-fileordering", "fix-hash-seed", "fix-locales", "fix-num-cpus")
_PATH_VARIATIONS = ("build-path", "tmpdir", "home", "environment-path")
_URL = re.compile(rb"file://[^\s\"'<>)]*")
_GENERATED = re.compile(rb"Generator:[^\n]*")
_FORMAT = re.compile(
    rb"Metadata-Version:[ \t]*[12]\.\d[ \t]*"
)  # installers refuse a major version that they do not know
_NEWER = ("dynamic", "license-file")  # fields that only newer versions of the metadata have
_BODY = re.compile(r"[^/]+\.dist-info/METADATA")


def _generator(texts: Texts, _known: Known) -> Texts:
    """Erase the generator, where each side names one."""
    return (b"", b"") if all(_GENERATED.fullmatch(text) for text in texts) else texts


# --- another backend's spelling ----------------------------------------------------------------


def _spelled(pair: SidePair) -> SidePair:
    """Erase what means the same to `packaging`, and what one version of the metadata cannot express."""
    kind = pair[0].member.kind
    texts = {place: token(pair, place) for place in differing(pair)}
    found = {place: (b"", b"") for place, both in texts.items() if _SPELLINGS[kind](pair, place, both)}
    if kind == "metadata":
        found |= dict.fromkeys((*_licenses(texts), *_tags(texts)), (b"", b""))
    if kind == "archive":
        found = {place: both for place in texts if (both := _without_type(place, texts[place])) != texts[place]}
    return changed(pair, found)


def _is_spelled_header(pair: SidePair, place: str, texts: Texts) -> bool:
    first, second = texts
    if place in (headers.ORDER, headers.REPEATED) or (b"\r" in first) != (b"\r" in second):
        return False
    if place == headers.END or place.endswith(headers.AGAIN):
        return True
    if _is_keyed(pair[0].member.path):
        return bool(first and second) and spelling.key_meaning(first) == spelling.key_meaning(second)
    meant = [spelling.meaning(text) if text else spelling.NOTHING for text in texts]
    if meant[0] == meant[1] or all(_FORMAT.fullmatch(text) for text in texts):
        return True
    return any(not text for text in texts) and _is_newer(pair, 0 if first else 1, first or second)


def _is_keyed(path: str) -> bool:
    return path.endswith(".txt")


def _is_newer(pair: SidePair, side: int, line: bytes) -> bool:
    """Return whether a header can only be on that side, whose version of the metadata is newer."""
    versions = [token(pair, place) for place in differing(pair)]
    formats = next((both for both in versions if all(_FORMAT.fullmatch(text) for text in both)), None)
    return formats is not None and formats[side] > formats[1 - side] and spelling.field(line)[0] in _NEWER


def _licenses(texts: Mapping[str, Texts]) -> tuple[str, ...]:
    """Return the places of one license under `License` on one side and `License-Expression` on the other."""
    alone: dict[tuple[str, int], tuple[str, str]] = {}
    for place, both in texts.items():
        if bool(both[0]) != bool(both[1]):
            name, value = spelling.field(both[0] or both[1])
            alone[name, 0 if both[0] else 1] = (place, value)
    for side in (0, 1):
        plain, expression = alone.get(("license", side)), alone.get(("license-expression", 1 - side))
        if plain and expression and plain[1] == expression[1]:
            return plain[0], expression[0]
    return ()


def _tags(texts: Mapping[str, Texts]) -> tuple[str, ...]:
    """Return the places of tags if both sides have the same ones, one by one or together as in `py2.py3-none-any`."""
    places = [place for place, both in texts.items() if place != headers.ORDER and _is_tag(*both)]
    sides = [
        {tag for place in places if texts[place][side] for tag in spelling.meaning(texts[place][side])[5:].split()}
        for side in (0, 1)
    ]
    return tuple(places) if sides[0] == sides[1] else ()


def _is_tag(*texts: bytes) -> bool:
    return all(spelling.field(text)[0] == "tag" for text in texts if text)


def _is_spelled_name(_pair: SidePair, place: str, texts: Texts) -> bool:
    first, second = (text.decode("utf-8", "surrogateescape") for text in texts)
    if place == "file name":
        return spelling.same_filename(first, second)
    return spelling.member(first) == spelling.member(second)


def _is_absent_body(pair: SidePair, place: str, texts: Texts) -> bool:
    """Return whether a description is UNKNOWN or empty on both sides, or ends differently."""
    if not _BODY.fullmatch(pair[0].member.path) or any(b"\r" in text for text in texts):
        return False
    return place == LAST_NEWLINE or all(text.strip() == b"" for text in texts) or _is_unknown(pair, texts)


def _is_unknown(pair: SidePair, texts: Texts) -> bool:
    alone = len([place for place in differing(pair) if place != LAST_NEWLINE]) == 1
    return alone and {text.strip() for text in texts} == {b"UNKNOWN", b""}


_MODE = re.compile(rb"\S{10} \((\d{1,6})\)|type (\d{1,2})")
_TYPES = ({0, stat.S_IFREG}, {0, stat.S_IFDIR})


def _without_type(place: str, texts: Texts) -> Texts:
    """Erase the type of a plain file from its mode, where only one side gives it."""
    modes = [_MODE.fullmatch(text) for text in texts] if place.startswith(MODE) else []
    if not modes or not all(modes):
        return texts
    numbers = [int(found[1], 8) if found[1] else int(found[2], 8) << 12 for found in modes if found]
    if {stat.S_IFMT(number) for number in numbers} != _TYPES[place.endswith("/")]:
        return texts
    first, second = (f"{stat.S_IMODE(number):o}".encode() for number in numbers)
    return first, second


_SPELLINGS: Mapping[str, Callable[[SidePair, str, Texts], bool]] = {
    "metadata": _is_spelled_header,
    "name": _is_spelled_name,
    "text": _is_absent_body,
    "archive": lambda _pair, _place, _texts: False,
}


def _version(texts: Texts, known: Known) -> Texts:
    ours, theirs = words(known.first, (VERSION,)), words(known.second, (VERSION,))
    if not ours or not theirs:
        return texts
    return _without(texts[0], ours), _without(texts[1], theirs)


def _without(text: bytes, versions: tuple[bytes, ...]) -> bytes:
    for word in versions:
        text = text.replace(word, b"<version>")
    return text


def _file_urls(texts: Texts, _known: Known) -> Texts:
    ours, theirs = (_URL.findall(text) for text in texts)
    if len(ours) != len(theirs):
        return texts
    return _URL.sub(b"<file>", texts[0]), _URL.sub(b"<file>", texts[1])


_RANDOM_KEYS = ("serialNumber", "documentNamespace", "SPDXID", "bom-ref", "ref")
_TIME_KEYS = ("timestamp", "created")


def _sbom_place(*keys: str) -> Callable[[str], bool]:
    return lambda place: place.rstrip("]0123456789[").rpartition(".")[2] in keys


def _sbom_paths(texts: Texts, known: Known) -> Texts:
    planted = tuple(dict.fromkeys(variation for variation, _ in known.first.values))
    ours = erase_telling(texts[0], forms(known.first, planted), b"<path>")
    theirs = erase_telling(texts[1], forms(known.second, planted), b"<path>")
    return (ours, theirs) if b"<path>" in ours and b"<path>" in theirs else texts


def suspected_of_paths(pair: SidePair) -> tuple[str, ...]:
    """Return the variations whose planted values are in tokens on both sides."""
    return tuple(
        variation
        for variation in dict.fromkeys(variation for variation, _ in pair[0].traces.values)
        if any(_shows(pair, place, variation) for place in differing(pair)[:100])
    )


def _shows(pair: SidePair, place: str, variation: str) -> bool:
    return all(
        any(form in text for form in forms(side.traces, (variation,)).plain)
        for side, text in zip(pair, token(pair, place), strict=True)
    )


def _suspected_of_sbom(pair: SidePair) -> tuple[str, ...]:
    timed = any(_sbom_place(*_TIME_KEYS)(place) for place in differing(pair))
    return (*suspected_of_paths(pair), *(("time",) if timed else ()))


def _record_order(pair: SidePair) -> SidePair:
    """Erase RECORD's order: the tokens of lines that all are on both sides equally often."""
    texts = {place: token(pair, place) for place in differing(pair)}
    ours, theirs = (
        Counter(line for both in texts.values() for line in both[side].split(b"\n") if line) for side in (0, 1)
    )
    moved = [
        place
        for place, both in texts.items()
        if place != LAST_NEWLINE
        and all(ours[line] == theirs[line] for text in both for line in text.split(b"\n") if line)
    ]
    return changed(pair, dict.fromkeys(moved, (b"", b"")))


def _metadata_order(pair: SidePair) -> SidePair:
    """Erase the order of headers, of keys in sections, of sections, and of keywords."""
    places = [place for place in differing(pair) if place == headers.ORDER or _is_keywords(token(pair, place))]
    return changed(pair, dict.fromkeys(places, (b"", b"")))


def _is_keywords(texts: Texts) -> bool:
    """Return whether both sides have the same keywords."""
    found = [spelling.field(text) for text in texts]
    if any(name != "keywords" for name, _ in found):
        return False
    first, second = (Counter(spelling.keywords(value)) for _, value in found)
    return first == second


def _any_order(_pair: SidePair) -> tuple[str, ...]:
    """Suspect all that may order a list: the files do not show which does."""
    return _ORDER_VARIATIONS


CAUSES: tuple[Cause, ...] = (
    Cause(
        name="generator",
        summary="A different build backend, or a different version of it, wrote the metadata.",
        why=(
            "The WHEEL file names the build backend with its version, which changes when a build requirement is not "
            "pinned. It cannot happen between two builds with the same lock; against a published wheel it is the "
            "usual cause."
        ),
        shows="`Generator` in WHEEL differs.",
        example="Generator: bdist_wheel (0.37.1) | Generator: setuptools (80.9.0)",
        upstream=upstream.GENERATOR,
        kinds=("metadata",),
        shown=Shown.FILES,
        erase=by_token(_generator),
    ),
    Cause(
        name="backend-spelling",
        summary="Another build backend spelled the same metadata differently.",
        why=(
            "Backends normalize names or not, put licenses into different folders, write requirements with other "
            "blanks, quotes and orders, write UNKNOWN for what is absent, and follow different versions of the "
            "metadata. `packaging` and installers understand both spellings alike."
        ),
        shows=(
            "Names, requirements and fields differ in their text, and mean the same to `packaging`; or only one "
            "archive stores the type of its files besides their permissions."
        ),
        example="Requires-Dist: requests (>=1.0,!=2.0) | Requires-Dist: requests!=2.0,>=1.0",
        upstream=upstream.BACKEND_SPELLING,
        kinds=("metadata", "name", "text", "archive"),
        shown=Shown.FILES,
        erase=_spelled,
    ),
    Cause(
        name="scm-version",
        summary="The version is computed at build time, from version control, a date or a hash.",
        why=(
            "setuptools-scm, versioneer and similar tools derive the version from the state of a checkout. Different "
            "tags, changed files or a different date give it a different ending. An sdist contains its version, "
            "so a build from an sdist avoids it."
        ),
        shows="The wheel's file name, the name of its dist-info folder and METADATA have a different version.",
        example="pkg-1.1.dev3+g1a2b3c4.d20261122 | pkg-1.1.dev3+g1a2b3c4.d20271225",
        upstream=upstream.SCM_VERSION,
        kinds=("name", "metadata", "text", "record", "archive"),
        erase=by_token(_version),
        variations=("time", "timezone"),
        remedies=("no-date", "pretend-version"),
    ),
    Cause(
        name="direct-url",
        summary="direct_url.json names the folder on the build host from which the wheel was built.",
        why="A tool that repacks wheels recorded the path of its source, as PEP 610 specifies for installed packages.",
        shows="The `file://` address in direct_url.json differs.",
        example='{"url": "file:///build/pkg"} | {"url": "file:///srv/second/pkg"}',
        upstream=upstream.DIRECT_URL,
        kinds=("direct-url",),
        erase=by_token(_file_urls),
        variations=_PATH_VARIATIONS,
        remedies=("fix-build-path", "fix-tmpdir", "fix-home", "fix-environment-path"),
        suspects=suspected_of_paths,
    ),
    Cause(
        name="sbom",
        summary="A software bill of materials contains a serial number, a time or a path of the build.",
        why=(
            "CycloneDX and SPDX require a serial number and a time of creation. maturin since 1.12 and auditwheel "
            "write such files into the dist-info folder (PEP 770), with the path of the source."
        ),
        shows="JSON below `*.dist-info/sboms/` differs in a serial number, a time stamp or a path.",
        example='"serialNumber": "urn:uuid:1b4e28ba-..." | "serialNumber": "urn:uuid:6fa459ea-..."',
        upstream=upstream.SBOM,
        kinds=("sbom",),
        erase=in_turn(by_place(_sbom_place(*_RANDOM_KEYS, *_TIME_KEYS)), by_token(_sbom_paths), by_token(_file_urls)),
        variations=("time", *_PATH_VARIATIONS),
        suspects=_suspected_of_sbom,
    ),
    Cause(
        name="record-order",
        summary="RECORD lists the same files in a different order.",
        why="The build backend lists files in the order of the file system, or from a set, when it writes RECORD.",
        shows="RECORD contains the same lines on both sides, in a different order.",
        example="pkg/a.py,sha256=.. pkg/b.py,sha256=.. | pkg/b.py,sha256=.. pkg/a.py,sha256=..",
        upstream=upstream.RECORD_ORDER,
        kinds=("record",),
        shown=Shown.FILES,
        erase=_record_order,
        variations=_ORDER_VARIATIONS,
        remedies=_ORDER_REMEDIES,
        suspects=_any_order,
    ),
    Cause(
        name="metadata-order",
        summary="Lines of the metadata are in a different order.",
        why=(
            "Keywords, classifiers, extras, requirements, entry points or top-level names come from a set or from an "
            "unsorted listing of a folder."
        ),
        shows="METADATA, entry_points.txt or top_level.txt contain the same lines, in a different order.",
        example="Provides-Extra: docs, Provides-Extra: test | Provides-Extra: test, Provides-Extra: docs",
        upstream=upstream.METADATA_ORDER,
        kinds=("metadata",),
        shown=Shown.FILES,
        erase=_metadata_order,
        variations=_ORDER_VARIATIONS,
        remedies=_ORDER_REMEDIES,
        suspects=_any_order,
    ),
)
