"""The catalogue of variations: what the second build's environment has otherwise than the first's.

Names follow reprotest where it has one. Each variation says how it is asked for, as a function
from environment to environment, and how it is seen to have acted, by what two probes saw.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from posixpath import basename, dirname
from typing import TYPE_CHECKING

from orchestrator.model import DAY, Build, Environment, Mode, Probe, Profile, Traces, Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CLOCK_SHIFT = 398 * DAY + 6 * 3600 + 23 * 60
"""Seconds: another year, month, day of the week, hour and minute."""

_ACTED_SHIFT = 300 * DAY

_TOKEN = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Variation:
    """One thing that is otherwise in the second build."""

    name: str
    summary: str
    apply: Callable[[Environment], Environment]
    acted: Callable[[Probe, Probe], bool]
    why: str  # why it differs between honest builders
    shows: str  # how a wheel shows that it follows it
    repair: str  # what a project can do so that its wheel does not
    example: str  # two lines side by side, or of a real package


def token(salt: str, what: str) -> str:
    """Return a word that will hardly stand anywhere by chance, for one thing that an environment plants."""
    return hashlib.sha256(f"{salt} {what}".encode()).hexdigest()[:12]


def first_environment(*, source: str, salt: str, source_date_epoch: int | None) -> Environment:
    """Return the environment of the first build: as plain as it can be, and the same every night.

    `source` is the name of the source's own folder; `salt` is a random word of hex digits that
    makes the second build's tokens unlike any other text. Those of the first are made from the
    source's name instead, so that one night's first build can be compared with another's.
    """
    return Environment(
        salt=salt,
        build_path=f"/build/{token(source, 'build-path')}/{source}",
        hostname=f"first-{token(source, 'domain-host')}",
        domainname=f"{token(source, 'domain-host')}.first.example",
        clock_offset=0,
        timezone="GMT+12",
        locale="C.UTF-8",
        language="",
        umask=0o022,
        user="first-builder",
        uid=1111,
        login_shell="/bin/sh",
        home=f"/home/{token(source, 'home')}",
        path=("/usr/local/bin", "/usr/bin", "/bin"),
        variables=(),
        uname26=False,
        cpus=1,
        reverse_files=False,
        hash_seed=0,
        tmpdir=f"/tmp/{token(source, 'tmpdir')}",  # noqa: S108 - a folder of the container
        environment_path=f"/usr/lib/{token(source, 'environment-path')}/requirements",
        shell="/bin/dash",
        source_date_epoch=source_date_epoch,
    )


_ENDINGS = re.compile(r"\.(?:tar\.(?:gz|bz2|xz)|tgz|zip)$")


def profiled(first: Environment, profile: Profile | None, filename: str) -> Environment:
    """Return the first environment as a profile has it; `filename` is the sdist's."""
    if profile is None:
        return first
    folder = _ENDINGS.sub("", filename)
    return replace(
        first,
        build_path=profile.build_path.replace("{folder}", folder) or first.build_path,
        umask=first.umask if profile.umask is None else profile.umask,
        timezone=profile.timezone or first.timezone,
        hash_seed=first.hash_seed if profile.hash_seed is None else profile.hash_seed,
    )


def _second_path(first: Environment) -> str:
    word = token(first.salt, "build-path")
    return f"/srv/{word}/second/build/source-{word}"


def _unlike(*fields: str) -> Callable[[Probe, Probe], bool]:
    """Acted when the probes disagree on each of these fields."""
    return lambda first, second: all(getattr(first, field) != getattr(second, field) for field in fields)


