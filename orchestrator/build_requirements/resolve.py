"""Build requirements -> a lock with hashes, for another interpreter and as of a moment.

Nothing is ever built on the host: a requirement that has only sdists
cannot be met, and that is a result. Such a failure is confirmed first: uv resolves again, with
an empty cache, on the index as the farm's own client sees it, several times with waits between. Each
attempt must give the same result from the same pages.
"""

from __future__ import annotations

import functools
import json
import re
import time as clock
import tomllib
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from orchestrator.build_requirements import index_view
from orchestrator.build_requirements.markers import applies
from orchestrator.build_requirements.uv import Completed, Uv, raise_fault
from orchestrator.errors import PackageIndexError, TransientIndexError
from orchestrator.model import DETAIL, Failure, Lock, Phase, Pin, Reason, digest
from orchestrator.model.names import BadNameError, WheelName
from orchestrator.sources.index import Index
from orchestrator.util.cache import Turns, read_checked, touch, unfinished, write_checked
from orchestrator.util.moments import moment
from orchestrator.util.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
    from pathlib import Path

    from orchestrator.model import Target

_LAYOUT = 2  # of a kept lock
_MOST = 1000  # requirements of one build
_QUOTED = 200  # characters
_TURNS = Turns()
_WAITS = (2.0, 8.0)  # seconds between two attempts to confirm a failure
_WITH_CACHE = 2  # attempts in which uv uses its cache
_WRONG_ANSWERS = 3  # attempts in which the index answers wrongly
_VIEW_TIMEOUT = 300  # seconds that uv waits for the farm's own client

# The oldest glibc 2.x that a manylinux platform names, and the names from before PEP 600.
_OLDEST = {"x86_64": 5, "i686": 5}
_OLDEST_ELSEWHERE = 17
_ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}

# The first words of uv's error if the requirements are at fault, not network or index.
_HONEST = (
    "No solution found when resolving dependencies",
    "Couldn't parse requirement",
    "Failed to resolve dependencies for package",
)
# Texts with which even "no solution" is the index's fault: files that were refused, undated or damaged.
_INDEX_AT_FAULT = (
    "returned a 403 Forbidden error",
    "(401 Unauthorized)",
    "is missing an upload date",
    "has an invalid package format",
    "could not be queried",
)

# The address in uv's message about an overloaded server.
_OVERLOADED = re.compile(r"\((?:429|503)\b[^)]*\) for url \((https?://[^\s)]+)\)")


class _RefusedError(Exception):
    """A requirement that no index can meet; the message is the failure's detail."""


@dataclass(frozen=True, slots=True)
class _Question:
    """All inputs that decide a lock."""

    requirements: tuple[str, ...]  # sorted, each once
    overrides: tuple[str, ...]  # sorted, each once
    target: Target
    index_url: str | None
    as_of: datetime | None  # UTC
    today: date

    @property
    def key(self) -> str:
        """A hash of the inputs; it includes today's date only while the index may still change the answer."""
        settled = self.as_of is not None and self.as_of <= datetime.combine(self.today, time(), tzinfo=UTC)
        day = None if settled else self.today
        asked = (self.requirements, self.overrides, asdict(self.target), self.index_url, self.as_of)
        return digest([_LAYOUT, *asked, day])


def lock(  # noqa: PLR0913 - what decides the answer, and how to ask
    requirements: Sequence[str],
    target: Target,
    *,
    index_url: str | None,
    as_of: date | None,
    cache: Path,
    today: date,
    overrides: Sequence[str] = (),
    read_timeout: int = 30,
    retry_wait: float = 0.5,
    index: Index | None = None,
    failures: MutableMapping[str, Failure] | None = None,
    waits: Sequence[float] = _WAITS,
    sleep: Callable[[float], None] = clock.sleep,
) -> Lock | Failure:
    """Resolve build requirements to one wheel each, or return why that is impossible.

    With `as_of`, the index is used as it was at that moment, or at the end of that day, UTC: a file that was
    uploaded earlier counts, one of that very millisecond does not, as uv documents it ("prior to"). A lock
    is kept: forever if `as_of` is before `today` (UTC), or else for that day. The same set is
    resolved once, however many threads ask. `retry_wait` and `read_timeout` are in seconds.

    Each of the `overrides`, such as `setuptools==80.9.0`, replaces what the requirements, and the
    requirements of these, say about the version of that project. It adds no project, and the extras that
    `requirements` name stay.

    A failure is confirmed through `index`, the farm's own client, with
    `waits` between the attempts. It is kept only in `failures`, which lasts as long as the run.

    Raises
    ------
    ValueError
        `as_of` is a moment without a time zone.
    PackageIndexError
        The index answers wrongly: no hashes, no dates where they are needed, damaged files.
    TransientIndexError
        The index does not answer, or its answers change, after several tries.
    ResultsError
        The cache cannot be written.

    """
    try:
        wanted, instead = _checked(requirements), _overriding(overrides)
    except _RefusedError as refused:
        return _failure(str(refused))
    if not wanted:
        return Lock()
    question = _Question(
        *_overridden(wanted, instead, target), target, index_url, moment(as_of) if as_of else None, today
    )
    kept = cache / "locks" / f"{question.key}.json"
    failures = {} if failures is None else failures
    with _TURNS.turn(str(kept)):
        known = _kept(kept) or failures.get(question.key)
        if known is not None:
            touch(kept)
            return known
        own = index or Index(index_url, cache, timeout=read_timeout, retry_wait=retry_wait)
        asking = _Asking(question, Uv(index_url, cache, read_timeout), own, tuple(waits), sleep)
        resolved = retrying(asking, first_wait=retry_wait, sleep=sleep)()
        if isinstance(resolved, Lock):
            own.note(resolved.pins[0].name)
            write_checked(kept, json.dumps(asdict(resolved)))
        else:
            failures[question.key] = resolved
        return resolved


