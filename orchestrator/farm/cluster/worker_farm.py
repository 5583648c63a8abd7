"""The farm of one worker: its engine, images and caches, and the jobs that it judges. Dask is not known here."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import threading
import time
from collections import OrderedDict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from orchestrator import config
from orchestrator.build import engine as engines
from orchestrator.errors import BusyError, EngineError, ImageError, ResultsError, WheelproofError
from orchestrator.farm import assemble, clean, uses, verification
from orchestrator.farm.cluster import transfer, values
from orchestrator.farm.cluster.fitness import other_image, unfit
from orchestrator.farm.cluster.orders import SentOutput, sent_output
from orchestrator.farm.cluster.parcels import SENT, Parcels
from orchestrator.farm.cluster.values import Reply, SentFile
from orchestrator.farm.plan import Job
from orchestrator.farm.workers import Cancellation, CpuSlots, attempted
from orchestrator.images import build
from orchestrator.model.names import SdistName
from orchestrator.results.store import Results
from orchestrator.util import cache, room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.farm.cluster.orders import SentOrder
    from orchestrator.farm.cluster.values import ImageRequest, SentJob, SentVerification, Terms
    from orchestrator.farm.effects import Elsewhere
    from orchestrator.farm.input_effects import InputEffects
    from orchestrator.images.recipe import ImageRecipe
    from orchestrator.model import Image, Result, Task, Verification
    from orchestrator.results.files import Store

    Log = Callable[[str, str], None]  # gets a project, and what is done for it
    Judge = Callable[..., Result | Path]  # as `WorkerFarm.judge`

_T = TypeVar("_T")
_HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_RUNS = 4  # whose answers of the index are remembered
_TRIAL = 1 << 16  # bytes that a worker that judges can write


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs, and how it is stopped: its containers are killed, and it starts no further ones."""

    stop: Cancellation = field(default_factory=Cancellation)
    engine: engines.Engine | None = None
    begun: float = field(default_factory=time.time)

    def cancel(self) -> None:
        """Stop the job; returns at once."""
        self.stop.ask()
        if self.engine is not None:
            threading.Thread(target=attempted, args=(self.engine.stop,), name="stopping", daemon=True).start()


@dataclass(frozen=True, slots=True)
class _Run:
    """What the jobs of one run share on a worker, as they do in the process of a local run."""

    inputs: InputEffects  # asks the index for a project only once
    boot_ids: dict[str, str] = field(default_factory=dict)  # of the kernel of the engine's host, by runtime


