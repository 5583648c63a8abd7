"""The options and arguments that several commands have, and what is opened by them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.util import logs

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.requirement_files import Read
    from orchestrator.results.store import Results

CONFIG = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default="config.yaml", help="What is tracked, and how."
)
RESULTS = click.option(
    "--results", "folder", type=click.Path(path_type=Path), help="Where results are kept, instead of where config says."
)
IMAGE = click.option("--image", metavar="NAME", help="The image to build on, instead of what the config says.")
IMAGES = click.option(
    "--image",
    "on",
    multiple=True,
    metavar="NAME",
    help="An image to build on, instead of what the config says; may be repeated.",
)
REQUIREMENTS = click.argument("wanted", nargs=-1, metavar="[REQUIREMENT]...")
PROJECTS = click.argument("projects", nargs=-1, metavar="[PROJECT]...")
FILES = click.option(
    "-r",
    "--requirements",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A requirements file, poetry.lock, pylock.toml or the output of sha256sum; may be repeated.",
)
PROFILE = click.option("--profile", metavar="NAME", help="Build as that profile of the configuration does.")
JOBS = click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Builds at once; by default as many as there are processors and as memory has room for.",
)
AGAIN = click.option("--again", is_flag=True, help="Build what has a result already, too.")
LOG_FORMAT = click.option(
    "--log-format",
    type=click.Choice(["console", "json"]),
    default="console",
    help="How to log, on standard error.",
    expose_value=False,
    callback=lambda _context, _option, form: logs.use(form),
)


def configured(config_file: Path) -> Config:
    """Read the configuration, with the names of the variations and the images that there are.

    Raises
    ------
    ConfigError
        The file cannot be read, or has mistakes.

    """
    from orchestrator import config
    from orchestrator.build.variations import NAMES
    from orchestrator.images import recipe

    images = recipe.names(recipe.folders(config_file.absolute().parent))
    return config.load(config_file, variations=NAMES, images=images, read=_wanted)


def _wanted(path: Path) -> Read:
    """Read a file that the configuration names; what reads it is imported where there is one."""
    from orchestrator.sources import reading

    return reading.wanted(path)


def opened(config_file: Path, folder: Path | None) -> tuple[Config, Results]:
    """Read the configuration, and open the results that are in that folder, or else where the configuration says.

    Raises
    ------
    ConfigError
        The configuration cannot be read, or has mistakes.

    """
    from orchestrator.results.store import Results

    settings = configured(config_file)
    return settings, Results(folder or settings.results, wheels=settings.keep.wheels, logs=settings.keep.logs)
