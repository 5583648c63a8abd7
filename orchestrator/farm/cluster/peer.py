"""Builds of a job that another worker does, so that the two builds of a pair run on two hosts."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from distributed import get_client, get_worker

from orchestrator.errors import FaultError, Interrupted, WheelproofError, WorkersError
from orchestrator.farm.cluster import answers, orders, resources, values
from orchestrator.farm.cluster.tasks import result, submit
from orchestrator.farm.cluster.transfer import receive
from orchestrator.farm.workers import STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from distributed import Client, Future

    from orchestrator.build.builder import Output
    from orchestrator.build.container import Order
    from orchestrator.farm.cluster.orders import Packed, SentOrder, SentOutput
    from orchestrator.farm.cluster.values import SentJob
    from orchestrator.farm.workers import Cancellation
    from orchestrator.results.store import Results

PATIENCE = 60.0
"""Seconds that a build waits for what it needs of another worker."""

JOINS = 20.0
"""Seconds that a job waits for a second host to join."""

_LOOK = 1.0  # seconds


def peers_of(workers: Mapping[str, Mapping[str, Any]], code: str, own: str) -> tuple[str, ...]:
    """Return the addresses of workers that may do builds for another one: on other hosts, if there are any.

    Two workers are on one host if their kernel is the same: its boot id.
    """
    says = resources.announced(workers)
    able = [one for one in resources.able(workers, code, resources.REMOTE) if one != own]
    host = says.get(own, {}).get("host")
    return tuple(one for one in able if says.get(one, {}).get("host") != host) or tuple(able)


class Peers:
    """The other workers, as one job sees them: to be made in the thread of a task."""

    def __init__(self, job: SentJob, topic: str, cache: Path, store: Results, stop: Cancellation) -> None:
        """Send builds of a job to others; a cache has what they need, and a store gets what they make."""
        self._client: Client = get_client()
        self._topic = topic
        self._own = get_worker().address
        self._job = job
        self._cache = cache
        self._store = store
        self._stop = stop
        self._boot_id = ""  # of its kernel, where it is known
        self._chosen = ""  # the worker of the first such build; the others have to see the same host

    def build(self, _project: str, order: Order, *, long: bool) -> Output:
        """Have another worker do a build, and fetch what it made.

        Raises
        ------
        WorkersError
            There is no other worker, or none can build.
        WheelproofError
            The farm failed there.
        Interrupted
            The job was stopped.

        """
        sent = orders.sent_order(
            order, self._cache, terms=self._job.terms, home=self._own, recipe=self._job.recipe, long=long
        )
        refused: dict[str, str] = {}
        while True:
            among = self._peers(refused)
            output = self._output(sent, among)
            if not output.refused:
                break
            refused[output.worker] = output.refused
        if output.failed:
            raise values.error_of(values.Reply(failed=output.failed, kind=output.kind))
        found = self._brought(output)
        answers.check_build(order, found)
        self._insist_on_host(found)
        return found

    def _insist_on_host(self, output: Output) -> None:
        """Raise WorkersError where a build ran on another host than the one before it: its worker has moved."""
        boot_id = output.build.probe.boot_id if output.build.probe else ""
        self._boot_id = self._boot_id or boot_id
        if boot_id and boot_id != self._boot_id:
            msg = f"building on a second host: {self._chosen} has another kernel than a moment ago; run again"
            raise WorkersError(msg)

    def _peers(self, refused: Mapping[str, str]) -> tuple[str, ...]:
        """Wait for a worker that has not refused: after the first such build, only for the one that did it."""
        end = time.monotonic() + JOINS
        while True:
            workers = self._client.scheduler_info().get("workers", {})
            able = peers_of(workers, values.code(), self._own)
            found = tuple(one for one in able if one not in refused and self._chosen in {"", one})
            if found:
                return found
            if self._chosen:
                msg = f"building on a second host: {self._chosen} does not build any more; run again to go on"
                raise WorkersError(msg)
            if refused or time.monotonic() > end:
                why = (
                    "; ".join(f"{one}: {text}" for one, text in refused.items())
                    or "no other worker has joined; start one on another host"
                )
                msg = f"building on a second host, as spread asks for: {why}; run again to go on"
                raise WorkersError(msg)
            if self._stop.event.wait(_LOOK):
                raise Interrupted(STOPPED)

    def _output(self, sent: SentOrder, among: tuple[str, ...]) -> SentOutput:
        data = orders.encoded(orders.ORDER, sent)
        future = submit(
            self._client, "build", data, self._topic, among=among, priority=resources.BUILD, uses=(resources.REMOTE,)
        )
        return values.decoded(orders.OUTPUT, self._result(future, among))

    def _brought(self, output: SentOutput) -> Output:
        """Keep the wheel and the log of a build."""
        listed = [(file.store, file.sha256, file.size) for file in output.files]

        def ask(offset: int) -> bytes:
            future = submit(
                self._client, "next_piece", listed, offset, among=(output.worker,), priority=resources.PIECE
            )
            data: bytes = self._result(future, (output.worker,))
            return data

        stores = {"wheels": self._store.wheels, "logs": self._store.logs}
        with self._store.bench() as folder:
            for file, path in receive(output.files, b"", ask, folder):
                stores[file.store].keep(path, file.sha256)
        self._chosen = self._chosen or output.worker
        assert output.build is not None  # noqa: S101 - it neither refused nor failed
        log = self._store.logs.find(output.build.log)
        if log is None:
            msg = "building on a second host: the log did not come; run again"
            raise WorkersError(msg)
        return output.output(log)

    def _result(self, future: Future[Any], among: tuple[str, ...]) -> Any:  # noqa: ANN401 - as the task gives it
        """Return the result of a task; raise WorkersError if all workers that may do it are gone."""

        def look() -> None:
            if self._stop.asked:
                raise Interrupted(STOPPED)
            if not set(among) & set(self._client.scheduler_info().get("workers", {})):
                msg = "building on a second host: it is gone; run again to go on"
                raise WorkersError(msg)

        try:
            return result(self._client, future, look)
        except WheelproofError:
            raise
        except Exception as error:
            if type(error).__name__ in {"KilledWorker", "CancelledError", "FutureCancelledError"}:
                msg = f"building on a second host: it ended: {error}; run again to go on"
                raise WorkersError(msg) from error
            raise FaultError.of(error) from error
        finally:
            with suppress(Exception):  # the scheduler may be gone
                future.cancel()


def places(farm_place: Callable[..., Path], sent: SentOrder) -> dict[str, Path]:
    """Return where this worker has what an order needs; it is fetched from the worker that sent the order.

    `farm_place` is `Parcels.place`. To be called in the thread of a task.
    """
    client = get_client()

    def task(name: str, *arguments: object) -> Any:  # noqa: ANN401 - as the task gives it
        future = submit(client, name, *arguments, among=(sent.home,), priority=resources.PIECE)
        ends = time.monotonic() + PATIENCE

        def look() -> None:
            if time.monotonic() > ends:
                msg = f"fetching what a build needs from {sent.home}: it does not answer; run again"
                raise WorkersError(msg)

        return result(client, future, look)

    def ask(path: str, content: str) -> Packed:
        return values.decoded(orders.PACKED, task("pack", path, content))

    def piece(packed: Packed, offset: int) -> bytes:
        file = packed.file
        data: bytes = task("next_piece", [(file.store, file.sha256, file.size)], offset)
        return data

    return {path: farm_place(path, content, partial(ask, path, content), piece) for path, content in sent.sums}
