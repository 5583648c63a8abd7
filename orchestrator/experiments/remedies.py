"""The catalogue of remedies: every way to make two differing builds equal. Each is complete in one entry."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
"""Characters of the path of a padded folder."""


def _unchanged(_written: Writing, environment: Environment, _version: str) -> Environment:
    """Leave the environment as it is: the recipe does all."""
    return environment


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way to make two builds equal. This is all that the farm knows of it."""

    name: str
    summary: str
    why: str
    use: str  # how it is used, in a sentence
    written: Writing
    # What no script can do is done by the farm in both builds; the arguments end with the release's version.
    change: Callable[[Writing, Environment, str], Environment] = _unchanged
    variation: str = ""  # the variation that it holds
    backends: tuple[str, ...] = ()  # prefixes of the modules of the build backends that have it; empty: all

    def apply(self, environment: Environment, version: str) -> Environment:
        """Give the environment of either build what the remedy's recipe checks."""
        return self.change(self.written, environment, version)


def applies(remedy: Remedy, backend: str) -> bool:
    """Return whether a remedy is one for a build backend, given by its module as in pyproject.toml."""
    module = backend.partition(":")[0]
    return not remedy.backends or any(module == one or module.startswith(f"{one}.") for one in remedy.backends)


def _to(**values: str | int) -> Callable[[Writing, Environment, str], Environment]:
    """Return a change that gives an environment these values."""
    return lambda _written, environment, _version: replace(environment, **values)  # type: ignore[arg-type] # its fields


_CHANGES = {
    "domain-host": _to(hostname="builder", domainname="example"),
    "user-group": _to(user="first-builder", uid=1111, login_shell="/bin/sh"),
    "kernel": _to(uname26=True),
    "fileordering": _to(reverse_files=False),
    "host": _to(host=""),  # each job's own
    "shell": _to(shell="/bin/dash"),  # noqa: S604 - a part of an environment
}
"""What no script can do, by variation: each value is the one that the variation's `fixed.check` accepts."""


_CHECKED = "Build where it has one value. No script can set it: a recipe names the value, and checks it where it can."


def _fix(variation: Variation) -> Remedy:
    """Return the remedy that holds a variation: both builds get the first build's value."""
    return Remedy(
        f"fix-{variation.name}",
        f"Build with the same {variation.name} every time.",
        why=f"Without it: {variation.shows}",
        use=_CHECKED if variation.name in _CHANGES else "Give it one value in every build, as a recipe does.",
        written=variation.fixed,
        change=_CHANGES.get(variation.name, _unchanged),
        variation=variation.name,
    )


_REMAP = (
    "--remap-path-prefix=${HOME-/nonexistent}=home "
    "--remap-path-prefix=${CARGO_HOME-${HOME-/nonexistent}/.cargo}=cargo --remap-path-prefix=$source=."
)

