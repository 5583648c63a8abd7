"""Build requirements -> a lock with hashes, for another interpreter and as of a date.

Nothing is ever built on the host: a requirement that only has sdists is a requirement that
cannot be met, and that is a result.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from orchestrator.cache import Turns, write
from orchestrator.errors import PackageIndexError
from orchestrator.model import DETAIL, Failure, Lock, Phase, Pin, Reason, digest
from orchestrator.retry import retrying
from orchestrator.uv import Completed, Uv, raise_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.model import Target

_LAYOUT = 1  # of a kept lock
_MOST = 1000  # requirements of one build
_QUOTED = 200  # characters
_TURNS = Turns()

# The oldest glibc 2.x that a manylinux platform names, and the names from before PEP 600.
_OLDEST = {"x86_64": 5, "i686": 5}
_OLDEST_ELSEWHERE = 17
_ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}

# How uv's first line begins where the requirements are at fault, and neither network nor index.
_HONEST = (
    "No solution found when resolving dependencies",
    "Couldn't parse requirement",
    "Failed to resolve dependencies for package",
)
# What makes even "no solution" the index's fault: files that were refused, undated or damaged.
_INDEX_AT_FAULT = (
    "returned a 403 Forbidden error",
    "(401 Unauthorized)",
    "is missing an upload date",
    "has an invalid package format",
    "could not be queried",
)


class _RefusedError(Exception):
    """A requirement that no index can meet; the message is the failure's detail."""


@dataclass(frozen=True, slots=True)
class _Question:
    """All that decides what a lock holds."""

    requirements: tuple[str, ...]  # sorted, each once
    target: Target
    index_url: str | None
    as_of: date | None
    today: date

    @property
    def key(self) -> str:
        """The same for the same answer: today's counts only while the index may still change it."""
        settled = self.as_of is not None and self.as_of < self.today
        day = None if settled else self.today
        return digest([_LAYOUT, self.requirements, asdict(self.target), self.index_url, self.as_of, day])


def lock(
    requirements: Sequence[str],
    target: Target,
    *,
    index_url: str | None,
    as_of: date | None,
    cache: Path,
    today: date,
    read_timeout: int = 30,
    retry_wait: float = 0.5,
) -> Lock | Failure:
    """Resolve build requirements, wheels only, to one wheel each; or say why that cannot be.

    `as_of` takes the index as it was at the end of that day, UTC. A lock is kept: for good
    where `as_of` is past, otherwise for the day that `today` names (UTC). The same set is
    resolved but once, however many threads ask. `retry_wait` and `read_timeout` in seconds.

    Raises
    ------
    PackageIndexError
        The index answers wrongly: no hashes, no dates where they are needed, damaged files.
    TransientIndexError
        The index does not answer, after several tries.
    ResultsError
        The cache cannot be written.

    """
    try:
        wanted = _checked(requirements)
    except _RefusedError as refused:
        return _failure(str(refused))
    if not wanted:
        return Lock()
    question = _Question(wanted, target, index_url, as_of, today)
    kept = cache / "locks" / f"{question.key}.json"
    with _TURNS.turn(str(kept)):
        found = _kept(kept)
        if found is None:
            found = retrying(_resolve, first_wait=retry_wait)(question, Uv(index_url, cache, read_timeout))
            write(kept, json.dumps(asdict(found)))
        return found


def _checked(requirements: Sequence[str]) -> tuple[str, ...]:
    """Parse what a package asked for, and write it anew, so that nothing but a requirement reaches uv."""
    if len(requirements) > _MOST:
        msg = f"{len(requirements)} build requirements; no more than {_MOST} are taken"
        raise _RefusedError(msg)
    return tuple(sorted({_written(text) for text in requirements}))


def _written(text: str) -> str:
    try:
        requirement = Requirement(text)
    except (ValueError, RecursionError) as error:  # InvalidRequirement, or more digits than Python reads
        msg = f"build requirement {text[:_QUOTED]!r} cannot be read: {error}"
        raise _RefusedError(msg) from error
    if requirement.url:
        msg = f"build requirement {text[:_QUOTED]!r} names a URL; only releases of the index can be locked"
        raise _RefusedError(msg)
    return str(requirement)


