"""The catalogue of variations: every difference between the environments of the two builds.

Names follow reprotest where it has one. Each variation is complete in one entry: what it changes, how
two probes show that it acted, how users read it, what it plants, and how it is written for users.
"""

from __future__ import annotations

import stat
from dataclasses import replace
from itertools import chain
from posixpath import basename
from typing import TYPE_CHECKING

from orchestrator.build.variation import (
    Planted,
    Variation,
    assignments,
    differ,
    differ_in_variable,
    duration,
    has_token,
    moment,
    nothing,
    offset,
    token,
    with_parents,
)
from orchestrator.build.writing import Writing
from orchestrator.model import DAY, Mode, Traces, Variant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.model import Build, Environment, Probe

CLOCK_SHIFT = 400 * DAY + 7 * 3600 + 23 * 60 + 13
"""Seconds.

At every time, and in the two time zones as well as in one, this changes the second, the minute, the hour (of 12 and
of 24), the day of the week, the month and the year, the month, the year (of two digits and of four), the ISO week and
its year, and the day of the year. All but the second still differ if the second build begins up to half an hour
later.
"""

_ACTED_SHIFT = 300 * DAY


def _second_path(first: Environment) -> str:
    word = token(first.salt, "build-path")
    return f"/srv/{word}/second/build/source-{word}"


def _planted_build_path(path: str) -> Planted:
    name = basename(path)
    return Planted((*with_parents(path), *((name,) if has_token(name) else ())), (name,))


SECOND_HOST = "second"
"""The value of `Environment.host` for a build that runs on another host than its job."""

_PERSONALITY = "2.6."  # begins a kernel's name under setarch --uname-2.6; no kernel of today has that number


def _is_renamed(probe: Probe) -> bool:
    return probe.kernel.startswith(_PERSONALITY)


def _seen_host(probe: Probe) -> str:
    """Return the processor, its instruction set and the kernel; users see it beside the other build's."""
    flags = f"instruction set {probe.cpu_flags}" if probe.cpu_flags else ""
    boot = f"boot {probe.boot_id}" if probe.boot_id else ""
    return ", ".join(filter(None, (probe.processor, flags, _release(probe), boot))) or "unknown"


def _release(probe: Probe) -> str:
    """Return the kernel's release, in any personality: "6.1.0-18-amd64", the third word of /proc/version."""
    words = probe.kernel_version.split()
    return words[2] if words[:2] == ["Linux", "version"] and len(words) > 2 else ""  # noqa: PLR2004 - proc(5)


def _planted_host(probe: Probe) -> tuple[str, ...]:
    release = _release(probe)
    return tuple(filter(None, (probe.processor, release, release.split("-")[0])))


def _offsets(probe: Probe | None) -> tuple[str, ...]:
    if probe is None:
        return ()
    return offset(probe.utc_offset, ""), offset(probe.utc_offset), str(probe.utc_offset)


def _locale(locale: str, language: str) -> str:
    return f"{locale}, language {language}" if language else locale


def _planted_locale(environment: Environment) -> Planted:
    locale = environment.locale
    texts = (locale, locale.split(".")[0], environment.language, locale.lower().replace("-", ""))
    return Planted(words=tuple(filter(None, texts)))


def _planted_umask(mask: int) -> Planted:
    """Return the mask, and the modes that it leaves to a file and to a folder, in octal, in decimal and in letters."""
    masks = (f"{mask:03o}", f"{mask:04o}", f"0o{mask:o}")
    modes = (0o666 & ~mask, 0o777 & ~mask)
    octal = (f"{prefix}{mode:o}" for mode in modes for prefix in ("", "0", "0o", "100"))
    kinds = [kind | mode for mode in modes for kind in (stat.S_IFREG, stat.S_IFDIR)]
    return Planted(words=(*masks, *octal, *map(str, (*modes, *kinds)), *map(stat.filemode, kinds)))