REMEDIES = (
    *map(_fix, VARIATIONS),
    Remedy(
        "set-epoch",
        "Set SOURCE_DATE_EPOCH, so that everything that is dated gets that date.",
        why="Archives, generated files and compilers that know the variable use it instead of the clock.",
        use="Export it for the build, as the time of the release in seconds since 1970, not before 1980.",
        written=Writing(variables=(("SOURCE_DATE_EPOCH", str(EPOCH)),)),
    ),
    Remedy(
        "hatch-mypyc-build-dir",
        "Have hatch-mypyc build in a folder of fixed name.",
        why="By default it builds in a temporary folder of random name, which debug information repeats.",
        use="Export HATCH_MYPYC_BUILD_DIR for the build, or set build-dir of the build hook.",
        written=Writing(
            folders=("$source/build/mypyc",), variables=(("HATCH_MYPYC_BUILD_DIR", "$source/build/mypyc"),)
        ),
        backends=("hatchling",),
    ),
    Remedy(
        "no-date",
        "Have setuptools leave the date of the build out of the version.",
        why="With tag_date, the version ends with the day of the build, and so does the name of the wheel.",
        use='Pass the setting --global-option="egg_info --no-date" to the build backend, or take tag_date out.',
        written=Writing(settings=(("--global-option", "egg_info --no-date"),)),
        backends=("setuptools",),
    ),
    Remedy(
        "scikit-build-dir",
        "Have scikit-build-core build in a folder of fixed name.",
        why="By default it builds in a temporary folder of random name, which debug information repeats.",
        use="Pass the setting build-dir=build to the build backend.",
        written=Writing(settings=(("build-dir", "build"),)),
        backends=("scikit_build_core",),
    ),
    Remedy(
        "scikit-reproducible",
        "Have scikit-build-core write an archive with fixed times and modes.",
        why="By default its wheels keep the times and the modes of the files, which follow the clock and the umask.",
        use="Pass the setting wheel.reproducible=true to the build backend, which has it since release 1.0.",
        written=Writing(settings=(("wheel.reproducible", "true"),)),
        backends=("scikit_build_core",),
    ),
    Remedy(
        "meson-build-dir",
        "Have meson-python build in a folder of fixed name.",
        why="By default it builds in .mesonpy- and eight random letters, which generated files repeat.",
        use="Pass the setting build-dir=build/meson to the build backend.",
        written=Writing(settings=(("build-dir", "build/meson"),)),
        backends=("mesonpy",),
    ),
    Remedy(
        "build-in-place",
        "Build in the source's own folder instead of a temporary copy.",
        why="A copy is in a folder of random name, which goes into debug information and generated files.",
        use="Pass the setting build-inplace=true to the build backend, where it knows that (aio-libs' backends do).",
        written=Writing(settings=(("build-inplace", "true"),)),
        backends=("pep517_backend",),
    ),
    Remedy(
        "prefix-map-source",
        "Have the compiler write the source's folder as a dot.",
        why="Debug information, assertions and __FILE__ have the path of what was compiled.",
        use=(
            "Put wrappers of the compilers first in PATH that append -ffile-prefix-map=SOURCE=. to each call; CFLAGS "
            "would replace Python's own flags."
        ),
        written=Writing(flags=("-ffile-prefix-map=$source=.",)),
    ),
    Remedy(
        "prefix-map-folder",
        "Have every compiler call write the folder in which it runs as a dot.",
        why="Some build backends copy the source to another folder, which a map of the source's folder misses.",
        use="Put wrappers of the compilers first in PATH that append -ffile-prefix-map=$PWD=. to each call.",
        written=Writing(flags=("-ffile-prefix-map=$PWD=.",)),
    ),
    Remedy(
        "random-seed",
        "Give the compiler a fixed seed for the names that it makes up.",
        why="With link-time optimisation, and for some symbols of C++, gcc invents names from random numbers.",
        use="Put wrappers of the compilers first in PATH that append -frandom-seed=1 to each call; 0 is random.",
        written=Writing(flags=("-frandom-seed=1",)),
    ),
    Remedy(
        "no-debug-info",
        "Compile without debug information.",
        why="Where debug information alone has paths, leaving it out leaves nothing that differs.",
        use="Put wrappers of the compilers first in PATH that append -g0 to each call.",
        written=Writing(flags=("-g0",)),
    ),
    Remedy(
        "remap-rust-path",
        "Have rustc write the source's folder as a dot.",
        why=(
            "Panics and debug information of Rust have the path of the source, and of the crates below the home folder."
        ),
        use="Export RUSTFLAGS with --remap-path-prefix for the source, for cargo's folder and for the home folder.",
        written=Writing(variables=(("RUSTFLAGS", _REMAP),)),
    ),
    Remedy(
        "pretend-version",
        "Give setuptools-scm the version instead of letting it ask the repository.",
        why="A version from the repository may have the date or the hash of a checkout.",
        use="Export SETUPTOOLS_SCM_PRETEND_VERSION with the release's version.",
        written=Writing(pretend=True),
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
    ),
    Remedy(
        "strip-debug",
        "Strip the debug information from the finished wheel.",
        why="It is not loaded at run time, and most paths are in it; the build id, made from it, goes with it.",
        use=(
            "Run strip with --strip-debug and --remove-section=.note.gnu.build-id on each library of the wheel, and "
            "write RECORD again. A recipe contains a program for that; a Debian package has dh_strip."
        ),
        written=Writing(finish=("strip-debug",)),
    ),
    Remedy(
        "canonical-archive",
        "Write the finished wheel's archive again in one canonical form.",
        why=(
            "Order, times, modes and packing of members are then the same whatever built it; contents stay as they are."
        ),
        use=(
            "Write the archive again, with its members sorted, and with one time and the modes 0644 and 0755. A recipe "
            "contains a program for that."
        ),
        written=Writing(finish=("canonical-archive",)),
    ),
    Remedy(
        "same-length-path",
        "Build in folders whose paths are equally long.",
        why="Where code or tables make room for a path, its length moves all that follows.",
        use=f"Pad the name of the folder, so that its whole path has {SAME_LENGTH} characters.",
        written=Writing(length=SAME_LENGTH),
    ),
)
"""All remedies, those of build backends before those of compilers. The first ones hold a variation each."""

NAMES = tuple(remedy.name for remedy in REMEDIES)

_BY_NAME = {remedy.name: remedy for remedy in REMEDIES}


def named(name: str) -> Remedy:
    """Return the remedy of that slug; raises KeyError where there is none."""
    return _BY_NAME[name]


def held_by(names: Iterable[str]) -> tuple[str, ...]:
    """Return the variations that a set of remedies holds."""
    return tuple(sorted(remedy.variation for remedy in map(named, names) if remedy.variation))


def fixes(holds: Iterable[str]) -> tuple[str, ...]:
    """Return the remedies that hold exactly those variations."""
    return tuple(f"fix-{name}" for name in holds)


def remedied(environment: Environment, names: Iterable[str], version: str) -> Environment:
    """Give one environment what the recipe of these remedies checks; the recipe itself does all else."""
    wanted = set(names)
    for remedy in REMEDIES:
        if remedy.name in wanted:
            environment = remedy.apply(environment, version)
    return environment