@dataclass(slots=True)
class _Asking:
    """One question to the index, repeated until the answer is confirmed."""

    question: _Question
    uv: Uv
    index: Index
    waits: tuple[float, ...]
    sleep: Callable[[float], None]
    tries: int = 0

    def __call__(self) -> Lock | Failure:
        """Ask once, and confirm a failure; raise TransientIndexError if another attempt may give another answer."""
        self.tries += 1
        try:
            resolved = self._resolved()
        except TransientIndexError as error:
            error.retry_after = max(error.retry_after, self._asked_to_wait(str(error)))
            raise
        except PackageIndexError as error:
            if self.tries < _WRONG_ANSWERS:
                raise TransientIndexError(str(error)) from error
            raise
        return resolved if isinstance(resolved, Lock) else self._confirmed(resolved)

    def _resolved(self) -> Lock | Failure:
        """Resolve with uv's cache; at the second attempt, refresh it; after that, avoid it, for it may be damaged."""
        if self.tries <= _WITH_CACHE:
            return _resolve(self.question, self.uv, ["--refresh"] if self.tries > 1 else [])
        with unfinished(self.uv.cache / "views") as lent:
            resolved = _resolve(self.question, replace(self.uv, cache=lent), [])
        if isinstance(resolved, Lock):
            self.uv.clean([pin.name for pin in resolved.pins])
        return resolved

    def _asked_to_wait(self, fault: str) -> float:
        """Return the seconds that a server that refuses uv asks to wait, which uv does not report."""
        refused = _OVERLOADED.search(fault)
        return self.index.asks_to_wait(refused[1]) if refused else 0

    def _confirmed(self, claim: Failure) -> Failure:
        """Check the failure once, and again after each wait, through the farm's own client."""
        first = self._seen_again(claim)
        for seconds in self.waits if first[1] else ():  # without a requested page, no index can be at fault
            self.sleep(seconds)
            if self._seen_again(claim) != first:
                raise TransientIndexError(_unconfirmed(claim, "the index gives another answer each time"))
        failure, pages = first
        if pages and not any(pages.values()):
            self._insist_on_index(claim)
        return failure

    def _seen_again(self, claim: Failure) -> tuple[Failure, Mapping[str, str]]:
        """Resolve with an empty cache on the farm's view; return uv's failure and the pages that it saw."""
        with unfinished(self.uv.cache / "views") as lent, index_view.served(self.index) as view:
            uv = Uv(view.url, lent, _VIEW_TIMEOUT, direct=True)
            try:
                resolved = _resolve(self.question, uv, [])
            except PackageIndexError as error:
                why = view.faults[0] if view.faults else str(error)
                raise TransientIndexError(_unconfirmed(claim, why)) from error
        if view.faults:
            raise TransientIndexError(_unconfirmed(claim, view.faults[0]))
        if isinstance(resolved, Lock):
            raise TransientIndexError(_unconfirmed(claim, "a second look finds all that is required"))
        return _failure(resolved.detail.replace(view.url, self.index.url)), view.seen

    def _insist_on_index(self, claim: Failure) -> None:
        """Confirm that an index without any of the projects still has one that it had before."""
        known = self.index.known
        if known and self.index.look(known) is None:
            why = f"the index has lost {known} too, which it had a moment ago"
            raise TransientIndexError(_unconfirmed(claim, why))


def _unconfirmed(claim: Failure, why: str) -> str:
    detail = " ".join(claim.detail.split())[:_QUOTED]
    return f"resolving build requirements: not confirmed: {detail}: {why}; run again when the index answers well"


