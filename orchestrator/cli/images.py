"""The commands that make images: images make, and images suggest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options
from orchestrator.errors import ImageError
from orchestrator.farm import progress
from orchestrator.util import logs

if TYPE_CHECKING:
    from pathlib import Path


class _MakeByDefault(click.Group):
    """A group whose first command need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command's name before its arguments, where no other is named."""
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["make", *args])


@click.group(cls=_MakeByDefault)
def images() -> None:
    """Make the images; or suggest one that builds a project. Without a command's name: make."""


@images.command
@click.argument("project")
@options.IMAGE
@options.CONFIG
@options.RESULTS
@click.option("--name", help="What to call the image, instead of the project's name.")
@options.LOG_FORMAT
def suggest(project: str, image: str | None, config_file: Path, folder: Path | None, name: str | None) -> None:
    """Write images/NAME for PROJECT: the image, and the Debian packages that its build turns out to need.

    It is built on the image as it is; each failure that names something missing adds the package
    that has it, until it builds or nothing more helps.
    """
    from orchestrator import config
    from orchestrator.farm import assemble
    from orchestrator.images import suggest
    from orchestrator.images.recipe import folders

    settings, store = options.opened(config_file, folder)
    task = config.tasks(settings, (project,), (image,) if image else ())[0]
    place = suggest.unused(folders(settings.folder), name or suggest.named_for(project))
    with store.locked():
        judge = partial(assemble.judge_with, settings, store, task, place)
        found = suggest.suggest(judge, lambda line: click.echo(logs.printable(line)))
    if suggest.fails(found.result):
        msg = f"suggesting an image for {project}: {suggest.said(found.result)}; {found.why}"
        if found.packages:
            msg += f"; {place} adds what helped so far: {', '.join(found.packages)}"
        raise ImageError(msg)
    if not found.packages:
        click.echo(f"{project} builds on {task.image} as it is: {found.result.verdict}")
        return
    click.echo(f"{project} builds on {place.name}, which is {task.image} with {', '.join(found.packages)}")
    click.echo(f"{found.result.verdict}; written: {place}")


@images.command
@click.argument("names", nargs=-1)
@options.CONFIG
@click.option("--lock", is_flag=True, help="Write each image's lock anew, from what Debian's archive has now.")
def make(names: tuple[str, ...], config_file: Path, lock: bool) -> None:
    """Make the images (all, or those named), and tell what is in them."""
    from orchestrator.build import engine as engines
    from orchestrator.images import build, recipe

    settings = options.configured(config_file)
    engine = engines.connect()
    folders = recipe.folders(settings.folder)
    rows = []
    for name in recipe.bases_first(folders, names or recipe.names(folders)):
        if lock:
            changed = build.relock(engine, name, folders, settings.cache, log=progress.note)
            click.echo(f"{name}: {len(changed)} packages changed in the lock", err=True)
        one = build.ensure(engine, name, folders, settings.cache, strict=settings.strict, log=progress.note)
        drifted = f"{len(one.drift)} packages drifted" if one.drift else "as locked"
        python = f"Python {one.target.python}"
        rows.append((name, python, one.base, f"{len(one.packages)} packages", drifted, one.manifest[:12], one.id[:19]))
    progress.table("", ("image", "python", "base", "content", "lock", "manifest", "id"), rows)
