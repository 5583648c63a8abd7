"""Causes that show in the dist-info folder: RECORD, METADATA, WHEEL, direct_url.json, SBOMs; and in the version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.analysis.causes import ordering, upstream
from orchestrator.analysis.causes.erasers import by_place, by_token, changed, differing, in_turn, token, words
from orchestrator.analysis.causes.model import Cause, Shown
from orchestrator.analysis.causes.planted_values import erase_telling, forms

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.analysis.causes.erasers import Known, Texts
    from orchestrator.analysis.causes.model import SidePair


VERSION = "version"
"""The name of a wheel's version among the values that its build planted."""

_ORDER_VARIATIONS = ("fileordering", "hash-seed", "locales")
_ORDER_REMEDIES = ("fix-fileordering", "fix-hash-seed", "fix-locales")
_PATH_VARIATIONS = ("build-path", "tmpdir", "home", "environment-path")
_URL = re.compile(rb"file://[^\s\"'<>)]*")
_GENERATED = re.compile(rb"(?m)^(Generator|Metadata-Version):.*$")
_FORMAT = re.compile(rb"(?m)^Metadata-Version:.*$")
_ADDED = re.compile(rb"(?m)^(?:Dynamic|License-File):.*\n?")


def _generator(pair: SidePair) -> SidePair:
    """Erase the generator of the metadata and, of two metadata versions, the fields that only the newer has."""
    texts = {place: token(pair, place) for place in differing(pair)}
    formats = [{line for both in texts.values() for line in _FORMAT.findall(both[side])} for side in (0, 1)]
    newer = formats[0] != formats[1]

    def without(text: bytes) -> bytes:
        text = _GENERATED.sub(rb"\1", text)
        return _ADDED.sub(b"", text) if newer else text

    found = {place: (without(first), without(second)) for place, (first, second) in texts.items()}
    return changed(pair, {place: both for place, both in found.items() if both != texts[place]})


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
    """Erase RECORD's order where its other lines differ only in their order."""
    places = differing(pair)
    moved, _ = ordering.moved_lines(pair, places)
    if not moved:
        return pair
    found = {}
    for place in places:
        ours, theirs = token(pair, place)
        if all(line in moved for text in (ours, theirs) for line in ordering.record_lines(text)):
            found[place] = (b"", b"")
    return changed(pair, found)


CAUSES: tuple[Cause, ...] = (
    Cause(
        name="generator",
        summary="A different build backend, or a different version of it, wrote the metadata.",
        why=(
            "The WHEEL file names the build backend with its version, and METADATA the version of its format. Both "
            "change when a build requirement is not pinned. It cannot happen between two builds with the same lock; "
            "against a published wheel it is the usual cause."
        ),
        shows=(
            "`Generator` in WHEEL or `Metadata-Version` in METADATA differs; with the latter, the fields `Dynamic` and "
            "`License-File` may be present or absent."
        ),
        example="Generator: bdist_wheel (0.37.1) | Generator: setuptools (80.9.0)",
        upstream=upstream.GENERATOR,
        kinds=("metadata",),
        shown=Shown.FILES,
        erase=_generator,
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
        variations=("fileordering", "hash-seed", "locales", "num-cpus"),
        remedies=(*_ORDER_REMEDIES, "fix-num-cpus"),
        suspects=ordering.suspects,
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
        erase=ordering.another_order(),
        variations=_ORDER_VARIATIONS,
        remedies=_ORDER_REMEDIES,
        suspects=ordering.suspects,
    ),
)
