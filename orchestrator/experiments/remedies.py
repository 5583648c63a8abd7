"""The catalogue of remedies: every way to make two differing builds equal. Each is complete in one entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.build.variations import VARIATIONS
from orchestrator.build.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.build.variation import Variation
    from orchestrator.model import Environment

EPOCH = 1_596_163_658
"""2020-07-31: the value of SOURCE_DATE_EPOCH where it was not set; any time that a zip can store would do."""

SAME_LENGTH = 120
"""Characters of a build path that is padded; more than any of ours has."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way to make two builds equal. This is all that the farm knows of it."""

    name: str
    summary: str
    why: str
    use: str  # how it is used, in a sentence
    written: Writing
    change: Callable[[Writing, Environment, str], Environment]  # the environment, and the release's version
    variation: str = ""  # the variation that it holds
    backends: tuple[str, ...] = ()  # prefixes of the modules of the build backends that know it; empty: any

    def apply(self, environment: Environment, version: str) -> Environment:
        """Turn the environment of either build into the remedied one."""
        return self.change(self.written, environment, version)


def _unchanged(_written: Writing, environment: Environment, _version: str) -> Environment:
    """Leave the environment as it is: the recipe's text does all of it."""
    return environment


def _fix(variation: Variation) -> Remedy:
    """Return the remedy that holds a variation: both builds get the first build's value."""
    return Remedy(
        f"fix-{variation.name}",
        f"Build with the same {variation.name} every time.",
        why=f"Without it: {variation.shows}",
        use="Fix it for every build, as the recipe does.",
        written=variation.fixed,
        change=_unchanged,
        variation=variation.name,
    )


