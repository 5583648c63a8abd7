"""Causes that show in texts and data: what an environment planted, dates, orders, random names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.analysis.causes import dates, ordering, upstream
from orchestrator.analysis.causes.erasers import Known, by_place, by_token, cut, differing, in_turn, token, words
from orchestrator.analysis.causes.model import Cause, Shown
from orchestrator.analysis.causes.planted_values import planted
from orchestrator.analysis.formats.nested import KIND, OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import SidePair
    from orchestrator.model import Traces

TEXTS = ("text", "metadata", "raw", "name", "direct-url", "sbom", "bytecode", "nested-text")
"""Kinds of normalized members whose tokens are readable text."""

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
    rb"|(?P<temp>(?<![A-Za-z0-9_])(?:\.tmp[A-Za-z0-9]{6}|tmp" + _NAME + rb"{8}|tmp\.[A-Za-z0-9]{10}"
    rb"|cc[A-Za-z0-9]{6}(?=\.(?:o|s|c|i|ld|le|res|ltrans))))(?![A-Za-z0-9_])"
)  # fmt: skip

_BEFORE, _AFTER = rb"(?:^|(?<=[/\s\"'=:,(<\[\0]))", rb"(?=[/\s\"':;,)>\]\0]|$)"
_RANDOM = rb"(?P<random>[a-z0-9_]{8})(?P<suffix>(?:[-._][\w.+-]{0,40})?)"
_MADE = (
    re.compile(_BEFORE + rb"(?P<stem>\.?[A-Za-z][\w.+-]{0,60}?[-._])" + _RANDOM + _AFTER),
    re.compile(rb"(?<=/tmp/)(?:[0-9a-f]{12}/)?(?P<stem>[A-Za-z.]?[A-Za-z]{0,30}?)" + _RANDOM + _AFTER),
)
"""Names that mkdtemp and mkstemp make: a prefix with a mark at its end, or any below the folder for temporary files."""

_MIXED = re.compile(rb"(?=[a-z0-9_]*[g-z])(?=[a-z0-9_]*[0-9_])[a-z0-9_]{8}")


def _alike(pattern: re.Pattern[bytes], marker: bytes) -> Callable[[SidePair], SidePair]:
    """Return an eraser of the matches of a pattern, where both sides have the same number of them."""

    def erase(texts: Texts, _known: Known) -> Texts:
        ours, theirs = (pattern.findall(text) for text in texts)
        if not ours or len(ours) != len(theirs):
            return texts
        return pattern.sub(marker, texts[0]), pattern.sub(marker, texts[1])

    return by_token(erase)


def _without_letters(folder: re.Match[bytes]) -> bytes:
    return (folder["head"] or b"tmp") + b"<random>"


def erase_random_folders(texts: Texts, _known: object = None) -> Texts:
    """Erase the random parts of temporary folders' names, where both sides have the same number of them."""
    ours, theirs = (_FOLDERS.sub(_without_letters, text) for text in texts)
    if ours.count(b"<random>") != theirs.count(b"<random>"):
        ours, theirs = texts
    return (ours, theirs) if ours == theirs else _erase_made_folders(ours, theirs)


def _erase_made_folders(first: bytes, second: bytes) -> Texts:
    """Erase what mkdtemp adds to a name that only the package knows: each side has it at the same place."""
    for pattern in _MADE:
        ours, theirs = list(pattern.finditer(first)), list(pattern.finditer(second))
        if len(ours) == len(theirs):
            gone = [both for both in zip(ours, theirs, strict=True) if _are_made(*both)]
            first = _without_ends(first, [left for left, _ in gone])
            second = _without_ends(second, [right for _, right in gone])
    return first, second


def _without_ends(text: bytes, made: Iterable[re.Match[bytes]]) -> bytes:
    pieces, at = [], 0
    for one in made:
        pieces += [text[at : one.start("random")], b"<random>"]
        at = one.end("random")
    return b"".join([*pieces, text[at:]])


def _are_made(first: re.Match[bytes], second: re.Match[bytes]) -> bool:
    """Return whether two names are equal but for eight letters that are no numbers, words or hashes.

    One of the two may look like one by accident if a folder is before it.
    """
    in_a_folder = first.string[first.start() - 1 : first.start()] == b"/"
    return (
        (first["stem"], first["suffix"]) == (second["stem"], second["suffix"])
        and first["random"] != second["random"]
        and (any if in_a_folder else all)(_MIXED.fullmatch(one["random"]) for one in (first, second))
    )


