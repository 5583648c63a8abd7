"""Which input of a build another wheel may follow from, where only that wheel's hash is known. Pure.

A build with one input swapped that gives the hash is the proof. A swap that gives other bytes than the build without it
is a possible cause; one that gives the same bytes is none.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import groupby, islice
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from orchestrator.images.swapped_packages import earlier_versions
from orchestrator.model import METHOD, Reason, Verdict, digest
from orchestrator.model.likely_cause import CauseSearch, InputSwap, SwapKind, SwapTrial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from orchestrator.images.swapped_packages import PackageSet
    from orchestrator.model import Budget, Build, Pin, Profile, Result, Task

OLDER, NEWER = 24, 4
"""How many older and newer versions of a build requirement are tried."""

_LAYOUT = 1  # of a record
_LISTED = 8  # inputs in a sentence
_TOOLS = ("setuptools", "cython", "wheel", "flit-core", "hatchling", "poetry-core", "setuptools-scm", "cffi")
"""Build requirements that write most of what is in a wheel; the others come after them."""
_EARLIEST_ZIP = 315532800  # 1980-01-01, the earliest time in a zip, which build backends fall back on


# --- which swaps ------------------------------------------------------------------------------


def swaps_of(
    result: Result,
    task: Task,
    packages: Sequence[PackageSet],
    versions: Callable[[str], Sequence[str]],
    profiles: Mapping[str, tuple[Profile, int | None]],
) -> tuple[InputSwap, ...]:
    """List the swaps to try, the most likely first.

    `packages` are what may be swapped in the image; `versions` lists a project's versions on the index; `profiles` are
    the configured ones, each with its SOURCE_DATE_EPOCH. A wheel for each platform has nothing of a compiler.
    """
    again = (InputSwap(SwapKind.NOTHING),) if result.verdict is not Verdict.REPRODUCIBLE else ()
    headers, others = ((), ()) if _is_pure(result) else (packages[:2], packages[2:])
    return (
        *again,
        *_of_packages(headers),
        *_of_requirements(result.build_requirements, versions),
        *_of_settings(task, profiles),
        *_of_packages(others),
    )


def _is_pure(result: Result) -> bool:
    wheel = result.builds[0].wheel
    return wheel is not None and wheel.filename.endswith("-any.whl")


def _of_packages(packages: Iterable[PackageSet]) -> Iterator[InputSwap]:
    for one in packages:
        for version in earlier_versions(one.version):
            yield InputSwap(SwapKind.PACKAGE, one.names, version, one.version)


def _of_requirements(pins: Iterable[Pin], versions: Callable[[str], Sequence[str]]) -> Iterator[InputSwap]:
    for pin in sorted(pins, key=_likelihood):
        for version in neighbours(pin.version, versions(pin.name)):
            yield InputSwap(SwapKind.REQUIREMENT, (pin.name,), version, pin.version)


def _likelihood(pin: Pin) -> tuple[int, str]:
    name = canonicalize_name(pin.name)
    return (_TOOLS.index(name) if name in _TOOLS else len(_TOOLS)), name


def neighbours(version: str, offered: Iterable[str]) -> tuple[str, ...]:
    """Choose versions of a tool to try: the last of each series, the nearest first, the older ones before the newer.

    A series is a major version, or a minor one of major 0. The next older version of all comes first.
    """
    own = Version(version)
    stable = [one for one in map(_parsed, offered) if one is not None and not one.is_prerelease]
    older = sorted((one for one in stable if one < own), reverse=True)
    newer = sorted((one for one in stable if one > own), reverse=True)
    nearest_newer = list(_last_of_series(newer))[::-1]
    found = (*older[:1], *islice(_last_of_series(older), OLDER), *nearest_newer[:NEWER])
    return tuple(dict.fromkeys(map(str, found)))


def _parsed(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None


def _last_of_series(newest_first: Iterable[Version]) -> Iterator[Version]:
    for _, series in groupby(newest_first, key=lambda one: (one.epoch, one.major, one.minor if not one.major else 0)):
        yield next(series)


def _of_settings(task: Task, profiles: Mapping[str, tuple[Profile, int | None]]) -> Iterator[InputSwap]:
    own = task.profile.name if task.profile else ""
    yield from (InputSwap(SwapKind.PROFILE, (), name, own) for name in profiles if name != own)
    epochs = dict.fromkeys((*(epoch for _, epoch in profiles.values() if epoch is not None), _EARLIEST_ZIP))
    was = "" if task.source_date_epoch is None else str(task.source_date_epoch)
    yield from (InputSwap(SwapKind.EPOCH, (), str(epoch), was) for epoch in epochs if str(epoch) != was)


def swapped_task(task: Task, swap: InputSwap, profiles: Mapping[str, tuple[Profile, int | None]]) -> Task:
    """Return the task of a rebuild with a swap; its build tools and its image are not part of it."""
    if swap.kind is SwapKind.EPOCH:
        return replace(task, source_date_epoch=int(swap.now))
    if swap.kind is SwapKind.PROFILE:
        profile, epoch = profiles[swap.now]
        return replace(task, profile=profile, source_date_epoch=task.source_date_epoch if epoch is None else epoch)
    return task


# --- trying them ------------------------------------------------------------------------------


def tried(
    swaps: Iterable[InputSwap],
    wanted: Iterable[str],
    budget: Budget,
    attempt: Callable[[InputSwap], SwapTrial],
) -> tuple[SwapTrial, ...]:
    """Try swaps in their order until each wanted hash is found, or the budget is spent; what is not built is free."""
    trials: list[SwapTrial] = []
    left, builds, seconds = set(wanted), 0, 0.0
    for swap in swaps:
        if not left or builds >= budget.builds or seconds >= budget.seconds:
            break
        trial = attempt(swap)
        trials.append(trial)
        left.discard(trial.sha256)
        builds += trial.build is not None
        seconds += trial.build.seconds if trial.build else 0.0
    return tuple(trials)


def trial_of(swap: InputSwap, build: Build, files: tuple[tuple[str, str], ...], filename: str) -> SwapTrial:
    """Return what a rebuild shows; a wheel of another name than the listed one is none of that name.

    A build that was killed may end in another way next time.
    """
    if build.wheel is None:
        failure = build.failure
        killed = failure is not None and failure.reason is Reason.KILLED
        return SwapTrial(swap, "", failure.detail if failure else "", files, build, is_open=killed)
    if build.wheel.filename != filename:
        return SwapTrial(swap, "", f"the wheel is called {build.wheel.filename}", files, build)
    return SwapTrial(swap, build.wheel.sha256, "", files, build)


def search_id(job: str, wanted: Iterable[str], swaps: Iterable[InputSwap]) -> str:
    """Return the id of a search: the hash of all that decides what it finds."""
    return digest([_LAYOUT, METHOD, job, sorted(wanted), [(one.kind, one.names, one.now, one.was) for one in swaps]])


def settles(search: CauseSearch, id_: str, job: str, wanted: Iterable[str]) -> bool:
    """Return whether a former search answers this one: it is the same and nothing is open, or it has each proof."""
    proven = all(search.proof(sha256) for sha256 in wanted)
    same = search.id == id_ and not any(one.is_open for one in search.trials)
    return search.method == METHOD and search.job == job and (same or proven)


def sentence(search: CauseSearch, sha256: str) -> str:
    """Return what a search has found about a listed hash, as the reason of a row."""
    if (proof := search.proof(sha256)) is not None:
        return f"it matches with {proof.swap.text}: a rebuild proves it"
    built = Counter(one.swap.input for one in search.trials if one.sha256 and one.swap.kind is not SwapKind.NOTHING)
    texts = [f"{name} ({count})" for name, count in built.items()]
    head = "the wheel itself is not at hand, and no rebuild with one input swapped gives this hash"
    possible = f"; possible causes: {', '.join(search.possible)}" if search.possible else ""
    return f"{head}{possible}; {_listed('rebuilds', texts)}{_left(search)}"


def _listed(what: str, texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return f"{what}: {', '.join(texts[:_LISTED]) or 'nothing'}{more}"


def _left(search: CauseSearch) -> str:
    unbuilt = sum(not one.sha256 for one in search.trials)
    parts = [f"{unbuilt} could not be built"] if unbuilt else []
    parts += [f"{search.left} left by the budget"] if search.left else []
    return "".join(f"; {part}" for part in parts)
