"""Build one sdist in one environment: the result is a wheel or a failure."""

from __future__ import annotations

import json
import os
import re
import signal
import tarfile
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Annotated

from pydantic import StringConstraints, TypeAdapter

from orchestrator.analysis import failure_signs
from orchestrator.build.container import GUEST
from orchestrator.build.engine import STDOUT, Completed, Container
from orchestrator.build.protocol import LONGEST_FRAME, FrameReader, Refused
from orchestrator.errors import TransientEngineError, WheelproofError
from orchestrator.guest.main import CRASHED, TIMED_OUT
from orchestrator.model import (
    DETAIL,
    LIMIT_REASONS,
    Build,
    Failure,
    Limits,
    Phase,
    Probe,
    Provided,
    Reason,
    WheelFile,
)
from orchestrator.sources import reading
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.build.container import Order
    from orchestrator.build.protocol import Finding
    from orchestrator.model import Image


SECONDS = 600
"""The time limit of a container that builds nothing."""

BROKE_DOWN = (TIMED_OUT, 128 + signal.SIGSEGV, 128 + signal.SIGABRT, 128 + signal.SIGBUS)
"""Exit statuses of a Python that its input crashed, or kept busy for too long."""
TAIL = 1 << 20
LONGER_TAIL = 8 << 20  # read where the shorter one shows nothing
_Word = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"\A[!-~]+\z")]
_LISTED = TypeAdapter(tuple[tuple[_Word, _Word, _Word], ...])
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KILLS = (-9, -15)  # exit statuses: SIGKILL, and SIGTERM, which programs that free memory send first
_DEATHS = (b"illed", b"erminated", b"SIGKILL", b"SIGTERM", b"137", b"143", b" -9", b" -15", b"signal")


@dataclass(frozen=True, slots=True)
class Output:
    """The output of one container."""

    build: Build
    file: Path | None  # the wheel (or sdist), in the requested folder
    log: Path
    asked: tuple[str, ...] | None = None  # the dynamic build requirements, where they were asked for
    missing: bool = False  # they name more than is installed, so nothing was built
    doubt: str = ""  # why it has to be built once more: evidence that something outside may have broken it


def build(
    order: Order,
    spec: Container,
    folder: Path,
    run: Callable[[Container, FrameReader], Completed],
    answered: Callable[[tuple[str, ...]], None],
) -> Output:
    """Run one build, and return its output, whose files are in the folder.

    Raises
    ------
    EngineError
        The engine failed: there is no build, and nothing is known about the package.

    """
    listener = FrameReader(
        folder, order.limits, answered, given=order.given if order.ask else None, repairs=order.repairs
    )
    begun = time.monotonic()
    try:
        completed = run(spec, listener)
    finally:
        listener.close()
    seconds = time.monotonic() - begun
    failure = _failure(order, completed, listener, seconds)
    killed = _killed(failure, listener)
    if killed:
        failure = _of_killed(order, listener, killed, failure)
    wheel = None
    if failure is None and listener.made:
        wheel = WheelFile(listener.made.file, listener.sha256.hexdigest(), listener.received)
    build = Build(
        name=order.name,
        environment=order.environment,
        wheel=wheel,
        failure=failure,
        probe=listener.probe,
        seconds=round(seconds, 3),
        cpu_seconds=listener.cpu_seconds,
    )
    doubt = killed or _doubt(failure, listener.log)
    return Output(build, listener.file if wheel else None, listener.log, listener.asked, listener.missing, doubt)


def _doubt(failure: Failure | None, log: Path) -> str:
    """Return why something outside may have caused a failure; the engine may break a channel or lose a process."""
    if failure and failure.reason is Reason.BROKEN_CHANNEL:
        return failure.evidence
    return failure_signs.lost(_tail(log, TAIL)) if failure and failure.reason is Reason.BUILD_ERROR else ""


def _failure(order: Order, completed: Completed, heard: FrameReader, seconds: float) -> Failure | None:
    """Return why there is no wheel; None if there is one, or the requested value.

    Raises TransientEngineError if the container ended in a way that no build can cause, or if the
    host had less memory left than the build's limit.
    """
    what = f"building {order.source.path.name} ({order.name})"
    if heard.failed and heard.failed.short_of_memory == "host":
        msg = (
            f"{what}: the host ran out of memory and killed a part of the "
            "build; run fewer jobs at once, or give each less under limits: memory"
        )
        raise TransientEngineError(msg)
    phase = _phase(order, heard)
    tail = _tail(heard.log, DETAIL)
    if limit := _limit(order.limits, completed, heard, seconds):
        return Failure(limit, phase, tail, failure_signs.of_limit(limit, order.limits))
    if heard.broken:
        return _broken(phase, heard.broken)
    if isinstance(heard.last, Refused):
        return _refused(heard.last.failure, tail)
    if heard.failed:
        return _explained(heard.log, phase)
    if heard.missing or (completed.exit_code == 0 and heard.made):
        _look(order, heard.probe)
        return None
    if completed.exit_code == CRASHED and heard.probe:
        return _broken(phase, f"the guest broke down: {tail[-300:]}")
    msg = (
        f"{what}: the container ended with status {completed.exit_code} before all was heard of the guest: "
        f"{tail[-300:]!r}"
    )
    raise TransientEngineError(msg)


