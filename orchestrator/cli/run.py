"""The command run: build, compare and judge."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from orchestrator.cli import findings, options, output, requests
from orchestrator.model.names import is_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.farm.run import RunOutcome
    from orchestrator.model import Exclusion, Task
    from orchestrator.publish.findings.forms import Output
    from orchestrator.publish.publisher_process import PublisherProcess
    from orchestrator.results.store import Results


@click.command
@options.REQUIREMENTS
@options.IMAGES
@options.CONFIG
@options.RESULTS
@options.FILES
@options.SELECTED
@options.RESOLVE
@options.PROFILE
@options.JOBS
@options.DASK
@options.LOCAL
@options.AGAIN
@options.option("--published", is_flag=True, help="Also verify the wheel on the index.")
@options.as_json("the results, and the jobs without a verdict, as one JSON array")
@findings.REQUIRE
@findings.FAIL_ON
@findings.FORMATS
@options.LOG
def run(
    wanted: tuple[str, ...],
    on: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    files: tuple[Path, ...],
    only: tuple[str, ...],
    groups: tuple[str, ...],
    extras: tuple[str, ...],
    resolve: bool,
    profile: str | None,
    jobs: int | None,
    scheduler: str | None,
    local: bool,
    again: bool,
    published: bool,
    as_json: bool,
    require: str | None,
    fail_on: str | None,
    formats: tuple[Output, ...],
) -> None:
    """Build, compare and judge each REQUIREMENT, or all that the configuration tracks.

    A REQUIREMENT is a name, NAME==VERSION, or the path of an sdist or of a project's folder.

    With --require or --fail-on, the command is a gate: it fails if a release does not pass, and also if none was
    checked. A gate that would pass has exit status 9 if a job got no verdict.
    """
    gate = findings.gate(require, fail_on, formats, as_json=as_json)
    _begin_helper(wanted=again)
    from orchestrator import config
    from orchestrator.publish import publisher_process

    asked_for = bool(wanted or files)
    settings, store = options.opened_on_workers(config_file, folder, scheduler, local=local, jobs=jobs)
    requests.check_images(on, settings, auto=True)
    requests.check_requirements(wanted, settings)
    chosen = (only, groups, extras)
    wanted, listed = requests.asked(settings, wanted, files, chosen, images=on, profile=profile, resolve=resolve)
    asked = config.tasks(settings, wanted, on, wanted=listed, profile=profile)
    tasks = tuple(replace(task, published=task.published or published) for task in asked)
    shown = config.shown(settings)
    with store.locked(), publisher_process.PublisherProcess(config_file, store.folder, shown) as publisher:
        _begin_publisher(publisher, again=again)
        from orchestrator.farm import alarm, assemble, clean, exclusions, soak
        from orchestrator.farm import run as context
        from orchestrator.publish.verification import with_published
        from orchestrator.results.store import as_json as written

        whole = not (asked_for or on or profile)
        build = partial(assemble.run_tasks, settings, store, publisher=publisher, jobs=jobs)
        with alarm.watched(settings, store, tasks, whole=whole, publish=publisher.publish) as watch:
            unchecked = () if asked_for or on else due_exclusions(settings, store)
            carry_out = partial(build, again=again)
            outcome, checks = exclusions.run_with_checks(settings, store, tasks, unchecked, carry_out)
            if whole and settings.soak:
                outcome = soak.soak(settings.soak, store, tasks, outcome, partial(build, again=True))
            if found := _verify(settings, store, tasks, outcome, jobs=jobs, again=again):
                outcome = outcome.with_faults_of(found)
            if checks or found:
                publisher.publish()
            watch.outcome = outcome
        if outcome.records:  # without an answer of the index, nothing shows what is still in use
            clean.after_run(settings, store)
        listed_excluded = () if asked_for else settings.exclusions
        report = gate.report(outcome, store, config_file, listed_excluded) if gate else None
        if as_json:
            results = (with_published(one, store.verifications(one.project)) for one in context.results(outcome))
            printed = results if found else context.results(outcome)
            sys.stdout.buffer.writelines(written(printed, outcome.open))
        elif not (gate and gate.prints_document):
            output.results(context.results(outcome), by_project=True, verifications=store.verifications)
            output.changes(watch.lines)
            output.site(store.folder)
            output.left_out(store.left_out, store.folder)
    if gate and report:
        gate.end(report, outcome, config_file)
    else:
        outcome.insist()


def _verify(
    settings: Config, store: Results, tasks: Sequence[Task], outcome: RunOutcome, *, jobs: int | None, again: bool
) -> RunOutcome | None:
    """Verify the published wheels of the tasks that ask for it, after their verdicts."""
    asked = [task for task in tasks if task.published and not is_path(task.requirement)]
    if not asked:
        return None
    from orchestrator.farm import verification

    requested = verification.requests_of(asked, (), lambda task: verification.expanded(settings, (task.image,)))
    return verification.verify_all(settings, store, requested, jobs=jobs, again=again, outcome=outcome)


def _begin_helper(*, wanted: bool) -> None:
    """Start the process that explains wheels, so that it loads while this one does."""
    if wanted:
        from orchestrator.util import limited_call

        limited_call.begin()


def _begin_publisher(publisher: PublisherProcess, *, again: bool) -> None:
    """Where something will be written, start the process that writes the site, and the helper unless `again` did."""
    if again or not publisher.is_published():
        publisher.begin()
        _begin_helper(wanted=not again)


def due_exclusions(settings: Config, store: Results) -> tuple[Exclusion, ...]:
    """List the exclusions whose check is due."""
    from orchestrator.farm import exclusions

    checks = exclusions.last_made(settings.cache, store.checks())
    return exclusions.due(settings.exclusions, checks, settings.exclusions_age, datetime.now(UTC))
