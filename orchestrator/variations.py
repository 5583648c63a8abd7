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

from orchestrator.model import DAY, Build, Environment, Mode, Probe, Traces, Variant

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
    ),
    Variation(
        "time",
        "Build 398 days, 6 hours and 23 minutes later.",
        lambda first: replace(first, clock_offset=CLOCK_SHIFT),
        lambda first, second: abs(second.clock - first.clock) > _ACTED_SHIFT,
    ),
    Variation(
        "timezone",
        "Build 26 hours further east.",
        lambda first: replace(first, timezone="GMT-14"),
        _unlike("utc_offset"),
    ),
    Variation(
        "locales",
        "Build in Estonian, which sorts letters otherwise than ASCII.",
        lambda first: replace(first, locale="et_EE.UTF-8", language="et_EE:et"),
        _unlike("locale", "language"),
    ),
    Variation(
        "umask",
        "Create files that the group may write.",
        lambda first: replace(first, umask=0o002),
        _unlike("umask"),
    ),
    Variation(
        "user-group",
        "Build as another user, of another group, with another login shell.",
        lambda first: replace(first, user="second-builder", uid=2222, login_shell="/bin/bash"),
        _unlike("uid", "user", "login_shell"),
    ),
    Variation(
        "home",
        "Build with a home folder that does not exist.",
        lambda first: replace(first, home=f"/nonexistent/{token(first.salt, 'home')}"),
        _unlike("home", "home_exists"),
    ),
    Variation(
        "exec-path",
        "Look for programs in one more folder.",
        lambda first: replace(first, path=(*first.path, f"/opt/{token(first.salt, 'exec-path')}/bin")),
        _unlike("path"),
    ),
    Variation(
        "environment",
        "Set one more environment variable.",
        lambda first: replace(
            first, variables=(*first.variables, ("CAPTURE_ENVIRONMENT", token(first.salt, "environment")))
        ),
        _unlike("variables"),
    ),
    Variation(
        "kernel",
        "Build on a kernel that calls itself 2.6.",
        lambda first: replace(first, uname26=True),
        _unlike("kernel"),
    ),
    Variation(
        "num-cpus",
        "Build on all processors instead of one.",
        lambda first: replace(first, cpus=None),
        _unlike("cpus"),
    ),
    Variation(
        "fileordering",
        "List the files of each folder in the opposite order.",
        lambda first: replace(first, reverse_files=True),
        _unlike("listing"),
    ),
    Variation(
        "hash-seed",
        "Seed Python's hashes otherwise, and so the order of its sets.",
        lambda first: replace(first, hash_seed=int(first.salt, 16) % 4_294_967_294 + 1),
        _unlike("hash_of_word"),
    ),
    Variation(
        "tmpdir",
        "Keep temporary files in another folder.",
        lambda first: replace(first, tmpdir=f"/var/{token(first.salt, 'tmpdir')}/tmp"),  # noqa: S108 - of a container
        _unlike("tmpdir"),
    ),
    Variation(
        "environment-path",
        "Find the build requirements in another folder.",
        lambda first: replace(
            first, environment_path=f"/opt/{token(first.salt, 'environment-path')}/second/requirements"
        ),
        _unlike("environment_path"),
    ),
    Variation(
        "shell",
        "Run shell scripts with bash instead of dash.",
        lambda first: replace(first, shell="/bin/bash"),
        _unlike("shell"),
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
