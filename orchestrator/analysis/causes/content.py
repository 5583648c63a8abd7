"""Causes that show in texts and data: what an environment planted, dates, orders, random names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.analysis.causes import dates, ordering
from orchestrator.analysis.causes.erasers import Known, by_place, by_unit, differing, in_turn
from orchestrator.analysis.causes.model import Cause
from orchestrator.analysis.causes.planted_values import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import SidePair

TEXTS = ("text", "metadata", "raw", "name", "direct-url", "sbom", "bytecode", "nested-text")
"""Kinds of views whose units are what a person could have written."""

LOADED = (*TEXTS, "elf")
WRITTEN = ("text", "metadata", "sbom")

_PATH = re.compile(rb"(?:file://)?(/(?:[\w.+@~=-]{1,255}/){1,40}[\w.+@~=-]{1,255})/?")
_BUILT_IN = (b"/tmp/", b"/home/", b"/build/", b"/root/", b"/Users/", b"/var/", b"/srv/", b"/private/",
             b"/project/", b"/mnt/", b"/data/", b"/github/", b"/io/", b"/src/", b"/app/", b"/opt/")  # fmt: skip
_UUID = re.compile(
    rb"(?i)(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?![0-9a-f])"
)
_UUID_HEX = re.compile(rb"(?i)(?<![0-9a-f])[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}(?![0-9a-f])")
_RANDOM_HEX = re.compile(rb"(?<![0-9a-zA-Z])[0-9a-f]{16}(?![0-9a-zA-Z])")
_ADDRESS = re.compile(rb"(?<= at 0x)[0-9a-fA-F]{6,16}(?![0-9a-zA-Z])|(?<=0x)[57][0-9a-f]{11}(?![0-9a-zA-Z])")
_NAME = rb"[A-Za-z0-9_]"
_FOLDERS = re.compile(
    rb"(?P<head>pip-(?:build-env|req-build|install|wheel|modern-metadata|ephem-wheel-cache|unpack|download|build-tracker)-"
    rb"|build-(?:env|via-sdist)-|\.mesonpy-|\.?tmp-[\w.]{1,60}-pep517-|cibw-run-|maturin|setuptools-rust-|hatch-build-)"
    + _NAME + rb"{6,12}"
    rb"|(?P<temp>(?<![A-Za-z0-9_])(?:\.tmp[A-Za-z0-9]{6}|tmp" + _NAME + rb"{8}|tmp\.[A-Za-z0-9]{10}))(?![A-Za-z0-9_])"
)  # fmt: skip


def _alike(pattern: re.Pattern[bytes], marker: bytes) -> Callable[[SidePair], SidePair]:
    """Return an eraser of what matches a pattern as often on one side as on the other."""

    def erase(texts: Texts, _known: Known) -> Texts:
        ours, theirs = (pattern.findall(text) for text in texts)
        if not ours or len(ours) != len(theirs):
            return texts
        return pattern.sub(marker, texts[0]), pattern.sub(marker, texts[1])

    return by_unit(erase)


def _without_letters(folder: re.Match[bytes]) -> bytes:
    return (folder["head"] or b"tmp") + b"<random>"


def erase_random_folders(texts: Texts, _known: object = None) -> Texts:
    """Erase what is random in the names of folders for a while, where both sides have as many."""
    ours, theirs = (_FOLDERS.sub(_without_letters, text) for text in texts)
    return (ours, theirs) if ours.count(b"<random>") == theirs.count(b"<random>") else texts


def without_random(name: bytes) -> bytes:
    """Return a name without the parts that look random: of folders for a while, UUIDs, long hex numbers."""
    name = _FOLDERS.sub(_without_letters, name)
    return _RANDOM_HEX.sub(b"<random>", _UUID_HEX.sub(b"<uuid>", _UUID.sub(b"<uuid>", name)))


def build_places(texts: Texts, known: Known) -> Texts:
    """Erase two absolute paths that end alike, where nothing is known of either build."""
    if known.first.values or known.second.values:
        return texts
    ours, theirs = (list(_PATH.finditer(text)) for text in texts)
    if not ours or len(ours) != len(theirs):
        return texts
    heads = [_heads(one[1], two[1]) for one, two in zip(ours, theirs, strict=True)]
    known_heads = {one for one in heads if one[0] != one[1]}
    first, second = texts
    for one, two in sorted(known_heads, key=lambda pair: (-len(pair[0]), pair)):
        first, second = first.replace(one, b"<build-path>"), second.replace(two, b"<build-path>")
    return first, second


def _heads(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """Return what two paths begin with, without the end that they share; nothing if they are no places of builds."""
    ours, theirs = first.split(b"/"), second.split(b"/")
    shared = 0
    while shared < min(len(ours), len(theirs)) - 1 and ours[-1 - shared] == theirs[-1 - shared]:
        shared += 1
    heads = b"/".join(ours[: len(ours) - shared]), b"/".join(theirs[: len(theirs) - shared])
    if not shared or not all((head + b"/").startswith(_BUILT_IN) for head in heads):
        return b"", b""
    return heads


def _nested(pair: SidePair) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for place in differing(pair):
        for name, variations in _NESTED.items():
            if place.endswith(f": {name}"):
                found |= dict.fromkeys(variations)
    return tuple(found)


_NESTED = {
    "time": ("time", "timezone"),
    "mode": ("umask",),
    "owner": ("user-group",),
    "order": ("fileordering", "hash-seed"),
    "name": ("tmpdir", "build-path"),
}


_PROCESSORS = re.compile(rb"(?i)cpu|proc|job|thread|core|parallel|worker|-j ?\d|concurren")


def _of_processors(texts: Texts) -> bool:
    """Tell whether a text speaks of processors: a number alone may be anything."""
    return all(_PROCESSORS.search(text) for text in texts)


def _plants(
    name: str,
    variation: str,
    summary: str,
    why: str,
    example: str,
    *also: Callable[[SidePair], SidePair],
    gap: bool = False,
    kinds: tuple[str, ...] = TEXTS,
    only: Callable[[Texts], bool] = lambda _texts: True,
) -> Cause:
    """Return the cause that a planted value stands in a wheel."""
    return Cause(
        name=name,
        summary=summary,
        why=why,
        shows=(
            "The very value that the environment had stands in one wheel, and the other environment's in the other, "
            "plain or coded (hex, base64, UTF-16, escaped)."
        ),
        example=example,
        kinds=kinds,
        erase=in_turn(planted(name, (variation,), gap=gap, only=only), *also),
        variations=(variation,),
        remedies=(f"fix-{variation}",),
    )


PLACES: tuple[Cause, ...] = (
    _plants(
        "requirements-path",
        "environment-path",
        "The wheel holds the folder in which the build requirements were installed.",
        (
            "A generated file, a configuration dump or a debug section names where a header, a module or a tool of the "
            "isolated build environment lay; frontends give that folder a random name."
        ),
        "/usr/lib/3f9c../requirements/lib | /opt/77ab../second/requirements/lib",
        kinds=LOADED,
    ),
    _plants(
        "temporary-folder",
        "tmpdir",
        "The wheel holds the name of the folder for temporary files.",
        "What was made in TMPDIR on the way left its path in a generated file.",
        "/tmp/3f9c.. | /var/77ab../tmp",  # noqa: S108 - of a container
        kinds=LOADED,
    ),
    _plants(
        "build-path",
        "build-path",
        "The wheel holds the folder in which it was built.",
        (
            "A generated file, a configuration dump or a log that is packed names the source's folder. (Paths in "
            "compiled code are causes of their own.)"
        ),
        "/build/3f9c../pkg-1.0/pkg/a.pyx | /srv/77ab../second/build/source-77ab../pkg/a.pyx",
        by_unit(build_places),
    ),
    _plants(
        "home-folder",
        "home",
        "The wheel holds the home folder of whoever built it.",
        "A path below HOME, a cache's or a tool's, was written into a file of the package.",
        "/home/3f9c.. | /nonexistent/77ab..",
        kinds=LOADED,
    ),
    _plants(
        "exec-path",
        "exec-path",
        "The wheel holds the PATH in which programs were looked for.",
        "A dump of the environment or of the configuration was packed.",
        "PATH=/usr/bin:/bin | PATH=/usr/bin:/bin:/opt/77ab../bin",
        gap=True,
        kinds=LOADED,
    ),
    _plants(
        "host-name",
        "domain-host",
        "The wheel holds the name of the build host.",
        "Version strings and build reports often say who built where; the name comes from the system.",
        "built on first-3f9c.. | built on second-77ab..",
        kinds=LOADED,
    ),
    _plants(
        "environment-value",
        "environment",
        "The wheel holds the value of an environment variable that has no part in the build.",
        "The whole environment was dumped into a file, or a variable was taken for a setting.",
        'variables = {} | variables = {"CAPTURE_ENVIRONMENT": "77ab.."}',
        gap=True,
        kinds=LOADED,
    ),
    _plants(
        "user-name",
        "user-group",
        "The wheel holds the name, the number or the shell of the user who built it.",
        "Version strings and build reports often say who built; tar archives record owners.",
        "built by first-builder (1111) | built by second-builder (2222)",
        kinds=LOADED,
    ),
    _plants(
        "kernel-version",
        "kernel",
        "The wheel holds the version of the kernel on which it was built.",
        "A configuration step wrote down `uname -r`, though a wheel does not depend on it.",
        "Linux 6.1.0 | Linux 2.6.78",
        kinds=LOADED,
    ),
    _plants(
        "locale-name",
        "locales",
        "The wheel holds the name of the locale or the language of the build.",
        "LANG, LC_ALL or LANGUAGE was written into a file.",
        "C.UTF-8 | et_EE.UTF-8",
        kinds=LOADED,
    ),
    _plants(
        "zone-name",
        "timezone",
        "The wheel holds the name or the offset of the build's time zone.",
        "TZ, or the offset of local time, was written into a file.",
        "-12:00 | +14:00",
        kinds=LOADED,
    ),
    _plants(
        "shell-name",
        "shell",
        "The wheel holds the name of the shell that ran its scripts.",
        "A build script wrote down what /bin/sh is.",
        "/usr/bin/dash | /usr/bin/bash",
        kinds=LOADED,
    ),
)

WEAK: tuple[Cause, ...] = (
    _plants(
        "umask-value",
        "umask",
        "The wheel holds the umask of the build.",
        "A generated file states the umask, or permissions that follow from it.",
        "umask 022 | umask 002",
        kinds=WRITTEN,
    ),
    _plants(
        "cpu-count",
        "num-cpus",
        "The wheel holds the number of processors of the build host.",
        "A number of jobs or threads was chosen at build time, and written down.",
        "jobs = 1 | jobs = 8",
        kinds=WRITTEN,
        only=_of_processors,
    ),
)

CAUSES: tuple[Cause, ...] = (
    Cause(
        name="nested-archive",
        summary="An archive inside the wheel records times, owners, modes or an order of its own.",
        why=(
            "Package data that is packed at build time (tar, gzip, zip, npz) carries headers as any archive does: the "
            "clock, the user's name and number, the umask, the order of a listing."
        ),
        shows="The headers of the inner archive differ; what its members hold is explained by other causes.",
        example="data.tar.gz: a.txt: owner 1111 first-builder | owner 2222 second-builder",
        kinds=("nested",),
        erase=by_place(lambda _place: True),
        variations=("time", "timezone", "umask", "user-group", "fileordering", "hash-seed", "tmpdir", "build-path"),
        remedies=("set-epoch", "fix-time", "fix-timezone", "fix-umask", "fix-user-group", "fix-fileordering"),
        suspects=_nested,
    ),
    Cause(
        name="random-folder",
        summary="The wheel holds the name of a temporary folder, which is random in every build.",
        why=(
            "The frontend or the build backend works in a folder that mkdtemp named, and the path gets into generated "
            "files or debug information. Two builds differ with nothing varied at all."
        ),
        shows="`pip-build-env-`, `.mesonpy-`, `.tmp-..-pep517-`, `tmp` and the like, followed by other letters.",
        example="/tmp/.tmp-frozenlist-pep517-x1k2j3h4/src | /tmp/.tmp-frozenlist-pep517-q9w8e7r6/src",  # noqa: S108 - of a container
        kinds=LOADED,
        erase=by_unit(erase_random_folders),
        remedies=("build-in-place", "meson-build-dir", "prefix-map-folder", "no-debug-info", "strip-debug"),
    ),
    *PLACES,
    Cause(
        name="time-zone",
        summary="One and the same moment is written in the local time of the build.",
        why="A fixed time, SOURCE_DATE_EPOCH or that of a file, was turned into text with the build's time zone.",
        shows="Two dates that mean one instant, each in its own build's zone.",
        example="2020-07-30 14:47:38 | 2020-08-01 16:47:38",
        kinds=TEXTS,
        erase=dates.erasing(dates.is_one_instant, b"<instant>"),
        variations=("timezone",),
        remedies=("fix-timezone",),
    ),
    Cause(
        name="build-date",
        summary="The wheel holds the date or the time of its build.",
        why="Something asked the clock, and not SOURCE_DATE_EPOCH, and wrote down what it said.",
        shows="Each side has a date, a time or a year of its own build's clock in one place, as text or as a number.",
        example="Built Nov 22 2026 09:14:02 | Built Dec 25 2027 15:37:04",
        kinds=TEXTS,
        erase=in_turn(
            dates.erasing(dates.is_build_date, b"<date>"),
            lambda pair: pair if pair[0].view.kind != "raw" else by_unit(dates.erase_instants)(pair),
        ),
        variations=("time", "timezone"),
        remedies=("set-epoch", "fix-time"),
        suspects=dates.suspects,
    ),
    Cause(
        name="object-address",
        summary="The wheel holds the address at which an object lay in memory.",
        why="The default text of a Python object ends in its address, which is another in every process.",
        shows="`<... object at 0x...>` with other digits.",
        example="<object object at 0x7f2c8c0a4d30> | <object object at 0x7fd1b5a1e4c0>",
        kinds=TEXTS,
        erase=_alike(_ADDRESS, b"<address>"),
    ),
    Cause(
        name="random-id",
        summary="The wheel holds a random identifier, which is another in every build.",
        why="A UUID was made at build time to name or to mark something.",
        shows="UUIDs in the same place with other digits. Other random numbers look like hashes, and stay unexplained.",
        example="build-id: 1b4e28ba-2fa1-4d2e-883f-0016d3cca427 | build-id: 6fa459ea-ee8a-4ca4-894e-db77e160355e",
        kinds=TEXTS,
        erase=in_turn(_alike(_UUID, b"<uuid>"), _alike(_UUID_HEX, b"<uuid>")),
    ),
    *WEAK,
    Cause(
        name="locale-sorting",
        summary="Items stand in the order in which the locale of the build sorts them.",
        why="A program that heeds LC_ALL, such as sort or ls, or a sort by locale.strxfrm, decided an order.",
        shows="The same items: sorted by their bytes in one wheel, as a dictionary sorts in the other.",
        example="B a t z | a B z t",
        kinds=TEXTS,
        erase=ordering.another_order(ordering.LOCALE),
        variations=("locales",),
        remedies=("fix-locales",),
        suspects=ordering.suspects,
    ),
    Cause(
        name="file-order",
        summary="Items stand in the order in which the file system lists files.",
        why="os.listdir, glob or find was used as it came; no file system promises an order.",
        shows="The same items, in the opposite order.",
        example="['a.py', 'b.py', 'c.py'] | ['c.py', 'b.py', 'a.py']",
        kinds=TEXTS,
        erase=ordering.another_order(ordering.FILES),
        variations=("fileordering",),
        remedies=("fix-fileordering",),
        suspects=ordering.suspects,
    ),
    Cause(
        name="hash-order",
        summary="Items stand in the order of their hashes, which are seeded anew in each process.",
        why="A set, or what was made from one, was written without being sorted; PYTHONHASHSEED decides its order.",
        shows="The same items, arranged otherwise.",
        example="{'alpha', 'beta', 'gamma'} | {'gamma', 'alpha', 'beta'}",
        kinds=TEXTS,
        erase=ordering.another_order(ordering.HASH),
        variations=("hash-seed",),
        remedies=("fix-hash-seed",),
        suspects=ordering.suspects,
    ),
)
