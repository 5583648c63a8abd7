"""Compares each wheel listed in a hash file with its rebuild. Pure: it builds nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from orchestrator.build_requirements.resolve import tags
from orchestrator.model import Outcome
from orchestrator.model.names import BadNameError, checksum_line, wheel_of
from orchestrator.util import escapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.model import Diagnosis, Result, Target, Verification, WheelFile
    from orchestrator.requirement_files import Wanted

_LONGEST = 300  # characters of a reason


class WitnessOutcome(StrEnum):
    """Whether a rebuild has a listed hash."""

    MATCHES = "matches"
    DIFFERS = "differs"
    UNBUILDABLE = "unbuildable"


@dataclass(frozen=True, slots=True)
class Claim:
    """A wheel listed in a hash file: its SHA-256 is one of `hashes`."""

    requirement: str
    filename: str  # empty where the file names none
    hashes: tuple[str, ...]  # SHA-256


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """The result for one claim; its fields are those of `wheelproof witness --json`."""

    filename: str  # or NAME==VERSION, if neither the file nor a rebuild names the wheel
    sha256: str  # as listed; empty if several are listed and none is the rebuilt wheel's
    outcome: WitnessOutcome
    rebuilt_sha256: str = ""  # empty if nothing was rebuilt
    causes: tuple[str, ...] = ()  # why the two differ, if the listed wheel was available
    severity: str = ""  # how serious the difference is
    reason: str = ""  # one sentence, if the hash does not match
    published: str = ""  # the outcome of verifying the wheel with that hash, if the index has it
    requirement: str = ""  # NAME==VERSION, as listed
    proven: str = ""  # the swap of one input with which a rebuild has the listed hash
    possible: tuple[str, ...] = ()  # inputs whose swap changes the wheel, where no swap gives the hash
    record: str = ""  # the path of what was rebuilt for that, below the results


def claims(wanted: Iterable[Wanted]) -> Iterator[Claim]:
    """Yield the wheels that files list, each once. Sdists are what is built, not claims."""
    seen: set[Claim] = set()
    for entry in wanted:
        named = [Claim(entry.requirement, filename, (sha256,)) for filename, sha256 in entry.wheels]
        hashes = entry.own or entry.hashes
        unnamed = [Claim(entry.requirement, "", hashes)] if hashes and not named else []
        for claim in (*named, *unnamed):
            if claim not in seen:
                seen.add(claim)
                yield claim


def witnessed(
    claim: Claim,
    result: Result | None,
    fault: str,
    target: Target | None,
    diagnose: Callable[[str, str, Result], Diagnosis | None],
) -> WitnessRow:
    """Compare a claim with the rebuild of its release.

    `result` is None if the release has no result; `fault` is then the reason. `target` is that of
    the image. `diagnose` compares the wheel with a file name and hash with the first build's wheel.
    It returns None if the listed wheel is not available.
    """
    listed_hash = claim.hashes[0] if len(claim.hashes) == 1 else ""
    name = claim.filename or claim.requirement
    unbuildable = WitnessRow(name, listed_hash, WitnessOutcome.UNBUILDABLE, requirement=claim.requirement)
    if result is None:
        return replace(unbuildable, reason=_short(fault))
    wheel = result.builds[0].wheel if result.builds else None
    if (reason := _unbuildable(claim, result, wheel, target)) or wheel is None:
        return replace(unbuildable, reason=_short(reason))
    name = claim.filename or wheel.filename
    if wheel.sha256 in claim.hashes and name == wheel.filename:
        return WitnessRow(name, wheel.sha256, WitnessOutcome.MATCHES, wheel.sha256, requirement=claim.requirement)
    diagnosis = diagnose(name, listed_hash, result) if listed_hash else None
    causes = tuple(dict.fromkeys(cause_finding.name for cause_finding in diagnosis.causes)) if diagnosis else ()
    severity = diagnosis.severity.value if diagnosis else ""
    return WitnessRow(
        name,
        listed_hash,
        WitnessOutcome.DIFFERS,
        wheel.sha256,
        causes,
        severity,
        _different(claim, wheel, diagnosis),
        requirement=claim.requirement,
    )


def verified(rows: Iterable[WitnessRow], verifications: Iterable[Verification]) -> tuple[WitnessRow, ...]:
    """Add what verifying showed of the listed wheels that the index has: a rebuild as its publisher built it."""
    by_hash = {one.sha256: one for one in verifications}

    def with_outcome(row: WitnessRow) -> WitnessRow:
        found = by_hash.get(row.sha256)
        if found is None:
            return row
        if found.outcome is Outcome.IDENTICAL and row.filename in {found.wheel, row.requirement}:
            matches = WitnessOutcome.MATCHES
            return replace(
                row,
                filename=found.wheel,
                outcome=matches,
                rebuilt_sha256=row.sha256,
                causes=(),
                severity="",
                reason="",
                published=found.outcome,
            )
        return replace(row, published=found.outcome, reason=found.reason or row.reason)

    return tuple(map(with_outcome, rows))


def _unbuildable(claim: Claim, result: Result, wheel: WheelFile | None, target: Target | None) -> str:
    """Return why there is no wheel to compare, or "" if there is one."""
    if target is not None and claim.filename and (other := _elsewhere(claim.filename, target)):
        return f"it is for {other}, and not for Python {target.python} on {target.platform}"
    if wheel is not None:
        return ""
    failure = result.failure
    return f"{failure.reason}: {failure.evidence or failure.detail}" if failure else result.reason


def _elsewhere(filename: str, target: Target) -> str:
    """Return the tags of a wheel that only fits other targets, or ""."""
    try:
        offered = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return ""
    return "" if offered & set(tags(target)) else ", ".join(sorted(map(str, offered)))


def _different(claim: Claim, wheel: WheelFile, diagnosis: Diagnosis | None) -> str:
    if claim.filename and claim.filename != wheel.filename:
        return f"the rebuilt wheel is called {wheel.filename}"
    if len(claim.hashes) > 1:
        return f"none of the {len(claim.hashes)} hashes that are named is that of the rebuilt wheel"
    return "" if diagnosis else "the wheel itself is not at hand, and no rebuild has shown why"


def _short(text: str) -> str:
    """Return a text's last line that is not blank; in a log, that line is the error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    head, _, _ = text.partition(":")
    last = lines[-1] if lines else ""
    whole = last if len(lines) < 2 or last.startswith(head) else f"{head}: {last}"  # noqa: PLR2004 - one line is all
    return whole[:_LONGEST]


