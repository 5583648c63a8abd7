"""Each variation in two environments: what was asked for, and what the probe saw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.model import Build, Environment, Mode, Probe, Result

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Value:
    """What one build had of one variation; `seen` is None where no probe ran."""

    asked: str
    seen: str | None


@dataclass(frozen=True, slots=True)
class Facet:
    """One variation in the first and the second build."""

    name: str
    mode: Mode
    acted: bool
    first: Value
    second: Value


@dataclass(frozen=True, slots=True)
class _Show:
    """How a variation is read off an environment and off a probe."""

    asked: Callable[[Environment], str]
    seen: Callable[[Probe], str]


_SHOWS = {
    "build-path": _Show(lambda asked: asked.build_path, lambda seen: seen.build_path),
    "domain-host": _Show(
        lambda asked: f"{asked.hostname}, domain {asked.domainname}",
        lambda seen: f"{seen.hostname}, domain {seen.domainname}",
    ),
    "time": _Show(lambda asked: _ahead(asked.clock_offset), lambda seen: _clock(seen.clock)),
    "timezone": _Show(lambda asked: asked.timezone, lambda seen: _utc_offset(seen.utc_offset)),
    "locales": _Show(
        lambda asked: _with(asked.locale, "language", asked.language),
        lambda seen: _with(seen.locale, "language", seen.language),
    ),
    "umask": _Show(lambda asked: f"{asked.umask:04o}", lambda seen: f"{seen.umask:04o}"),
    "user-group": _Show(
        lambda asked: f"{asked.user}, uid {asked.uid}, {asked.login_shell}",
        lambda seen: f"{seen.user}, uid {seen.uid}, {seen.login_shell}",
    ),
    "home": _Show(
        lambda asked: asked.home, lambda seen: f"{seen.home} ({'exists' if seen.home_exists else 'does not exist'})"
    ),
    "exec-path": _Show(lambda asked: ":".join(asked.path), lambda seen: ":".join(seen.path)),
    "environment": _Show(lambda asked: _variables(asked.variables), lambda seen: _variables(seen.variables)),
    "kernel": _Show(
        lambda asked: "calls itself 2.6" if asked.uname26 else "under its own name", lambda seen: seen.kernel
    ),
    "num-cpus": _Show(lambda asked: "all" if asked.cpus is None else str(asked.cpus), lambda seen: str(seen.cpus)),
    "fileordering": _Show(
        lambda asked: "reversed" if asked.reverse_files else "as unpacked", lambda seen: " ".join(seen.listing)
    ),
    "hash-seed": _Show(lambda asked: str(asked.hash_seed), lambda seen: f"a word's hash is {seen.hash_of_word}"),
    "tmpdir": _Show(lambda asked: asked.tmpdir, lambda seen: seen.tmpdir),
    "environment-path": _Show(lambda asked: asked.environment_path, lambda seen: seen.environment_path),
    "shell": _Show(lambda asked: asked.shell, lambda seen: seen.shell),
}


def facets(result: Result) -> tuple[Facet, ...]:
    """Set the environments of the first and the second build side by side, variation by variation."""
    builds = {build.name: build for build in result.builds}
    return tuple(
        Facet(
            one.name,
            one.mode,
            one.acted,
            _value(one.name, builds.get("first")),
            _value(one.name, builds.get("second")),
        )
        for one in result.variations
    )


def _value(name: str, build: Build | None) -> Value:
    show = _SHOWS.get(name)
    if build is None or show is None:
        return Value(_UNKNOWN, None)
    return Value(show.asked(build.environment), show.seen(build.probe) if build.probe else None)


def _ahead(seconds: int) -> str:
    return f"{timedelta(seconds=seconds)} ahead" if seconds else "the real time"


def _clock(seconds: float) -> str:
    try:
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError):
        return f"{seconds} seconds since 1970"


def _utc_offset(seconds: int) -> str:
    sign = "-" if seconds < 0 else "+"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{sign}{hours:02}:{minutes:02}"


def _with(value: str, name: str, more: str) -> str:
    return f"{value}, {name} {more}" if more else value


def _variables(variables: Iterable[tuple[str, str]]) -> str:
    return "\n".join(_assignments(variables)) or "none"


def _assignments(variables: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"{name}={value}" for name, value in variables)