class WorkerFarm:
    """What the jobs on one worker share."""

    def __init__(
        self,
        folder: Path,
        builds: int,
        processors: Sequence[int],
        connect: Callable[[], engines.Engine] = engines.connect,
    ) -> None:
        """Use a folder of this worker alone, as many slots for builds, and the engine that `connect` finds."""
        self._connect = connect
        self.folder = folder
        base = config.Config()
        self._settings = replace(base, folder=folder, cache=folder / "cache", results=folder / "results")
        self.store = Results(self._settings.results, wheels=base.keep.wheels, logs=base.keep.logs)
        self.slots = CpuSlots(builds, processors, long=base.long)
        self.label = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
        self.parcels = Parcels(self._settings.cache)
        self._engine: engines.Engine | None = None
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Have the folder alone, since two workers would remove each other's containers.

        Raises
        ------
        NotHereError
            Another worker has it, or nothing can be written there.

        """
        with ExitStack() as stack:
            try:
                stack.enter_context(self.store.locked())
            except BusyError as error:
                msg = f"another worker uses {self.folder}: give each worker a folder that it has alone, with --folder"
                raise NotHereError(msg) from error
            except ResultsError as error:
                reason = error.__cause__ or error
                msg = f"nothing can be written in {self.folder}: {reason}; name another folder with --folder"
                raise NotHereError(msg) from error
            yield

    # --- engine and images -------------------------------------------------------------------

    def engine(self, isolation: str) -> engines.Engine:
        """Return an engine for one job, with the runtime of a setting.

        Raises
        ------
        EngineError
            No engine answers.
        NotHereError
            It does not have that runtime.

        """
        with self._lock:
            if self._engine is None:
                self._engine = self._connect()
            engine = self._engine.alone()
        _isolate(engine, isolation)
        return engine

    @property
    def cache(self) -> Path:
        """The folder of the caches."""
        return self._settings.cache

    def engine_fault(self) -> str:
        """Return why no engine answers; empty if one does."""
        try:
            self._connect()
        except EngineError as error:
            return str(error)
        return ""

    def sweep(self, before: float = math.inf) -> int:
        """Remove the containers that former workers and jobs in this folder left behind; return how many.

        `before` is as of `Engine.sweep`.
        """
        return self._connect().sweep(self.label, before)

    def describe(self, request: ImageRequest, log: Log) -> Image:
        """Return an image; make it first, if the engine does not have it.

        Raises
        ------
        EngineError
            No engine answers.
        ImageError
            The image cannot be built.

        """
        engine = self.engine(request.terms.isolation)
        return self._image(engine, request.recipe.recipe(), log)

    def _image(self, engine: engines.Engine, recipe: ImageRecipe, log: Log) -> Image:
        folder = self._settings.cache
        image = build.made(engine, recipe, folder, lambda line: log(recipe.name, line))
        uses.note_image(folder, recipe.tag)
        return replace(image, runtime=engine.runtime)

    def tidy(self) -> None:
        """Keep the bounds of stores and cache; no job may run meanwhile."""
        clean.keep_bounds(self._settings, self.store)
        self._runs.clear()

    # --- jobs --------------------------------------------------------------------------------

    def judge(self, sent: SentJob, running: Running, log: Log, elsewhere: Elsewhere | None = None) -> Result | Path:
        """Judge a job on this worker; a path whose name is a job id stands for the record that answers it.

        `elsewhere` does builds on another worker: those whose environment says so.

        Raises
        ------
        NotHereError
            This worker cannot judge it; another one may.
        WheelproofError
            The farm failed.

        """
        image = self._same_image(sent, running, log)
        job = Job(sent.task, sent.release, long=sent.long)
        farm = self._farm(sent.terms, (sent.task,), running, image, log, sent)
        farm = replace(farm, job_effects=replace(farm.job_effects, elsewhere=elsewhere), hosts=elsewhere is not None)
        if sent.sdist:
            self._take(sent, farm.job_effects.place)
        with self._expected(long=sent.long):
            return farm.judge(job, again=sent.again)

    def verify(self, sent: SentVerification, running: Running, log: Log) -> Verification | Path:
        """Verify a published wheel on this worker; returns and raises as `judge`."""
        job = sent.job
        image = self._same_image(job, running, log)
        farm = self._farm(job.terms, (job.task,), running, image, log, job)
        with self._expected(long=job.long):
            return verification.verified(farm, sent.subject(image), long=job.long, again=job.again)

    def build(
        self, sent: SentOrder, running: Running, log: Log, places: Callable[[SentOrder], Mapping[str, Path]]
    ) -> SentOutput:
        """Do one build of another worker's job; `places` returns where this one has what it needs.

        Raises
        ------
        NotHereError
            This worker cannot build; another one may.
        WheelproofError
            The farm failed.

        """
        image = self._same_image(sent, running, log)
        order = sent.order(places(sent), image)
        farm = self._farm(sent.terms, (), running, image, log)
        output = farm.job_effects.build(sent.project, order, lambda _answer: None, long=sent.long)
        build = output.build
        names = (build.wheel.sha256 if build.wheel else "", build.log)
        return sent_output(output, self._sent(names))

    def _same_image(self, sent: SentJob | SentOrder, running: Running, log: Log) -> Image:
        """Return the image that was agreed on; raises NotHereError where this worker has another one."""
        assert running.engine is not None  # noqa: S101 - the caller gave it
        image = self._image(running.engine, sent.recipe.recipe(), log)
        if why := other_image(image.name, wanted=(sent.manifest, sent.runtime), found=(image.manifest, image.runtime)):
            raise NotHereError(why)
        return image

    def _farm(
        self,
        terms: Terms,
        tasks: tuple[Task, ...],
        running: Running,
        image: Image,
        log: Log,
        sent: SentJob | None = None,
    ) -> assemble.Farm:
        assert running.engine is not None  # noqa: S101 - as above
        run = self._run_of(terms)
        return assemble.farm_on(
            running.engine,
            {image.name: image},
            terms.applied(self._settings),
            self.store,
            tasks,
            log=log,
            shared=assemble.Shared(
                inputs=run.inputs,
                slots=self.slots,
                stop=running.stop,
                label=self.label,
                boot_ids=run.boot_ids,
                known=frozenset(sent.known) if sent else frozenset(),
                declared=sent.declared if sent else None,
            ),
        )

    def _run_of(self, terms: Terms) -> _Run:
        """Return what is remembered for a run only; for a new one, folders of the cache are checked again."""
        with self._lock:
            if terms.run not in self._runs:
                self._runs[terms.run] = _Run(assemble.open_inputs(terms.applied(self._settings), self.store))
                cache.doubt_all()
                while len(self._runs) > _RUNS:
                    self._runs.popitem(last=False)
            self._runs.move_to_end(terms.run)
            return self._runs[terms.run]

    def _take(self, sent: SentJob, place: Callable[[str, SdistName], Path]) -> None:
        """Put an sdist that came with its job where the index's are."""
        sdist = sent.release.sdist
        assert sdist is not None  # noqa: S101 - it came
        with self.store.bench() as folder:
            (folder / "sdist").write_bytes(base64.b64decode(sent.sdist))
            cache.keep(folder / "sdist", place(sdist.sha256, SdistName(sdist.filename)))

    @contextmanager
    def _expected(self, *, long: bool) -> Iterator[None]:
        """Count a short job while it runs, so that long builds leave it a slot."""
        self.slots.expect(not long)
        try:
            yield
        finally:
            self.slots.expect(-(not long))

    # --- what comes back ---------------------------------------------------------------------

    def piece(self, files: Sequence[SentFile], offset: int) -> bytes:
        """Return a piece of the files that a reply lists; raises OSError where one is not kept any more."""
        return transfer.piece(self._places(files), offset)

    def _places(self, files: Sequence[SentFile]) -> list[tuple[Path, int]]:
        stores = {"wheels": self.store.wheels, "logs": self.store.logs, SENT: self.parcels.store}
        found = []
        for file in files:
            path = stores[file.store].find(file.sha256)
            if path is None:
                raise FileNotFoundError(file.sha256)
            found.append((path, file.size))
        return found

    def named(self, result: bytes, there: bytes = b"") -> tuple[SentFile, ...]:
        """Return the kept wheels and logs that a result's JSON names by their hashes, but those that `there` names."""
        hashes = dict.fromkeys(match.group().decode() for match in _HASH.finditer(result))
        known = {match.group().decode() for match in _HASH.finditer(there)}
        return self._sent(sha256 for sha256 in hashes if sha256 not in known)

    def _sent(self, hashes: Iterable[str]) -> tuple[SentFile, ...]:
        hashes = tuple(hashes)
        return (*_kept("wheels", self.store.wheels, hashes), *_kept("logs", self.store.logs, hashes))

    def reply(self, result: Result) -> Reply:
        """Return the reply with a result."""
        return Reply(result=result, files=self.named(values.encoded(values.REPLY, Reply(result=result))))

    def verified_reply(self, found: Verification, sent: SentVerification) -> Reply:
        """Return the reply with a verification; the files of the result that it came with are there already."""
        reply, there = (values.encoded(values.REPLY, one) for one in (Reply(verification=found), Reply(sent.result)))
        return Reply(verification=found, files=self.named(reply, there))

    def attempted(self, act: Callable[[], _T], clock: float) -> _T | Refusal | WheelproofError:
        """Return what a function returns, or the error that it raises: a refusal, if it is about this worker only.

        A disk or a cache that fails in one job while the worker can be used as before is refused for that job alone:
        a package that is too large for this worker's disk may fit on another one, and takes no worker from other jobs.
        """
        if why := self.unfit(clock):
            return Refusal(why)
        outcome = attempted(act)
        if not isinstance(outcome, WheelproofError):
            return outcome
        if isinstance(outcome, (NotHereError, ImageError)):
            return Refusal(str(outcome))
        if why := self.unfit(clock) or self.engine_fault():
            return Refusal(f"{why} ({outcome})")
        return Refusal(str(outcome), only=True) if isinstance(outcome, ResultsError) else outcome

    def unfit(self, clock: float) -> str:
        """Return why this worker may not judge at present; `clock` is as in `fitness.unfit`."""
        try:
            self._try_to_write()
            scarce = room.is_scarce(self.folder)
        except (OSError, ResultsError) as error:
            return f"nothing can be written in {self.folder}: {error}"
        return unfit(clock=clock, scarce=scarce, folder=str(self.folder))

    def _try_to_write(self) -> None:
        """Write where jobs write; raises OSError or ResultsError where that fails."""
        with self.store.bench() as results, cache.unfinished(self._settings.cache) as caches:
            for folder in (results, caches):
                (folder / "trial").write_bytes(b"\0" * _TRIAL)


def _kept(name: str, store: Store, hashes: Iterable[str]) -> Iterator[SentFile]:
    for sha256 in hashes:
        if path := store.find(sha256):
            yield SentFile(name, sha256, path.stat().st_size)


def _isolate(engine: engines.Engine, isolation: str) -> None:
    try:
        engine.isolate(isolation)
    except EngineError as error:
        raise NotHereError(str(error)) from error


class NotHereError(WheelproofError):
    """A worker cannot judge a job; another one may."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a worker does not do a task that another one may do."""

    why: str
    only: bool = False  # of this task alone: the worker does others
