"""Finds the input that a listed wheel may follow from where the wheel itself is not at hand, by rebuilds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from orchestrator.build_requirements.resolve import best
from orchestrator.errors import AbsentError, ImageError, Interrupted, NoReleaseError, NoRoomError, WheelproofError
from orchestrator.farm import assemble
from orchestrator.farm.prove_drift import with_lock
from orchestrator.farm.workers import STOPPED, attempted
from orchestrator.images.swapped_packages import EarlierPackages, PackageSet, Unfetched
from orchestrator.job import inputs as job_inputs
from orchestrator.job.build_pair import environments, no_answer, order_for
from orchestrator.job.likely_inputs import search_id, sentence, settles, swapped_task, swaps_of, trial_of, tried
from orchestrator.job.replaying import task_of
from orchestrator.model import Failure, Lock, Pin, admits, digest
from orchestrator.model.likely_cause import CauseSearch, InputSwap, SwapKind, SwapTrial
from orchestrator.results.coding import decoded, encoded
from orchestrator.results.files import inside, write_file
from orchestrator.results.places import STAMP
from orchestrator.results.witness import WitnessOutcome, claims
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.farm.assemble import Farm
    from orchestrator.farm.effects import JobEffects
    from orchestrator.model import Build, Image, Profile, Release, Result, Task, WheelFile
    from orchestrator.requirement_files import Wanted
    from orchestrator.results.store import Results
    from orchestrator.results.witness import WitnessRow

FOLDER = "likely-causes"
"""Where the results have the records of searches: PROJECT/TIME-ID.json."""

_SEARCH = TypeAdapter(CauseSearch)
_LARGEST = 16 << 20  # bytes of a record


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A row whose wheel is not at hand, and the result that it was compared with."""

    row: WitnessRow
    result: Result
    hashes: tuple[str, ...]  # SHA-256, as listed


# --- which rows -------------------------------------------------------------------------------


def unexplained(
    rows: Iterable[WitnessRow], wanted: Iterable[Wanted], results: Sequence[Result]
) -> tuple[Unexplained, ...]:
    """Return the rows that differ for a reason that nobody knows: neither the folder nor the index has the wheel."""
    listed = tuple(claims(wanted))
    found = []
    for row in rows:
        result = next((one for one in results if _is_of(row, one)), None)
        if result is None or row.severity or row.published or row.outcome is not WitnessOutcome.DIFFERS:
            continue
        requirement = f"{result.project}=={result.version}"
        several = (one.hashes for one in listed if one.requirement == requirement and not one.filename)
        hashes = (row.sha256,) if row.sha256 else next(several, ())
        if hashes and result.inputs is not None and result.inputs.budget.builds:
            found.append(Unexplained(row, result, hashes))
    return tuple(found)


def _is_of(row: WitnessRow, result: Result) -> bool:
    wheel = result.builds[0].wheel if result.builds else None
    return wheel is not None and (wheel.filename, wheel.sha256) == (row.filename, row.rebuilt_sha256)


def with_search(row: WitnessRow, hashes: Iterable[str], search: CauseSearch, record: str) -> WitnessRow:
    """Add to a row what a search has found, and where its record is in the results."""
    proven = next((sha256 for sha256 in hashes if search.proof(sha256)), "")
    proof = search.proof(proven)
    return replace(
        row,
        reason=sentence(search, proven),
        proven=proof.swap.text if proof else "",
        possible=() if proof else search.possible,
        record=record,
    )


# --- searching --------------------------------------------------------------------------------


def explained(
    rows: Sequence[WitnessRow],
    wanted: Sequence[Wanted],
    results: Sequence[Result],
    settings: Config,
    store: Results,
    *,
    again: bool,
) -> tuple[WitnessRow, ...]:
    """Add to each row that nothing explains what rebuilds with one input swapped have shown.

    A farm that fails at one row leaves that row as it is, with the fault in the log.

    Raises
    ------
    WheelproofError
        The engine does not answer, the disk is full, or a signal stopped the search.

    """
    subjects = unexplained(rows, wanted, results)
    if not subjects:
        return tuple(rows)
    farm = assemble.open_farm(settings, store, tuple(_task_of(one.result) for one in subjects))
    with assemble.container_cleanup(farm.job_effects):
        better = searched(farm, subjects, settings, store, again=again)
    return tuple(better.get(row, row) for row in rows)


