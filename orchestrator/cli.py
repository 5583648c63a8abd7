"""The commands. The only place where the parts are put together."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import structlog

from orchestrator import (
    __version__,
    config,
    images,
    inputs,
    progress,
    results,
)
from orchestrator.errors import Interrupted, OpenJobsError, UsageError, WheelproofError
from orchestrator.publishers import site, site_data, words
from orchestrator.results import Results
from orchestrator.summary import summarize
from orchestrator.variations import NAMES, VARIATIONS

# What only building needs is imported by the commands that build: the others shall answer at once.
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.config import Config
    from orchestrator.model import Result

EPILOG = """Exit status: 0 every job got a verdict, whatever it is; 2 the command line is wrong;
3 the configuration is; 4 the container engine fails; 5 an image cannot be made; 6 the package
index fails; 7 the results or the cache cannot be used; 8 another run works on the same results;
9 some jobs got no verdict; 130 stopped."""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="wheelproof")
def cli() -> None:
    """Prove which Python wheels can be rebuilt bit for bit."""


def main() -> None:
    """Run a command; whatever is foreseen to go wrong is one message and an exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli(standalone_mode=False)
    except Interrupted as error:
        _leave(str(error))
    except WheelproofError as error:
        click.echo(f"wheelproof: {progress.printable(str(error))}", err=True)
        sys.exit(error.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(UsageError.exit_status)
    except (click.Abort, KeyboardInterrupt):
        _leave("stopped")


def _leave(message: str) -> NoReturn:
    """End at once: a thread that still waits for a network, say, holds nothing that would be lost."""
    click.echo(f"wheelproof: {message}", err=True)
    sys.stdout.flush()
    os._exit(Interrupted.exit_status)


_CONFIG = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default="config.yaml", help="What is tracked, and how."
)
_RESULTS = click.option(
    "--results", "folder", type=click.Path(path_type=Path), help="Where results are kept, instead of where config says."
)
_IMAGE = click.option("--image", metavar="NAME", help="The image to build on, instead of what the config says.")
_REQUIREMENTS = click.argument("wanted", nargs=-1, metavar="[REQUIREMENT]...")
_FILES = click.option(
    "-r",
    "--requirements",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A requirements file, poetry.lock, pylock.toml or the output of sha256sum; may be repeated.",
)
_PROFILE = click.option("--profile", metavar="NAME", help="Build as that profile of the configuration does.")
_LOG_FORMAT = click.option(
    "--log-format", type=click.Choice(["console", "json"]), default="console", help="How to log, on standard error."
)


@cli.command()
@_REQUIREMENTS
@_IMAGE
@_CONFIG
@_RESULTS
@_FILES
@_PROFILE
@click.option("--jobs", type=click.IntRange(1), help="Builds at once; as many as there are processors by default.")
@click.option("--again", is_flag=True, help="Build what has a result already, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the results on standard output, as one JSON array.")
@_LOG_FORMAT
def run(  # noqa: PLR0913, PLR0917 - its options
    wanted: tuple[str, ...],
    image: str | None,
    config_file: Path,
    folder: Path | None,
    files: tuple[Path, ...],
    profile: str | None,
    jobs: int | None,
    again: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    log_format: str,
) -> None:
    """Build, compare and judge; all that the configuration tracks, or just each REQUIREMENT.

    A REQUIREMENT is a name, NAME==VERSION, or the path of an sdist or of a project's folder.
    """
    from orchestrator import apart, assembly, night  # noqa: PLC0415 - see above

    _log(log_format)
    settings = _load(config_file)
    tasks = config.tasks(settings, wanted, image, wanted=inputs.read_all(files), profile=profile)
    store = _results(settings, folder or settings.results)
    with store.locked():
        is_published = partial(_is_published, config_file, store)
        publish_apart = partial(apart.publish, config_file, store.folder)
        farm = assembly.put_together(settings, store, tasks, publish_apart, is_published, jobs=jobs, again=again)
        tasks = assembly.fitting(tasks, farm, progress.note)
        with assembly.tended(farm), ExitStack() as display:

            def show_run(total: int) -> progress.Progress:
                return display.enter_context(farm.shown(total))

            outcome = night.run(tasks, farm.night, show_run)
        if as_json:
            sys.stdout.buffer.writelines(results.as_json(night.results(outcome)))
        else:
            _tell(night.results(outcome), store.folder)
    if outcome.open:
        lines = "\n".join(f"  {requirement}: {why}" for requirement, why in outcome.open)
        msg = f"{len(outcome.open)} of the jobs got no verdict; run again to go on with them\n{lines}"
        raise OpenJobsError(msg)


