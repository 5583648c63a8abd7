"""A verification as users read it: a row of JSON, and the words for its parts. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.model import LADDER, Aspect, LineEnds, Outcome, Published, RecipeProof, Severity, Unexplained
from orchestrator.model.verification import BY_MODES
from orchestrator.publish import proof, wording
from orchestrator.publish.advice import TITLES
from orchestrator.publish.outcomes import ARCHIVE_FIELDS
from orchestrator.publish.phrases import listed
from orchestrator.results.store import verification_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orchestrator.model import Build, Closeness, Line, RebuildAttempt, Recreation, Result, Verification

_FIELDS = (
    "project",
    "version",
    "wheel",
    "sha256",
    "outcome",
    "rebuilt_sha256",
    "taken",
    "clues",
    "build_requirements",
    "causes",
    "unexplained",
    "severity",
    "builds",
    "reason",
    "image",
    "uploaded",
    "recreation",
    "lines",
    "attempts",
)

FEW = 3  # paths that one text names
_METADATA = LADDER.index(Severity.METADATA)
_SECOND = ("second", "varied", "varied-again")  # builds in the second environment
_BY_RECIPE = "varied-by-sh"  # likewise, of the recipe, which gives the published archive

SIDES = ("index", "ours")
"""The two sides of what differs: a verification compares the published wheel with our build, in this order."""


def row(verification: Verification) -> dict[str, object]:
    """Return the object of `wheelproof verify --json` for one published wheel; its fields are those of the record."""
    value = verification_value(verification)
    image = verification.image.name if verification.image else ""
    return {name: value[name] for name in _FIELDS} | {"image": image}


def with_published(result: Result, verifications: Iterable[Verification]) -> Result:
    """Return a result with what verifying showed of the published wheel of its release, if one was verified."""
    found = next((one for one in verifications if (one.project, one.version) == (result.project, result.version)), None)
    if found is None:
        return result
    published = Published(
        filename=found.wheel if found.builds else "",
        sha256=found.sha256 if found.builds else "",
        same=found.outcome is Outcome.IDENTICAL,
        severity=found.severity,
        causes=found.causes,
        unexplained=found.unexplained,
        outcome=found.outcome,
    )
    return replace(result, published=published)


def explanation(verification: Verification) -> dict[str, object]:
    """Return a verification for `wheelproof explain --json`: the object of `verify --json`, and more of the record."""
    value = verification_value(verification)
    more = ("sdist", "provided", "differences", "recipes", "failure", "finished")
    return row(verification) | {name: value[name] for name in more}


def sentences(verification: Verification) -> tuple[str, ...]:
    """Return the outcome as sentences, each of which is true of this record."""
    return _SENTENCES[verification.outcome](verification)


def _identical(it: Verification) -> tuple[str, ...]:
    if not _same(it):
        return ("It is recorded as identical, and the hashes of the record do not show it.",)
    return ("The wheel on the index is rebuilt to the same bytes.", *_line_ends(it), *_environments(it))


def _restamped(it: Verification) -> tuple[str, ...]:
    if not _same(it):
        return ("It is recorded as restamped, and the hashes of the record do not show it.",)
    fields = listed(f"the {ARCHIVE_FIELDS[one]}" for one in it.taken) if it.taken else "no field"
    return (
        "Every file of the wheel on the index is rebuilt to the same bytes.",
        f"With {fields} of its archive taken from the published wheel, ours has the same SHA-256.",
        *([_OTHER_ZLIB] if _is_of_other_zlib(it) else []),
        *_by_modes(it),
        *_line_ends(it),
        *_environments(it),
    )


def _line_ends(it: Verification) -> tuple[str, ...]:
    """Return which text files got the line ends of Windows, if any did: the sdist alone does not give them."""
    if it.recreation is None or it.recreation.line_ends is LineEnds.AS_IS:
        return ()
    ends = it.recreation.line_ends
    source = "Before the build, the lines of the source's text files were ended as on Windows, unlike in the sdist."
    wrote = "The lines of text files that the build wrote were ended as on Windows."
    return ((source,) if ends.of_source else ()) + ((wrote,) if ends.of_written else ())


def _by_modes(it: Verification) -> tuple[str, ...]:
    """Return what of the modes an installer follows, if anything: they are not our build's."""
    modes = it.reason.partition(BY_MODES)[2]
    return (f"The modes are not those of our build: {modes}.",) if modes else ()