VARIATIONS = (
    Variation(
        "build-path",
        "Build in a folder of another name, depth and length.",
        changes=lambda first: dict(build_path=_second_path(first)),
        acted=differ("build_path"),
        shown=lambda environment: environment.build_path,
        seen=lambda probe: probe.build_path,
        planted=lambda environment, _: _planted_build_path(environment.build_path),
        fixed=Writing(fixed_folder=True),
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
            "MarkupSafe 2.1.5: the `.debug_*` sections of `_speedups` contain the folder in which it was compiled, and "
            "nothing that is loaded does."
        ),
    ),
    Variation(
        "domain-host",
        "Build on a host of another name, in another domain.",
        changes=lambda first: dict(
            hostname=f"second-{token(first.salt, 'domain-host')}",
            domainname=f"{token(first.salt, 'domain-host')}.second.example",
        ),
        acted=differ("hostname", "domainname"),
        shown=lambda environment: f"{environment.hostname}, domain {environment.domainname}",
        seen=lambda probe: f"{probe.hostname}, domain {probe.domainname}",
        planted=lambda environment, _: Planted(
            (environment.hostname, environment.domainname, f"{environment.hostname}.{environment.domainname}")
        ),
        fixed=Writing(
            check='[ "$(uname -n)" = builder ]',
            note="the wheel depends on the host's name; run this where it is builder, as with docker run -h builder",
        ),
        why="No two machines have the same name, and one in a container often has a random one.",
        shows="A generated file records where it was built.",
        repair="Leave the host's name out of what is generated: a wheel is for other hosts.",
        example='`BUILD_HOST = "first-8f2c"` in one wheel, `BUILD_HOST = "second-41d0"` in the other.',
    ),
    Variation(
        "time",
        "Build 400 days, 7 hours, 23 minutes and 13 seconds later.",
        changes=lambda _: dict(clock_offset=CLOCK_SHIFT),
        acted=lambda first, second: abs(second.clock - first.clock) > _ACTED_SHIFT,
        shown=lambda environment: duration(environment.clock_offset),
        seen=lambda probe: moment(probe.clock),
        planted=nothing,  # dates are recognised by `Traces.clock`
        fixed=Writing(
            variables=(("TZ", "UTC"), ("SOURCE_DATE_EPOCH", "1596196800")),  # the same moment: files keep the real one
            requires=("libfaketime",),
            wrap=(
                "env",
                "LD_LIBRARY_PATH=$env/lib/python$version/site-packages/libfaketime/vendor/libfaketime/src",
                "LD_PRELOAD=libfaketime.so.1",
                "FAKETIME=2020-07-31 12:00:00",
                "DONT_FAKE_MONOTONIC=1",
            ),
        ),
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
            "`2026-11-20 12:00:00` in one archive, `2027-12-25 19:23:12` in the other: wheels of setuptools, when "
            "`SOURCE_DATE_EPOCH` is not set."
        ),
    ),
    Variation(
        "timezone",
        "Build 26 hours further east.",
        changes=lambda _: dict(timezone="GMT-14"),
        acted=differ("utc_offset"),
        shown=lambda environment: environment.timezone,
        seen=lambda probe: f"UTC{offset(probe.utc_offset)}",
        planted=lambda environment, probe: Planted(words=(environment.timezone, *_offsets(probe))),
        fixed=Writing(variables=(("TZ", "UTC"),)),
        why="Builders live around the globe, and archives and many formats keep local time.",
        shows="A time, or the day, differs by as many hours as there are between the zones.",
        repair="Write times in UTC: `datetime.now(UTC)`, `time.gmtime`, `date -u`.",
        example="flit without `SOURCE_DATE_EPOCH`: local times in the archive, so the zone alone changes the wheel.",
    ),
    Variation(
        "locales",
        "Build in Estonian, which sorts letters in another order than ASCII.",
        changes=lambda _: dict(locale="et_EE.UTF-8", language="et_EE:et"),
        acted=differ("locale", "language"),
        shown=lambda environment: _locale(environment.locale, environment.language),
        seen=lambda probe: _locale(probe.locale, probe.language),
        planted=lambda environment, _: _planted_locale(environment),
        fixed=Writing(lines=("unset LANGUAGE",), variables=(("LC_ALL", "C.UTF-8"), ("LANG", "C.UTF-8"))),
        why="People build in their own language, servers in none.",
        shows="Lists are sorted differently, messages and names of months are translated, numbers have commas.",
        repair="Sort by code points, which is what Python's `sorted` does; run other programs with `LC_ALL=C.UTF-8`.",
        example="`sort` gives `s, z, t` in Estonian and `s, t, z` elsewhere.",
    ),
    Variation(
        "umask",
        "Create files that the group may write.",
        changes=lambda _: dict(umask=0o002),
        acted=differ("umask"),
        shown=lambda environment: f"{environment.umask:04o}",
        seen=lambda probe: f"{probe.umask:04o}",
        planted=lambda environment, _: _planted_umask(environment.umask),
        fixed=Writing(lines=("umask 022",)),
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
        changes=lambda _: dict(user="second-builder", uid=2222, login_shell="/bin/bash"),
        acted=differ("uid", "user", "login_shell"),
        shown=lambda environment: f"{environment.user}, uid {environment.uid}, {environment.login_shell}",
        seen=lambda probe: f"{probe.user}, uid {probe.uid}, {probe.login_shell}",
        planted=lambda environment, _: Planted((environment.user,), (str(environment.uid), environment.login_shell)),
        fixed=Writing(
            check='[ "$(id -un) $(id -u)" = "first-builder 1111" ]',
            note="the wheel depends on the user; run this as the user first-builder, whose number is 1111",
        ),
        why="Each builder has their own name and numbers.",
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
        changes=lambda first: dict(home=f"/nonexistent/{token(first.salt, 'home')}"),
        acted=differ("home", "home_exists"),
        shown=lambda environment: environment.home,
        seen=lambda probe: f"{probe.home} ({'exists' if probe.home_exists else 'does not exist'})",
        planted=lambda environment, _: Planted((environment.home,)),
        fixed=Writing(fixed_folder=True, lines=('mkdir "$work/home"',), variables=(("HOME", "$work/home"),)),
        why="It is named after the user, and many build servers have none that exists.",
        shows="A generated file contains a path below it; or a build fails that wants to write there.",
        repair="Neither quote the home folder nor write to it; caches belong in a temporary folder.",
        example="`/home/first/.config/tool.ini` in one wheel, `/nonexistent/second/.config/tool.ini` in the other.",
    ),
    Variation(
        "exec-path",
        "Look for programs in one more folder.",
        changes=lambda first: dict(path=(*first.path, f"/opt/{token(first.salt, 'exec-path')}/bin")),
        acted=differ("path"),
        shown=lambda environment: ":".join(environment.path),
        seen=lambda probe: ":".join(probe.path),
        planted=lambda environment, _: Planted(
            tuple(folder for folder in environment.path if folder.startswith("/opt/"))
        ),
        fixed=Writing(fixed_folder=True, variables=(("PATH", "/usr/local/bin:/usr/bin:/bin"),)),
        why="Everyone has other programs in other folders.",
        shows="A generated file contains `PATH` as a whole, or the place where a program was found.",
        repair="Quote programs by their names, and leave `PATH` out of what is recorded of the build.",
        example="`path: /usr/bin:/bin` in one wheel, `path: /usr/bin:/bin:/opt/tools/bin` in the other.",
    ),
    Variation(
        "environment",
        "Set one more environment variable.",
        changes=lambda first: dict(
            variables=(*first.variables, ("CAPTURE_ENVIRONMENT", token(first.salt, "environment")))
        ),
        acted=differ_in_variable("CAPTURE_ENVIRONMENT"),
        shown=lambda environment: assignments(environment.variables, "CAPTURE_ENVIRONMENT"),
        seen=lambda probe: assignments(probe.variables, "CAPTURE_ENVIRONMENT"),
        planted=lambda environment, _: Planted(
            tuple(value for name, value in environment.variables if name == "CAPTURE_ENVIRONMENT")
        ),
        fixed=Writing(clean_environment=True),
        why="Every shell and every build service sets its own variables.",
        shows="A file that dumps all of the environment, or takes its values from it, has one more line.",
        repair="Record only the variables that the build is meant to depend on.",
        example="`CAPTURE_ENVIRONMENT=...` is in one of two wheels whose build writes `os.environ` into a file.",
    ),
    Variation(
        "kernel",
        "Build on a kernel that calls itself 2.6.",
        changes=lambda _: dict(uname26=True),
        acted=lambda first, second: _is_renamed(first) is not _is_renamed(second),  # two hosts have two kernels anyway
        shown=lambda environment: "calls itself 2.6" if environment.uname26 else "under its own name",
        seen=lambda probe: probe.kernel,
        planted=lambda _, probe: Planted(words=(probe.kernel, probe.kernel.split("-")[0]) if probe else ()),
        fixed=Writing(
            check='[ "$(uname -r | cut -d. -f1-2)" = 2.6 ]',
            note="the wheel depends on the kernel; run this with setarch x86_64 --uname-2.6 before the command",
        ),
        why="It is updated every few weeks, and in a container it is the host's.",
        shows="A generated file quotes `uname -r`; or the build decides by it what to compile.",
        repair="Leave the kernel of the build machine out: it is not the one on which the wheel runs.",
        example="`built on Linux 6.1.0` in one wheel, `built on Linux 2.6.78` in the other.",
    ),
    Variation(
        "num-cpus",
        "Build on all processors instead of one.",
        changes=lambda _: dict(cpus=None),
        acted=differ("cpus"),
        shown=lambda environment: "all" if environment.cpus is None else str(environment.cpus),
        seen=lambda probe: str(probe.cpus),
        planted=lambda _, probe: Planted(words=(str(probe.cpus),) if probe else ()),
        fixed=Writing(
            lines=("""cpu=$("$python" -I -c 'import os; print(min(os.sched_getaffinity(0)))')""",),
            variables=(("MAKEFLAGS", "-j1"), ("CMAKE_BUILD_PARALLEL_LEVEL", "1"), ("NPY_NUM_BUILD_JOBS", "1")),
            wrap=("taskset", "--cpu-list", "$cpu"),
        ),
        why="Laptops have eight, build servers a hundred, and a container may be given one.",
        shows=(
            "A generated file contains the number, or the order in which parallel steps end decides the order of what "
            "they made."
        ),
        repair="Sort what parallel steps give before it is used, and do not record how many there were.",
        example="`jobs = 1` in one wheel, `jobs = 8` in the other.",
    ),
    Variation(
        "fileordering",
        "List the files of each folder in the opposite order.",
        changes=lambda _: dict(reverse_files=True),
        acted=differ("listing"),
        shown=lambda environment: "reversed" if environment.reverse_files else "as unpacked",
        seen=lambda probe: " ".join(probe.listing),
        planted=nothing,
        fixed=Writing(
            note=(
                "unpack onto a file system that lists folders in a fixed order, as disorderfs --sort-dirents=yes "
                "gives one"
            )
        ),
        why="A file system lists a folder in any order that suits it.",
        shows=(
            "Members of an archive, objects in a library, or lines of a list are in another order; with nothing added "
            "or gone."
        ),
        repair="Sort: `sorted(glob(...))`, `sorted(os.listdir(...))`, `dirs.sort()` in a walk.",
        example="A C extension whose sources come from `glob.glob` has its functions in another order.",
    ),
    Variation(
        "hash-seed",
        "Give Python's hashes another seed, and so its sets another order.",
        changes=lambda first: dict(hash_seed=int(first.salt, 16) % 4_294_967_294 + 1),
        acted=differ("hash_of_word"),
        shown=lambda environment: str(environment.hash_seed),
        seen=lambda probe: f"a word's hash is {probe.hash_of_word}",
        planted=lambda environment, _: Planted(words=(str(environment.hash_seed),)),
        fixed=Writing(variables=(("PYTHONHASHSEED", "0"),)),
        why="Python draws a new one each time that it starts, so that nobody can guess it.",
        shows="What was a set has its elements in another order: names in a list, keywords, requirements.",
        repair="Sort sets before they are written: `sorted(names)`. A `dict` keeps its order and needs nothing.",
        example="`Keywords: b, a` in one wheel, `Keywords: a, b` in the other.",
    ),
    Variation(
        "tmpdir",
        "Keep temporary files in another folder.",
        changes=lambda first: dict(tmpdir=f"/var/{token(first.salt, 'tmpdir')}/tmp"),  # noqa: S108 - of a container
        acted=differ("tmpdir"),
        shown=lambda environment: environment.tmpdir,
        seen=lambda probe: probe.tmpdir,
        planted=lambda environment, _: Planted(with_parents(environment.tmpdir)),
        fixed=Writing(fixed_folder=True),
        why="`TMPDIR` is set by sessions, batch systems and build tools.",
        shows="A generated file or debug information contains a path below it, mostly with a random name at its end.",
        repair=(
            "Work in a folder below the build's own, with a fixed name; or map it away as one does with the build path."
        ),
        example="`/tmp/first/tmpab12/x.c` in one wheel, `/var/second/tmp/tmpcd34/x.c` in the other.",
    ),
    Variation(
        "environment-path",
        "Find the build requirements in another folder.",
        changes=lambda first: dict(
            environment_path=f"/opt/{token(first.salt, 'environment-path')}/second/requirements"
        ),
        acted=differ("environment_path"),
        shown=lambda environment: environment.environment_path,
        seen=lambda probe: probe.environment_path,
        planted=lambda environment, _: Planted(with_parents(environment.environment_path)),
        fixed=Writing(fixed_folder=True),
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
        changes=lambda _: dict(shell="/bin/bash"),
        acted=differ("shell"),
        shown=lambda environment: environment.shell,
        seen=lambda probe: probe.shell,
        planted=lambda environment, probe: Planted(
            words=(
                *(environment.shell, f"/usr{environment.shell}", basename(environment.shell)),
                *((probe.shell,) if probe else ()),
            )
        ),
        fixed=Writing(
            variables=(("CONFIG_SHELL", "/bin/dash"), ("SHELL", "/bin/dash")),
            check='[ "$(basename "$(readlink -f /bin/sh)")" = dash ]',
            note="the wheel depends on the shell; run this where /bin/sh is dash, as on Debian",
        ),
        why="`/bin/sh` is dash on Debian, bash on Fedora, busybox on Alpine.",
        shows=(
            "A script behaves differently: `echo` with backslashes, `[[`, arrays; or the shell's own name or version "
            "is recorded."
        ),
        repair="Write scripts for a POSIX shell, with `printf` in place of `echo`; or name the shell that they need.",
        example="`echo 'a\\nb'` writes two lines in dash and one in bash.",
    ),
    Variation(
        "host",
        "Build on another host, which has another kernel and mostly another processor.",
        changes=lambda _: dict(host=SECOND_HOST),
        acted=lambda first, second: bool(first.boot_id and second.boot_id) and first.boot_id != second.boot_id,
        shown=lambda environment: "another host" if environment.host else "the job's own host",
        seen=_seen_host,
        planted=lambda _, probe: Planted(words=_planted_host(probe) if probe else ()),
        fixed=Writing(
            note="the wheel depends on the host; run this on the host that built it first, or on one with its processor"
        ),
        why="Two builders rarely have the same processor, and never the same running kernel.",
        shows=(
            "Compiled code has other instructions, since `-march=native` compiles for the processor at hand; a "
            "configuration step detects instruction sets while it builds and enables others, as BLAS libraries do; a "
            "generated file names the processor. It is varied only with `spread: true`: one host cannot show it."
        ),
        repair=(
            "Compile for a named processor, such as `-march=x86-64-v2`, and choose faster code at run time, as NumPy "
            "does with a list of instruction sets that its build is given (`cpu-baseline`, `cpu-dispatch`)."
        ),
        example=(
            "A library compiled with `-march=native` has `vmovups zmm0` in one wheel, built where there is AVX-512, "
            "and `vmovups ymm0` in the other."
        ),
    ),
)
"""Every difference between the environments of the two builds, in the order in which experiments search them."""

