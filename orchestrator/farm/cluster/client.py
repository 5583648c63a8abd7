"""The orchestrator's side of Dask: connects to a scheduler, and has workers judge jobs."""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import dask
from distributed import Client
from distributed.security import Security
from distributed.versions import VersionMismatchWarning

from orchestrator.errors import FaultError, Interrupted, LostSchedulerError, WheelproofError, WorkersError
from orchestrator.farm.cluster import answers, resources, values
from orchestrator.farm.cluster.tasks import result, submit
from orchestrator.farm.cluster.transfer import receive
from orchestrator.farm.cluster.values import Work
from orchestrator.farm.workers import STOPPED, Pool, Room, attempted
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from distributed import Future

    from orchestrator.config import DaskSettings
    from orchestrator.farm.cluster.values import ImageRequest, Reply, SentJob, SentVerification
    from orchestrator.farm.workers import Cancellation
    from orchestrator.model import Image
    from orchestrator.results.store import Results

ANSWER = 15.0
"""Seconds in which a scheduler has to answer."""

PATIENCE = 120.0
"""Seconds that a run waits for a worker, where there is none that can judge."""

REFUSED = 60.0
"""Seconds for which a worker that refused a job gets none."""

TRIES = 3
"""How often a job is sent whose worker, or the second host of a pair, was lost before all of its files came."""

_LOOK = 1.0  # seconds between two looks at the workers
_KEPT = 20  # messages that Dask keeps to search for its own errors; each may be a job
_COLLECTORS = 8  # threads that fetch files


@dataclass(frozen=True, slots=True)
class Offer:
    """What the workers offer together."""

    able: Mapping[str, Room]  # what each worker that can judge takes, by its address
    others: tuple[str, ...] = ()  # why each other one cannot, as a sentence
    helpers: tuple[str, ...] = ()  # those that are not to judge, as a sentence: their operators want it so

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the workers that can judge."""
        return tuple(self.able)

    def room(self, refusing: Collection[str] = ()) -> Room:
        """Return how many jobs all take together, without those that refuse."""
        rooms = [room for address, room in self.able.items() if address not in refusing]
        return Room(sum(room.jobs for room in rooms), sum(room.longs for room in rooms))


def offer_of(workers: Mapping[str, Mapping[str, Any]], code: str) -> Offer:
    """Return what workers offer to a run of the program with that digest, by what the scheduler knows of them."""
    says, jobs = resources.announced(workers), resources.able(workers, code, resources.JOBS)
    longs = resources.able(workers, code, resources.LONG)
    names = {address: one.get("name", address) for address, one in workers.items() if address not in jobs}
    helpers = [address for address in resources.able(workers, code, resources.REMOTE) if address in names]
    return Offer(
        {address: Room(count, longs.get(address, 0)) for address, count in jobs.items()},
        tuple(f"{names[one]}: {_why_not(says.get(one), code)}" for one in names if one not in helpers),
        tuple(f"{names[one]}: it only builds for jobs of other workers" for one in helpers),
    )


def _why_not(says: Mapping[str, str] | None, code: str) -> str:
    if says is None:
        return "it does not judge jobs; start it with --preload orchestrator.farm.worker"
    if says.get("code") != code:
        found = f"it has another wheelproof ({says.get('version')})"
        return f"{found}: its files differ from those of this run; install the same there"
    return says.get("unfit") or "it is not ready yet"


def security(settings: DaskSettings) -> Security | None:
    """Return how to connect; None where neither the configuration nor Dask's own names certificates."""
    if settings.ca is None:
        return Security() if dask.config.get("distributed.comm.tls.ca-file") else None
    return Security(
        tls_ca_file=str(settings.ca),
        tls_client_cert=str(settings.certificate),
        tls_client_key=str(settings.key),
        require_encryption=True,
    )


class _Client(Client):
    """A client that is closed if it cannot start: Dask does so at the end of the program only, and waits there."""

    def start(self, **how: Any) -> None:  # noqa: ANN401 - as Dask has them
        """Connect; raises as `Client` does."""
        try:
            super().start(**how)  # type: ignore[no-untyped-call]
        except Exception:
            with suppress(Exception):  # the former error counts
                self.close(timeout=5)  # type: ignore[no-untyped-call]
            raise