# --- hash files ------------------------------------------------------------------------------

MATCHED, DIFFERING = "sha256sums.txt", "sha256sums.differs.txt"
"""The files of `checksums` and `differing`, in the results."""

_HEAD = "# Not to be signed: no rebuild has the hash that is listed for these wheels. Each line has the rebuilt hash."


def checksums(rows: Iterable[WitnessRow]) -> str:
    """List the wheels that match in the format of sha256sum, sorted by file name, ready to be signed.

    A wheel whose name does not belong to its release is left out, since whoever signs the list does not vouch for
    other releases.
    """
    lines = {(row.filename, _line(row)) for row in rows if _is_matched(row)}
    return "".join(line for _, line in sorted(lines))


def differing(rows: Iterable[WitnessRow]) -> str:
    """List the wheels that do not match, each below a comment with the listed hash and the reason; empty if all match.

    A line has the hash of the rebuild, so that sha256sum, which passes over comments, accepts no listed wheel by this
    file. A wheel without a rebuild, or whose name is not one of its release, has the comment alone.
    """
    wrong = sorted({(row.filename, _comment(row), _line(row)) for row in rows if not _is_matched(row)})
    return "".join((f"{_HEAD}\n", *(f"{comment}\n{line}" for _, comment, line in wrong))) if wrong else ""


def _is_matched(row: WitnessRow) -> bool:
    return row.outcome is WitnessOutcome.MATCHES and _line(row) != ""


def _line(row: WitnessRow) -> str:
    """Return the line of the rebuilt wheel; empty if there is none of that release."""
    project, _, version = row.requirement.partition("==")
    try:
        return checksum_line(row.rebuilt_sha256, wheel_of(row.filename, project, version))
    except BadNameError:
        return ""


def _comment(row: WitnessRow) -> str:
    """Return why a wheel does not match, as one line that begins with #."""
    listed = f"listed {row.sha256}" if row.sha256 else ""
    unnamed = "its name is not one of the release" if row.outcome is WitnessOutcome.MATCHES else ""
    causes = f"causes: {', '.join(row.causes)}" if row.causes else ""
    what = "; ".join(filter(None, (listed, row.outcome.value, row.severity, causes, row.reason, unnamed)))
    return " ".join(escapes.visible(f"# {row.filename}: {what}").split())