def _checked(requirements: Sequence[str]) -> tuple[str, ...]:
    """Parse a package's requirements and write them again, so that only requirements reach uv."""
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


def _overriding(overrides: Sequence[str]) -> dict[str, Requirement]:
    """Parse overrides; return them by normalized name."""
    if len(overrides) > _MOST:
        msg = f"{len(overrides)} overrides of build requirements; no more than {_MOST} are taken"
        raise _RefusedError(msg)
    parsed: dict[str, Requirement] = {}
    for text in overrides:
        override = Requirement(_written(text))
        name = canonicalize_name(override.name)
        if not _is_pin(override):
            msg = f"override {text[:_QUOTED]!r} of a build requirement is not of the form NAME==VERSION"
            raise _RefusedError(msg)
        if parsed.setdefault(name, override) != override:
            msg = f"build requirement {name} has two overrides: {parsed[name]} and {override}"
            raise _RefusedError(msg)
    return parsed


def _is_pin(override: Requirement) -> bool:
    """Return whether an override is a name with one exact version."""
    exact = [one for one in override.specifier if one.operator == "==" and not one.version.endswith(".*")]
    return len(exact) == len(override.specifier) == 1 and not override.extras and override.marker is None


def _overridden(
    wanted: Sequence[str], overrides: Mapping[str, Requirement], target: Target
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return requirements and overrides as uv needs them, since uv's overrides replace extras and markers too.

    An overridden requirement is left out where its marker does not apply; the override gets its extras.
    """
    kept, extras = [], defaultdict[str, set[str]](set)
    for text in wanted:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        if name in overrides and requirement.marker and not applies(str(requirement.marker), target):
            continue
        kept.append(text)
        extras[name] |= requirement.extras
    return tuple(kept), tuple(sorted(_with_extras(one, extras[name]) for name, one in overrides.items()))


def _with_extras(override: Requirement, extras: Iterable[str]) -> str:
    names = ",".join(sorted(extras))
    return f"{override.name}[{names}]{override.specifier}" if names else str(override)


def _resolve(question: _Question, uv: Uv, more: Sequence[str]) -> Lock | Failure:
    arguments = ["--format", "pylock.toml", "--no-header", *more, *until(question.as_of)]
    done = uv.pip("compile", question.target, arguments, question.requirements, question.overrides)
    if is_honest(done):
        return _failure(done.error)
    if done.exit_code:
        raise_fault("resolving build requirements", done)
    return _picked(tomllib.loads(done.output), question.target)


def until(as_of: datetime | None) -> list[str]:
    """Return uv's option for a moment; uv would read a bare date in the host's time zone."""
    return [] if as_of is None else ["--exclude-newer", as_of.isoformat()]


def is_honest(done: Completed) -> bool:
    """Return whether uv found that the requirements themselves cannot be met."""
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
    """Return the wheel that fits best, or None if none fits."""
    ranks = _ranks(target)
    fitting = [(rank, pin) for pin in offered if (rank := _rank(pin, ranks)) is not None]
    return min(fitting, key=lambda ranked: (ranked[0], ranked[1].filename))[1] if fitting else None


def _pin(name: str, version: str, wheel: Mapping[str, Any]) -> Pin:
    parts = urlsplit(str(wheel.get("url", "")))
    url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
    filename = str(wheel.get("name") or unquote(PurePosixPath(parts.path).name))
    sha256 = wheel.get("hashes", {}).get("sha256", "")
    if not sha256:
        msg = f"resolving build requirements: the index has no sha256 of {filename}; use an index that has"
        raise PackageIndexError(msg)
    return Pin(name, version, str(sha256), filename, url)


@functools.cache
def _ranks(target: Target) -> Mapping[Tag, int]:
    return {tag: rank for rank, tag in enumerate(tags(target))}


def _rank(pin: Pin, ranks: Mapping[Tag, int]) -> tuple[int, tuple[int, str]] | None:
    """Return a wheel's rank, the best first (PEP 425; the build number breaks ties); None if it does not fit."""
    try:
        offered = WheelName(pin.filename)  # its tags are bounded: three sets of a hundred are a million
        build = parse_wheel_filename(offered.filename)[2]
    except BadNameError:
        return None
    fits = [ranks[tag] for tag in offered.tags if tag in ranks]
    number, letters = build or (0, "")
    return (min(fits), (-number, letters)) if fits and offered.project == pin.name else None


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


def _kept(path: Path) -> Lock | None:
    """Read a lock that was resolved before; None if it cannot be read."""
    try:
        content = json.loads(read_checked(path) or "")
        pins = tuple(Pin(**pin) for pin in content["pins"])
        return Lock(pins)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
