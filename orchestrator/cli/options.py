"""The options and arguments that several commands share, and what they open."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orchestrator.cli import completion
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.config import Config
    from orchestrator.requirement_files import Read
    from orchestrator.results.store import Results

_Command = TypeVar("_Command", bound="Callable[..., Any] | click.Command")


class Option(click.Option):
    """An option whose environment variable has the option's name, whatever the name of its parameter."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the variable's value if it is not empty: WHEELPROOF_RUN_LOG_FORMAT is that of `--log-format`."""
        name = self.opts[-1].lstrip("-").replace("-", "_").upper()
        return super().resolve_envvar_value(ctx) or os.environ.get(f"{ctx.auto_envvar_prefix}_{name}") or None

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return how a message names the option, with its variable where that gave the value."""
        hint = super().get_error_hint(ctx)
        source = ctx.get_parameter_source(self.name) if ctx and self.name else None
        if ctx and source is click.core.ParameterSource.ENVIRONMENT and not self.envvar:
            name = self.opts[-1].lstrip("-").replace("-", "_").upper()
            hint += f" (env var: '{ctx.auto_envvar_prefix}_{name}')"
        return hint


option = partial(click.option, cls=Option)
"""Add an option to a command."""

CONFIG = option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    default="config.yaml",
    envvar="WHEELPROOF_CONFIG",
    show_envvar=True,
    help="The configuration.",
)
RESULTS = option(
    "--results",
    "folder",
    type=click.Path(path_type=Path),
    envvar="WHEELPROOF_RESULTS",
    show_envvar=True,
    help="The folder of the results, instead of the configuration's.",
)
IMAGE = option(
    "--image",
    metavar="NAME",
    shell_complete=completion.images,
    help="The image to build on, instead of the configuration's.",
)
IMAGES = option(
    "--image",
    "on",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.images_or_auto,
    help="An image to build on, instead of the configuration's; may be repeated. auto: one that the release admits.",
)
REQUIREMENTS = click.argument("wanted", nargs=-1, metavar="[REQUIREMENT]...", shell_complete=completion.requirements)
PROJECTS = click.argument("projects", nargs=-1, metavar="[PROJECT]...", shell_complete=completion.with_results)
EXCLUDED = click.argument("projects", nargs=-1, metavar="[PROJECT]...", shell_complete=completion.excluded)
FILES = option(
    "-r",
    "--requirements",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A requirements file, poetry.lock, uv.lock, pylock.toml or the output of sha256sum; may be repeated.",
)
PROFILE = option("--profile", metavar="NAME", help="Build as that profile of the configuration does.")
JOBS = option(
    "--jobs",
    type=click.IntRange(1),
    help="How many builds run at once; by default as many as processors and memory allow.",
)
AGAIN = option("--again", is_flag=True, help="Also build what has a result already.")
_LOG_FORMAT = option(
    "--log-format",
    type=click.Choice(["console", "json"]),
    default="console",
    envvar="WHEELPROOF_LOG_FORMAT",
    show_envvar=True,
    help="The format of the log, on standard error.",
    expose_value=False,
    callback=lambda _context, _option, form: logs.use(form),
)
_QUIET = option(
    "-q",
    "--quiet",
    is_flag=True,
    envvar="WHEELPROOF_QUIET",
    show_envvar=True,
    help="Log nothing but warnings and errors, and show no progress.",
    expose_value=False,
    callback=lambda _context, _option, quiet: logs.be_quiet(quiet=quiet),
)


def LOG(command: _Command) -> _Command:  # noqa: N802 - a decorator, like the constants above
    """Add the options of the log: its format, and how much of it there is."""
    return _QUIET(_LOG_FORMAT(command))


def as_json(what: str) -> Callable[[_Command], _Command]:
    """Return the option `--json` of a command that prints `what`."""
    return option("--json", "as_json", is_flag=True, help=f"Print {what} on standard output.")


def everything(what: str) -> Callable[[_Command], _Command]:
    """Return the option `--all` of a command that prints only the first of `what`, which a package can make long."""
    return option("--all", "whole", is_flag=True, help=f"Print {what}, not only the first of each.")


def configured(config_file: Path) -> Config:
    """Read the configuration, with the names of the existing variations and images.

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
    """Read a file that the configuration names; the reader is imported only where there is such a file."""
    from orchestrator.sources import reading

    return reading.wanted(path)


def opened(config_file: Path, folder: Path | None) -> tuple[Config, Results]:
    """Read the configuration, and open the results in that folder, or else in the configuration's.

    Raises
    ------
    ConfigError
        The configuration cannot be read, or has mistakes.
    ResultsError
        The folder may not be looked into.

    """
    from orchestrator.errors import ResultsError
    from orchestrator.results.store import Results

    settings = configured(config_file)
    results = folder or settings.results
    try:
        (results / "records").is_dir()
    except OSError as error:
        msg = f"reading the results: {error}; check the permissions there, or name another folder with --results"
        raise ResultsError(msg) from error
    return settings, Results(results, wheels=settings.keep.wheels, logs=settings.keep.logs)