def _resolve(question: _Question, uv: Uv) -> Lock | Failure:
    arguments = ["--format", "pylock.toml", "--no-header", *_until(question.as_of)]
    done = uv.pip("compile", question.target, arguments, question.requirements)
    if _is_honest(done):
        return _failure(done.error)
    if done.exit_code:
        raise_fault("resolving build requirements", done)
    return _picked(tomllib.loads(done.output), question.target)


def _until(as_of: date | None) -> list[str]:
    """Spell the end of the day; uv would read a bare date in the host's time zone."""
    if as_of is None:
        return []
    end = datetime.combine(as_of + timedelta(days=1), time(), tzinfo=UTC)
    return ["--exclude-newer", f"{end:%Y-%m-%dT%H:%M:%SZ}"]


def _is_honest(done: Completed) -> bool:
    """Whether uv found that the requirements themselves cannot be met."""
    at_fault = any(words in done.complaint for words in _INDEX_AT_FAULT)
    return done.exit_code > 0 and done.error.startswith(_HONEST) and not at_fault


def _picked(pylock: Mapping[str, Any], target: Target) -> Lock | Failure:
    """Pick one wheel for each package of a PEP 751 lock."""
    pins = []
    for package in pylock.get("packages", ()):
        name, version = canonicalize_name(package["name"]), str(package.get("version", ""))
        offered = [_pin(name, version, wheel) for wheel in package.get("wheels", ())]
        if (pin := best(offered, target)) is None:
            fits = f"Python {target.python} on {target.platform}"
            return _failure(f"build requirement {name} {version} has no wheel for {fits}")
        pins.append(pin)
    return Lock(tuple(sorted(pins, key=lambda pin: pin.name)))


def best(offered: Sequence[Pin], target: Target) -> Pin | None:
    """Return the wheel that fits best; None where none does."""
    ranks = {tag: rank for rank, tag in enumerate(tags(target))}
    fitting = [(rank, pin) for pin in offered if (rank := _rank(pin, ranks)) is not None]
    return min(fitting, key=lambda one: (one[0], one[1].filename))[1] if fitting else None


def _pin(name: str, version: str, wheel: Mapping[str, Any]) -> Pin:
    parts = urlsplit(str(wheel.get("url", "")))
    url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
    filename = str(wheel.get("name") or unquote(PurePosixPath(parts.path).name))
    sha256 = wheel.get("hashes", {}).get("sha256", "")
    if not sha256:
        msg = f"resolving build requirements: the index has no sha256 of {filename}; use an index that has"
        raise PackageIndexError(msg)
    return Pin(name, version, str(sha256), filename, url)


def _rank(pin: Pin, ranks: Mapping[Tag, int]) -> tuple[int, tuple[int, str]] | None:
    """How well a wheel fits, the best first (PEP 425; the build number breaks ties); None if it does not."""
    try:
        name, _, build, offered = parse_wheel_filename(pin.filename)
    except InvalidWheelFilename:
        return None
    fits = [ranks[tag] for tag in offered if tag in ranks]
    number, letters = build or (0, "")
    return (min(fits), (-number, letters)) if fits and name == pin.name else None


def tags(target: Target) -> Iterator[Tag]:
    """List the wheel tags that a CPython on a Linux with glibc takes, the best first (PEP 425, PEP 600)."""
    major, minor = (int(part) for part in target.python.split(".")[:2])
    interpreter = f"cp{major}{minor}"
    platforms = tuple(_platforms(target.platform))
    yield from cpython_tags((major, minor), [interpreter], platforms)
    yield from compatible_tags((major, minor), interpreter, platforms)


def _platforms(platform: str) -> Iterator[str]:
    architecture, _, newest = platform.rpartition("-manylinux_2_")
    oldest = _OLDEST.get(architecture, _OLDEST_ELSEWHERE)
    for glibc in range(int(newest), oldest - 1, -1):
        yield f"manylinux_2_{glibc}_{architecture}"
        if glibc in _ALIASES:
            yield f"{_ALIASES[glibc]}_{architecture}"
    yield f"linux_{architecture}"


def _failure(detail: str) -> Failure:
    return Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, detail[:DETAIL])


def _kept(path: Path) -> Lock | Failure | None:
    """Read a lock that was resolved before; one that cannot be read is as good as none."""
    try:
        content = json.loads(path.read_bytes())
        if "pins" in content:
            return Lock(tuple(Pin(**pin) for pin in content["pins"]))
        return Failure(Reason(content["reason"]), Phase(content["phase"]), content["detail"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
