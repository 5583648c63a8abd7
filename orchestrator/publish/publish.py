"""Results -> the site and its data files, in the results' folder."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

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
    from orchestrator.results.store import Results


def publish(settings: Config, store: Results, written: dict[str, object]) -> None:
    """Write the site and its data files. Pages that have not changed since they were `written` are skipped.

    A page that fails because of a fault of ours keeps its former content; all others are written.

    Raises
    ------
    ResultsError
        They cannot be written.
    FaultError
        Some pages could not be generated; the traceback of each is in the log.

    """
    from orchestrator.publish import feed, site, site_data  # noqa: PLC0415 - `debians` alone does not need them

    def read_log(sha256: str) -> bytes | None:
        path = store.logs.find(sha256)
        return path.read_bytes() if path else None

    broken: list[str] = []

    def failed(project: str, error: Exception) -> None:
        broken.append(project)
        logs.fault("a page cannot be generated", error, project=project)

    store.prune()
    store.index.refresh()
    whole, made_from = not written, manifest.sources(store.folder)
    summary = summary_of(
        store.standings(), settings.exclusions, datetime.now(UTC), config.tracked(settings), store.verified()
    )
    known = debians(settings.folder, (standing.image for standing in summary.standings))
    pages = site.site(
        summary,
        read_log,
        __version__,
        checks=store.checks(),
        debians=known,
        verifications=store.verifications,
        written=written,
        failed=failed,
    )
    names = store.publish((f"site/{name}", text) for name, text in pages)
    recent = tuple(islice(store.runs(), changes.RUNS))
    names += store.publish([(f"site/{feed.NAME}", feed.feed(recent, settings.site_url))])
    names += store.publish([("changes.json", changes.as_json(recent))])
    names += store.publish([("site_data.json", site_data.site_data(summary, settings.images[0]))])
    if broken:
        msg = f"the pages of {', '.join(broken)} are not written, for a fault of wheelproof; please report it"
        raise FaultError(msg)
    store.note_site(made_from, names, whole=whole)
    if whole:
        store.remove_pages(site.lasting_pages(summary))


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
        if recipe.suite:
            known[name] = Debian(recipe.suite, image_recipes.target(recipe.lock).python)
    return known
