"""The catalogue of remedies: what makes two builds the same that are not, and how it is written down for others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.build import variations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.model import Environment

EPOCH = 1_596_163_658
"""2020-07-31: what SOURCE_DATE_EPOCH is set to where it was not; any moment that a zip knows would do."""

SAME_LENGTH = 120
"""Characters of a build path that is padded; more than any of ours has."""

STRIP_DEBUG, CANONICAL_ARCHIVE, NO_SBOM = "strip-debug", "canonical-archive", "no-sbom"
"""What postprocess can do to a wheel."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How a remedy is written for whoever builds; `$PWD` in a text is the folder of the source.

    Texts of ours alone stand here, and they may be used in a shell's double quotes as they are.
    """

    lines: tuple[str, ...] = ()  # of shell, to run before the build
    variables: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()  # of the C and C++ compilers
    settings: tuple[tuple[str, str], ...] = ()  # --config-settings
    wrap: tuple[str, ...] = ()  # words before the command that builds
    finish: tuple[str, ...] = ()  # done to the wheel afterwards
    folder: str = ""  # where the source is unpacked, if that matters
    requirements: str = ""  # where the build requirements are installed, if that matters
    compilers: bool = False  # whether compilers are called through a wrapper
    pretend: bool = False  # whether the version is told to setuptools-scm
    note: str = ""  # what no script can do


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way to make builds agree; `apply` turns either build's environment into the remedied one."""

    name: str
    summary: str
    why: str
    use: str  # how it is used, in a sentence
    apply: Callable[[Environment, str], Environment]  # the environment, and the release's version
    written: Writing
    variation: str = ""  # of a remedy that is nothing but holding it: then `apply` changes nothing


def _flags(*flags: str) -> Callable[[Environment, str], Environment]:
    """Add flags to those of the compilers; {source} and {home} stand for the environment's own folders."""

    def apply(environment: Environment, _version: str) -> Environment:
        ours = tuple(flag.format(source=environment.build_path, home=environment.home) for flag in flags)
        return replace(environment, flags=(*environment.flags, *ours))

    return apply


def _setting(key: str, value: str) -> Callable[[Environment, str], Environment]:
    return lambda environment, _version: replace(
        environment, config_settings=(*environment.config_settings, (key, value))
    )


def _finish(step: str) -> Callable[[Environment, str], Environment]:
    return lambda environment, _version: replace(environment, finish=(*environment.finish, step))


def _variable(environment: Environment, name: str, value: str) -> Environment:
    return replace(environment, variables=(*environment.variables, (name, value)))


def _same_length(environment: Environment, _version: str) -> Environment:
    return replace(environment, build_path=environment.build_path.ljust(SAME_LENGTH, "x"))


def _rust_paths(environment: Environment, _version: str) -> Environment:
    maps = (f"--remap-path-prefix={environment.home}=home", f"--remap-path-prefix={environment.build_path}=.")
    return _variable(environment, "RUSTFLAGS", " ".join(maps))


def _unchanged(environment: Environment, _version: str) -> Environment:
    """Leave the environment: the variation is held instead."""
    return environment