_OTHER_ZLIB = (
    "Some packed bytes are not made by the zlib used here: they unpack to the bytes of our files, and every header "
    "field is the same."
)


def _metadata(it: Verification) -> tuple[str, ...]:
    if any(one.severity and LADDER.index(one.severity) > _METADATA for one in it.differences):
        return ("It is recorded as metadata, and the differences of the record do not show it.",)
    explained = sum(bool(line.cause) for line in it.lines)
    how = "each with a known cause" if len(it.lines) > 1 else "with a known cause"
    if explained < len(it.lines):
        how = f"{explained} of them with a known cause"
    lines = f"{_count(len(it.lines), 'line')} of its dist-info folder {_differ(len(it.lines))}, {how}."
    return (
        "Nothing that the wheel on the index installs to be imported differs from our build.",
        lines,
        *_by_modes(it),
        *_line_ends(it),
    )


def _differs(it: Verification) -> tuple[str, ...]:
    if not it.builds:
        return (f"The wheel on the index is not compared: {_because(it)}",)
    closeness = nearest(it)
    what = of_members(closeness) if closeness else ""
    deep = wording.depth(it.severity, it.differences)
    return (
        "The wheel on the index is not what its source gives here.",
        *([f"{what[:1].upper()}{what[1:]}."] if what else []),
        *([deep] if deep else []),
        *([_because(it)] if it.reason else []),
    )


def _unbuildable(it: Verification) -> tuple[str, ...]:
    failure = it.failure
    if failure and failure.reason in wording.REASONS:
        return (f"The wheel on the index could not be rebuilt: {wording.REASONS[failure.reason]}.",)
    return (f"The wheel on the index could not be rebuilt: {_because(it)}",)


def _no_sdist(_it: Verification) -> tuple[str, ...]:
    return ("The release has no source distribution on the index, so nothing can be rebuilt.",)


def _no_counterpart(it: Verification) -> tuple[str, ...]:
    which = "The wheel on the index" if it.wheel else "No published wheel of the release"
    return (f"{which} {'cannot' if it.wheel else 'can'} be rebuilt here: {_because(it)}",)


_SENTENCES: Mapping[Outcome, Callable[[Verification], tuple[str, ...]]] = {
    Outcome.IDENTICAL: _identical,
    Outcome.RESTAMPED: _restamped,
    Outcome.METADATA: _metadata,
    Outcome.DIFFERS: _differs,
    Outcome.UNBUILDABLE: _unbuildable,
    Outcome.NO_SDIST: _no_sdist,
    Outcome.NO_COUNTERPART: _no_counterpart,
}


def _because(it: Verification) -> str:
    return f"{it.reason.rstrip('.') or 'no reason is recorded'}."


def _same(it: Verification) -> bool:
    return bool(it.sha256) and it.rebuilt_sha256 == it.sha256


def _environments(it: Verification) -> tuple[str, ...]:
    """Return whether it came out in a second environment, and what was set alike there because of clues."""
    if not any(_is_again(it, build) for build in it.builds):
        return ("The record does not show it in a second environment.",)
    fixed = it.recreation.fixes if it.recreation else ()
    alike = f" Set alike in both: {listed(fixed)}." if fixed else ""
    return (f"It came out in a second environment, too, which differs on purpose.{alike}",)


def _is_again(it: Verification, build: Build) -> bool:
    """Check whether a build in the second environment shows the outcome, which is the weaker of two builds."""
    if build.wheel is None or build.name not in (*_SECOND, _BY_RECIPE):
        return False
    is_published = build.wheel.sha256 == it.sha256
    return is_published or (it.outcome is Outcome.RESTAMPED and build.name in _SECOND)


def _is_of_other_zlib(it: Verification) -> bool:
    found = nearest(it)
    return found is not None and found.other_zlib