@cli.command()
@click.argument("project")
@_CONFIG
@_RESULTS
def show(project: str, config_file: Path, folder: Path | None) -> None:
    """Tell where PROJECT, or PROJECT==VERSION, stands."""
    settings = _load(config_file)
    try:
        name = config.project(project)
    except ValueError as error:
        msg = f"reading {project!r}: {error}; write NAME or NAME==VERSION"
        raise UsageError(msg) from error
    _, _, version = project.partition("==")
    store = _results(settings, folder or settings.results)
    found = [result for result in store.of(name) if version in ("", result.version)]
    if not found:
        known = ", ".join(sorted(store.projects())) or "nothing yet"
        msg = f"showing {project}: there is no result; there are results for {known}"
        raise UsageError(msg)
    _tell_story(found[0])
    if len(found) > 1:
        click.echo("\nEarlier:")
        _tell(found[1:], store.folder)


@cli.command()
@_CONFIG
@_RESULTS
def publish(config_file: Path, folder: Path | None) -> None:
    """Write the site, and results/site_data.json, from the results that there are."""
    settings = _load(config_file)
    store = _results(settings, folder or settings.results)
    _publish(settings, store)
    click.echo(f"{store.folder / 'site' / 'index.html'}")


@cli.command("images")
@click.argument("names", nargs=-1)
@_CONFIG
@click.option("--lock", is_flag=True, help="Write each image's lock anew, from what Debian's archive has now.")
def images_(names: tuple[str, ...], config_file: Path, lock: bool) -> None:  # noqa: FBT001
    """Make the images (all, or those named), and tell what is in them."""
    from orchestrator import engine as engines  # noqa: PLC0415 - see above

    settings = _load(config_file)
    engine = engines.connect()
    rows = []
    for name in images.bases_first(images.FOLDER, names or images.names(images.FOLDER)):
        if lock:
            changed = images.relock(engine, name, images.FOLDER, settings.cache, tell=progress.note)
            click.echo(f"{name}: {len(changed)} packages changed in the lock", err=True)
        one = images.ensure(engine, name, images.FOLDER, settings.cache, strict=settings.strict, tell=progress.note)
        drifted = f"{len(one.drift)} packages drifted" if one.drift else "as locked"
        python = f"Python {one.target.python}"
        rows.append((name, python, one.base, f"{len(one.packages)} packages", drifted, one.manifest[:12], one.id[:19]))
    progress.table("", ("image", "python", "base", "content", "lock", "manifest", "id"), rows)