@contextmanager
def connected(
    settings: DaskSettings, stop: Cancellation, *, patience: float = PATIENCE, answer: float = ANSWER
) -> Iterator[Cluster]:
    """Connect to the scheduler; a request to stop ends every wait.

    The scheduler has `answer` seconds for an answer; a run waits `patience` seconds for a worker where there is none.

    Raises
    ------
    WorkersError
        It does not answer, or refuses the certificate.

    """
    warnings.simplefilter("ignore", VersionMismatchWarning)  # what has to be equal is compared: the program
    for name in ("distributed", "distributed.client"):  # errors of ours say the same in one line
        logging.getLogger(name).setLevel(logging.CRITICAL)
    doing = f"connecting to the Dask scheduler at {settings.address}"
    try:
        with dask.config.set({"distributed.admin.low-level-log-length": _KEPT}):
            client = _Client(  # type: ignore[no-untyped-call]
                settings.address, security=security(settings), timeout=answer, set_as_default=False, name="wheelproof"
            )
    except TypeError as error:  # a worker, which has other functions
        msg = f"{doing}: it is no scheduler; give the address that dask scheduler logs as its own"
        raise WorkersError(msg) from error
    except (OSError, ValueError, RuntimeError) as error:
        advice = (
            "check that it runs there, with the same protocol, and that its certificate and that of this run are of "
            "one authority and have not expired"
        )
        msg = f"{doing}: {error}; {advice}"
        raise WorkersError(msg) from error
    cluster = Cluster(client, settings.address, stop, patience=patience, answer=answer)
    try:
        yield cluster
    finally:
        cluster.close()