VARIATIONS = (
    Variation(
        "build-path",
        "Build in a folder of another name, depth and length.",
        lambda first: replace(first, build_path=_second_path(first)),
        _unlike("build_path"),
        why="Everyone unpacks sources where they like, and most build tools make a folder of random name.",
        shows=(
            "Compilers write the folder into debug information, `__FILE__` into assertions and messages; bytecode has "
            "it in `co_filename`; generated files may quote it."
        ),
        repair=(
            "Build in one agreed folder, or have the compiler leave it out: `-ffile-prefix-map=OLD=NEW` for C and C++, "
            "`--remap-path-prefix` for Rust. In the project itself: write relative paths."
        ),
        example=(
            "MarkupSafe 2.1.5: the `.debug_*` sections of `_speedups` hold the folder in which it was compiled, and "
            "nothing that is loaded does."
        ),
    ),
    Variation(
        "domain-host",
        "Build on a host of another name, in another domain.",
        lambda first: replace(
            first,
            hostname=f"second-{token(first.salt, 'domain-host')}",
            domainname=f"{token(first.salt, 'domain-host')}.second.example",
        ),
        _unlike("hostname", "domainname"),
        why="No two machines have the same name, and one in a container often has a random one.",
        shows="A generated file says where it was built.",
        repair="Leave the host's name out of what is generated: a wheel is for other hosts.",
        example='`BUILD_HOST = "first-8f2c"` in one wheel, `BUILD_HOST = "second-41d0"` in the other.',
    ),
    Variation(
        "time",
        "Build 398 days, 6 hours and 23 minutes later.",
        lambda first: replace(first, clock_offset=CLOCK_SHIFT),
        lambda first, second: abs(second.clock - first.clock) > _ACTED_SHIFT,
        why="A wheel that is built again is built later.",
        shows=(
            "Archives keep the times of files; generated files, headers and C's `__DATE__` and `__TIME__` keep the "
            "date of the build."
        ),
        repair=(
            "Honour `SOURCE_DATE_EPOCH` wherever a date is written, or write none. Build backends do so for the "
            "archive itself, once it is set."
        ),
        example=(
            "`2026-11-20 12:00:00` in one archive, `2027-12-23 18:23:00` in the other: wheels of setuptools, when "
            "`SOURCE_DATE_EPOCH` is not set."
        ),
    ),
    Variation(
        "timezone",
        "Build 26 hours further east.",
        lambda first: replace(first, timezone="GMT-14"),
        _unlike("utc_offset"),
        why="Builders live around the globe, and archives and many formats keep local time.",
        shows="A time, or the day, is otherwise by as many hours as there are between the zones.",
        repair="Write times in UTC: `datetime.now(UTC)`, `time.gmtime`, `date -u`.",
        example="flit without `SOURCE_DATE_EPOCH`: local times in the archive, so the zone alone changes the wheel.",
    ),
    Variation(
        "locales",
        "Build in Estonian, which sorts letters otherwise than ASCII.",
        lambda first: replace(first, locale="et_EE.UTF-8", language="et_EE:et"),
        _unlike("locale", "language"),
        why="People build in their own language, servers in none.",
        shows="Lists are sorted otherwise, messages and names of months are translated, numbers have commas.",
        repair="Sort by code points, which is what Python's `sorted` does; run other programs with `LC_ALL=C.UTF-8`.",
        example="`sort` gives `s, z, t` in Estonian and `s, t, z` elsewhere.",
    ),
    Variation(
        "umask",
        "Create files that the group may write.",
        lambda first: replace(first, umask=0o002),
        _unlike("umask"),
        why="Debian's users have 022 or 002, and those who are careful 077.",
        shows=(
            "Files that the build makes are archived with the permissions that they got: `-rw-r--r--` or `-rw-rw-r--`. "
            "No content differs, and so not even RECORD."
        ),
        repair=(
            "Build under an agreed umask, or have the build backend write fixed permissions, as flit, hatchling, "
            "poetry-core and pdm do."
        ),
        example="six 1.16.0, like all that setuptools archives: `METADATA` with 0644 in one wheel, 0664 in the other.",
    ),
    Variation(
        "user-group",
        "Build as another user, of another group, with another login shell.",
        lambda first: replace(first, user="second-builder", uid=2222, login_shell="/bin/bash"),
        _unlike("uid", "user", "login_shell"),
        why="Each builder has a name and numbers of their own.",
        shows=(
            "Generated files quote the user; archives inside the wheel keep owner and group of files; extra fields of "
            "the zip may."
        ),
        repair=(
            "Leave the user out of what is generated; write archives with owner 0 (`tar --owner=0 --group=0 "
            "--numeric-owner`)."
        ),
        example="`Built by first-builder` in one wheel, `Built by second-builder` in the other.",
    ),
    Variation(
        "home",
        "Build with a home folder that does not exist.",
        lambda first: replace(first, home=f"/nonexistent/{token(first.salt, 'home')}"),
        _unlike("home", "home_exists"),
        why="It is named after the user, and many build servers have none that exists.",
        shows="A path below it stands in a generated file; or a build fails that wants to write there.",
        repair="Neither quote the home folder nor write to it; caches belong in a temporary folder.",
        example="`/home/first/.config/tool.ini` in one wheel, `/nonexistent/second/.config/tool.ini` in the other.",
    ),
    Variation(
        "exec-path",
        "Look for programs in one more folder.",
        lambda first: replace(first, path=(*first.path, f"/opt/{token(first.salt, 'exec-path')}/bin")),
        _unlike("path"),
        why="Everyone has other programs in other folders.",
        shows="`PATH` as a whole, or the place where a program was found, stands in a generated file.",
        repair="Quote programs by their names, and leave `PATH` out of what is recorded of the build.",
        example="`path: /usr/bin:/bin` in one wheel, `path: /usr/bin:/bin:/opt/tools/bin` in the other.",
    ),
    Variation(
        "environment",
        "Set one more environment variable.",
        lambda first: replace(
            first, variables=(*first.variables, ("CAPTURE_ENVIRONMENT", token(first.salt, "environment")))
        ),
        _unlike("variables"),
        why="Every shell and every build service sets variables of its own.",
        shows="A file that dumps all of the environment, or takes its values from it, has one more line.",
        repair="Record only the variables that the build is meant to depend on.",
        example="`CAPTURE_ENVIRONMENT=...` stands in one of two wheels whose build writes `os.environ` into a file.",
    ),
    Variation(
        "kernel",
        "Build on a kernel that calls itself 2.6.",
        lambda first: replace(first, uname26=True),
        _unlike("kernel"),
        why="It is updated every few weeks, and in a container it is the host's.",
        shows="A generated file quotes `uname -r`; or the build decides by it what to compile.",
        repair="Leave the kernel of the build machine out: it is not the one on which the wheel runs.",
        example="`built on Linux 6.1.0` in one wheel, `built on Linux 2.6.78` in the other.",
    ),
    Variation(
        "num-cpus",
        "Build on all processors instead of one.",
        lambda first: replace(first, cpus=None),
        _unlike("cpus"),
        why="Laptops have eight, build servers a hundred, and a container may be given one.",
        shows=(
            "The number stands in a generated file, or the order in which parallel steps end decides the order of what "
            "they made."
        ),
        repair="Sort what parallel steps give before it is used, and do not record how many there were.",
        example="`jobs = 1` in one wheel, `jobs = 8` in the other.",
    ),
    Variation(
        "fileordering",
        "List the files of each folder in the opposite order.",
        lambda first: replace(first, reverse_files=True),
        _unlike("listing"),
        why="A file system lists a folder in any order that suits it.",
        shows=(
            "Members of an archive, objects in a library, or lines of a list stand in another order; with nothing "
            "added or gone."
        ),
        repair="Sort: `sorted(glob(...))`, `sorted(os.listdir(...))`, `dirs.sort()` in a walk.",
        example="A C extension whose sources come from `glob.glob` has its functions in another order.",
    ),
    Variation(
        "hash-seed",
        "Seed Python's hashes otherwise, and so the order of its sets.",
        lambda first: replace(first, hash_seed=int(first.salt, 16) % 4_294_967_294 + 1),
        _unlike("hash_of_word"),
        why="Python draws a new one each time that it starts, so that nobody can guess it.",
        shows="What was a set has its elements in another order: names in a list, keywords, requirements.",
        repair="Sort sets before they are written: `sorted(names)`. A `dict` keeps its order and needs nothing.",
        example="`Keywords: b, a` in one wheel, `Keywords: a, b` in the other.",
    ),
    Variation(
        "tmpdir",
        "Keep temporary files in another folder.",
        lambda first: replace(first, tmpdir=f"/var/{token(first.salt, 'tmpdir')}/tmp"),  # noqa: S108 - of a container
        _unlike("tmpdir"),
        why="`TMPDIR` is set by sessions, batch systems and build tools.",
        shows=(
            "A path below it stands in a generated file or in debug information, mostly with a random name at its end."
        ),
        repair=(
            "Work in a folder below the build's own, with a fixed name; or map it away as one does with the build path."
        ),
        example="`/tmp/first/tmpab12/x.c` in one wheel, `/var/second/tmp/tmpcd34/x.c` in the other.",
    ),
    Variation(
        "environment-path",
        "Find the build requirements in another folder.",
        lambda first: replace(
            first, environment_path=f"/opt/{token(first.salt, 'environment-path')}/second/requirements"
        ),
        _unlike("environment_path"),
        why=(
            "Where the build requirements are installed is up to whoever builds, and isolated builds use a folder of "
            "random name."
        ),
        shows=(
            "Headers of a build requirement, or its modules, are quoted by their full path in debug information or in "
            "generated files; a library may have the folder in its RPATH."
        ),
        repair=(
            "The same as for the build path, with the folder of the requirements: `-ffile-prefix-map`, or an agreed "
            "place."
        ),
        example="kiwisolver quotes the folder in which cppy, its header-only build requirement, is installed.",
    ),
    Variation(
        "shell",
        "Run shell scripts with bash instead of dash.",
        lambda first: replace(first, shell="/bin/bash"),
        _unlike("shell"),
        why="`/bin/sh` is dash on Debian, bash on Fedora, busybox on Alpine.",
        shows=(
            "A script behaves otherwise: `echo` with backslashes, `[[`, arrays; or the shell's own name or version is "
            "recorded."
        ),
        repair="Write scripts for a POSIX shell, with `printf` in place of `echo`; or name the shell that they need.",
        example="`echo 'a\\nb'` writes two lines in dash and one in bash.",
    ),
)