_REMEDIES = (
    Remedy(
        "set-epoch",
        "Set SOURCE_DATE_EPOCH, so that what is dated bears that date.",
        "Archives, generated files and compilers that know the variable use it instead of the clock.",
        "Export it for the build, as the time of the release in seconds since 1970, not before 1980.",
        lambda environment, _version: replace(environment, source_date_epoch=environment.source_date_epoch or EPOCH),
        Writing(variables=(("SOURCE_DATE_EPOCH", str(EPOCH)),)),
    ),
    Remedy(
        "prefix-map-source",
        "Have the compiler write the source's folder as a dot.",
        "Debug information, assertions and __FILE__ have the path of what was compiled.",
        "Append -ffile-prefix-map=$PWD=. to CFLAGS and CXXFLAGS; a package that sets such flags itself may lose them.",
        _flags("-ffile-prefix-map={source}=."),
        Writing(flags=("-ffile-prefix-map=$PWD=.",)),
    ),
    Remedy(
        "prefix-map-folder",
        "Have every compiler call write the folder in which it runs as a dot.",
        "Some build backends copy the source to a folder of their own, which a map of the source's folder misses.",
        "Put wrappers of the compilers first in PATH that add -ffile-prefix-map=$PWD=. to each call.",
        lambda environment, _version: replace(environment, map_working_folder=True),
        Writing(compilers=True),
    ),
    Remedy(
        "random-seed",
        "Give the compiler a fixed seed for the names that it makes up.",
        "With link-time optimisation, and for some symbols of C++, gcc invents names from random numbers.",
        "Append -frandom-seed=1 to CFLAGS and CXXFLAGS; 0 would leave it random.",
        _flags("-frandom-seed=1"),
        Writing(flags=("-frandom-seed=1",)),
    ),
    Remedy(
        "no-debug-info",
        "Compile without debug information.",
        "Where debug information alone has paths, leaving it out leaves nothing that differs.",
        "Append -g0 to CFLAGS and CXXFLAGS.",
        _flags("-g0"),
        Writing(flags=("-g0",)),
    ),
    Remedy(
        "remap-rust-path",
        "Have rustc write the source's folder as a dot.",
        "Panics and debug information of Rust have the path of the source, and of the crates below the home folder.",
        "Export RUSTFLAGS with --remap-path-prefix for the source and for the home folder.",
        _rust_paths,
        Writing(variables=(("RUSTFLAGS", "--remap-path-prefix=$HOME=home --remap-path-prefix=$PWD=."),)),
    ),
    Remedy(
        "build-in-place",
        "Build in the source's own folder instead of a temporary copy.",
        "A copy lies in a folder of random name, which goes into debug information and generated files.",
        "Pass the setting build-inplace=true to the build backend, where it knows that (aio-libs' backends do).",
        _setting("build-inplace", "true"),
        Writing(settings=(("build-inplace", "true"),)),
    ),
    Remedy(
        "meson-build-dir",
        "Have meson-python build in a folder of fixed name.",
        "By default it builds in .mesonpy- and eight random letters, which generated files repeat.",
        "Pass the setting build-dir=build/meson to the build backend.",
        _setting("build-dir", "build/meson"),
        Writing(settings=(("build-dir", "build/meson"),)),
    ),
    Remedy(
        "pretend-version",
        "Tell setuptools-scm the version instead of letting it ask the repository.",
        "A version from the repository may have the date or the hash of a checkout.",
        "Export SETUPTOOLS_SCM_PRETEND_VERSION with the release's version.",
        lambda environment, version: _variable(environment, "SETUPTOOLS_SCM_PRETEND_VERSION", version),
        Writing(pretend=True),
    ),
    Remedy(
        "no-sbom",
        "Leave bills of materials out of the wheel.",
        "Some tools give each one a random serial number, the time and the path of the build.",
        "Set rust = false and auditwheel = false under [tool.maturin.sbom], or take them out of the wheel afterwards.",
        _finish(NO_SBOM),
        Writing(finish=(NO_SBOM,)),
    ),
    Remedy(
        "strip-debug",
        "Strip the debug information from the finished wheel.",
        "It is not loaded at run time, and most paths are in it; the build id, made from it, goes with it.",
        "Run the wheel through strip-debug after the build; a Debian package has dh_strip for that.",
        _finish(STRIP_DEBUG),
        Writing(finish=(STRIP_DEBUG,)),
    ),
    Remedy(
        "canonical-archive",
        "Write the finished wheel's archive anew in one canonical form.",
        "Order, times, modes and packing of members are then the same whatever built it; contents stay as they are.",
        "Run the wheel through canonical-archive after the build.",
        _finish(CANONICAL_ARCHIVE),
        Writing(finish=(CANONICAL_ARCHIVE,)),
    ),
    Remedy(
        "same-length-path",
        "Build in folders whose paths are equally long.",
        "Where code or tables make room for a path, its length moves all that follows.",
        f"Pad the name of the folder, so that its whole path has {SAME_LENGTH} characters.",
        _same_length,
        Writing(note=f"build in a folder whose path has {SAME_LENGTH} characters"),
    ),
)

