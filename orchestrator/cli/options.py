"""The options and arguments that several commands share, and what they open."""

from __future__ import annotations

import importlib
import os
from dataclasses import replace
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
    help="A requirements file, a lock, a pyproject.toml or the output of sha256sum; may be repeated.",
)
_ONLY = option(
    "--only",
    multiple=True,
    metavar="GROUP",
    help="Of the files, just these groups: main is what a project itself requires; may be repeated.",
)
_GROUP = option("--group", "groups", multiple=True, metavar="GROUP", help="Of the files, main and this group.")
_EXTRA = option("--extra", "extras", multiple=True, metavar="EXTRA", help="Of the files, main and this extra.")
RESOLVE = option(
    "--resolve", is_flag=True, help="First lock what is requested, and all that it needs, for the image's Python."
)
PROFILE = option("--profile", metavar="NAME", help="Build as that profile of the configuration does.")
JOBS = option(
    "--jobs",
    type=click.IntRange(1),
    help="How many builds run at once; by default as many as processors and memory allow.",
)
LOCAL = option("--local", is_flag=True, help="Build on this host, even if the configuration has Dask's workers.")
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


def SELECTED(command: _Command) -> _Command:  # noqa: N802 - as above
    """Add the options that choose among the groups and extras of files: `only`, `groups` and `extras`."""
    return _ONLY(_GROUP(_EXTRA(command)))


def as_json(what: str) -> Callable[[_Command], _Command]:
    """Return the option `--json` of a command that prints `what`."""
    return option("--json", "as_json", is_flag=True, help=f"Print {what} on standard output.")


def everything(what: str) -> Callable[[_Command], _Command]:
    """Return the option `--all` of a command that prints only the first of `what`, which a package can make long."""
    return option("--all", "whole", is_flag=True, help=f"Print {what}, not only the first of each.")


def _scheduler(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from orchestrator.config import scheduler_address

    try:
        return scheduler_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


DASK = option(
    "--dask",
    "scheduler",
    metavar="ADDRESS",
    callback=_scheduler,
    help="Build on the workers of Dask's scheduler at tls://HOST:PORT, instead of the configuration's.",
)


def on_workers(settings: Config, scheduler: str | None, *, local: bool, jobs: int | None) -> Config:
    """Return the settings of a run on Dask's workers, where it is asked for, or else on this host: `dask` is None.

    `scheduler` takes the place of the configuration's address; the files of TLS stay.

    Raises
    ------
    UsageError
        These options exclude each other, or Dask is not installed.
    ConfigError
        A file of TLS cannot be read.

    """
    from orchestrator import config
    from orchestrator.errors import UsageError

    if local and scheduler:
        msg = "reading the options: --dask builds on workers, --local on this host; give one of the two"
        raise UsageError(msg)
    dask = settings.dask
    if scheduler:
        dask = replace(dask, address=scheduler) if dask else config.DaskSettings(scheduler)
    if local or dask is None:
        return replace(settings, dask=None)
    if jobs is not None:
        advice = "leave out --jobs" if scheduler else "leave out --jobs, or build on this host with --local"
        msg = f"reading the options: --jobs is for this host, but Dask's workers build, each with its slots; {advice}"
        raise UsageError(msg)
    config.check_files(dask)
    _check_library()
    return replace(settings, dask=dask)


def _check_library() -> None:
    """Check that distributed can be imported; the modules that use it need not check again."""
    from orchestrator.errors import UsageError

    try:
        importlib.import_module("distributed")
    except ImportError as error:
        msg = f"building on Dask's workers: {error}; pip install 'wheelproof[dask]', or build here with --local"
        raise UsageError(msg) from error


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
    """Read the configuration, and open the results in that folder, or else in the configuration's; `dask` is None.

    Raises
    ------
    ConfigError
        The configuration cannot be read, or has mistakes.
    ResultsError
        The folder may not be looked into.

    """
    settings, store = _opened(config_file, folder)
    return replace(settings, dask=None), store


def opened_on_workers(
    config_file: Path, folder: Path | None, scheduler: str | None, *, local: bool, jobs: int | None
) -> tuple[Config, Results]:
    """Do as `opened`, for the command that builds on Dask's workers; `on_workers` has what else is raised."""
    settings, store = _opened(config_file, folder)
    return on_workers(settings, scheduler, local=local, jobs=jobs), store


def _opened(config_file: Path, folder: Path | None) -> tuple[Config, Results]:
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