def searched(
    farm: Farm, subjects: Sequence[Unexplained], settings: Config, store: Results, *, again: bool
) -> Mapping[WitnessRow, WitnessRow]:
    """Search for the cause of each row on a farm that has its image; raises as `explained`."""
    searcher = _Searcher(farm, settings, store, again=again)
    with searcher.images_removed(), ThreadPoolExecutor(farm.job_effects.slots.count) as pool:
        found = tuple(pool.map(lambda one: attempted(searcher.row, one), subjects))
        searcher.insist()
        return {one.row: _row(one, answer) for one, answer in zip(subjects, found, strict=True)}


def _row(subject: Unexplained, answer: WitnessRow | WheelproofError) -> WitnessRow:
    if isinstance(answer, Interrupted | NoRoomError):
        raise answer
    if isinstance(answer, WheelproofError):
        logs.fault("no cause is searched", answer, wheel=subject.row.filename)
        return subject.row
    return answer


def _task_of(result: Result) -> Task:
    assert result.inputs is not None  # noqa: S101 - `unexplained` has looked
    return replace(task_of(result, result.inputs), budget=result.inputs.budget)


@dataclass(frozen=True, slots=True)
class _Searcher:
    farm: Farm
    settings: Config
    store: Results
    again: bool
    tags: set[str] = field(default_factory=set)  # of images with swapped packages

    @property
    def effects(self) -> JobEffects:
        return self.farm.job_effects

    @property
    def profiles(self) -> Mapping[str, tuple[Profile, int | None]]:
        return {name: (one.profile, one.source_date_epoch) for name, one in self.settings.profiles.items()}

    @property
    def packages(self) -> EarlierPackages:
        return EarlierPackages(self.effects.engine, self.settings.cache, logs.warning)

    @contextmanager
    def images_removed(self) -> Iterator[None]:
        """Remove the images with swapped packages in the end."""
        try:
            yield
        finally:
            for tag in self.tags:
                self.effects.engine.remove_image(tag)

    def insist(self) -> None:
        """Raise Interrupted after a request to stop: what has failed since then shows nothing."""
        if self.effects.stop.asked:
            raise Interrupted(STOPPED)

    def row(self, subject: Unexplained) -> WitnessRow:
        """Search for the cause of one row."""
        task = _task_of(subject.result)
        image = self.farm.images[task.image]
        release = self.effects.release(task, image)
        known = {wheel.sha256 for wheel in release.wheels} | {release.sdist.sha256 if release.sdist else ""}
        hashes = tuple(sorted(set(subject.hashes) - known))
        if not hashes or not _is_same(subject.result, release, image):
            return subject.row
        search, path = self._answered(subject.result, task, release, image, hashes)
        return with_search(subject.row, hashes, search, str(path.relative_to(self.store.folder)))

    def _answered(
        self, result: Result, task: Task, release: Release, image: Image, hashes: tuple[str, ...]
    ) -> tuple[CauseSearch, Path]:
        """Return the search that answers the question; make it first, if no record does."""
        job, sets = digest(result.inputs), self.packages.sets(image)
        swaps = swaps_of(result, task, sets, self.effects.index.versions, self.profiles)
        id_ = search_id(job, hashes, swaps)
        folder = self.store.folder / FOLDER / result.project
        for path in () if self.again else sorted(inside(folder), reverse=True):
            if (former := read_search(path)) is not None and settles(former, id_, job, hashes):
                return former, path
        started = datetime.now(UTC)
        attempt = _Attempts(self, result, task, release, image, sets).attempt
        trials = tried(swaps, hashes, task.budget, attempt)
        self.insist()
        search = _record(result, id_, job, hashes, trials, len(swaps), started)
        path = folder / f"{started:{STAMP}}-{id_[:16]}.json"
        write_file(path, encoded(_SEARCH, search, indent=1) + b"\n")
        return search, path


def _is_same(result: Result, release: Release, image: Image) -> bool:
    """Return whether index and image are still those of a result, so that a rebuild shows something."""
    sdists = tuple(one.sha256 if one else "" for one in (result.sdist, release.sdist))
    return sdists[0] == sdists[1] and result.image.manifest == image.manifest


def _record(
    result: Result,
    id_: str,
    job: str,
    hashes: tuple[str, ...],
    trials: tuple[SwapTrial, ...],
    swaps: int,
    started: datetime,
) -> CauseSearch:
    wheel, sdist = _wheel(result), result.sdist
    assert sdist is not None  # noqa: S101 - a wheel has been built from it
    return CauseSearch(
        id=id_,
        project=result.project,
        version=result.version,
        filename=wheel.filename,
        job=job,
        image=result.image.name,
        manifest=result.image.manifest,
        sdist=sdist.sha256,
        wanted=hashes,
        known=wheel.sha256,
        build_requirements=result.build_requirements,
        trials=trials,
        left=0 if any(one.sha256 in hashes for one in trials) else swaps - len(trials),
        started=started,
        finished=datetime.now(UTC),
    )


