"""Says of each wheel that a hash file names whether a rebuild gives that hash. Pure: it builds nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from orchestrator.build_requirements.resolve import tags
from orchestrator.model.names import BadNameError, checksum_line, wheel_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.model import Diagnosis, Result, Target, WheelFile
    from orchestrator.model.names import WheelName
    from orchestrator.requirement_files import Wanted

_LONGEST = 300  # characters of a reason


class WitnessOutcome(StrEnum):
    """What a rebuild says of a hash."""

    MATCHES = "matches"
    DIFFERS = "differs"
    UNBUILDABLE = "unbuildable"


@dataclass(frozen=True, slots=True)
class Claim:
    """A wheel as somebody's file has it: its hash is one of these."""

    requirement: str
    filename: str  # empty where the file names none
    hashes: tuple[str, ...]  # SHA-256


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """What was found of one claim; its fields are those of `wheelproof witness --json`."""

    filename: str  # or NAME==VERSION, where neither the file nor a rebuild gives one
    sha256: str  # as the file has it; empty where it has several and none is that of the rebuilt wheel
    outcome: WitnessOutcome
    rebuilt_sha256: str = ""  # empty where nothing was rebuilt
    causes: tuple[str, ...] = ()  # why the two differ, where the wheel itself was at hand
    severity: str = ""  # how deep
    reason: str = ""  # one sentence, where it does not match


def claims(wanted: Iterable[Wanted]) -> Iterator[Claim]:
    """List the wheels that files name, each once; sdists are no claims, but what is built."""
    seen: set[Claim] = set()
    for one in wanted:
        named = [Claim(one.requirement, filename, (sha256,)) for filename, sha256 in one.wheels]
        hashes = one.own or one.hashes
        unnamed = [Claim(one.requirement, "", hashes)] if hashes and not named else []
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
    """Say what a rebuild says of a claim.

    `result` is the release's, or None with the `fault` for which there is none; `target` is that of
    its image; `diagnose` compares the wheel of a file name and hash with the first build's, and
    gives None where that wheel is not at hand.
    """
    said = claim.hashes[0] if len(claim.hashes) == 1 else ""
    name = claim.filename or claim.requirement
    if result is None:
        return WitnessRow(name, said, WitnessOutcome.UNBUILDABLE, reason=_short(fault))
    wheel = result.builds[0].wheel if result.builds else None
    if (reason := _unbuildable(claim, result, wheel, target)) or wheel is None:
        return WitnessRow(name, said, WitnessOutcome.UNBUILDABLE, reason=_short(reason))
    name = claim.filename or wheel.filename
    if wheel.sha256 in claim.hashes and name == wheel.filename:
        return WitnessRow(name, wheel.sha256, WitnessOutcome.MATCHES, wheel.sha256)
    found = diagnose(name, said, result) if said else None
    causes = tuple(dict.fromkeys(cause_finding.name for cause_finding in found.causes)) if found else ()
    severity = found.severity.value if found else ""
    return WitnessRow(
        name, said, WitnessOutcome.DIFFERS, wheel.sha256, causes, severity, _different(claim, wheel, found)
    )


def _unbuildable(claim: Claim, result: Result, wheel: WheelFile | None, target: Target | None) -> str:
    """Say why there is no wheel to compare; nothing where there is one."""
    if target is not None and claim.filename and (other := _elsewhere(claim.filename, target)):
        return f"it is for {other}, and not for Python {target.python} on {target.platform}"
    if wheel is not None:
        return ""
    failure = result.failure
    return f"{failure.reason}: {failure.evidence or failure.detail}" if failure else result.reason


def _elsewhere(filename: str, target: Target) -> str:
    """Name the tags of a wheel that is for other targets only."""
    try:
        offered = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return ""
    return "" if offered & set(tags(target)) else ", ".join(sorted(map(str, offered)))


def _different(claim: Claim, wheel: WheelFile, found: Diagnosis | None) -> str:
    if claim.filename and claim.filename != wheel.filename:
        return f"the rebuilt wheel is called {wheel.filename}"
    if len(claim.hashes) > 1:
        return f"none of the {len(claim.hashes)} hashes that are named is that of the rebuilt wheel"
    return "" if found else "the wheel itself is not at hand, so that nobody can say why"


def _short(text: str) -> str:
    """Return a text's last line that says anything: that of a log which tells the error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    head, _, _ = text.partition(":")
    last = lines[-1] if lines else ""
    whole = last if len(lines) < 2 or last.startswith(head) else f"{head}: {last}"  # noqa: PLR2004 - one line is all
    return whole[:_LONGEST]


def checksums(results: Iterable[Result]) -> str:
    """Write what was rebuilt as sha256sum would, sorted by file name: ready to be signed.

    A name to which two images give other bytes stands there with both. A wheel whose name is not
    one of its own release is left out: nobody who signs the list means to speak for another one.
    """
    made = {
        (name, one.builds[0].wheel.sha256)
        for one in results
        if one.builds and one.builds[0].wheel and (name := _name(one.builds[0].wheel, one))
    }
    return "".join(checksum_line(sha256, name) for name, sha256 in sorted(made))


def _name(wheel: WheelFile, result: Result) -> WheelName | None:
    try:
        return wheel_of(wheel.filename, result.project, result.version)
    except BadNameError:
        return None
