"""What an entry of the catalogue of variations consists of, and the functions that entries share."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.build.writing import Writing
    from orchestrator.model import Environment, Probe

_START = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Planted:
    """Texts by which a variation is recognised in a wheel."""

    values: tuple[str, ...] = ()  # texts that occur nowhere by chance
    words: tuple[str, ...] = ()  # texts that may occur anywhere, such as a number of processors


@dataclass(frozen=True, slots=True)
class Variation:
    """One difference between the environments of the two builds.

    This is all that the farm knows of a variation. No field has a default, so that mypy reports an
    incomplete entry.
    """

    name: str
    summary: str
    changes: Callable[[Environment], Mapping[str, Any]]  # fields of the second environment; no two variations share one
    acted: Callable[[Probe, Probe], bool]  # whether two probes show that it acted
    shown: Callable[[Environment], str]  # the requested value, as users read it
    seen: Callable[[Probe], str]  # the value that a probe found, as users read it
    planted: Callable[[Environment, Probe | None], Planted]  # without a probe: what follows from the environment
    fixed: Writing  # how users give it one value in every build
    why: str  # why it differs between honest builders
    shows: str  # how a wheel shows that it depends on it
    repair: str  # what a project can do so that its wheel does not depend on it
    example: str  # two lines side by side, or of a real package

    def apply(self, first: Environment) -> Environment:
        """Return the first build's environment with this variation alone."""
        return replace(first, **self.changes(first))


def differ(*fields: str) -> Callable[[Probe, Probe], bool]:
    """Return a function that checks that two probes differ in each of these fields."""
    return lambda first, second: all(getattr(first, field) != getattr(second, field) for field in fields)


def differ_in_variable(name: str) -> Callable[[Probe, Probe], bool]:
    """Return a function that checks that two probes differ in an environment variable that a variation sets."""
    return lambda first, second: dict(first.variables).get(name) != dict(second.variables).get(name)


def nothing(_environment: Environment, _probe: Probe | None) -> Planted:
    """Return no texts: this variation leaves none by which it is recognised."""
    return Planted()


def token(salt: str, what: str) -> str:
    """Return a word that is unlikely to occur anywhere by chance, for one value that an environment plants."""
    return hashlib.sha256(f"{salt} {what}".encode()).hexdigest()[:12]


def has_token(text: str) -> bool:
    """Check whether a text contains a token."""
    return _TOKEN.search(text) is not None


def with_parents(path: str) -> tuple[str, ...]:
    """Return a path, and those of its parents that contain a token."""
    parents = (path.rsplit("/", count)[0] for count in range(1, path.count("/")))
    return (path, *filter(has_token, parents))


def duration(seconds: int) -> str:
    """Write the distance of a build's clock from the real time."""
    return f"{timedelta(seconds=seconds)} ahead" if seconds else "the real time"


def moment(seconds: float) -> str:
    """Write a time that is given in seconds since 1970, which may be any number."""
    try:
        return f"{_START + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError):
        return f"{seconds} seconds since 1970"


def offset(seconds: int, separator: str = ":") -> str:
    """Write an offset from UTC as "+02:00", with that separator."""
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02}{separator}{minutes:02}"


def assignments(variables: Iterable[tuple[str, str]], *names: str) -> str:
    """Write the environment variables of these names, one a line."""
    return "\n".join(f"{name}={value}" for name, value in variables if name in names) or "none"
