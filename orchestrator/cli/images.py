"""The commands images make, images python and images suggest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output, requests
from orchestrator.errors import ImageError
from orchestrator.farm import progress
from orchestrator.util import logs

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from orchestrator.images.recipe import Folders
    from orchestrator.model import Image


class _MakeByDefault(click.Group):
    """A group whose first command need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert `make` before the arguments, unless they begin with a command."""
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["make", *args])


@click.group(cls=_MakeByDefault)
def images() -> None:
    """Make the images, write one with another Python, or suggest one that builds a project; make is the default."""


@images.command
@click.argument("project", shell_complete=completion.requirements)
@options.IMAGE
@options.CONFIG
@options.RESULTS
@options.option("--name", help="The name of the new image, instead of the project's.")
@options.LOG
def suggest(project: str, image: str | None, config_file: Path, folder: Path | None, name: str | None) -> None:
    """Write images/NAME for PROJECT: an image with the Debian packages that its build needs.

    The project is built on the image. After each failure that names something missing, the Debian
    package that contains it is added, until the build succeeds or no package helps.
    """
    from orchestrator import config
    from orchestrator.farm import assemble, placement
    from orchestrator.images import suggest
    from orchestrator.images.recipe import folders

    settings, store = options.opened(config_file, folder)
    requests.check_images((image,) if image else (), settings, auto=True)
    requests.check_requirements((project,), settings)
    task = placement.insisted(settings, config.tasks(settings, (project,), (image,) if image else ())[0])
    place = suggest.unused(folders(settings.folder), name or suggest.named_for(project))
    with store.locked():
        judge = partial(assemble.judge_with, settings, store, task, place)
        suggestion = suggest.suggest(judge, lambda line: click.echo(logs.printable(line)))
    if suggest.fails(suggestion.result):
        msg = f"suggesting an image for {project}: {suggest.said(suggestion.result)}; {suggestion.why}"
        if suggestion.packages:
            msg += f"; {place} adds what helped so far: {', '.join(suggestion.packages)}"
        raise ImageError(msg)
    if not suggestion.packages:
        click.echo(f"{project} builds on {task.image} as it is: {suggestion.result.verdict}")
        return
    click.echo(f"{project} builds on {place.name}, which is {task.image} with {', '.join(suggestion.packages)}")
    click.echo(f"{suggestion.result.verdict}; written: {place}")


@images.command
@click.argument("version")
@options.IMAGE
@options.CONFIG
@options.option("--archive", help="The address of a standalone Python (.tar.gz), instead of the newest that uv knows.")
@options.option("--name", help="The name of the new image, instead of IMAGE-VERSION.")
@options.LOG
def python(version: str, image: str | None, config_file: Path, archive: str | None, name: str | None) -> None:
    """Write images/NAME: the image with another Python, VERSION, such as 3.12, from a standalone archive.

    The archive is fetched once for its SHA-256, which the image then demands.
    """
    from orchestrator.build_requirements import standalone
    from orchestrator.images import other_python, suggest
    from orchestrator.images.recipe import as_locked, folders, load

    settings = options.configured(config_file)
    base = image or settings.images[0]
    requests.check_images((base,), settings)
    searched = folders(settings.folder)
    place = suggest.unused(searched, name or f"{base}-{version}")
    machine = as_locked(load(searched, base)).target.platform.partition("-")[0]
    url = archive or standalone.newest(version, machine)
    chosen = other_python.pinned(version, url, settings.cache, progress.note)
    other_python.write(place, base, chosen)
    click.echo(f"written: {place}; build it: wheelproof images {place.name}")


@images.command
@click.argument("names", nargs=-1, shell_complete=completion.images)
@options.CONFIG
@options.option("--lock", is_flag=True, help="Update each image's lock from Debian's current archive.")
@options.option(
    "--as-of",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Write and make NAME-YYYYMMDD for each NAME: the image with Debian's packages of that day.",
)
@options.as_json("the table as one JSON array, with whole hashes")
@options.LOG
def make(names: tuple[str, ...], config_file: Path, lock: bool, day: datetime | None, as_json: bool) -> None:
    """Make the images (all, or those named), and list what is in them."""
    from orchestrator.build import engine as engines
    from orchestrator.images import as_of, build, recipe

    if day and (lock or not names):
        msg = "--as-of needs the names of images, and no --lock: the lock of such an image is of its day"
        raise click.UsageError(msg)
    settings = options.configured(config_file)
    requests.check_images(names, settings)
    engine = engines.connect()
    folders = recipe.folders(settings.folder)
    if day:
        dated = as_of.DatedImages(engine, folders, settings.cache, progress.note)
        names = tuple(dated.write(name, day.date()) for name in names)
    images = []
    for name in recipe.bases_first(folders, names or _locked(folders)):
        if lock and (of_day := recipe.load(folders, name).as_of):
            click.echo(f"{name}: its lock stays: it is of {of_day}", err=True)
        elif lock:
            changed = build.relock(engine, name, folders, settings.cache, log=progress.note)
            click.echo(f"{name}: {len(changed)} packages changed in the lock", err=True)
        images += [build.ensure(engine, name, folders, settings.cache, strict=settings.strict, log=progress.note)]
    if as_json:
        output.as_json(map(_fields, images))
    else:
        columns = ("image", "python", "base", "content", "lock", "manifest", "id")
        progress.table("", columns, [_row(image) for image in images])


def _locked(folders: Folders) -> tuple[str, ...]:
    """Return the images whose base has a lock; one line in the log names each other base."""
    from orchestrator.images import recipe

    bases = {name: recipe.without_lock(recipe.load(folders, name)) for name in recipe.names(folders)}
    for name in sorted(set(filter(None, bases.values()))):
        progress.note(f"{name} is left out: it has no lock yet; write it: wheelproof images --lock {name}")
    return tuple(name for name, unlocked in bases.items() if not unlocked)


def _fields(image: Image) -> dict[str, object]:
    return {
        "image": image.name,
        "python": image.target.python,
        "base": image.base,
        "packages": len(image.packages),
        "drift": [one.package for one in image.drift],
        "manifest": image.manifest,
        "id": image.id,
    }


def _row(image: Image) -> tuple[str, ...]:
    drifted = f"{len(image.drift)} packages drifted" if image.drift else "as locked"
    packages = f"{len(image.packages)} packages"
    python = f"Python {image.target.python}"
    return image.name, python, image.base, packages, drifted, image.manifest[:12], image.id[:19]
