"""The command since: the release of a build requirement that changed a verdict, or the bytes of a wheel."""

from __future__ import annotations

import shlex
import time
from datetime import UTC, date, datetime
from datetime import time as of_day
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output, requests
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.farm.since import Past
    from orchestrator.model import Task
    from orchestrator.results.bisect import ReleaseChange, Step, Turn

_SHOWN = 3  # changes in one row


@click.command
@click.argument("project", metavar="PROJECT[==VERSION]", shell_complete=completion.requirements)
@options.option(
    "--from",
    "start",
    metavar="DATE",
    help="The first day to look at, UTC, or a moment with a time zone; by default when the sdist was uploaded.",
)
@options.option("--every", is_flag=True, help="Judge at each change of a build requirement, and show each turn.")
@options.option(
    "--content",
    is_flag=True,
    help="Compare the contents of the wheels' files but WHEEL, which names the build tool, and RECORD.",
)
@options.IMAGE
@options.CONFIG
@options.RESULTS
@options.as_json("what was judged and what it shows as one JSON object")
@options.LOG
def since(
    project: str,
    start: str | None,
    every: bool,
    content: bool,
    image: str | None,
    config_file: Path,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Find the day and the release of a build requirement that changed the verdict on PROJECT, or its wheel's bytes.

    The index keeps all releases, with the times of their uploads. The release is built with the build requirements
    as of the first moment, as of now, and as of few moments between them: each build halves what is left. Without a
    version, the newest is taken.
    """
    from orchestrator.farm import since as history

    first = None if start is None else _moment(start)
    settings, store = options.opened(config_file, folder)
    requests.check_images((image,) if image else (), settings, auto=True)
    task = _task(project, image, settings)
    requests.check_requirements((task.requirement,), settings)
    begun = time.monotonic()
    with store.locked():
        past = history.past(settings, store, task, first, every=every, content=content)
    seconds = time.monotonic() - begun
    if as_json:
        output.as_json_object(_value(past, seconds))
    else:
        _print(past, seconds, store.wheels.find, every=every)


def _moment(text: str) -> datetime:
    """Read a day as its beginning, UTC, or a moment."""
    from orchestrator.util.moments import moment

    try:
        if len(text) == len("2026-01-31"):
            return moment(datetime.combine(date.fromisoformat(text), of_day(), tzinfo=UTC))
        return moment(datetime.fromisoformat(text))
    except ValueError as error:
        msg = f"reading --from {text!r}: {error}; write a day, 2026-01-31, or a moment, 2026-01-31T12:00:00Z"
        raise UsageError(msg) from error


def _task(project: str, image: str | None, settings: Config) -> Task:
    """Return the task of a release, on the image that is asked for, or else the first of the configuration."""
    from orchestrator import config

    if config.is_path(project):
        msg = f"looking at the past of {project}: only releases of the index have one; write NAME or NAME==VERSION"
        raise UsageError(msg)
    name, version = requests.named(project)
    requirement = f"{name}=={version}" if version else name
    return config.tasks(settings, (requirement,), (image,) if image else ())[0]


# --- what is printed -------------------------------------------------------------------------


def _print(past: Past, seconds: float, kept: Callable[[str], Path | None], *, every: bool) -> None:
    from orchestrator.farm import progress

    steps = past.explored.steps
    before = (None, *steps)
    rows = [
        (
            _at(step.moment),
            _since_row(earlier, step, past),
            step.compared[:12] or step.result.reason,
            step.result.verdict.value,
        )
        for earlier, step in zip(before, steps, strict=False)
    ]
    progress.table("", ("as of", "build requirements", "contents" if past.content else "first wheel", "verdict"), rows)
    click.echo("")
    for line in (*sentences(past, every=every), *hints(past, kept), counted(past, seconds)):
        progress.paragraph(line)


def _since_row(earlier: Step | None, step: Step, past: Past) -> str:
    """Return what changed since the row before; of the first row, how many build requirements there are."""
    from orchestrator.results.bisect import release_changes

    if earlier is None:
        pins = step.result.build_requirements
        return _some([f"{pin.name} {pin.version}" for pin in pins]) or "none"
    return _some([_change(one) for one in release_changes(earlier, step, past.explored.uploads)]) or "the same"


def _some(texts: list[str]) -> str:
    more = f", and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def sentences(past: Past, *, every: bool = False) -> Iterator[str]:
    """Yield what a release's past shows, in one sentence for each turn; packages and index decide parts of them."""
    explored = past.explored
    first, last = explored.steps[0], explored.steps[-1]
    release = f"{past.project} {past.version} on {past.image}"
    for turn in explored.turns:
        yield f"{release}: {turn_sentence(turn, past)}"
    if explored.by_chance:
        yield f"{release}: equal build requirements give other bytes in each job, so no release can be named for that."
    elif not explored.turns:
        span = f"as of {_at(first.moment)} and as of {_at(last.moment)}"
        outcome = f"{last.result.verdict}" + (f" ({last.result.reason})" if last.result.reason else "")
        if last.compared and last.result.verdict != "intrinsic":
            outcome += ", with equal contents" if past.content else ", with equal bytes"
        left = "" if every else "; changes in between that were reverted are not looked for (--every does)"
        yield f"{release}: nothing changed: {span} it is {outcome}{left}."


def hints(past: Past, kept: Callable[[str], Path | None]) -> Iterator[str]:
    """Yield how to see what last changed in the wheels, if both are kept; `kept` finds one by its SHA-256."""
    from orchestrator.results.bisect import Aspect
    from orchestrator.results.history import first_hash

    turns = [turn for turn in past.explored.turns if turn.aspect is Aspect.BYTES]
    for turn in turns[-1:]:
        wheels = [kept(first_hash(step.result)) for step in (turn.earlier, turn.later) if first_hash(step.result)]
        if len(wheels) == len(("earlier", "later")) and all(wheels):
            yield f"To see what: wheelproof compare {shlex.join(map(str, wheels))}"
    if turns and not past.content:
        yield "Where only the name of the build tool in WHEEL may have changed, --content finds the change before it."


def turn_sentence(turn: Turn, past: Past) -> str:
    """Return what changed an outcome, since when, and whether that is proven."""
    named = {change.name: change for change in turn.changed}
    what = f"changes {_what(turn, past)}"
    sets = [" and ".join(_change(named[name], dated=True) for name in names) for names in turn.culprits]
    day = f"since {turn.later.moment:%Y-%m-%d}"
    if not sets:
        return f"{day}: {what}; no release of a build requirement is known that was uploaded then (not proven)"
    if not turn.swapped:
        return f"{day}: the upload of {'; or '.join(sets)} {what} (by the resolver: nothing else changed on the index)"
    together = ", together," if any(len(names) > 1 for names in turn.culprits) else ""
    either = ", and each alone," if len(sets) > 1 else ""
    proof = "proven: with nothing else swapped" if turn.firm else "not proven: a build ran into a limit, or was killed"
    return f"{day}: {'; '.join(sets)}{together}{either} {what} ({proof})"


def _what(turn: Turn, past: Past) -> str:
    from orchestrator.results.bisect import Aspect

    earlier, later = turn.earlier.result, turn.later.result
    if turn.aspect is Aspect.VERDICT:
        why = f" ({later.reason})" if later.reason else ""
        return f"the verdict from {earlier.verdict} to {later.verdict}{why}"
    if turn.earlier.compared and turn.later.compared:
        what = "the contents" if past.content else "the bytes"
        return f"{what} from {turn.earlier.compared[:12]} to {turn.later.compared[:12]}"
    return f"the failure from {earlier.reason} to {later.reason}"


def _change(change: ReleaseChange, *, dated: bool = False) -> str:
    uploaded = f" (uploaded {_at(change.uploaded)} UTC)" if dated and change.uploaded else ""
    return f"{change.name} {change.earlier or 'absent'} -> {change.later or 'absent'}{uploaded}"


def counted(past: Past, seconds: float) -> str:
    """Return what the answer took."""
    from orchestrator.results.bisect import moments

    steps = past.explored.steps
    several = len(moments(past.explored.uploads, steps[0].moment, steps[-1].moment))
    return (
        f"{len(steps)} of {several} moments judged, in {seconds:.0f} s: {past.builds} builds for {past.jobs} new "
        f"results; used again: {past.reused}. They are no verdicts of today, and are kept apart, in since/."
    )


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _value(past: Past, seconds: float) -> dict[str, object]:
    from orchestrator.results.bisect import moments, release_changes

    explored = past.explored
    steps = explored.steps
    changes: list[tuple[ReleaseChange, ...]] = [()]
    changes += [release_changes(*pair, explored.uploads) for pair in pairwise(steps)]
    return {
        "project": past.project,
        "version": past.version,
        "image": past.image,
        "steps": [_step(*item) for item in zip(steps, changes, strict=True)],
        "turns": [_turn(turn, past) for turn in explored.turns],
        "by_chance": explored.by_chance,
        "moments": len(moments(explored.uploads, steps[0].moment, steps[-1].moment)),
        "jobs": past.jobs,
        "builds": past.builds,
        "reused": past.reused,
        "seconds": round(seconds, 1),
    }


def _step(step: Step, changed: tuple[ReleaseChange, ...]) -> dict[str, object]:
    from orchestrator.results.history import first_hash

    return {
        "as_of": step.moment.isoformat(),
        "job": step.result.job,
        "verdict": step.result.verdict.value,
        "reason": step.result.reason,
        "sha256": first_hash(step.result),
        "compared": step.compared,
        "changed": [_release_change(change) for change in changed],
    }


def _release_change(change: ReleaseChange) -> dict[str, object]:
    uploaded = change.uploaded.isoformat() if change.uploaded else None
    return {"name": change.name, "earlier": change.earlier, "later": change.later, "uploaded": uploaded}


def _turn(turn: Turn, past: Past) -> dict[str, object]:
    return {
        "since": turn.later.moment.isoformat(),
        "what": turn.aspect.value,
        "earlier": _step(turn.earlier, ()),
        "later": _step(turn.later, turn.changed),
        "culprits": [list(names) for names in turn.culprits],
        "proven": turn.swapped and turn.firm and bool(turn.culprits),
        "sentence": turn_sentence(turn, past),
    }
