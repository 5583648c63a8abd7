"""What one container gave becomes a wheel, a failure of the package or a fault of the farm; never one for another."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.build import builder
from orchestrator.build.container import GUEST, Order, container
from orchestrator.build.engine import STDERR, STDOUT, Completed
from orchestrator.errors import TransientEngineError
from orchestrator.guest.main import CRASHED, TIMED_OUT, UNREADY
from orchestrator.model import Limits, Phase, Reason
from orchestrator.sources.sdist import Source
from tests.samples import FIRST, IMAGE
from tests.unit.build.test_protocol import CONTENT, FAILED, LACKING, LIMITED, MADE, MISSING, SEEN, UNPACK, line

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.build.builder import Output
    from orchestrator.build.engine import Container
    from orchestrator.build.protocol import FrameReader

ORDER = Order(
    name="first",
    source=Source(Path("pkg-1.0.tar.gz"), (), "backend"),
    environment=FIRST,
    requirements=Path("/requirements"),
    image=IMAGE,
    limits=Limits(seconds=60),
    given=("setuptools",),
)


def outcome(
    tmp_path: Path, sent: bytes, ended: Completed, *, order: Order = ORDER, log: bytes = b"the end of the log\n"
) -> Output:
    """Build in a container that sends those bytes and ends so."""

    def run(_container: Container, listen: FrameReader) -> Completed:
        if not (listen(STDERR, log) and listen(STDOUT, sent)):
            return replace(ended, cut_off=True)
        return ended

    spec = container(order, tmp_path, 0, 1, "label")
    return builder.build(order, spec, tmp_path, run, lambda _answer: None)


def test_a_file_that_came_whole_from_a_guest_that_ended_well_is_the_wheel(tmp_path: Path) -> None:
    """With what was measured."""
    output = outcome(tmp_path, line(SEEN) + line(MADE) + CONTENT, Completed(0))
    assert output.build.wheel is not None
    assert (output.build.wheel.filename, output.build.wheel.size) == (MADE["file"], len(CONTENT))
    assert output.file is not None
    assert output.file.read_bytes() == CONTENT
    assert output.build.cpu_seconds == MADE["cpu_seconds"]
    assert output.build.failure is None


def test_what_is_missing_is_told_without_a_failure(tmp_path: Path) -> None:
    """It is asked for before anything is built."""
    output = outcome(tmp_path, line(SEEN) + line(LACKING) + line(MISSING), Completed(1), order=replace(ORDER, ask=True))
    assert (output.missing, output.asked, output.build.failure) == (True, tuple(LACKING["asked"]), None)


@pytest.mark.parametrize(
    ("sent", "ended", "reason"),
    [
        (line(UNPACK), Completed(1), Reason.BROKEN_SDIST),
        (line(SEEN) + line(FAILED), Completed(1), Reason.BUILD_ERROR),
        (line(SEEN) + line(FAILED | {"short_of_memory": "limit"}), Completed(1), Reason.OUT_OF_MEMORY),
        (line(SEEN) + line(FAILED | {"forks_refused": True}), Completed(1), Reason.TOO_MANY_PROCESSES),
        (line(SEEN) + line(FAILED | {"space_left": False}), Completed(1), Reason.OUT_OF_SPACE),
        (line(SEEN) + line(LIMITED), Completed(1), Reason.BROKEN_CHANNEL),
        (line(SEEN), Completed(CRASHED), Reason.BROKEN_CHANNEL),
        (line(SEEN) + b"[1]\n", Completed(0), Reason.BROKEN_CHANNEL),
        (line(SEEN) + line(MADE) + CONTENT + b"more", Completed(0), Reason.BROKEN_CHANNEL),
        (b'"hello"\n', Completed(0), Reason.BROKEN_CHANNEL),
        (line(SEEN), Completed(137, timed_out=True), Reason.TIME_OUT),
        (line(SEEN) + line(MADE), Completed(137, timed_out=True), Reason.TIME_OUT),
        (line(SEEN), Completed(137, out_of_memory=True), Reason.OUT_OF_MEMORY),
        (b"", Completed(137, out_of_memory=True), Reason.OUT_OF_MEMORY),
    ],
)
def test_what_a_package_can_bring_about_is_its_failure(
    tmp_path: Path, sent: bytes, ended: Completed, reason: Reason
) -> None:
    """Also where it breaks the channel: the farm has no fault."""
    output = outcome(tmp_path, sent, ended)
    assert output.build.failure is not None
    assert output.build.failure.reason is reason
    assert (output.build.wheel, output.file) == (None, None)


@pytest.mark.parametrize(
    ("sent", "ended"),
    [
        (b"", Completed(0)),
        (b"", Completed(1)),
        (b"", Completed(UNREADY)),
        (b"", Completed(CRASHED)),
        (line(SEEN), Completed(UNREADY)),
        (line(SEEN), Completed(0)),  # a guest that ends so has spoken: it was not heard
        (line(SEEN), Completed(1)),
        (line(SEEN) + line(MADE) + CONTENT[:-1], Completed(0)),
        (line(SEEN) + line(MADE) + CONTENT, Completed(137)),
        (line(SEEN), Completed(137)),  # killed, and not by its limit
        (line(SEEN), Completed(TIMED_OUT)),  # before its time
        (line(SEEN) + line(FAILED | {"short_of_memory": "host"}), Completed(1)),
    ],
)
def test_what_no_package_can_bring_about_is_the_farms_fault(tmp_path: Path, sent: bytes, ended: Completed) -> None:
    """There is no verdict, and the job stays open."""
    with pytest.raises(TransientEngineError):
        outcome(tmp_path, sent, ended)


def test_a_guests_own_time_out_counts_once_the_time_has_passed(tmp_path: Path) -> None:
    """As the farm itself measured it."""
    over = replace(ORDER, limits=Limits(seconds=0))
    output = outcome(tmp_path, line(SEEN), Completed(TIMED_OUT), order=over)
    assert output.build.failure is not None
    assert output.build.failure.reason is Reason.TIME_OUT


def test_a_question_that_fails_fails_in_its_phase(tmp_path: Path) -> None:
    """Whatever the reason."""
    asked = replace(ORDER, ask=True)
    for sent in (line(SEEN) + line(FAILED), line(SEEN) + b"[1]\n"):
        output = outcome(tmp_path, sent, Completed(1), order=asked)
        assert output.build.failure is not None
        assert output.build.failure.phase is Phase.REQUIREMENTS


def test_the_guest_itself_gets_none_of_the_build_requirements(tmp_path: Path) -> None:
    """It gets their folder, and its own limit of time."""
    spec = container(ORDER, tmp_path, 0, 1, "label")
    assert spec.environment["PYTHONPATH"] == GUEST
    assert f'"pythonpath": "{FIRST.environment_path}/lib"' in spec.command[-1]
    assert f'"seconds": {ORDER.limits.seconds}' in spec.command[-1]


@pytest.mark.parametrize(
    "ended",
    [
        Completed(137, timed_out=True),
        Completed(137, out_of_memory=True),
        Completed(137, cut_off=True),
        Completed(139),
        Completed(TIMED_OUT),
    ],
)
def test_modules_that_break_a_compiler_are_left_to_the_builds(tmp_path: Path, ended: Completed) -> None:
    """There is no bytecode, and nothing half written; what the farm itself does wrong is its fault."""

    def run(_container: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        listen(STDOUT, b"half a tar")
        return ended

    with (tmp_path / "tar").open("wb") as stream:
        builder.compile_modules(tmp_path, IMAGE, tmp_path, run, "label", stream)
    with tarfile.open(tmp_path / "tar") as archive:
        assert archive.getnames() == []
    for status in (1, UNREADY, 137):
        with (tmp_path / "tar").open("wb") as stream, pytest.raises(TransientEngineError):
            builder.compile_modules(tmp_path, IMAGE, tmp_path, answering(b"", status), "label", stream)


def answering(said: bytes, status: int = 0) -> Callable[..., Completed]:
    """Return an engine whose container sends that."""

    def run(_container: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        return Completed(status, cut_off=not listen(STDOUT, said))

    return run


def test_what_an_image_has_is_taken_only_as_it_is_meant() -> None:
    """Three words each, of a package that the image has."""
    image = replace(IMAGE, packages=(("python3-six:all", "1.16.0-4"),))
    said = b'[["six", "1.16.0", "python3-six"]]'
    (found,) = builder.inventory(image, Path("/guest"), answering(said), "label")
    assert (found.name, found.version, found.package) == ("six", "1.16.0", "python3-six")
    for broken in (
        b"",
        b"[",
        b"[" * 100_000,
        b'{"six": 1}',
        b'[["six", "1.16.0"]]',
        b'[["six", 1, "python3-six"]]',
        b'[["six", "1.16.0", "python3-nine"]]',
        b'[["six", "1.16.0\\u202e", "python3-six"]]',
        b'[["six\\ud800", "1.16.0", "python3-six"]]',
        b" " * (1 << 21) + said,
    ):
        with pytest.raises(TransientEngineError):
            builder.inventory(image, Path("/guest"), answering(broken), "label")
    with pytest.raises(TransientEngineError):
        builder.inventory(image, Path("/guest"), answering(said, 1), "label")


@pytest.mark.parametrize(
    ("sent", "status", "found"),
    [
        (b"0d8f3c52-7a51-4f0e-9c56-000000000001\n", 0, "0d8f3c52-7a51-4f0e-9c56-000000000001"),
        (b"0d8f3c52-7a51-4f0e-9c56-000000000001\n", 1, ""),
        (b"", 0, ""),
        (b"0D8F3C52-7A51-4F0E-9C56-000000000001\n", 0, ""),
        (b"0d8f3c52-7a51-4f0e-9c56-000000000001 x\n", 0, ""),
        (b"\xff" * 36, 0, ""),
    ],
)
def test_the_identity_of_a_kernel_is_a_uuid_or_not_known(sent: bytes, status: int, found: str) -> None:
    """It is read from the host's own file, by a container that has nothing else."""
    seen: list[Container] = []

    def run(container: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        seen.append(container)
        return answering(sent, status)(container, listen)

    assert builder.boot_id(IMAGE, run, "label") == found
    assert seen[0].mounts == (("/proc/sys/kernel/random/boot_id", "/boot-id"),)
    assert seen[0].label == "label"