def _wheel(result: Result) -> WheelFile:
    wheel = result.builds[0].wheel
    assert wheel is not None  # noqa: S101 - `unexplained` has looked
    return wheel


def read_search(path: Path) -> CauseSearch | None:
    """Read the record of a search; None if it is none."""
    try:
        return decoded(_SEARCH, path.read_bytes()) if path.stat().st_size <= _LARGEST else None
    except (OSError, ValueError, RecursionError):
        return None


# --- one rebuild ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Attempts:
    """Rebuilds of one result, each with one input swapped."""

    searcher: _Searcher
    result: Result
    task: Task
    release: Release
    image: Image
    sets: tuple[PackageSet, ...]

    def attempt(self, swap: InputSwap) -> SwapTrial:
        """Rebuild with a swap. What cannot be had, and a build that fails, are values."""
        self.searcher.insist()
        lock = Lock(self.result.build_requirements, self.result.provided)
        match swap.kind:
            case SwapKind.PACKAGE:
                trial = self._with_packages(swap, lock)
            case SwapKind.REQUIREMENT:
                trial = self._with_requirement(swap, lock)
            case _:
                trial = self._built(swap, self.image, lock)
        if trial.build is not None:
            logs.info("built again", project=self.release.project, how=swap.text, sha256=trial.sha256)
        return trial

    def _with_packages(self, swap: InputSwap, lock: Lock) -> SwapTrial:
        packages = self.searcher.packages
        (one,) = (each for each in self.sets if each.names == swap.names)
        debs = packages.fetch(self.image, one, swap.now)
        if isinstance(debs, Unfetched):
            return SwapTrial(swap, why=debs.why, is_open=debs.is_open)
        files = tuple((deb.url, deb.sha256) for deb in debs)
        try:
            image, tag = packages.made(self.image, debs)
        except ImageError as error:  # what an archive answered is no such package: it may answer better next time
            packages.forget(debs)
            return SwapTrial(swap, why=str(error), files=files, is_open=True)
        self.searcher.tags.add(tag)
        return self._built(swap, image, lock, files)

    def _with_requirement(self, swap: InputSwap, lock: Lock) -> SwapTrial:
        (name,) = swap.names
        pin = self._pin(name, swap.now)
        if isinstance(pin, str):
            return SwapTrial(swap, why=pin)
        pins = tuple(pin if one.name == name else one for one in lock.pins)
        return self._built(swap, self.image, replace(lock, pins=pins), ((pin.url, pin.sha256),))

    def _pin(self, name: str, version: str) -> Pin | str:
        """Return the index's wheel of a version, or why there is none."""
        target, requirement = self.image.target, f"{name}=={version}"
        try:
            release = self.searcher.effects.index.release(requirement, target.python)
        except (AbsentError, NoReleaseError):
            return f"the index has no {requirement}"
        offered = (
            Pin(name, version, wheel.sha256, wheel.filename, wheel.url) for wheel in release.wheels if wheel.sha256
        )
        pin = best(tuple(offered), target) if admits(release.requires_python, target.python) else None
        return pin or f"the index has no wheel of {requirement} for Python {target.python} on {target.platform}"

    def _built(self, swap: InputSwap, image: Image, lock: Lock, files: tuple[tuple[str, str], ...] = ()) -> SwapTrial:
        task = swapped_task(self.task, swap, self.searcher.profiles)
        build = self._build(task, image, lock)
        if isinstance(build, str):
            return SwapTrial(swap, why=build, files=files)
        return trial_of(swap, build, files, _wheel(self.result).filename)

    def _build(self, task: Task, image: Image, lock: Lock) -> Build | str:
        """Build once, in the first build's environment; the backend is not asked again what it requires."""
        job_effects = self.searcher.effects
        effects = with_lock(job_effects.effects(self.release.project, task.limits, long=False, again=True), lock)
        settled = job_inputs.settle(self.release, image, effects, task.config_settings)
        if isinstance(settled, Failure):
            return settled.detail
        environment = environments(task, self.release, effects.salt(), effects.now())[0]
        order = order_for(
            "swapped",
            environment,
            task=task,
            release=self.release,
            image=image,
            settled=settled,
            effects=effects,
        )
        return effects.build(order, no_answer).build