def nearest(it: Verification) -> Closeness | None:
    """Return how near the build came whose recreation decided the outcome, if the record has it."""
    wanted = replace(it.recreation, hold=()) if it.recreation else None
    found = [
        one.closeness for one in it.attempts if one.closeness is not None and replace(one.recreation, hold=()) == wanted
    ]
    return min(found, key=lambda one: tuple(Outcome).index(one.outcome), default=None)


def of_members(closeness: Closeness) -> str:
    """Return how many members differ, are missing in ours and are only in ours, with some of them; or ""."""
    parts = [
        f"{_count(len(paths), 'file')} {verb(len(paths))} ({_some(paths)})"
        for paths, verb in (
            (closeness.changed, _differ),
            (closeness.missing, lambda count: f"{_is_are(count)} in the published wheel only"),
            (closeness.added, lambda count: f"{_is_are(count)} in our build only"),
        )
        if paths
    ]
    return listed(parts) if parts else ""


def left(attempt: RebuildAttempt) -> str:
    """Return what one attempt left different; "nothing" if its build has the published bytes."""
    if attempt.failure is not None and attempt.closeness is None:
        return f"no wheel: {wording.REASONS.get(attempt.failure.reason, attempt.failure.reason)}"
    if attempt.closeness is None:
        return "no wheel"
    found = attempt.closeness
    parts = (
        of_members(found),
        f"{_count(len(found.lines), 'line')} of the dist-info folder" if found.lines else "",
        f"the archive's {listed(ARCHIVE_FIELDS[one] for one in found.taken)}" if found.taken else "",
    )
    return "; ".join(filter(None, parts)) or ("nothing" if found.outcome is Outcome.IDENTICAL else found.reason)


def of_line(line: Line) -> str:
    """Return why a line of the dist-info folder differs."""
    return line.cause or "no cause is known"


def two_sides(line: Line) -> Unexplained:
    """Return a line of the dist-info folder as a place with two sides, the published one first."""
    return Unexplained(line.path, Aspect.CONTENT, first=line.published, second=line.ours)


def settings(recreation: Recreation | None) -> tuple[tuple[str, str], ...]:
    """Return the settings of a recreation that clues gave, as (name, value)."""
    if recreation is None:
        return ()
    return tuple((name, value) for name, value in _settings(recreation) if value)


def _settings(it: Recreation) -> Iterator[tuple[str, str]]:
    yield "build requirements as of", f"{it.as_of.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if it.as_of else ""
    yield "build requirements set to", ", ".join(it.overrides)
    yield "SOURCE_DATE_EPOCH", "not set" if it.source_date_epoch is None else _moment(it.source_date_epoch)
    yield "clock", "" if it.clock is None else _moment(it.clock)
    yield "timezone", it.timezone
    yield "umask", "" if it.umask is None else f"{it.umask:04o}"
    yield "line ends", "" if it.line_ends is LineEnds.AS_IS else it.line_ends.value
    yield "config settings", ", ".join(f"{name}={value}" for name, value in it.config_settings)
    yield "held", ", ".join(it.hold)
    yield "repaired by auditwheel for", it.repair
    yield "repaired with", ", ".join(it.repair_with)
    yield "environment variables", ", ".join(f"{name}={value}" for name, value in it.variables)


def _moment(seconds: int) -> str:
    """Return a number of seconds since 1970 with its date, if it has one."""
    try:
        return f"{seconds} ({datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC)"
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def recipes(it: Verification) -> tuple[tuple[str, str], ...]:
    """Return each recipe that did not fail, as (title with what is proven of it, text to paste)."""
    return tuple(
        (f"{TITLES[recipe.form]}: {proof.of_published_recipe(it, recipe)}", recipe.text)
        for recipe in it.recipes
        if recipe.proof is not RecipeProof.REJECTED
    )


def _some(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - FEW} more" if len(paths) > FEW else ""
    return f"{', '.join(paths[:FEW])}{more}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _differ(count: int) -> str:
    return "differs" if count == 1 else "differ"


def _is_are(count: int) -> str:
    return "is" if count == 1 else "are"