def _refused(finding: Finding, tail: str) -> Failure:
    """Return the failure that the guest detected; why a wheel cannot be repaired is the last line of the log."""
    if finding.phase is Phase.FINISH and finding.reason is Reason.NO_WHEEL:
        return Failure(finding.reason, finding.phase, tail, failure_signs.printable(_last_line(tail)))
    return Failure(finding.reason, finding.phase, finding.detail, failure_signs.printable(finding.detail))


def _broken(phase: Phase, why: str) -> Failure:
    return Failure(Reason.BROKEN_CHANNEL, phase, why[:DETAIL], failure_signs.printable(why))


def _killed(failure: Failure | None, heard: FrameReader) -> str:
    """Return the evidence that a signal ended a process of the build, if no limit of ours explains it.

    This includes builds that went on: their wheel may lack what that process was to make. The counters of
    the control group explain a limit that was reached. Nothing was built where the sdist cannot be unpacked
    or build requirements are missing.
    """
    limits = LIMIT_REASONS - {Reason.KILLED}
    if heard.broken or heard.missing or (failure and (failure.reason in limits or failure.phase is Phase.UNPACK)):
        return ""
    status = heard.failed.failed if heard.failed else 0
    hook = f"the build backend's process was ended by signal {-status}" if status in _KILLS else ""
    return hook or failure_signs.killed(_mentions(heard.log), went_well=failure is None)


def _of_killed(order: Order, heard: FrameReader, killed: str, failure: Failure | None) -> Failure:
    """Return the failure of a build with a killed process: an earlier failure in its log, if there is one."""
    if failure and failure.reason is not Reason.KILLED and _explains(heard.log, failure):
        return failure
    return Failure(Reason.KILLED, _phase(order, heard), _tail(heard.log, DETAIL), killed)


def _explains(log: Path, failure: Failure) -> bool:
    """Check whether the first fatal line of a log gives the reason of that failure."""
    return failure.reason is not Reason.BUILD_ERROR and failure_signs.explain(_tail(log, TAIL)).reason is failure.reason


def _mentions(log: Path) -> str:
    """Return the lines of a whole log that may be about a killed process; successful builds have long logs too."""
    mentions: list[bytes] = []
    with log.open("rb") as stream:
        while lines := stream.readlines(TAIL):
            if any(word in b"".join(lines) for word in _DEATHS):
                mentions += (line for line in lines if any(word in line for word in _DEATHS))
            if sum(map(len, mentions)) > TAIL:
                break
    return b"".join(mentions)[:TAIL].decode("utf-8", "replace")


def _explained(log: Path, phase: Phase) -> Failure:
    """Find in a failed build's log why it failed."""
    sign = reading.explain(log, (TAIL, LONGER_TAIL))
    return Failure(sign.reason, phase, _tail(log, DETAIL), sign.evidence, sign.missing)


def _limit(limits: Limits, completed: Completed, heard: FrameReader, seconds: float) -> Reason | None:
    if heard.too_loud:
        return Reason.TOO_MUCH_OUTPUT
    if completed.timed_out or (completed.exit_code == TIMED_OUT and seconds >= limits.seconds):
        return Reason.TIME_OUT
    if completed.out_of_memory or (heard.failed and heard.failed.short_of_memory == "limit"):
        return Reason.OUT_OF_MEMORY
    if heard.failed and heard.failed.forks_refused:
        return Reason.TOO_MANY_PROCESSES
    if heard.failed and not heard.failed.space_left:
        return Reason.OUT_OF_SPACE
    return None


def _look(order: Order, probe: Probe | None) -> None:
    """Check that the container had no network."""
    if probe is None or set(probe.interfaces) - {"lo"}:
        seen = "nothing" if probe is None else ", ".join(probe.interfaces)
        msg = (
            f"building {order.source.path.name}: the container has a network ({seen}); "
            "use an engine that honours network mode none"
        )
        raise WheelproofError(msg)