def without_random(name: bytes) -> bytes:
    """Return a name without the parts that look random: of temporary folders, UUIDs, long hex numbers."""
    name = _FOLDERS.sub(_without_letters, name)
    return _RANDOM_HEX.sub(b"<random>", _UUID_HEX.sub(b"<uuid>", _UUID.sub(b"<uuid>", name)))


def build_places(texts: Texts, known: Known) -> Texts:
    """Erase two absolute paths with a common end, where neither build's environment is known."""
    if known.first.values or known.second.values:
        return texts
    ours, theirs = (list(_PATH.finditer(text)) for text in texts)
    if not ours or len(ours) != len(theirs):
        return texts
    heads = [_heads(left[1], right[1]) for left, right in zip(ours, theirs, strict=True)]
    known_heads = {head for head in heads if head[0] != head[1]}
    first, second = texts
    for left, right in sorted(known_heads, key=lambda pair: (-len(pair[0]), pair)):
        first, second = first.replace(left, b"<build-path>"), second.replace(right, b"<build-path>")
    return first, second


def _heads(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """Return the beginnings of two paths, without their common end; empty unless both are usual build folders."""
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
        header = place.rpartition(": ")[2]
        found |= dict.fromkeys(("time",) if _has_the_clock(pair, place) else _NESTED.get(header, ()))
    return tuple(found)


def _has_the_clock(pair: SidePair, place: str) -> bool:
    """Return whether each side has its build's time there, in seconds since 1970: no time zone changes these."""
    return dates.has_epoch(token(pair, place), Known(pair[0].traces, pair[1].traces))


_NESTED = {
    "time": ("time", "timezone"),
    "mode": ("umask",),
    "owner": ("user-group",),
    "order": ("fileordering", "hash-seed"),
    "name": ("tmpdir", "build-path"),
}


_PROCESSORS = re.compile(rb"(?i)cpu|proc|job|thread|core|parallel|worker|-j ?\d|concurren")


def _of_processors(texts: Texts) -> bool:
    """Return whether a text mentions processors: a number alone may mean anything."""
    return all(_PROCESSORS.search(text) for text in texts)


_MASK = re.compile(rb"(?i)umask\W{1,4}([0-7]{1,4})\b")


def _bare_mask(texts: Texts, known: Known) -> Texts:
    """Erase masks without leading zeros, which only their name distinguishes from other numbers."""
    return _without_mask(texts[0], known.first), _without_mask(texts[1], known.second)


def _without_mask(text: bytes, traces: Traces) -> bytes:
    masks = words(traces, ("umask",))
    found = [one for one in _MASK.finditer(text) if b"0o" + one[1].lstrip(b"0") in masks]
    return cut(text, found, b"<umask-value>")


def _plants(  # noqa: PLR0913 - each has its name
    name: str,
    variation: str,
    summary: str,
    why: str,
    example: str,
    *also: Callable[[SidePair], SidePair],
    change: str,
    gap: bool = False,
    kinds: tuple[str, ...] = TEXTS,
    only: Callable[[Texts], bool] = lambda _texts: True,
) -> Cause:
    """Return the cause of a planted value in a wheel; `change` is what the project changes."""
    return Cause(
        name=name,
        summary=summary,
        why=why,
        shows=(
            "Each wheel contains the exact value of its build's environment, plain or encoded (hex, base64, UTF-16, "
            "escaped)."
        ),
        example=example,
        kinds=kinds,
        upstream=upstream.planted(change),
        erase=in_turn(planted(name, (variation,), gap=gap, only=only), *also),
        variations=(variation,),
        remedies=(f"fix-{variation}",),
    )


def _models(texts: Texts, known: Known) -> Texts:
    """Erase the model of the processor, several words, where each side has that of its host in as many places."""
    first, second = texts
    for ours in words(known.first, ("host",)):
        for theirs in words(known.second, ("host",)):
            is_model = b" " in ours and b" " in theirs and ours != theirs
            if is_model and first.count(ours) == second.count(theirs) > 0:
                first, second = first.replace(ours, b"<host>"), second.replace(theirs, b"<host>")
    return first, second


PLACES: tuple[Cause, ...] = (
    _plants(
        "requirements-path",
        "environment-path",
        "The wheel contains the folder in which the build requirements were installed.",
        (
            "A generated file, a configuration dump or a debug section contains the path of a header, a module or a "
            "tool of the isolated build environment. Frontends give that folder a random name."
        ),
        "/usr/lib/3f9c../requirements/lib | /opt/77ab../second/requirements/lib",
        kinds=LOADED,
        change="Write no path of a build requirement into a file: import the module, or quote a header by its name.",
    ),
    _plants(
        "temporary-folder",
        "tmpdir",
        "The wheel contains the name of the folder for temporary files.",
        "A generated file contains the path of an intermediate file in TMPDIR.",
        "/tmp/3f9c.. | /var/77ab../tmp",  # noqa: S108 - of a container
        kinds=LOADED,
        change="Write no path below `tempfile.gettempdir()` into a file: pass a relative path to the generator.",
    ),
    _plants(
        "build-path",
        "build-path",
        "The wheel contains the folder in which it was built.",
        (
            "A generated file, a configuration dump or a packed log names the source's folder. (Paths in "
            "compiled code are separate causes.)"
        ),
        "/build/3f9c../pkg-1.0/pkg/a.pyx | /srv/77ab../second/build/source-77ab../pkg/a.pyx",
        by_token(build_places),
        change="Write paths relative to the source: `os.path.relpath(path, root)`, and no `os.getcwd()`.",
    ),
    _plants(
        "home-folder",
        "home",
        "The wheel contains the home folder of the user who built it.",
        "A path below HOME, a cache's or a tool's, was written into a file of the package.",
        "/home/3f9c.. | /nonexistent/77ab..",
        kinds=LOADED,
        change="Write no path below `Path.home()` into a file.",
    ),
    _plants(
        "exec-path",
        "exec-path",
        "The wheel contains the PATH of the build.",
        "A dump of the environment or of the configuration was packed.",
        "PATH=/usr/bin:/bin | PATH=/usr/bin:/bin:/opt/77ab../bin",
        gap=True,
        kinds=LOADED,
        change="Leave `PATH` out of what is recorded of the build; quote programs by their names.",
    ),
    _plants(
        "host-name",
        "domain-host",
        "The wheel contains the name of the build host.",
        "Version strings and build reports often name the user and the host; the host name comes from the system.",
        "built on first-3f9c.. | built on second-77ab..",
        kinds=LOADED,
        change="Leave `socket.gethostname()`, `platform.node()` or `hostname` out of what is generated.",
    ),
    _plants(
        "environment-value",
        "environment",
        "The wheel contains the value of an environment variable that the build does not need.",
        "The whole environment was written into a file, or a variable was read as a setting.",
        'variables = {} | variables = {"CAPTURE_ENVIRONMENT": "77ab.."}',
        gap=True,
        kinds=LOADED,
        change="Record no `os.environ` as a whole; name the variables on which the build is meant to depend.",
    ),
    _plants(
        "user-name",
        "user-group",
        "The wheel contains the name, the id or the shell of the user who built it.",
        "Version strings and build reports often name the user; tar archives record owners.",
        "built by first-builder (1111) | built by second-builder (2222)",
        kinds=LOADED,
        change="Leave `getpass.getuser()`, `os.getuid()` or `whoami` out; write archives with owner 0.",
    ),
    _plants(
        "kernel-version",
        "kernel",
        "The wheel contains the version of the kernel on which it was built.",
        "A configuration step recorded `uname -r`, although a wheel does not depend on it.",
        "Linux 6.1.0 | Linux 2.6.78",
        kinds=LOADED,
        change="Leave `platform.release()` or `uname -r` out of what is generated.",
    ),
    _plants(
        "host-hardware",
        "host",
        "The wheel contains the model of the processor, or the version of the kernel, of the host that built it.",
        (
            "A configuration step recorded `/proc/cpuinfo` or `/proc/version`. Only builds on two hosts show it "
            "(`spread: true`)."
        ),
        "AMD EPYC 7763 64-Core Processor | Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz",
        by_token(_models),
        kinds=LOADED,
        change="Leave the processor and the kernel of the build machine out of what is generated.",
    ),
    _plants(
        "locale-name",
        "locales",
        "The wheel contains the name of the locale or the language of the build.",
        "LANG, LC_ALL or LANGUAGE was written into a file.",
        "C.UTF-8 | et_EE.UTF-8",
        kinds=LOADED,
        change="Leave `LANG`, `LC_ALL` and `locale.getlocale()` out of what is generated.",
    ),
    _plants(
        "zone-name",
        "timezone",
        "The wheel contains the name or the offset of the build's time zone.",
        "TZ, or the offset of local time, was written into a file.",
        "-12:00 | +14:00",
        kinds=LOADED,
        change="Write times in UTC, without `time.tzname` or an offset.",
    ),
    _plants(
        "shell-name",
        "shell",
        "The wheel contains the name of the shell that ran its scripts.",
        "A build script recorded the shell behind /bin/sh.",
        "/usr/bin/dash | /usr/bin/bash",
        kinds=LOADED,
        change="Leave the shell out of what is recorded; scripts that need bash name it.",
    ),
)

WEAK: tuple[Cause, ...] = (
    _plants(
        "umask-value",
        "umask",
        "The wheel contains the umask of the build.",
        "A generated file contains the umask, or permissions that depend on it.",
        "umask 022 | umask 002",
        by_token(_bare_mask),
        kinds=WRITTEN,
        change="Set the modes of generated files by `os.chmod`, and do not record the umask.",
    ),
    _plants(
        "cpu-count",
        "num-cpus",
        "The wheel contains the number of processors of the build host.",
        "The build chose a number of jobs or threads, and recorded it.",
        "jobs = 1 | jobs = 8",
        kinds=WRITTEN,
        only=_of_processors,
        change="Leave `os.cpu_count()` out of what is generated: number of jobs, threads or parts.",
    ),
)

CAUSES: tuple[Cause, ...] = (
    Cause(
        name="nested-archive",
        summary="An archive inside the wheel records times, owners, modes or an order from the build.",
        why=(
            "Package data that is packed at build time (tar, gzip, zip, npz) has headers that record the clock, the "
            "user's name and id, the umask, or the order of a listing."
        ),
        shows="The headers of the inner archive differ. Differences in its members have other causes.",
        example="data.tar.gz: a.txt: owner 1111 first-builder | owner 2222 second-builder",
        upstream=upstream.NESTED_ARCHIVE,
        kinds=("nested",),
        erase=by_place(lambda place: place != OUTSIDE and not place.endswith(KIND)),
        variations=("time", "timezone", "umask", "user-group", "fileordering", "hash-seed", "tmpdir", "build-path"),
        remedies=("set-epoch", "fix-time", "fix-timezone", "fix-umask", "fix-user-group", "fix-fileordering"),
        suspects=_nested,
    ),
    Cause(
        name="random-folder",
        summary="The wheel contains the name of a temporary folder, which is random in every build.",
        why=(
            "The frontend or the build backend works in a folder named by mkdtemp, and its path gets into generated "
            "files or debug information. Two builds differ even in equal environments."
        ),
        shows="`pip-build-env-`, `.mesonpy-`, `.tmp-..-pep517-`, `tmp` and the like, followed by different letters.",
        example="/tmp/.tmp-frozenlist-pep517-x1k2j3h4/src | /tmp/.tmp-frozenlist-pep517-q9w8e7r6/src",  # noqa: S108 - of a container
        upstream=upstream.RANDOM_FOLDER,
        kinds=LOADED,
        shown=Shown.FORM,
        random=True,
        erase=by_token(erase_random_folders),
        remedies=(
            "build-in-place",
            "meson-build-dir",
            "scikit-build-dir",
            "hatch-mypyc-build-dir",
            "prefix-map-folder",
            "no-debug-info",
            "strip-debug",
        ),
    ),
    *PLACES,
    Cause(
        name="time-zone",
        summary="A fixed time is written in the local time of the build.",
        why="SOURCE_DATE_EPOCH or a file's time was converted to text in the build's time zone.",
        shows="Two dates that mean the same instant, each in its build's time zone.",
        example="2020-07-30 14:47:38 | 2020-07-31 16:47:38",
        upstream=upstream.TIME_ZONE,
        kinds=LOADED,
        erase=dates.erasing(dates.is_one_instant, b"<instant>"),
        variations=("timezone",),
        remedies=("fix-timezone",),
    ),
    Cause(
        name="build-date",
        summary="The wheel contains the date or the time of its build.",
        why="A program recorded the time of the clock instead of SOURCE_DATE_EPOCH.",
        shows="In one place, each side has a date, a time or a year of its build's clock, as text or as a number.",
        example="Built Nov 22 2026 09:14:02 | Built Dec 25 2027 15:37:04",
        upstream=upstream.BUILD_DATE,
        kinds=TEXTS,
        besides=("nested",),
        erase=in_turn(
            dates.erase_build_dates(b"<date>"),
            lambda pair: pair if pair[0].member.kind != "raw" else by_token(dates.erase_instants)(pair),
        ),
        variations=("time", "timezone"),
        remedies=("set-epoch", "fix-time"),
        suspects=dates.suspects,
    ),
    Cause(
        name="object-address",
        summary="The wheel contains the memory address of an object.",
        why="The default text of a Python object ends in its address, which differs in every process.",
        shows="`<... object at 0x...>` with different digits.",
        example="<object object at 0x7f2c8c0a4d30> | <object object at 0x7fd1b5a1e4c0>",
        upstream=upstream.OBJECT_ADDRESS,
        kinds=TEXTS,
        shown=Shown.FORM,
        random=True,
        erase=_alike(_ADDRESS, b"<address>"),
    ),
    Cause(
        name="random-id",
        summary="The wheel contains a random identifier, which differs in every build.",
        why="The build generated a UUID to name or to mark something.",
        shows="UUIDs in the same place with different digits. Other random numbers look like hashes: unexplained.",
        example="build-id: 1b4e28ba-2fa1-4d2e-883f-0016d3cca427 | build-id: 6fa459ea-ee8a-4ca4-894e-db77e160355e",
        upstream=upstream.RANDOM_ID,
        kinds=TEXTS,
        shown=Shown.FORM,
        random=True,
        erase=in_turn(_alike(_UUID, b"<uuid>"), _alike(_UUID_HEX, b"<uuid>")),
    ),
    *WEAK,
    Cause(
        name="locale-sorting",
        summary="Items are in the order in which the locale of the build sorts them.",
        why="A program that depends on LC_ALL, such as sort or ls, or a sort by locale.strxfrm, decided the order.",
        shows="The same items: sorted by their bytes in one wheel, as a dictionary sorts in the other.",
        example="B a t z | a B z t",
        upstream=upstream.LOCALE_SORTING,
        kinds=("mapping",),
        shown=Shown.FORM,
        by_builds=TEXTS,
        alike=ordering.VARIATIONS,
        erase=ordering.another_order(ordering.LOCALE),
        variations=("locales",),
        remedies=("fix-locales",),
        suspects=ordering.suspects,
    ),
    Cause(
        name="file-order",
        summary="Items are in the order in which the file system lists files.",
        why="The output of os.listdir, glob or find was not sorted; no file system guarantees an order.",
        shows="The same items, in the opposite order.",
        example="['a.py', 'b.py', 'c.py'] | ['c.py', 'b.py', 'a.py']",
        upstream=upstream.FILE_ORDER,
        kinds=("mapping",),
        shown=Shown.FORM,
        by_builds=TEXTS,
        alike=ordering.VARIATIONS,
        erase=ordering.another_order(ordering.FILES),
        variations=("fileordering",),
        remedies=("fix-fileordering",),
        suspects=ordering.suspects,
    ),
    Cause(
        name="hash-order",
        summary="Items are in the order of their hashes, whose seed differs in each process.",
        why="A set, or a list made from a set, was written unsorted; PYTHONHASHSEED decides its order.",
        shows="The same items, in a different order.",
        example="{'alpha', 'beta', 'gamma'} | {'gamma', 'alpha', 'beta'}",
        upstream=upstream.HASH_ORDER,
        kinds=("mapping",),
        shown=Shown.FORM,
        by_builds=TEXTS,
        alike=ordering.VARIATIONS,
        erase=ordering.another_order(ordering.HASH),
        variations=("hash-seed",),
        remedies=("fix-hash-seed",),
        suspects=ordering.suspects,
    ),
    Cause(
        name="random",
        summary="Builds in one environment write something else there each time.",
        why=(
            "A program recorded a token, an address, the name of a temporary file, a duration or a process id. The "
            "evidence tells which of them it looks like."
        ),
        shows="One word differs between all builds, also between those in the same environment.",
        example="session = q7Xw_91b | session = Zt0p_44k",
        upstream=upstream.RANDOM,
        kinds=(),
        erase=lambda pair: pair,
        shown=Shown.FORM,
        random=True,
    ),
    Cause(
        name="derived-value",
        summary="An identifier in the wheel is computed from the environment of the build.",
        why=(
            "A hash or a UUID was made of a path, a host name, a time or another value that the environment decides. "
            "It looks random, but builds in equal environments have the same."
        ),
        shows="Digits or letters differ when a variation acts, and are the same whenever it does not.",
        example="key = 5b1f0d2c9ae47310 | key = 88e0c41b7f02ad95",
        upstream=upstream.DERIVED_VALUE,
        kinds=(),
        erase=lambda pair: pair,
        shown=Shown.FORM,
    ),
)