HOST = "host"
"""The variation that needs two hosts: it is varied, and in a record, only where a task has `spread`."""

NAMES = tuple(variation.name for variation in VARIATIONS)
"""All names; `names` has those of a task."""

BY_NAME = {variation.name: variation for variation in VARIATIONS}
"""Variations by slug; a record of an earlier release may name one that is not here."""


def mode(name: str, hold: tuple[str, ...], remove: tuple[str, ...]) -> Mode:
    """Return what the configuration requests of the variation of that name."""
    if name in remove:
        return Mode.REMOVED
    return Mode.HELD if name in hold else Mode.VARIED


def names(*, spread: bool) -> tuple[str, ...]:
    """Return the variations of a task, held and removed ones too: `host` is one of them where it is spread."""
    return NAMES if spread else tuple(name for name in NAMES if name != HOST)


def second_environment(first: Environment, unvaried: tuple[str, ...] = (), *, spread: bool = False) -> Environment:
    """Apply all variations but the unvaried ones to the first environment."""
    varied = (BY_NAME[name] for name in names(spread=spread) if name not in unvaried)
    changes = (variation.changes(first).items() for variation in varied)
    return replace(first, **dict(chain.from_iterable(changes)))


def variants(
    first: Probe, second: Probe, hold: tuple[str, ...], remove: tuple[str, ...], *, spread: bool = False
) -> tuple[Variant, ...]:
    """Return, for each variation, what was requested of it and whether the probes show that it acted."""
    return tuple(
        Variant(name, mode(name, hold, remove), BY_NAME[name].acted(first, second)) for name in names(spread=spread)
    )


