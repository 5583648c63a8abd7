"""The commands. The only place where the parts are put together."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from orchestrator import __version__, logs, progress
from orchestrator.errors import DisagreementError, ImageError, Interrupted, OpenJobsError, UsageError, WheelproofError

# What a command needs, and others do not, is imported by itself: each shall answer at once.
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator import night
    from orchestrator.apart import Publisher
    from orchestrator.config import Config
    from orchestrator.model import Exclusion, ExclusionCheck, Result, Task
    from orchestrator.publishers.comparison import Debian
    from orchestrator.publishers.story import Block
    from orchestrator.results import Results
    from orchestrator.summary import Standing

COMPARING = 300
"""Seconds of processor time that comparing two wheels may take."""

ROOM = 3 << 30
"""Bytes of address space that it may take."""

EPILOG = """Exit status: 0 every job got a verdict, whatever it is; 2 the command line is wrong;
3 the configuration is; 4 the container engine fails; 5 an image cannot be made; 6 the package
index fails; 7 the results or the cache cannot be used; 8 another run works on the same results;
9 some jobs got no verdict; 10 a witness found hashes that do not hold; 130 stopped. Of compare:
0 the same bytes, 1 they differ, 2 trouble."""


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
        click.echo(f"wheelproof: {logs.printable(str(error))}", err=True)
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
_IMAGES = click.option(
    "--image",
    "on",
    multiple=True,
    metavar="NAME",
    help="An image to build on, instead of what the config says; may be repeated.",
)
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
@_IMAGES
@_CONFIG
@_RESULTS
@_FILES
@_PROFILE
@click.option("--jobs", type=click.IntRange(1), help="Builds at once; as many as there are processors by default.")
@click.option("--again", is_flag=True, help="Build what has a result already, too.")
@click.option("--published", is_flag=True, help="Compare the wheel on the index, too, with the first build's.")
@click.option("--json", "as_json", is_flag=True, help="Print the results on standard output, as one JSON array.")
@_LOG_FORMAT
def run(  # noqa: PLR0913, PLR0917 - as many as it has options
    wanted: tuple[str, ...],
    on: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    files: tuple[Path, ...],
    profile: str | None,
    jobs: int | None,
    again: bool,  # noqa: FBT001
    published: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    log_format: str,
) -> None:
    """Build, compare and judge; all that the configuration tracks, or just each REQUIREMENT.

    A REQUIREMENT is a name, NAME==VERSION, or the path of an sdist or of a project's folder.
    """
    from orchestrator import apart, config, inputs, night, results  # noqa: PLC0415 - see above

    logs.use(log_format)
    settings = _load(config_file)
    asked = config.tasks(settings, wanted, on, wanted=inputs.read_all(files), profile=profile)
    tasks = tuple(replace(task, published=task.published or published) for task in asked)
    store = _results(settings, folder or settings.results)
    with store.locked(), apart.Publisher(config_file, store.folder) as publisher:
        unchecked = () if wanted or files or on else _due(settings, store)
        tasks = (*tasks, *config.checks(settings, unchecked))
        outcome = _carried_out(settings, store, tasks, config_file, publisher, jobs=jobs, again=again)
        _check(settings, store, unchecked, outcome, publisher)
        if as_json:
            sys.stdout.buffer.writelines(results.as_json(night.results(outcome)))
        else:
            _tell(night.results(outcome), store.folder)
    _insist(outcome)


@cli.command("exclusions")
@click.argument("projects", nargs=-1, metavar="[PROJECT]...")
@_CONFIG
@_RESULTS
@click.option("--jobs", type=click.IntRange(1), help="Builds at once; as many as there are processors by default.")
@click.option("--again", is_flag=True, help="Build what has a result already, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks on standard output, as one JSON array.")
@_LOG_FORMAT
def exclusions_(
    projects: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    jobs: int | None,
    again: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    log_format: str,
) -> None:
    """Check the exclusions (all, or those of each PROJECT): on the stock image, and on the image that may lift it."""
    from orchestrator import apart, config, results  # noqa: PLC0415 - see above

    logs.use(log_format)
    settings = _load(config_file)
    wanted = _excluded(settings, projects)
    store = _results(settings, folder or settings.results)
    with store.locked(), apart.Publisher(config_file, store.folder) as publisher:
        tasks = config.checks(settings, wanted)
        outcome = _carried_out(settings, store, tasks, config_file, publisher, jobs=jobs, again=again)
        checked = _check(settings, store, wanted, outcome, publisher)
    if as_json:
        sys.stdout.buffer.write(results.checks_as_json(checked))
    else:
        rows = [(one.project, one.outcome.value, one.why, f"{one.checked:%Y-%m-%d %H:%M}") for one in checked]
        progress.table("", ("project", "outcome", "because", "checked"), rows)
    _insist(outcome)


@cli.command()
@click.argument("project")
@_CONFIG
@_RESULTS
@click.option("--image", metavar="NAME", help="Where it stands on that image alone.")
def show(project: str, config_file: Path, folder: Path | None, image: str | None) -> None:
    """Tell where PROJECT, or PROJECT==VERSION, stands on each image, in what it differs, and where it stood before."""
    from orchestrator.publishers import comparison, story  # noqa: PLC0415 - see above
    from orchestrator.summary import summarize  # noqa: PLC0415 - see above

    settings = _load(config_file)
    store = _results(settings, folder or settings.results)
    found = list(_found(store, project, image))
    (stands,) = summarize(found, (), datetime.now(UTC)).projects
    compared = comparison.comparisons(stands.standings, stands.current, _debians(stands.standings))
    for one in compared:
        _print(story.side_by_side(one))
    shown = [one.latest for one in stands.current]
    for latest in shown:
        click.echo("\n" if compared or latest is not shown[0] else "", nl=False)
        _print(_story(latest))
        _print(story.differences(latest.differences))
    if earlier := [one for one in found if not any(one is latest for latest in shown)]:
        click.echo("\nEarlier:")
        _tell(earlier, store.folder)


def _debians(standings: Iterable[Standing]) -> dict[str, Debian]:
    """Say what the images of standings are, as far as the repository still has them."""
    from orchestrator import images  # noqa: PLC0415 - see above
    from orchestrator.publishers.comparison import Debian  # noqa: PLC0415 - see above

    found = {}
    for name in {one.image for one in standings} & set(images.names(images.FOLDER)):
        recipe = images.load(images.FOLDER, name)
        found[name] = Debian(recipe.suite, images.target(recipe.lock).python)
    return found


@cli.command()
@click.argument("project", metavar="PROJECT[==VERSION]")
@_CONFIG
@_RESULTS
@click.option("--image", metavar="NAME", help="The verdict on that image; the newest by default.")
@click.option("--report", is_flag=True, help="Print a report for the project's own developers, as Markdown.")
def explain(project: str, config_file: Path, folder: Path | None, image: str | None, report: bool) -> None:  # noqa: FBT001
    """Tell why PROJECT, or PROJECT==VERSION, got its verdict, what proves it and what repairs it."""
    from orchestrator.publishers import advice  # noqa: PLC0415 - see above

    settings = _load(config_file)
    result = next(_found(_results(settings, folder or settings.results), project, image))
    if report:
        told = advice.report(result) or f"{result.project} {result.version}: there is nothing to report."
        click.echo(_pasted(told))
    else:
        _print(_story(result))


@cli.command("compare")
@click.argument("first", metavar="FIRST.whl", type=click.Path(path_type=Path))
@click.argument("second", metavar="SECOND.whl", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what was found as one JSON object.")
def compare_(first: Path, second: Path, as_json: bool) -> None:  # noqa: FBT001
    """Tell why two wheels differ, and how deep; nothing is built, and nothing of them is run.

    Exit status: 0 the same bytes, 1 they differ, 2 they cannot be compared.
    """
    from orchestrator import pair  # noqa: PLC0415 - see above
    from orchestrator.publishers import story  # noqa: PLC0415 - see above
    from orchestrator.publishers.catalogue import summaries  # noqa: PLC0415 - see above

    _bounded(COMPARING)
    try:
        found = pair.explained(first, second)
    except WheelproofError:
        raise
    except Exception as error:  # a status of 1, which Python would end with, says that they differ
        msg = f"comparing {first} with {second}: {type(error).__name__}: {error}; that is a fault of ours: report it"
        raise UsageError(msg) from error
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=1))
    else:
        _print(story.of_pair(found.diagnosis, summaries()))
    sys.exit(0 if found.equal else 1)


def _bounded(seconds: int) -> None:
    """See to it that no wheel, whatever it is made of, keeps us longer, or takes more memory than it may."""

    def late(_number: int, _frame: object) -> NoReturn:
        msg = f"comparing: no end after {seconds} s of processor time; at least one of the two is made to take for ever"
        raise UsageError(msg)

    signal.signal(signal.SIGXCPU, late)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 10))
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))


def _found(store: Results, project: str, image: str | None = None) -> Iterator[Result]:
    """Yield the results that were asked for, newest first: there is at least one."""
    from orchestrator import config  # noqa: PLC0415 - see above

    try:
        name = config.project(project)
    except ValueError as error:
        msg = f"reading {project!r}: {error}; write NAME or NAME==VERSION"
        raise UsageError(msg) from error
    _, _, version = project.partition("==")
    none = True
    for result in store.of(name):
        if version in ("", result.version) and image in (None, result.image.name):
            none = False
            yield result
    if none:
        known = ", ".join(sorted(store.projects())) or "nothing yet"
        where = f" on {image}" if image else ""
        msg = f"looking for {project}{where}: there is no result; there are results for {known}"
        raise UsageError(msg)


@cli.command()
@_CONFIG
@_RESULTS
@click.option(
    "--when-told", is_flag=True, hidden=True, help="For each line on standard input, and say when it is done."
)
def publish(config_file: Path, folder: Path | None, when_told: bool) -> None:  # noqa: FBT001
    """Write the site, and results/site_data.json, from the results that there are."""
    settings = _load(config_file)
    store = _results(settings, folder or settings.results)
    written: dict[str, object] = {}
    for _ in sys.stdin if when_told else ("once",):
        _publish(settings, store, written)
        click.echo(f"{store.folder / 'site' / 'index.html'}")


class _MakeByDefault(click.Group):
    """A group whose first command need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command's name before its arguments, where no other is named."""
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["make", *args])