def _phase(order: Order, heard: FrameReader) -> Phase:
    if order.ask and heard.asked is None:
        return Phase.REQUIREMENTS
    return Phase.BUILD_WHEEL if order.hook == "build_wheel" else Phase.BUILD_SDIST


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def _tail(log: Path, size: int) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - size))
        return stream.read().decode("utf-8", "replace")


def inventory(image: Image, guest: Path, run: Callable[..., Completed], label: str) -> tuple[Provided, ...]:
    """List the Python distributions that Debian packages install in an image, sorted by name.

    Raises
    ------
    EngineError
        The engine failed.

    """
    versions = {name.partition(":")[0]: version for name, version in image.packages}
    spec = Container(
        image=image.id,
        command=("/usr/bin/python3", f"{GUEST}/start.py", json.dumps({"inventory": True, "seconds": SECONDS})),
        environment={"LANG": "C.UTF-8"},
        user="1111:1111",
        mounts=((str(guest), GUEST),),
        memory=1 << 30,
        seconds=SECONDS,
        label=label,
    )
    heard = bytearray()

    def listen(stream: int, piece: bytes) -> bool:
        if stream == STDOUT:
            heard.extend(piece[: LONGEST_FRAME + 1 - len(heard)])
        return len(heard) <= LONGEST_FRAME

    completed = run(spec, listen)
    try:
        found = _LISTED.validate_json(bytes(heard), strict=True) if completed.exit_code == 0 else None
        listed = [Provided(name, version, package, versions[package]) for name, version, package in found or ()]
    except (ValueError, LookupError) as error:
        msg = f"listing the Python distributions of {image.name}: the answer cannot be read: {error}"
        raise TransientEngineError(msg) from error
    if found is None:
        msg = f"listing the Python distributions of {image.name}: the container ended with {completed.exit_code}"
        raise TransientEngineError(msg)
    return tuple(sorted(listed, key=lambda provided: (provided.name, provided.version)))


def boot_id(image: Image, run: Callable[..., Completed], label: str) -> str:
    """Return the identity of the running kernel of the engine's host; empty if it cannot be read.

    Builds cannot see it: it is unlike on any two hosts and equal in all builds on one. So it is read in a container
    that runs nothing of a package, from the host's own file, also where the runtime has a kernel for each container.

    Raises
    ------
    EngineError
        The engine failed.

    """
    inside = "/boot-id"
    spec = Container(
        image=image.id,
        command=("/bin/cat", inside),
        user="1111:1111",
        mounts=(("/proc/sys/kernel/random/boot_id", inside),),
        seconds=SECONDS,
        label=label,
    )
    heard = bytearray()

    def listen(stream: int, piece: bytes) -> bool:
        if stream == STDOUT:
            heard.extend(piece)
        return len(heard) <= LONGEST_FRAME

    completed = run(spec, listen)
    text = heard.decode("ascii", "replace").strip()
    return text if completed.exit_code == 0 and _UUID.fullmatch(text) else ""


def compile_modules(
    lib: Path, image: Image, guest: Path, run: Callable[..., Completed], label: str, made: IO[bytes]
) -> None:
    """Compile a folder of modules with an image's Python, in a container; write the result as a tar to `made`.

    The tar is empty if the modules crash or exhaust the compiler. Then every build compiles what it imports.

    Raises
    ------
    EngineError
        The engine failed.

    """
    inside, scratch = "/usr/lib/build-requirements/lib", "/tmp"  # noqa: S108 - of the container
    task = {"compile": inside, "scratch": scratch, "seconds": SECONDS}
    spec = Container(
        image=image.id,
        command=("/usr/bin/python3", "-E", "-s", f"{GUEST}/start.py", json.dumps(task)),
        environment={"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"},
        user="1111:1111",
        mounts=((str(guest), GUEST), (str(lib), inside)),
        scratch={scratch: "rw,nosuid,nodev,size=67108864,mode=1777"},
        memory=2 << 30,
        seconds=SECONDS,
        label=label,
    )
    room = 1 << 30

    def listen(stream: int, piece: bytes) -> bool:
        if stream == STDOUT:
            made.write(piece[: max(0, room - made.tell())])
        return made.tell() < room

    completed = run(spec, listen)
    if completed.timed_out or completed.cut_off or completed.out_of_memory or completed.exit_code in BROKE_DOWN:
        logs.warning("build requirements cannot be compiled", status=completed.exit_code)
        made.seek(0)
        made.truncate()
        tarfile.open(fileobj=made, mode="w").close()
    elif completed.exit_code:
        msg = f"compiling build requirements: the container ended with status {completed.exit_code}"
        raise TransientEngineError(msg)
