"""Results -> the site and its data files, in the results' folder."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from orchestrator import __version__, config
from orchestrator.errors import FaultError
from orchestrator.images import recipe as image_recipes
from orchestrator.publish.comparison import Debian
from orchestrator.results import changes, manifest
from orchestrator.results.summary import summary_of
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.images.recipe import ImageRecipe
    from orchestrator.publish.diffoscope import Reports
    from orchestrator.publish.made import Made
    from orchestrator.publish.site import Sources
    from orchestrator.results.store import Results


_ARCHITECTURES = {machine: name for name, machine in image_recipes.MACHINES.items()}


def publish(settings: Config, store: Results, made: Made) -> None:
    """Write the site and its data files. Pages that were `made` from the same are skipped.

    A page that fails because of a fault of ours keeps its former content; all others are written.

    Raises
    ------
    ResultsError
        They cannot be written.
    FaultError
        Some pages could not be generated; the traceback of each is in the log.

    """
    from orchestrator.publish import diffoscope, feed, site, site_data  # noqa: PLC0415 - `debians` alone does not need them
    from orchestrator.publish.made import written  # noqa: PLC0415 - as above

    def read_log(sha256: str) -> bytes | None:
        path = store.logs.find(sha256)
        return path.read_bytes() if path else None

    broken: list[str] = []

    def failed(project: str, error: Exception) -> None:
        broken.append(project)
        logs.fault("a page cannot be generated", error, project=project)

    store.prune()
    made_from = manifest.sources(store.folder)  # before the records are read: one that comes meanwhile is not in it
    store.index.refresh()
    summary = summary_of(
        store.standings(), settings.exclusions, datetime.now(UTC), config.tracked(settings), store.verified()
    )
    reports = _reports(settings, store, made)
    made.begin()
    is_unchanged = manifest.unchanged(store.folder)
    made.keep(lambda path: "/" in path or is_unchanged(f"site/{path}"))  # the few pages of the first level
    sources = _sources(settings, store, (standing.image for standing in summary.standings), reports)
    pages = site.site(summary, read_log, __version__, sources=sources, made=made, failed=failed)
    names = set(store.publish((f"site/{name}", text) for name, text in pages))
    names |= set(store.publish([(f"site/{feed.NAME}", feed.feed(sources.runs, settings.site_url))]))
    names |= set(store.publish([("changes.json", changes.as_json(sources.runs))]))
    names |= set(store.publish([("site_data.json", site_data.site_data(summary, settings.images[0], made.hashes))]))
    if broken:
        msg = f"the pages of {', '.join(broken)} are not written, for a fault of wheelproof; please report it"
        raise FaultError(msg)
    lasting = names | {f"site/{name}" for name in site.lasting_pages(made)}
    lasting |= {f"site/{diffoscope.FOLDER}/{name}" for name in reports.kept} if reports else set()
    store.note_site(made_from, lasting, written(made), config.shown(settings))
    store.remove_pages(lasting)


def known(store: Results) -> Made:
    """Return what the pages that are there, and unchanged since, were made from."""
    from orchestrator.publish.made import read  # noqa: PLC0415 - as above

    made = read(store.made())
    is_unchanged = manifest.unchanged(store.folder)
    made.keep(lambda path: is_unchanged(f"site/{path}"))
    return made


def _reports(settings: Config, store: Results, made: Made) -> Reports | None:
    from orchestrator.publish import diffoscope  # noqa: PLC0415 - as above

    if not settings.diffoscope:
        return None
    folder = store.folder / "site" / diffoscope.FOLDER
    return diffoscope.Reports(folder, store.wheels.find, store.bench, made.tried, diffoscope.installed())


def _sources(settings: Config, store: Results, images: Iterable[str], reports: Reports | None) -> Sources:
    from orchestrator.images import suggest  # noqa: PLC0415 - as above
    from orchestrator.publish import feed  # noqa: PLC0415 - as above
    from orchestrator.publish.site import Sources  # noqa: PLC0415 - as above

    recipes, is_unchanged = _recipes(settings.folder), manifest.unchanged(store.folder)
    return Sources(
        checks=store.checks(),
        debians=debians(settings.folder, images),
        verifications=store.verifications,
        records=lambda project: ((one.name, partial(store.result, one)) for one in store.entries(project)),
        former=lambda path: _content(store.folder / "site" / path) if is_unchanged(f"site/{path}") else b"",
        runs=tuple(islice(store.runs(), changes.RUNS)),
        having=lambda result: suggest.having(result.failure, result.image.name, recipes) if result.failure else (),
        images=tuple(sorted(one.tag for one in recipes)),
        project_page=_project_page(settings.index),
        reports=reports.write if reports else lambda _: (),
        feed=feed.NAME,
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _project_page(index: str | None) -> str:
    """Return the address of PyPI's pages of projects, if the index is PyPI; of another, nothing is known."""
    from orchestrator.sources.index_pages import endpoint  # noqa: PLC0415 - as above

    pypi = endpoint()
    return urljoin(pypi, "/project/") if index is None or index.rstrip("/") == pypi.rstrip("/") else ""


def _recipes(beside: Path) -> tuple[ImageRecipe, ...]:
    folders = image_recipes.folders(beside)
    return tuple(image_recipes.load(folders, name) for name in image_recipes.names(folders))


def prepare() -> None:
    """Import the modules that write the site, and compile the templates."""
    from orchestrator.publish import feed, site, site_data  # noqa: F401, PLC0415 - as above

    site.prepare()


def debians(beside: Path, names: Iterable[str]) -> dict[str, Debian]:
    """Describe images, as far as their recipes still exist; `beside` is the folder of the configuration."""
    folders = image_recipes.folders(beside)
    known = {}
    for name in set(names) & set(image_recipes.names(folders)):
        recipe = image_recipes.load(folders, name)
        if recipe.suite and not image_recipes.without_lock(recipe):
            target = image_recipes.target_of(recipe, recipe.lock)
            known[name] = Debian(recipe.suite, target.python, _ARCHITECTURES[target.platform.partition("-")[0]])
    return known