@cli.group("images", cls=_MakeByDefault)
def images_() -> None:
    """Make the images; or suggest one that builds a project. Without a command's name: make."""


@images_.command("suggest")
@click.argument("project")
@_IMAGE
@_CONFIG
@_RESULTS
@click.option("--name", help="What to call the image, instead of the project's name.")
@_LOG_FORMAT
def suggest_(
    project: str, image: str | None, config_file: Path, folder: Path | None, name: str | None, log_format: str
) -> None:
    """Write images/NAME for PROJECT: the image, and the Debian packages that its build turns out to need.

    It is built on the image as it is; each failure that names something missing adds the package
    that has it, until it builds or nothing more helps.
    """
    from orchestrator import assembly, config, images, suggest  # noqa: PLC0415 - see above

    logs.use(log_format)
    settings = _load(config_file)
    task = config.tasks(settings, (project,), (image,) if image else ())[0]
    store = _results(settings, folder or settings.results)
    place = suggest.unused(images.FOLDER, name or suggest.named_for(project))
    with store.locked():
        judge = partial(assembly.judge_with, settings, store, task, place)
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


@images_.command("make")
@click.argument("names", nargs=-1)
@_CONFIG
@click.option("--lock", is_flag=True, help="Write each image's lock anew, from what Debian's archive has now.")
def make_(names: tuple[str, ...], config_file: Path, lock: bool) -> None:  # noqa: FBT001
    """Make the images (all, or those named), and tell what is in them."""
    from orchestrator import engine as engines  # noqa: PLC0415 - see above
    from orchestrator import images  # noqa: PLC0415 - see above

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
@_IMAGES
@_CONFIG
@_RESULTS
@_FILES
@_PROFILE
@click.option("--again", is_flag=True, help="As run would with it.")
@_LOG_FORMAT
def plan_(
    wanted: tuple[str, ...],
    on: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    files: tuple[Path, ...],
    profile: str | None,
    again: bool,  # noqa: FBT001
    log_format: str,
) -> None:
    """Tell what would be run, in which order, and why; build nothing."""
    from orchestrator import assembly, config, inputs, night  # noqa: PLC0415 - see above

    logs.use(log_format)
    settings = _load(config_file)
    tasks = config.tasks(settings, wanted, on, wanted=inputs.read_all(files), profile=profile)
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


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@_PROFILE
@_IMAGES
@_CONFIG
@_RESULTS
@click.option("--wheels", type=click.Path(path_type=Path), help="Where the wheels lie, if not beside each FILE.")
@click.option("--again", is_flag=True, help="Build what has a result already, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows on standard output, as one JSON array.")
@_LOG_FORMAT
def witness(  # noqa: PLR0913, PLR0917 - as many as it has options
    files: tuple[Path, ...],
    profile: str | None,
    on: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    wheels: Path | None,
    again: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    log_format: str,
) -> None:
    """Rebuild each wheel that a hash FILE names, and tell whether it bears the hash.

    What was rebuilt is listed in the results' sha256sums.txt, ready to be signed.
    """
    from orchestrator import apart, config, inputs, night, witnessing  # noqa: PLC0415 - see above
    from orchestrator.witness import Outcome, checksums  # noqa: PLC0415 - see above

    logs.use(log_format)
    settings = _load(config_file)
    wanted = inputs.read_all(files)
    tasks = config.tasks(settings, (), on, wanted=wanted, profile=profile)
    store = _results(settings, folder or settings.results)
    at_hand = witnessing.AtHand(store, tuple(path.parent for path in files) + ((wheels,) if wheels else ()))
    with store.locked(), apart.Publisher(config_file, store.folder) as publisher:
        outcome = _carried_out(settings, store, tasks, config_file, publisher, jobs=None, again=again)
        found = tuple(night.results(outcome))
        rows = witnessing.rows(wanted, tasks, found, dict(outcome.open), at_hand)
        store.publish([("sha256sums.txt", checksums(found))])
    if as_json:
        click.echo(witnessing.as_json(rows), nl=False)
    else:
        cells = ((one.filename, one.outcome.value, one.severity, ", ".join(one.causes), one.reason) for one in rows)
        progress.table("", ("wheel", "outcome", "severity", "causes", "because"), tuple(cells))
        click.echo(f"\n{store.folder / 'sha256sums.txt'}")
    _insist(outcome)
    if wrong := sum(one.outcome is not Outcome.MATCHES for one in rows):
        msg = f"{wrong} of {len(rows)} wheels do not come out as the file says"
        raise DisagreementError(msg)