NAMES = tuple(variation.name for variation in VARIATIONS)


def mode(name: str, hold: tuple[str, ...], remove: tuple[str, ...]) -> Mode:
    """Return what is asked of the variation of that name."""
    if name in remove:
        return Mode.REMOVED
    return Mode.HELD if name in hold else Mode.VARIED


def second_environment(first: Environment, unvaried: tuple[str, ...] = ()) -> Environment:
    """Return what all the variations but the unvaried ones make of the first environment."""
    second = first
    for variation in VARIATIONS:
        if variation.name not in unvaried:
            second = variation.apply(second)
    return second


def variants(first: Probe, second: Probe, hold: tuple[str, ...], remove: tuple[str, ...]) -> tuple[Variant, ...]:
    """Tell of each variation what was asked of it, and whether the probes saw it act."""
    return tuple(Variant(one.name, mode(one.name, hold, remove), one.acted(first, second)) for one in VARIATIONS)


def disobeyed(seen: tuple[Variant, ...]) -> tuple[str, ...]:
    """Name the variations that did not act though asked to, or acted though held."""
    return tuple(
        one.name for one in seen if one.mode is not Mode.REMOVED and one.acted is not (one.mode is Mode.VARIED)
    )


def scratch_folders(environment: Environment) -> tuple[str, ...]:
    """Name the folders in which a build may write: where it builds, its temporary folders, its home."""
    homes = () if environment.home.startswith("/nonexistent/") else (environment.home,)
    return tuple(dict.fromkeys((dirname(environment.build_path), "/tmp", environment.tmpdir, *homes)))  # noqa: S108 - of the container


