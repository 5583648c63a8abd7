"""Published wheels that Dask workers verify: the same wheels as on this machine, with the same records."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.errors import ImageError
from orchestrator.farm import assemble
from orchestrator.farm.cluster import client, run, values
from orchestrator.farm.verification import Opened, Place
from orchestrator.farm.workers import Cancellation
from orchestrator.images import recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.farm.cluster.client import Cluster
    from orchestrator.farm.cluster.values import SentVerification
    from orchestrator.farm.verification import Judged, VerifyJob
    from orchestrator.images.recipe import ImageRecipe
    from orchestrator.model import Image, Task, Verification
    from orchestrator.results.store import Results


@contextmanager
def connected(settings: Config, store: Results, *, again: bool, log: Callable[[str, str], None]) -> Iterator[Place]:
    """Give the workers of the configured scheduler as a place, as soon as one can judge.

    `log` gets a project and what a worker does for it.

    Raises
    ------
    WorkersError
        The scheduler does not answer, or there is no worker for a while.
    Interrupted
        A stop was requested.

    """
    assert settings.dask is not None  # noqa: S101 - the caller has checked
    stop = Cancellation()
    with client.connected(settings.dask, stop) as cluster:
        cluster.listen(log)
        with assemble.stopping(stop, stop.ask):
            cluster.wait()
        yield OnWorkers(settings, store, cluster, stop, again=again)


class OnWorkers(Place):
    """Wheels are verified by the workers of a cluster."""

    def __init__(self, settings: Config, store: Results, cluster: Cluster, stop: Cancellation, *, again: bool) -> None:
        """Use a cluster that has a worker."""
        self._settings = settings
        self._store = store
        self._cluster = cluster
        self._stop = stop
        self._again = again
        self._agreed = values.terms(settings, secrets.token_hex(8))

    def known(self, names: tuple[str, ...]) -> Mapping[str, Image]:
        """Return images as their locks list them; what a lock does not show, a worker is asked for."""
        return {name: self._known(one) for name, one in self._recipes(names).items()}

    def _known(self, one: ImageRecipe) -> Image:
        try:
            return recipe.as_locked(one)
        except ImageError:
            return self._described(one)

    @contextmanager
    def opened(self, tasks: tuple[Task, ...], judged: Judged) -> Iterator[Opened]:
        """Have a worker make the images of tasks; on a request to stop, workers kill the containers."""
        recipes = self._recipes(task.image for task in tasks)
        images = {name: self._described(one) for name, one in recipes.items()}

        def send(job: VerifyJob) -> SentVerification:
            return self._sent(replace(job, subject=replace(job.subject, result=judged(job.subject))), images, recipes)

        pool: client.Workers[VerifyJob, Verification | Path] = client.Workers(
            self._cluster, send, self._store, take=self._taken, recorded=self._store.find_verification
        )
        with assemble.stopping(self._stop, pool.stop):
            yield Opened(images, pool, self._stop)

    def _recipes(self, names: Iterable[str]) -> Mapping[str, ImageRecipe]:
        folders, several = recipe.folders(self._settings.folder), tuple(dict.fromkeys(names))
        recipe.check_names(folders, several)
        return {name: recipe.load(folders, name) for name in several}

    def _described(self, one: ImageRecipe) -> Image:
        with assemble.stopping(self._stop, self._stop.ask):
            return run.described(self._settings, self._cluster, self._agreed, one)

    def _sent(
        self, job: VerifyJob, images: Mapping[str, Image], recipes: Mapping[str, ImageRecipe]
    ) -> SentVerification:
        name, known = job.task.image, () if self._again else self._store.verification_answers(job.release.project)
        sent = values.sent_job(self._agreed, job, images[name], recipes[name], again=self._again, known=known)
        return values.sent_verification(sent, job.subject)

    def _taken(self, found: Verification) -> Verification | Path:
        """Return a verification, or the record that it adds nothing to."""
        return (None if self._again else self._store.repeated_verification(found)) or found