@cli.command()
@click.argument("projects", nargs=-1, metavar="[PROJECT]...")
@_CONFIG
@_RESULTS
@click.option("--prove", is_flag=True, help="Build the former inputs again, with one of them swapped at a time.")
@_LOG_FORMAT
def drift(
    projects: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    prove: bool,  # noqa: FBT001
    log_format: str,
) -> None:
    """Tell which releases give another wheel than a former run's, and which of the inputs did it."""
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - see above

    from orchestrator import drifting  # noqa: PLC0415 - see above
    from orchestrator.drift import culprit, drifted  # noqa: PLC0415 - see above

    logs.use(log_format)
    settings = _load(config_file)
    store = _results(settings, folder or settings.results)
    found = store.every() if not projects else (one for name in projects for one in store.of(canonicalize_name(name)))
    rows = []
    with store.locked():
        for one in drifted(found, store.packages):
            tried = drifting.prove(one, settings, store) if prove else ()
            later = one.later
            shas = one.was[:12], one.now[:12]
            rows.append((later.project, later.version, later.image.name, *shas, culprit(one, tried)))
    progress.table("", ("project", "version", "image", "was", "is", "culprit"), rows)


# --- putting together ------------------------------------------------------------------------


def _carried_out(
    settings: Config,
    store: Results,
    tasks: tuple[Task, ...],
    config_file: Path,
    publisher: Publisher,
    *,
    jobs: int | None,
    again: bool,
) -> night.Outcome:
    """Run tasks, with the site written as their results come."""
    from orchestrator import assembly, night  # noqa: PLC0415 - see above

    is_published = partial(_is_published, config_file, store)
    farm = assembly.put_together(settings, store, tasks, publisher.publish, is_published, jobs=jobs, again=again)
    fitting = assembly.fitting(tasks, farm, progress.note)
    with assembly.tended(farm), ExitStack() as display:
        return night.run(fitting, farm.night, lambda total: display.enter_context(farm.shown(total)))