def traces(build: Build) -> Traces:
    """Return what a build's environment planted; what is the same in every environment of ours is no trace.

    Some values stand in many a text by chance, such as a number of processors. These are its
    `words`, and count only where both builds have their own in the same place.
    """
    environment, probe = build.environment, build.probe
    return Traces(
        values=_longest_first(_tokens(environment)),
        words=_longest_first((*_words(environment), *(_seen(probe) if probe else ()))),
        clock=(probe.clock, probe.clock + build.seconds) if probe else None,
        utc_offset=probe.utc_offset if probe else 0,
        source_date_epoch=environment.source_date_epoch,
    )


def _longest_first(planted: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(dict.fromkeys(planted), key=lambda one: (-len(one[1]), one)))


def _tokens(environment: Environment) -> tuple[tuple[str, str], ...]:
    """Return values that stand nowhere by chance."""
    return (
        *(("build-path", path) for path in _upwards(environment.build_path)),
        *(("build-path", name) for name in (basename(environment.build_path),) if _TOKEN.search(name)),
        ("domain-host", environment.hostname),
        ("domain-host", environment.domainname),
        ("domain-host", f"{environment.hostname}.{environment.domainname}"),
        ("user-group", environment.user),
        ("home", environment.home),
        *(("tmpdir", path) for path in _upwards(environment.tmpdir)),
        *(("environment-path", path) for path in _upwards(environment.environment_path)),
        *(("exec-path", folder) for folder in environment.path if folder.startswith("/opt/")),
        *(("environment", value) for name, value in environment.variables if name == "CAPTURE_ENVIRONMENT"),
    )