REMEDIES = (
    *map(_fix, VARIATIONS),
    Remedy(
        "set-epoch",
        "Set SOURCE_DATE_EPOCH, so that everything that is dated gets that date.",
        why="Archives, generated files and compilers that know the variable use it instead of the clock.",
        use="Export it for the build, as the time of the release in seconds since 1970, not before 1980.",
        written=Writing(variables=(("SOURCE_DATE_EPOCH", str(EPOCH)),)),
        change=_unchanged,
    ),
    Remedy(
        "prefix-map-source",
        "Have the compiler write the source's folder as a dot.",
        why="Debug information, assertions and __FILE__ have the path of what was compiled.",
        use=(
            "Append -ffile-prefix-map=$PWD=. to CFLAGS and CXXFLAGS; a package that sets such flags itself may lose "
            "them."
        ),
        written=Writing(flags=("-ffile-prefix-map=$PWD=.",)),
        change=_unchanged,
    ),
    Remedy(
        "prefix-map-folder",
        "Have every compiler call write the folder in which it runs as a dot.",
        why="Some build backends copy the source to another folder, which a map of the source's folder misses.",
        use="Put wrappers of the compilers first in PATH that add -ffile-prefix-map=$PWD=. to each call.",
        written=Writing(flags=("-ffile-prefix-map=$PWD=.",)),
        change=_unchanged,
    ),
    Remedy(
        "random-seed",
        "Give the compiler a fixed seed for the names that it makes up.",
        why="With link-time optimisation, and for some symbols of C++, gcc invents names from random numbers.",
        use="Append -frandom-seed=1 to CFLAGS and CXXFLAGS; 0 would leave it random.",
        written=Writing(flags=("-frandom-seed=1",)),
        change=_unchanged,
    ),
    Remedy(
        "no-debug-info",
        "Compile without debug information.",
        why="Where debug information alone has paths, leaving it out leaves nothing that differs.",
        use="Append -g0 to CFLAGS and CXXFLAGS.",
        written=Writing(flags=("-g0",)),
        change=_unchanged,
    ),
    Remedy(
        "remap-rust-path",
        "Have rustc write the source's folder as a dot.",
        why=(
            "Panics and debug information of Rust have the path of the source, and of the crates below the home folder."
        ),
        use="Export RUSTFLAGS with --remap-path-prefix for the source and for the home folder.",
        written=Writing(variables=(("RUSTFLAGS", "--remap-path-prefix=$HOME=home --remap-path-prefix=$PWD=."),)),
        change=_unchanged,
    ),
    Remedy(
        "build-in-place",
        "Build in the source's own folder instead of a temporary copy.",
        why="A copy is in a folder of random name, which goes into debug information and generated files.",
        use="Pass the setting build-inplace=true to the build backend, where it knows that (aio-libs' backends do).",
        written=Writing(settings=(("build-inplace", "true"),)),
        change=_unchanged,
        backends=("pep517_backend",),
    ),
    Remedy(
        "meson-build-dir",
        "Have meson-python build in a folder of fixed name.",
        why="By default it builds in .mesonpy- and eight random letters, which generated files repeat.",
        use="Pass the setting build-dir=build/meson to the build backend.",
        written=Writing(settings=(("build-dir", "build/meson"),)),
        change=_unchanged,
        backends=("mesonpy",),
    ),
    Remedy(
        "pretend-version",
        "Give setuptools-scm the version instead of letting it ask the repository.",
        why="A version from the repository may have the date or the hash of a checkout.",
        use="Export SETUPTOOLS_SCM_PRETEND_VERSION with the release's version.",
        written=Writing(pretend=True),
        change=_unchanged,
    ),
    Remedy(
        "no-sbom",
        "Leave bills of materials out of the wheel.",
        why="Some tools give each one a random serial number, the time and the path of the build.",
        use=(
            "Set rust = false and auditwheel = false under [tool.maturin.sbom], or take them out of the wheel "
            "afterwards."
        ),
        written=Writing(finish=("no-sbom",)),
        change=_unchanged,
    ),
    Remedy(
        "strip-debug",
        "Strip the debug information from the finished wheel.",
        why="It is not loaded at run time, and most paths are in it; the build id, made from it, goes with it.",
        use="Run the wheel through strip-debug after the build; a Debian package has dh_strip for that.",
        written=Writing(finish=("strip-debug",)),
        change=_unchanged,
    ),
    Remedy(
        "canonical-archive",
        "Write the finished wheel's archive again in one canonical form.",
        why=(
            "Order, times, modes and packing of members are then the same whatever built it; contents stay as they are."
        ),
        use="Run the wheel through canonical-archive after the build.",
        written=Writing(finish=("canonical-archive",)),
        change=_unchanged,
    ),
    Remedy(
        "same-length-path",
        "Build in folders whose paths are equally long.",
        why="Where code or tables make room for a path, its length moves all that follows.",
        use=f"Pad the name of the folder, so that its whole path has {SAME_LENGTH} characters.",
        written=Writing(length=SAME_LENGTH),
        change=_unchanged,
    ),
)
"""All remedies; `remedied` applies them in this order. The first ones hold a variation each."""

NAMES = tuple(remedy.name for remedy in REMEDIES)

_BY_NAME = {remedy.name: remedy for remedy in REMEDIES}


def named(name: str) -> Remedy:
    """Return the remedy of that slug; raises KeyError where there is none."""
    return _BY_NAME[name]


def applies(remedy: Remedy, backend: str) -> bool:
    """Check whether a remedy is for that build backend, as pyproject.toml names it."""
    return not remedy.backends or backend.startswith(remedy.backends)


def held_by(names: Iterable[str]) -> tuple[str, ...]:
    """Return the variations that a set of remedies holds."""
    return tuple(sorted(remedy.variation for remedy in map(named, names) if remedy.variation))


def fixes(holds: Iterable[str]) -> tuple[str, ...]:
    """Return the remedies that hold exactly those variations."""
    return tuple(f"fix-{name}" for name in holds)


def remedied(environment: Environment, names: Iterable[str], version: str) -> Environment:
    """Apply remedies to one environment, in the catalogue's order; those that hold a variation change nothing."""
    wanted = set(names)
    for remedy in REMEDIES:
        if remedy.name in wanted:
            environment = remedy.apply(environment, version)
    return environment