_FIXED = {
    "build-path": Writing(folder="/build/source"),
    "domain-host": Writing(
        wrap=("unshare", "--map-root-user", "--uts", "sh", "-c", 'hostname builder && exec "$@"', "sh")
    ),
    "time": Writing(wrap=("faketime", "-f", "2020-07-31 12:00:00")),
    "timezone": Writing(variables=(("TZ", "UTC"),)),
    "locales": Writing(lines=("unset LANGUAGE",), variables=(("LC_ALL", "C.UTF-8"),)),
    "umask": Writing(lines=("umask 022",)),
    "user-group": Writing(note="build as a user of the same name and number"),
    "home": Writing(lines=("mkdir -p /build/home",), variables=(("HOME", "/build/home"),)),
    "exec-path": Writing(variables=(("PATH", "/usr/local/bin:/usr/bin:/bin"),)),
    "environment": Writing(note="begin with an empty environment, as with env --ignore-environment"),
    "kernel": Writing(note="build on a kernel of the same release, or under setarch --uname-2.6"),
    "num-cpus": Writing(variables=(("MAKEFLAGS", "-j1"),), wrap=("taskset", "--cpu-list", "0")),
    "fileordering": Writing(
        note="unpack onto a file system that lists folders in a fixed order, as disorderfs --sort-dirents=yes gives one"
    ),
    "hash-seed": Writing(variables=(("PYTHONHASHSEED", "0"),)),
    "tmpdir": Writing(lines=("mkdir -p /build/tmp",), variables=(("TMPDIR", "/build/tmp"),)),
    "environment-path": Writing(requirements="/build/requirements"),
    "shell": Writing(
        variables=(("CONFIG_SHELL", "/bin/dash"), ("SHELL", "/bin/dash")), note="build where /bin/sh is dash"
    ),
}

_FIX_WHY = {
    "build-path": "Most compilers and some generated files repeat the folder in which they run.",
    "umask": "Wheels keep the permissions of generated files, which follow the umask.",
}


def _fix(variation: variations.Variation) -> Remedy:
    """Return the remedy that undoes a variation: both builds have what the first has."""
    return Remedy(
        f"fix-{variation.name}",
        f"Build with the same {variation.name} every time.",
        _FIX_WHY.get(variation.name, f"What differs follows this variation: {variation.summary}"),
        "Fix it for every build, as the recipe does.",
        _unchanged,
        _FIXED[variation.name],
        variation.name,
    )


REMEDIES = (*(_fix(variation) for variation in variations.VARIATIONS), *_REMEDIES)
"""All remedies, by their slugs."""

NAMES = tuple(remedy.name for remedy in REMEDIES)

_BY_NAME = {remedy.name: remedy for remedy in REMEDIES}


def named(name: str) -> Remedy:
    """Return the remedy of that slug; raises KeyError where there is none."""
    return _BY_NAME[name]


def held_by(names: Iterable[str]) -> tuple[str, ...]:
    """Return the variations that a set of remedies holds."""
    return tuple(sorted(remedy.variation for remedy in map(named, names) if remedy.variation))


def fixes(holds: Iterable[str]) -> tuple[str, ...]:
    """Return the remedies that hold just those variations."""
    return tuple(f"fix-{name}" for name in holds)


def remedied(environment: Environment, names: Iterable[str], version: str) -> Environment:
    """Apply remedies to one environment, in the catalogue's order; those that hold a variation change nothing."""
    wanted = set(names)
    for remedy in REMEDIES:
        if remedy.name in wanted:
            environment = remedy.apply(environment, version)
    return environment