def disobeyed(seen: tuple[Variant, ...]) -> tuple[str, ...]:
    """Name the variations that were requested and did not act, and those that were held and acted.

    That `host` did not act is no fault of the engine: two workers may share a kernel, or a runtime hides it. The
    record has it as a variation that did not act, with a caution.
    """
    return tuple(
        variant.name
        for variant in seen
        if variant.mode is not Mode.REMOVED
        and variant.acted is not (variant.mode is Mode.VARIED)
        and (variant.acted or variant.name != HOST)
    )


def traces(build: Build) -> Traces:
    """Return the texts and times that a build's environment planted.

    A text that occurs in every environment of ours is not a trace. Words may occur in any text by
    chance: they count only where both builds have their own in the same place.
    """
    probe = build.probe
    planted = [(variation.name, variation.planted(build.environment, probe)) for variation in VARIATIONS]
    return Traces(
        values=_longest_first((name, text) for name, texts in planted for text in texts.values),
        words=_longest_first((name, text) for name, texts in planted for text in texts.words),
        clock=(probe.clock, probe.clock + build.seconds) if probe else None,
        utc_offset=probe.utc_offset if probe else 0,
        source_date_epoch=build.environment.source_date_epoch,
    )


def _longest_first(planted: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(dict.fromkeys(planted), key=lambda pair: (-len(pair[1]), pair)))