class Cluster:
    """A scheduler with its workers."""

    def __init__(
        self, client: Client, address: str, stop: Cancellation, *, patience: float = PATIENCE, answer: float = ANSWER
    ) -> None:
        """Use a client that is connected to the scheduler at that address; as `connected`."""
        self.patience = patience
        self._answer = answer
        self._client = client
        self._stop = stop
        self._address = address
        self._topic = f"wheelproof-{secrets.token_hex(8)}"
        self._offer = Offer({})
        self._looked = 0.0
        self._lock = threading.Lock()
        self._without = time.monotonic()  # since when no worker can judge
        self._reported: set[str] = set()

    def listen(self, log: Callable[[str, str], None]) -> None:
        """Hand on what workers do for this run: a project, and what is done for it."""

        def heard(event: tuple[float, object]) -> None:
            _, content = event
            if isinstance(content, dict):
                log(str(content.get("project")), str(content.get("doing")))

        self._client.subscribe_topic(self._topic, heard)

    def close(self) -> None:
        """Cancel what is under way, and disconnect. Workers stop the jobs that nobody waits for."""
        with suppress(Exception):  # the scheduler may be gone
            self._client.close(timeout=ANSWER)

    # --- workers -----------------------------------------------------------------------------

    def offer(self) -> Offer:
        """Return what the workers offer now.

        Raises
        ------
        WorkersError
            The scheduler does not answer any more, or there was no worker for a while.

        """
        with self._lock:
            self.check()
            if time.monotonic() - self._looked < _LOOK:
                return self._offer
            self._offer = offer_of(self._workers(), values.code())
            self._looked = time.monotonic()
            self._insist()
            return self._offer

    def _workers(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what the scheduler knows of its workers; raises LostSchedulerError where no answer comes in time."""
        scheduler: Any = self._client.scheduler
        try:
            known = self._client.sync(scheduler.identity, n_workers=-1, callback_timeout=self._answer)
        except Exception as error:
            raise self._lost() from error
        workers: Mapping[str, Mapping[str, Any]] = known["workers"]
        return workers

    def check(self) -> None:
        """Raise LostSchedulerError where the connection is lost."""
        if self._client.status != "running":
            raise self._lost()

    def _lost(self) -> LostSchedulerError:
        return LostSchedulerError(
            f"the Dask scheduler at {self._address} does not answer any more; results until now are kept: start it, "
            "and run again to go on"
        )

    def _insist(self) -> None:
        for line in sorted(set(self._offer.others) - self._reported):
            logs.warning("a worker takes no jobs of this run", worker=line)
            self._reported.add(line)
        if self._offer.able:
            self._without = time.monotonic()
        elif time.monotonic() - self._without > self.patience:
            why = "; ".join((*self._offer.others, *self._offer.helpers)) or "none has joined; start one"
            msg = f"waiting for workers at {self._address}: none can judge: {why}; run again to go on"
            raise WorkersError(msg)

    def wait(self) -> None:
        """Wait for a worker that can judge; raises as `offer`, and Interrupted after a request to stop."""
        if not self.offer().able:
            logs.info("waiting for a worker that can judge", scheduler=self._address, seconds=self.patience)
        while not self.offer().able:
            if self._stop.event.wait(_LOOK / 4):
                raise Interrupted(STOPPED)

    # --- tasks -------------------------------------------------------------------------------

    def describe(self, request: ImageRequest) -> Image:
        """Have the first worker that can describe an image, and make it where it does not have it.

        Raises
        ------
        WheelproofError
            No worker can make it; the last one's error.

        """
        for address in (addresses := self.offer().addresses):
            image = attempted(self._described, request, address)
            if not isinstance(image, WheelproofError) or address == addresses[-1] or self._stop.asked:
                break
            logs.warning("a worker cannot make an image", worker=address, fault=str(image))
        else:
            image = WorkersError(f"asking a worker for the image {request.recipe.name}: none is left; run again")
        if isinstance(image, WheelproofError):
            raise image
        return image

    def _described(self, request: ImageRequest, address: str) -> Image | WheelproofError:
        data = values.encoded(values.IMAGE_REQUEST, request)
        future = self._submit("describe", data, self._topic, uses=(resources.JOBS,), among=(address,))
        answer = self._result(future, of=address)
        with suppress(ValueError):
            return values.decoded(values.IMAGE, answer)
        return values.error_of(values.decoded(values.REPLY, answer))

    def judge(self, sent: SentJob | SentVerification, *, priority: int, among: tuple[str, ...]) -> Future[Any]:
        """Have a worker judge a job or verify a wheel, one of these addresses; empty: any."""
        name, data, job = values.asked(sent)
        uses, label = (resources.JOBS, *([resources.LONG] if job.long else [])), "long" if job.long else ""
        return self._submit(name, data, self._topic, priority=priority, among=among, uses=uses, label=label)

    def reply(self, future: Future[Any]) -> tuple[Reply, bytes]:
        """Return what a worker answered, and the first piece of the files; raises as `_result`."""
        data, first = self._result(future)
        return values.decoded(values.REPLY, data), first

    def bring(self, address: str, reply: Reply, first: bytes, store: Results) -> None:
        """Fetch the files that a reply lists, and keep them.

        Raises
        ------
        WorkersError
            They are not what was announced, or the worker is gone.

        """
        listed = [(file.store, file.sha256, file.size) for file in reply.files]

        def ask(offset: int) -> bytes:
            future = self._submit("next_piece", listed, offset, among=(address,), priority=resources.PIECE)
            data: bytes = self._result(future, of=address)
            return data

        stores = {"wheels": store.wheels, "logs": store.logs}
        with store.bench() as folder:
            for file, path in receive(reply.files, first, ask, folder):
                stores[file.store].keep(path, file.sha256)

    def _submit(self, name: str, *arguments: object, **how: Any) -> Future[Any]:  # noqa: ANN401 - as `submit` has them
        self.check()
        return submit(self._client, name, *arguments, **how)

    def _result(self, future: Future[Any], of: str = "") -> Any:  # noqa: ANN401 - as the task gives it
        """Return the result of a task.

        Raises
        ------
        WorkersError
            The connection is lost, the worker `of` is gone, or the task ended several workers.
        FaultError
            The task raised something.
        Interrupted
            A stop was requested.

        """

        def look() -> None:
            if self._stop.asked:
                raise Interrupted(STOPPED)
            self.check()
            if of and of not in self.offer().addresses:
                msg = f"the worker {of} is gone before its files came; run again"
                raise WorkersError(msg)

        try:
            return result(self._client, future, look)
        except WheelproofError:
            raise
        except Exception as error:
            raise self._fault(future, error) from error

    def _fault(self, future: Future[Any], error: Exception) -> WheelproofError:
        self.check()
        if future.status == "cancelled" or type(error).__name__ in {"KilledWorker", "NoValidWorkerError"}:
            return WorkersError(f"its workers ended before it: {error}; run again to go on")
        return FaultError.of(error)


class _Refusals:
    """Which workers get no jobs for a while, and why."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: dict[str, tuple[float, str]] = {}

    def note(self, address: str, why: str) -> None:
        """Note that a worker refused a job."""
        self._until[address] = self._clock() + self._seconds, why

    def of(self, addresses: Iterable[str]) -> dict[str, str]:
        """Return why workers among these refuse jobs at present."""
        now = self._clock()
        until = {one: self._until.get(one, (0.0, "")) for one in addresses}
        return {one: why for one, (end, why) in until.items() if end > now}


_W = TypeVar("_W", bound=Work)
_T = TypeVar("_T")


@dataclass(slots=True)
class _Sent(Generic[_W, _T]):
    """A job that is under way, on one worker after the other if need be."""

    job: _W
    ended: Callable[[_T | WheelproofError], None]
    number: int
    refused: dict[str, str] = field(default_factory=dict)  # why, by the worker's address
    losses: int = 0  # workers that were lost with it
    among: tuple[str, ...] = ()  # the workers that may have it; empty: any
    stranded: bool = False  # all of them are gone
    asked: SentJob | SentVerification | None = None  # what was sent last


def _listed(refusing: Mapping[str, str]) -> str:
    return "; ".join(f"{address}: {why}" for address, why in refusing.items())


def _asked(sent: _Sent[Any, Any]) -> SentJob | SentVerification:
    assert sent.asked is not None  # noqa: S101 - it was sent before it was answered
    return sent.asked


class Workers(Pool[_W, _T]):
    """A pool of Dask workers. A job that one refuses, or that is lost with it, goes to another one."""

    def __init__(
        self,
        cluster: Cluster,
        send: Callable[[_W], SentJob | SentVerification],
        store: Results,
        take: Callable[[Any], _T],
        recorded: Callable[[str, str], _T | None],
        *,
        refused: float = REFUSED,
    ) -> None:
        """Send jobs as `send` makes them; `recorded` gets a project and the id of a known job.

        `take` gets each result: of a job, or of a verification if that was sent. A worker that refuses a job gets none
        for `refused` seconds.
        """
        self._cluster = cluster
        self._send = send
        self._store = store
        self._take = take
        self._recorded = recorded
        self._refusals = _Refusals(refused)
        self._accepted = time.monotonic()  # when a worker last judged a job, or could have
        self._numbers = itertools.count()
        self._collectors = ThreadPoolExecutor(_COLLECTORS, thread_name_prefix="collecting")
        self._futures: dict[str, tuple[_Sent[_W, _T], Future[Any]]] = {}

    def room(self) -> Room:
        """Return how many jobs the workers take; raises as `Cluster.offer`, and where all refuse for long."""
        offer = self._cluster.offer()
        self._free_stranded(offer)
        refusing = self._refusals.of(offer.addresses)
        self._insist(offer, refusing)
        return offer.room(refusing)

    def _insist(self, offer: Offer, refusing: Mapping[str, str]) -> None:
        """Raise WorkersError where all workers have refused all jobs for as long as a run waits for a worker."""
        if len(refusing) < len(offer.able) or not offer.able:
            return
        if time.monotonic() - self._accepted > self._cluster.patience:
            msg = f"all workers refuse jobs: {_listed(refusing)}; run again to go on"
            raise WorkersError(msg)

    def _free_stranded(self, offer: Offer) -> None:
        """Take back jobs that were sent to workers of which none is left: Dask keeps them until one comes back."""
        for sent, future in tuple(self._futures.values()):
            if sent.among and not sent.stranded and not any(one in offer.able for one in sent.among):
                sent.stranded = True
                with suppress(Exception):  # the scheduler may be gone
                    future.cancel()

    def note_refusal(self, address: str, why: str) -> None:
        """Give a worker no jobs for a while."""
        self._refusals.note(address, why)

    def start(self, job: _W, ended: Callable[[_T | WheelproofError], None]) -> None:
        """Send a job; each has a lower priority than those before it."""
        self._do(self._begin, _Sent(job, ended, next(self._numbers)))

    def stop(self) -> None:
        """Cancel what is under way."""
        for _, future in tuple(self._futures.values()):
            with suppress(Exception):  # the scheduler may be gone
                future.cancel()

    def close(self) -> None:
        """Cancel what is under way, and collect nothing any more."""
        self.stop()
        self._collectors.shutdown(wait=False, cancel_futures=True)

    def _do(self, act: Callable[..., None], sent: _Sent[_W, _T], *arguments: object) -> None:
        """Act for a job in a thread; a fault of the program ends that job."""

        def act_or_end() -> None:
            fault = attempted(act, sent, *arguments)
            if isinstance(fault, WheelproofError):
                sent.ended(fault)

        with suppress(RuntimeError):  # the pool is closed
            self._collectors.submit(act_or_end)

    def _begin(self, sent: _Sent[_W, _T]) -> None:
        """Submit a job to the workers that do not refuse; end it where there is none."""
        sent.stranded = False
        future = attempted(self._submitted, sent)
        if isinstance(future, WheelproofError):
            sent.ended(future)
            return
        self._futures[str(future.key)] = sent, future
        future.add_done_callback(lambda _: self._do(self._end, sent, future))

    def _submitted(self, sent: _Sent[_W, _T]) -> Future[Any]:
        addresses = self._cluster.offer().addresses
        left = tuple(one for one in addresses if one not in sent.refused)
        if addresses and not left:
            msg = f"no worker takes it: {_listed(sent.refused)}; run again to go on"
            raise WorkersError(msg)
        refusing = self._refusals.of(left)
        # Where those that are left refuse other jobs at present, they are asked: no other worker may come.
        among = tuple(one for one in left if one not in refusing) or left
        sent.among = among if len(among) < len(addresses) else ()
        job = sent.asked = self._send(sent.job)
        return self._cluster.judge(job, priority=-sent.number, among=sent.among)

    def _end(self, sent: _Sent[_W, _T], future: Future[Any]) -> None:
        self._futures.pop(str(future.key), None)
        outcome = attempted(self._outcome, sent, future)
        is_lost = type(outcome) is WorkersError and not future.cancelled()  # a release cancels it, too
        with suppress(Exception):  # the scheduler may be gone
            future.release()
        sent.losses += is_lost
        if outcome is None or sent.stranded or (is_lost and sent.losses < TRIES):
            self._begin(sent)
        else:
            sent.ended(outcome)

    def _outcome(self, sent: _Sent[_W, _T], future: Future[Any]) -> _T | None:
        """Return what a job came to; None where the worker refused it."""
        reply, first = self._cluster.reply(future)
        if reply.refused:
            logs.warning("a worker refused a job", worker=reply.worker, fault=reply.refused)
            sent.refused[reply.worker] = reply.refused
            if not reply.only:
                self.note_refusal(reply.worker, reply.refused)
                return None
        self._accepted = time.monotonic()
        if reply.refused:
            return None
        if reply.failed:
            if reply.kind != WorkersError.__name__:  # that is about a second host
                sent.losses = TRIES  # the worker has tried for itself what may pass
            raise values.error_of(reply)
        if (found := reply.result or reply.verification) is None:
            return self._known(sent, reply.known)
        answers.check(_asked(sent), found)
        self._cluster.bring(reply.worker, reply, first, self._store)
        return self._take(found)

    def _known(self, sent: _Sent[_W, _T], job: str) -> _T:
        answers.check_known(_asked(sent), job)
        record = self._recorded(sent.job.release.project, job)
        if record is None:
            msg = f"a worker named the record of the job {job}, which is not here any more; run again"
            raise WorkersError(msg)
        return record