def _insist(outcome: night.Outcome) -> None:
    """Raise OpenJobsError where some jobs got no verdict."""
    if outcome.open:
        lines = "\n".join(f"  {requirement}: {why}" for requirement, why in outcome.open)
        msg = f"{len(outcome.open)} of the jobs got no verdict; run again to go on with them\n{lines}"
        raise OpenJobsError(msg)


def _due(settings: Config, store: Results) -> tuple[Exclusion, ...]:
    from orchestrator import exclusions  # noqa: PLC0415 - see above

    return exclusions.due(settings.exclusions, store.checks(), settings.exclusions_age, datetime.now(UTC))


def _excluded(settings: Config, projects: tuple[str, ...]) -> tuple[Exclusion, ...]:
    """Return the exclusions of those projects, or all; a UsageError names what is none."""
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - see above

    known = {one.project: one for one in settings.exclusions}
    for one in projects:
        if canonicalize_name(one) not in known:
            msg = f"checking {one!r}: the configuration excludes {', '.join(sorted(known)) or 'nothing'}"
            raise UsageError(msg)
    return tuple(known[canonicalize_name(one)] for one in dict.fromkeys(projects)) or settings.exclusions


def _check(
    settings: Config, store: Results, wanted: tuple[Exclusion, ...], outcome: night.Outcome, publisher: Publisher
) -> tuple[ExclusionCheck, ...]:
    """Record what became of exclusions, where all of their jobs got a verdict; then the site is stale."""
    from orchestrator import night  # noqa: PLC0415 - see above

    names = {one.project for one in wanted}
    found = {(one.project, one.image.name): one for one in night.results(outcome, names)}
    checked = tuple(filter(None, (_concluded(settings, one, found) for one in wanted)))
    for one in checked:
        store.write_check(one)
    if checked:
        publisher.publish()
    return checked