def _words(environment: Environment) -> tuple[tuple[str, str], ...]:
    """Return what is ours to choose, but may stand anywhere."""
    mask, seed, shell = environment.umask, str(environment.hash_seed), environment.shell
    return (
        ("build-path", basename(environment.build_path)),
        *(("umask", text) for text in (f"{mask:03o}", f"{mask:04o}", f"0o{mask:o}")),
        *(("umask", f"{prefix}{mode & ~mask:o}") for mode in (0o666, 0o777) for prefix in ("", "0", "0o", "100")),
        ("user-group", str(environment.uid)),
        ("user-group", environment.login_shell),
        *(("locales", text) for text in _languages(environment)),
        ("timezone", environment.timezone),
        ("hash-seed", seed),
        *(("shell", text) for text in (shell, f"/usr{shell}", basename(shell))),
    )


def _languages(environment: Environment) -> tuple[str, ...]:
    full, short = environment.locale, environment.locale.split(".")[0]
    return tuple(filter(None, (full, short, environment.language, full.lower().replace("-", ""))))


def _seen(probe: Probe) -> tuple[tuple[str, str], ...]:
    """Return what a container saw that is not ours to choose in full."""
    sign, minutes = "-" if probe.utc_offset < 0 else "+", abs(probe.utc_offset) // 60
    offset = f"{minutes // 60:02}", f"{minutes % 60:02}"
    return (
        ("kernel", probe.kernel),
        *(("kernel", probe.kernel.split("-")[0]) for _ in range("-" in probe.kernel)),
        ("num-cpus", str(probe.cpus)),
        ("timezone", sign + "".join(offset)),
        ("timezone", sign + ":".join(offset)),
        ("timezone", str(probe.utc_offset)),
        ("shell", probe.shell),
    )


def _upwards(path: str) -> tuple[str, ...]:
    """Return a path, and those above it that still have a token of ours in their name."""
    above = (path.rsplit("/", count)[0] for count in range(1, path.count("/")))
    return (path, *(one for one in above if _TOKEN.search(one)))
