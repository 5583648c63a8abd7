"""What a shell completes: the names of images, and of projects that have results, are tracked or are excluded."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from orchestrator.errors import WheelproofError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from orchestrator.config import Config


def images(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of an image."""
    from orchestrator.images import recipe

    settings = _settings(context)
    beside = settings.folder if settings else Path()
    return _matching(begun, recipe.names(recipe.folders(beside)))


def images_or_auto(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of an image, or `auto`."""
    from orchestrator.model import AUTO_IMAGE

    return [*_matching(begun, [AUTO_IMAGE]), *images(context, parameter, begun)]


def with_results(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a project that has results."""
    from orchestrator.results.store import Results

    folder = context.params.get("folder")
    if folder is None and (settings := _settings(context)):
        folder = settings.results
    return _matching(begun, Results(Path(folder), wheels=0, logs=0).projects() if folder else ())


def requirements(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a tracked project, or a path."""
    from orchestrator import config

    if config.is_path(begun):
        return [CompletionItem(begun, type="file")]
    settings = _settings(context)
    return _matching(begun, {one.project for one in config.tracked(settings)} if settings else ())


def excluded(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of an excluded project."""
    settings = _settings(context)
    return _matching(begun, [one.project for one in settings.exclusions] if settings else ())


def _settings(context: click.Context) -> Config | None:
    """Return the configuration; None where it cannot be read: a completion reports no error."""
    from orchestrator.cli import options

    with suppress(WheelproofError):
        return options.configured(Path(context.params.get("config_file") or "config.yaml"))
    return None


def _matching(begun: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(names) if name.startswith(begun)]