@cli.command("plan")
@_REQUIREMENTS
@_IMAGE
@_CONFIG
@_RESULTS
@_FILES
@_PROFILE
@click.option("--again", is_flag=True, help="As run would with it.")
@_LOG_FORMAT
def plan_(
    wanted: tuple[str, ...],
    image: str | None,
    config_file: Path,
    folder: Path | None,
    files: tuple[Path, ...],
    profile: str | None,
    again: bool,  # noqa: FBT001
    log_format: str,
) -> None:
    """Tell what would be run, in which order, and why; build nothing."""
    from orchestrator import assembly, night  # noqa: PLC0415 - see above

    _log(log_format)
    settings = _load(config_file)
    tasks = config.tasks(settings, wanted, image, wanted=inputs.read_all(files), profile=profile)
    store = _results(settings, folder or settings.results)
    farm = assembly.put_together(
        settings, store, tasks, assembly.nothing, assembly.nothing_to_publish, jobs=None, again=again
    )
    tasks = assembly.fitting(tasks, farm, progress.note)
    failed: list[tuple[str, ...]] = []
    jobs = night.look_up(tasks, farm.night, lambda task, error: failed.append((task.requirement, str(error))))
    rows: list[tuple[str, ...]] = [
        (job.release.project, job.release.version, *farm.action(job, again=again)) for job in jobs
    ]
    rows += [(requirement, "", "open", "", why) for requirement, why in failed]
    if not (wanted or files):
        rows += [(one.project, "", "excluded", "", f"{one.reason} (since {one.since})") for one in settings.exclusions]
    progress.table("", ("project", "version", "action", "image", "why"), rows)


# --- putting together ------------------------------------------------------------------------


def _load(path: Path) -> Config:
    return config.load(path, variations=NAMES, images=images.names(images.FOLDER))


def _results(settings: Config, folder: Path) -> Results:
    return Results(folder, wheels=settings.keep.wheels, logs=settings.keep.logs)


def _is_published(config_file: Path, store: Results) -> bool:
    """Tell whether there is a site that is newer than the configuration."""
    page = store.folder / "site" / "index.html"
    return page.is_file() and page.stat().st_mtime > config_file.stat().st_mtime


def _publish(settings: Config, store: Results) -> None:
    """Write the site and its kin; what has not changed is left alone."""
    variations = tuple((one.name, one.summary) for one in VARIATIONS)

    def read_log(sha256: str) -> bytes | None:
        path = store.logs.find(sha256)
        return path.read_bytes() if path else None

    store.prune()
    found = summarize(store.every(), settings.exclusions, datetime.now(UTC), config.tracked(settings))
    pages = site.site(found, read_log, __version__, variations=variations)
    store.publish((f"site/{name}", text) for name, text in pages)
    store.publish([("site_data.json", site_data.site_data(found))])


# --- telling ---------------------------------------------------------------------------------


def _log(form: str) -> None:
    last: list[Any] = (
        [structlog.processors.JSONRenderer()]
        if form == "json"
        else [_escaped, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *last,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _escaped(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Keep from the terminal whatever it might obey: much of what is logged comes from packages."""
    return {key: progress.printable(value) if isinstance(value, str) else value for key, value in event.items()}


def _tell(found: Iterable[Result], folder: Path) -> None:
    rows = sorted(
        (one.project, one.version, one.image.name, one.verdict.value, _because(one), f"{one.finished:%Y-%m-%d %H:%M}")
        for one in found
    )
    progress.table("", ("project", "version", "image", "verdict", "because", "when"), rows)
    click.echo(f"\n{folder / 'site' / 'index.html'}")


def _because(result: Result) -> str:
    return result.reason or (words.differing(result) if result.differences else "")


def _tell_story(result: Result) -> None:
    click.echo(f"{result.project} {result.version} on {result.image.name}: {result.verdict}")
    if why := _because(result):
        click.echo(f"  {progress.printable(why)}")
    unvaried = [f"{one.name} {one.mode}" for one in result.variations if one.mode != "varied"]
    if unvaried:
        click.echo(f"  under all variations but: {', '.join(unvaried)}")
    for build in result.builds:
        what = build.wheel.sha256 if build.wheel else f"failed: {build.failure.reason if build.failure else ''}"
        click.echo(f"  {build.name:8} {what}  {build.seconds:.1f} s")
    rows = [
        (one.path or "(archive)", one.aspect.value, "follows" if one.consequence else "") for one in result.differences
    ]
    if rows:
        click.echo()
        progress.table("", ("member", "differs in", ""), rows)
    if result.failure:
        click.echo("\n" + progress.printable(result.failure.detail))
