"""A run on Dask workers: the same jobs in the same order as on this machine, with the same records."""

from __future__ import annotations

import base64
import secrets
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import ImageError, UsageError
from orchestrator.farm import assemble, progress, run
from orchestrator.farm.cluster import client, values
from orchestrator.farm.cluster.values import ImageRequest
from orchestrator.farm.placement import placed
from orchestrator.farm.workers import Cancellation
from orchestrator.images import recipe
from orchestrator.job.hosts import spread_over
from orchestrator.model import Origin
from orchestrator.model.names import SdistName
from orchestrator.results.history import accumulated
from orchestrator.sources import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.config import Config
    from orchestrator.farm.cluster.client import Cluster
    from orchestrator.farm.cluster.values import SentJob, Terms
    from orchestrator.farm.input_effects import InputEffects
    from orchestrator.farm.plan import Job
    from orchestrator.images.recipe import ImageRecipe
    from orchestrator.model import Image, Release, Result, Task
    from orchestrator.publish.publisher_process import PublisherProcess
    from orchestrator.results.store import Results

LARGEST = 32 << 20
"""Bytes of a user's own sdist that are sent with its job, through the scheduler."""


def run_tasks(
    settings: Config, store: Results, tasks: tuple[Task, ...], publisher: PublisherProcess, *, again: bool
) -> run.RunOutcome:
    """Run tasks on workers, show the progress, and write the site while their results arrive.

    Raises
    ------
    WheelproofError
        The farm failed, or was stopped.

    """
    assert settings.dask is not None  # noqa: S101 - the caller has checked
    displays: list[progress.Progress] = []

    def log(project: str, doing: str) -> None:
        if displays:
            displays[-1].doing(project, doing)
        else:
            progress.note(f"{project}: {doing}")

    placement = placed(settings, spread_over(tasks, hosts=True)[0])
    inputs = assemble.open_inputs(settings, store)
    names = tuple(dict.fromkeys(task.image for task in placement.tasks))
    folders = recipe.folders(settings.folder)
    recipe.check_names(folders, names)
    recipes = {name: recipe.load(folders, name) for name in names}
    stop, agreed = Cancellation(), values.terms(settings, secrets.token_hex(8))
    with client.connected(settings.dask, stop) as cluster, ExitStack() as stack:
        cluster.listen(log)
        with assemble.stopping(stop, stop.ask):
            cluster.wait()
            images = {name: described(settings, cluster, agreed, one) for name, one in recipes.items()}
        for image in images.values():
            store.keep_image(image)
        fitting = assemble.matching_tasks(placement.tasks, images)
        pool: client.Workers[Job, Result | Path] = client.Workers(
            cluster,
            partial(_sent, agreed, inputs, images, recipes, store, again),
            store,
            take=lambda result: store.repeated(result, again=again) or result,
            recorded=store.find,
        )

        def release(task: Task) -> Release:
            if task in placement.faults:
                raise placement.faults[task]
            return inputs.release(task, images[task.image])

        context = run.RunContext(
            release=release,
            latest=store.latest,
            pool=pool,
            write=lambda result: store.write(accumulated(result, store.entries(result.project))),
            publish=publisher.publish,
            is_published=publisher.is_published,
            stop=stop,
            long=settings.long,
        )

        def shown(total: int) -> progress.Progress:
            displays.append(stack.enter_context(progress.shown(total)))
            return displays[-1]

        with assemble.stopping(stop, pool.stop):
            outcome = run.run((*fitting, *placement.faults), context, shown)
    return replace(outcome, left_out=tuple(task for task in placement.tasks if task not in fitting))


def described(settings: Config, cluster: Cluster, agreed: Terms, one: ImageRecipe) -> Image:
    """Return an image as a worker has it, which makes it where it is missing: all others have to have the same."""
    progress.note(f"asking a worker for the image {one.name}")
    image = cluster.describe(ImageRequest(agreed, values.sent_recipe(one)))
    if image.drift and settings.strict:
        raise ImageError(recipe.refusal(one.name, image.drift))
    if image.drift:
        progress.note(f"the image {one.name} drifted from its lock: {recipe.listing(image.drift)}")
    return image


def _sent(
    agreed: Terms,
    inputs: InputEffects,
    images: Mapping[str, Image],
    recipes: Mapping[str, ImageRecipe],
    store: Results,
    again: bool,  # noqa: FBT001 - bound in one place
    job: Job,
) -> SentJob:
    """Return a job as it is sent."""
    name, known = job.task.image, () if again else store.answers(job.release.project)
    sent = values.sent_job(agreed, job, images[name], recipes[name], again=again, known=known)
    return replace(sent, sdist=_own_sdist(inputs, job), declared=_declared(job))


def _own_sdist(inputs: InputEffects, job: Job) -> str:
    """Return the user's own sdist in base64, since no index gives it to a worker; empty for a release of the index."""
    sdist = job.release.sdist
    if job.release.origin is Origin.INDEX or sdist is None:
        return ""
    file = inputs.place(sdist.sha256, SdistName(sdist.filename))
    if file.stat().st_size > LARGEST:
        msg = (
            f"sending {sdist.filename} to a worker: it has {progress.size(file.stat().st_size)}, and "
            f"{progress.size(LARGEST)} at most are sent; build it with --local"
        )
        raise UsageError(msg)
    return base64.b64encode(file.read_bytes()).decode()


def _declared(job: Job) -> str | None:
    return reading.declared(Path(job.task.requirement)) if job.release.packed else None