def _concluded(settings: Config, one: Exclusion, found: Mapping[tuple[str, str], Result]) -> ExclusionCheck | None:
    from orchestrator import config, exclusions  # noqa: PLC0415 - see above

    custom = config.custom(settings, one)
    stock = found.get((one.project, config.stock(settings, one).image))
    lifting = found.get((one.project, custom.image)) if custom else None
    if stock is None or (custom and lifting is None):
        return None  # it stays unchecked, and the open job says why
    return exclusions.concluded(one, stock, lifting, datetime.now(UTC))


def _load(path: Path) -> Config:
    from orchestrator import config, images  # noqa: PLC0415 - see above
    from orchestrator.variations import NAMES  # noqa: PLC0415 - see above

    return config.load(path, variations=NAMES, images=images.names(images.FOLDER))


def _results(settings: Config, folder: Path) -> Results:
    from orchestrator.results import Results  # noqa: PLC0415 - see above

    return Results(folder, wheels=settings.keep.wheels, logs=settings.keep.logs)


def _is_published(config_file: Path, store: Results) -> bool:
    """Tell whether there is a site that is newer than the configuration."""
    page = store.folder / "site" / "index.html"
    return page.is_file() and page.stat().st_mtime > config_file.stat().st_mtime


def _publish(settings: Config, store: Results, written: dict[str, object]) -> None:
    """Write the site and its kin; what has not changed since it was `written` is left alone."""
    from orchestrator import config  # noqa: PLC0415 - see above
    from orchestrator.publishers import site, site_data  # noqa: PLC0415 - see above
    from orchestrator.summary import summarize  # noqa: PLC0415 - see above

    def read_log(sha256: str) -> bytes | None:
        path = store.logs.find(sha256)
        return path.read_bytes() if path else None

    store.prune()
    found = summarize(store.every(), settings.exclusions, datetime.now(UTC), config.tracked(settings))
    debians = _debians(found.standings)
    pages = site.site(found, read_log, __version__, checks=store.checks(), debians=debians, written=written)
    store.publish((f"site/{name}", text) for name, text in pages)
    store.publish([("site_data.json", site_data.site_data(found, settings.images[0]))])


# --- telling ---------------------------------------------------------------------------------


def _tell(found: Iterable[Result], folder: Path) -> None:
    from orchestrator.publishers import words  # noqa: PLC0415 - see above

    rows = sorted(
        (
            one.project,
            one.version,
            one.image.name,
            one.verdict.value,
            words.because(one),
            f"{one.finished:%Y-%m-%d %H:%M}",
        )
        for one in found
    )
    progress.table("", ("project", "version", "image", "verdict", "because", "when"), rows)
    click.echo(f"\n{folder / 'site' / 'index.html'}")


def _story(result: Result) -> Iterator[Block]:
    from orchestrator.publishers import advice, story  # noqa: PLC0415 - see above
    from orchestrator.publishers.catalogue import summaries  # noqa: PLC0415 - see above

    return story.story(result, summaries(), advice.recipes(result))


def _print(blocks: Iterable[Block]) -> None:
    """Print lines and tables, and spell out what the terminal might obey."""
    from orchestrator.publishers.story import Paste  # noqa: PLC0415 - see above

    for block in blocks:
        if isinstance(block, str):
            click.echo(logs.printable(block))
        elif isinstance(block, Paste):
            click.echo(_pasted(block.text))
        else:
            progress.table("", block.columns, block.rows)


def _pasted(text: str) -> str:
    """Return a text that is to be used as it is, tabs and all."""
    return "\t".join(logs.printable(piece) for piece in text.rstrip("\n").split("\t"))
