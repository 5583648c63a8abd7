"""Builds one sdist in one environment: a wheel, or the failure that it gave instead."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import py_compile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from typing import IO, TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from orchestrator import failures, reading
from orchestrator.cache import settle, settled, unfinished
from orchestrator.engine import STDOUT, Completed, Container
from orchestrator.errors import TransientEngineError, WheelproofError
from orchestrator.guest_crates import HOME as CRATES
from orchestrator.model import DETAIL, Build, Environment, Failure, Limits, Phase, Probe, Provided, Reason, WheelFile
from orchestrator.variations import scratch_folders

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.model import Image
    from orchestrator.sdist import Source

GUEST = "/usr/lib/wheelproof"
"""Where the guest, the shell and the clock's offset lie in every container of ours."""

PROGRAMS = ("guest.py", "guest_crates.py", "guest_finish.py")
START = """\
if __name__ == "__main__":  # a process that a build spawns imports this again
    import guest

    guest.start()
"""
"""Begins the guest of a build: a program is compiled each time that it is begun, a module is not."""

SDIST = "/usr/lib/wheelproof-sdist"
COMPILERS = "compilers"
"""The folder below GUEST with wrappers of the compilers, where a remedy asks for them."""

WRAPPED = ("cc", "c++", "gcc", "g++", "x86_64-linux-gnu-gcc", "x86_64-linux-gnu-g++")
WRAPPER = """#!/bin/sh
exec /usr/bin/{name} "$@" "-ffile-prefix-map=$PWD=."
"""
"""Of several maps of one path gcc takes the last; so ours goes before those of the package."""
LONGEST_FRAME = 1 << 20
TAIL = 1 << 20
LONGER_TAIL = 8 << 20  # looked at where the other shows nothing
INODES = 1_000_000
_PROBE = TypeAdapter(Probe)
_ANSWER = TypeAdapter(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Order:
    """All that one build needs, settled before it begins."""

    name: str  # first, second, control
    source: Source
    environment: Environment
    requirements: Path  # the folder of installed build requirements
    image: Image
    limits: Limits
    given: tuple[str, ...] = ()  # the names of the build requirements that are there
    ask: bool = False  # for the dynamic build requirements, before it is built
    hook: str = "build_wheel"
    crates: Path | None = None  # a CARGO_HOME with all crates in it
    pip: str = ""  # the project, where `pip wheel` is to build it, instead of the build backend's hook


@dataclass(frozen=True, slots=True)
class Output:
    """What one container gave."""

    build: Build
    file: Path | None  # the wheel (or sdist), in the folder that was named for it
    log: Path
    asked: tuple[str, ...] | None = None  # the dynamic build requirements, where they were asked for
    missing: bool = False  # they name more than was given, and so nothing was built


def variables(environment: Environment, cpus: int) -> dict[str, str]:
    """Return the environment variables of a build; there are no others.

    `cpus` is how many processors the build is given, as its tools shall know.
    """
    named = {
        "PATH": ":".join((*environment.path, f"{environment.environment_path}/lib/bin")),
        "PYTHONPATH": f"{environment.environment_path}/lib",
        "PYTHONHASHSEED": str(environment.hash_seed),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": environment.locale,
        "LC_ALL": environment.locale,
        "TZ": environment.timezone,
        "HOME": environment.home,
        "USER": environment.user,
        "LOGNAME": environment.user,
        "SHELL": environment.login_shell,
        "TMPDIR": environment.tmpdir,
        "MAKEFLAGS": f"-j{cpus}",
        "CMAKE_BUILD_PARALLEL_LEVEL": str(cpus),
        "NPY_NUM_BUILD_JOBS": str(cpus),
    }
    if environment.flags:
        named["CFLAGS"] = named["CXXFLAGS"] = " ".join(environment.flags)
    if environment.map_working_folder:
        named["PATH"] = f"{GUEST}/{COMPILERS}:{named['PATH']}"
    if environment.language:
        named["LANGUAGE"] = environment.language
    if environment.source_date_epoch is not None:
        named["SOURCE_DATE_EPOCH"] = str(environment.source_date_epoch)
    return named | dict(environment.variables)


def container(order: Order, guest: Path, cpu: int, cpus: int, label: str) -> Container:
    """Say how the engine is to run one build; `cpu` is the processor for one that gets only one."""
    environment, limits = order.environment, order.limits
    folders = scratch_folders(environment)
    spec = {
        "hook": order.hook,
        "ask": order.ask,
        "given": order.given if order.ask else (),
        "pip": order.pip,
        "backend": order.source.backend,
        "backend_path": order.source.backend_path,
        "config_settings": settings_of(environment.config_settings),
        "sdist": f"{SDIST}/{order.source.path.name}",
        "source": environment.build_path,
        "umask": environment.umask,
        "reverse": environment.reverse_files,
        "requirements": environment.environment_path,
        "scratch": folders,
        "limit": limits.sdist,
        "members": limits.members,
        "wheel": limits.wheel,
        "finish": environment.finish if order.hook == "build_wheel" else (),
        "epoch": environment.source_date_epoch or 0,
    }
    kernel = ("setarch", "x86_64", "--uname-2.6") if environment.uname26 else ()
    return Container(
        image=order.image.id,
        command=(*kernel, "/usr/bin/python3", f"{GUEST}/start.py", json.dumps(spec)),
        environment=variables(environment, environment.cpus or cpus) | _cargo(order),
        user=f"{environment.uid}:{environment.uid}",
        hostname=environment.hostname,
        domainname=environment.domainname,
        mounts=(
            (str(guest), GUEST),
            (str(order.source.path), f"{SDIST}/{order.source.path.name}"),
            (str(order.requirements), environment.environment_path),
            *(((str(order.crates), crates_path(environment)),) if order.crates else ()),
        ),
        scratch={folder: _tmpfs(folder, environment, limits) for folder in folders},
        cpuset=str(cpu) if environment.cpus == 1 else "",
        memory=limits.memory,
        processes=limits.processes,
        files=limits.files,
        seconds=limits.seconds,
        label=label,
    )


def crates_path(environment: Environment) -> str:
    """Return where a build finds its crates: beside its build requirements, so that both move together."""
    return f"{posixpath.dirname(environment.environment_path)}/{CRATES}"


def _cargo(order: Order) -> dict[str, str]:
    return {"CARGO_HOME": crates_path(order.environment), "CARGO_NET_OFFLINE": "true"} if order.crates else {}


def settings_of(given: tuple[tuple[str, str], ...]) -> dict[str, str | list[str]]:
    """Return config settings as a build backend gets them: a key that stands more than once has a list."""
    found: dict[str, str | list[str]] = {}
    for key in dict(given):
        values = [value for name, value in given if name == key]
        found[key] = values if len(values) > 1 else values[0]
    return found


def _tmpfs(folder: str, environment: Environment, limits: Limits) -> str:
    mode = "1777" if folder.endswith("tmp") else "0755"
    owner = f"uid={environment.uid},gid={environment.uid}"
    return f"rw,exec,nosuid,nodev,size={limits.scratch},nr_inodes={INODES},mode={mode},{owner}"


def guest_folder(cache: Path, environment: Environment) -> Path:
    """Make, once, the folder that is mounted at GUEST: the guest, /bin/sh, the clock's offset, perhaps compilers."""
    programs = {name: resources.files("orchestrator").joinpath(name).read_bytes() for name in PROGRAMS}
    shell, offset, wrapped = environment.shell, environment.clock_offset, environment.map_working_folder
    programs["start.py"] = START.encode()
    key = hashlib.sha256(b"\0".join((*programs.values(), f"{shell} {offset} {wrapped and WRAPPER}".encode())))
    folder = cache / "guest" / key.hexdigest()[:16]
    if (found := settled(folder)) is not None:
        return found
    with unfinished(folder.parent) as lent:
        made = lent / "guest"
        made.mkdir(mode=0o755)
        for name, content in programs.items():
            (made / name).write_bytes(content)
        _compile(made / "guest.py")
        (made / "sh").symlink_to(shell)
        (made / "clock").write_text(f"{offset}\n")
        if wrapped:
            _wrap_compilers(made / COMPILERS)
        return settle(made, folder)


def _compile(program: Path) -> None:
    """Compile a program, for images that have our Python: others take no notice of it."""
    shown, once = f"{GUEST}/{program.name}", py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(program), dfile=shown, doraise=True, invalidation_mode=once)


def _wrap_compilers(folder: Path) -> None:
    """Write a wrapper of each compiler, which maps the folder in which it is called to a dot."""
    folder.mkdir(mode=0o755)
    for name in WRAPPED:
        (folder / name).write_text(WRAPPER.format(name=name))
        (folder / name).chmod(0o755)


class Listener:
    """Hears one container out: frames and a file on its standard output, a log on the other.

    Nothing that it hears is trusted: frames, the file and the log are bounded, the file's name
    is looked at by whoever uses it, and what comes after the file is not heard.
    """

    def __init__(self, folder: Path, limits: Limits, answered: Callable[[tuple[str, ...]], None]) -> None:
        """Write what is heard into files in that folder; and tell of the dynamic requirements at once."""
        self.probe: Probe | None = None
        self.asked: tuple[str, ...] | None = None
        self.frame: dict[str, Any] = {}
        self.file = folder / "file"
        self.sha256 = hashlib.sha256()
        self.received = 0
        self.log = folder / "log"
        self.too_loud = False
        self.garbled = ""
        self._limits = limits
        self._answered = answered
        self._line = b""
        self._left = 0
        self._logged = 0
        self._log = self.log.open("wb")
        self._out = self.file.open("wb")

    def __call__(self, stream: int, piece: bytes) -> bool:
        """Take one piece of output; False when there has been enough."""
        if stream != STDOUT:
            return self._note(piece)
        return self._hear(piece)

    def close(self) -> None:
        """Close the files."""
        self._log.close()
        self._out.close()

    @property
    def complete(self) -> bool:
        """Whether a file was announced and came whole."""
        return "file" in self.frame and self._left == 0

    @property
    def missing(self) -> bool:
        """Whether the build backend asks for more than there is."""
        return bool(self.frame.get("missing"))

    @property
    def cpu_seconds(self) -> float:
        """The processor time of the hook, as the container tells it."""
        told = self.frame.get("cpu_seconds")
        return round(told, 3) if isinstance(told, float) else 0.0

    def _note(self, piece: bytes) -> bool:
        room = self._limits.log - self._logged
        self._log.write(piece[:room])
        self._logged += len(piece)
        self.too_loud = self._logged > self._limits.log
        return not self.too_loud

    def _hear(self, piece: bytes) -> bool:
        while piece and not self.frame:
            line, newline, piece = piece.partition(b"\n")
            self._line += line
            if len(self._line) > LONGEST_FRAME:
                self.garbled = "a line without end"
                return False
            if newline:
                frame, self._line = self._line, b""
                if not self._take(frame):
                    return False
        return self._save(piece)

    def _take(self, line: bytes) -> bool:
        try:
            frame = json.loads(line)
            if self.probe is None and "probe" in frame:
                self.probe = _PROBE.validate_python(frame["probe"])
                return True
            if self.asked is None and "asked" in frame:
                self.asked = _ANSWER.validate_python(frame["asked"])
                self._answered(self.asked)
                return True
            if "file" in frame:
                self._left = int(frame["size"])
                if not (isinstance(frame["file"], str) and 0 <= self._left <= self._limits.wheel):
                    self.garbled = "an impossible announcement"
                    return False
        except (ValueError, TypeError, KeyError, RecursionError, ValidationError) as error:
            self.garbled = str(error)
            return False
        self.frame = frame
        return True

    def _save(self, piece: bytes) -> bool:
        piece = piece[: self._left]
        self._out.write(piece)
        self.sha256.update(piece)
        self._left -= len(piece)
        self.received += len(piece)
        return True


def build(
    order: Order,
    spec: Container,
    folder: Path,
    run: Callable[[Container, Listener], Completed],
    answered: Callable[[tuple[str, ...]], None],
) -> Output:
    """Run one build, and say what it gave; its files lie in the folder.

    Raises
    ------
    EngineError
        The engine failed: there is no build, and nothing is known about the package.

    """
    listener = Listener(folder, order.limits, answered)
    begun = time.monotonic()
    try:
        completed = run(spec, listener)
    finally:
        listener.close()
    failure = _failure(order, completed, listener)
    wheel = None
    if failure is None and listener.complete:
        wheel = WheelFile(listener.frame["file"], listener.sha256.hexdigest(), listener.received)
    build = Build(
        name=order.name,
        environment=order.environment,
        wheel=wheel,
        failure=failure,
        probe=listener.probe,
        seconds=round(time.monotonic() - begun, 3),
        cpu_seconds=listener.cpu_seconds,
    )
    return Output(build, listener.file if wheel else None, listener.log, listener.asked, listener.missing)


def _failure(order: Order, completed: Completed, heard: Listener) -> Failure | None:
    """Tell why there is no wheel; None if there is one, or the value that was asked for.

    Raises TransientEngineError where the container ended in a way that no build brings about, and
    where the host had no memory left for what the build was promised.
    """
    if heard.frame.get("short_of_memory") == "host":
        msg = (
            f"building {order.source.path.name} ({order.name}): the host ran out of memory and killed a part of the "
            "build; run fewer jobs at once, or allow each less under limits: memory"
        )
        raise TransientEngineError(msg)
    phase = _phase(order, heard)
    tail = _tail(heard.log, DETAIL)
    if limit := _limit(completed, heard):
        return Failure(limit, phase, tail, failures.of_limit(limit, order.limits))
    if heard.garbled:
        return Failure(Reason.BUILD_ERROR, phase, f"garbled what the guest says: {heard.garbled}"[:DETAIL])
    if told := heard.frame.get("failure"):
        return _told(told, phase)
    if "failed" in heard.frame:
        return _explained(heard.log, phase)
    if heard.missing or (completed.exit_code == 0 and heard.complete):
        _look(order, heard.probe)
        return None
    msg = (
        f"building {order.source.path.name} ({order.name}): the container ended with status "
        f"{completed.exit_code} before the guest had spoken: {tail[-300:]!r}"
    )
    raise TransientEngineError(msg)


def _explained(log: Path, phase: Phase) -> Failure:
    """Tell from a failed build's log why it failed."""
    found = reading.explain(log, (TAIL, LONGER_TAIL))
    return Failure(found.reason, phase, _tail(log, DETAIL), found.evidence, found.missing)


def _limit(completed: Completed, heard: Listener) -> Reason | None:
    if heard.too_loud:
        return Reason.TOO_MUCH_OUTPUT
    if completed.timed_out:
        return Reason.TIME_OUT
    if completed.out_of_memory or heard.frame.get("short_of_memory") == "limit":
        return Reason.OUT_OF_MEMORY
    if "failed" in heard.frame and heard.frame.get("forks_refused"):
        return Reason.TOO_MANY_PROCESSES
    if "failed" in heard.frame and not heard.frame.get("space_left", True):
        return Reason.OUT_OF_SPACE
    return None


def _told(told: Any, phase: Phase) -> Failure:  # noqa: ANN401 - whatever the container said
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        detail = str(told["detail"])[:DETAIL]
        return Failure(Reason(told["reason"]), Phase(told["phase"]), detail, failures.printable(detail))
    return Failure(Reason.BUILD_ERROR, phase, "garbled what the guest says")


def _look(order: Order, probe: Probe | None) -> None:
    """Make sure that the container was as ordered where a slip would be dangerous."""
    if probe is None or set(probe.interfaces) - {"lo"}:
        seen = "nothing" if probe is None else ", ".join(probe.interfaces)
        msg = (
            f"building {order.source.path.name}: the container has a network ({seen}); "
            "use an engine that honours network mode none"
        )
        raise WheelproofError(msg)


def _phase(order: Order, heard: Listener) -> Phase:
    if order.ask and heard.asked is None:
        return Phase.REQUIREMENTS
    return Phase.BUILD_WHEEL if order.hook == "build_wheel" else Phase.BUILD_SDIST


def _tail(log: Path, size: int) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - size))
        return stream.read().decode("utf-8", "replace")


def inventory(image: Image, guest: Path, run: Callable[..., Completed], label: str) -> tuple[Provided, ...]:
    """List the Python distributions that an image has from Debian, sorted by name, with their packages.

    Raises
    ------
    EngineError
        The engine failed.

    """
    versions = {name.partition(":")[0]: version for name, version in image.packages}
    spec = Container(
        image=image.id,
        command=("/usr/bin/python3", f"{GUEST}/guest.py", json.dumps({"inventory": True})),
        environment={"LANG": "C.UTF-8"},
        user="1111:1111",
        mounts=((str(guest), GUEST),),
        memory=1 << 30,
        label=label,
    )
    heard: list[bytes] = []

    def listen(stream: int, piece: bytes) -> bool:
        if stream == STDOUT:
            heard.append(piece)
        return sum(map(len, heard)) < LONGEST_FRAME

    completed = run(spec, listen)
    try:
        found = json.loads(b"".join(heard)) if completed.exit_code == 0 else None
        listed = [Provided(name, version, package, versions[package]) for name, version, package in found or ()]
    except (ValueError, TypeError, LookupError) as error:
        msg = f"looking for what {image.name} has from Debian: the answer cannot be read: {error}"
        raise TransientEngineError(msg) from error
    if found is None:
        msg = f"looking for what {image.name} has from Debian: the container ended with {completed.exit_code}"
        raise TransientEngineError(msg)
    return tuple(sorted(listed, key=lambda one: (one.name, one.version)))


def compile_modules(
    lib: Path, image: Image, guest: Path, run: Callable[..., Completed], label: str, made: IO[bytes]
) -> None:
    """Compile a folder of modules with an image's Python, in a container; write a tar of the outcome.

    Raises
    ------
    EngineError
        The engine failed.

    """
    inside, scratch = "/usr/lib/build-requirements/lib", "/tmp"  # noqa: S108 - of the container
    spec = Container(
        image=image.id,
        command=("/usr/bin/python3", "-I", f"{GUEST}/guest.py", json.dumps({"compile": inside, "scratch": scratch})),
        environment={"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"},
        user="1111:1111",
        mounts=((str(guest), GUEST), (str(lib), inside)),
        scratch={scratch: "rw,nosuid,nodev,size=67108864,mode=1777"},
        memory=2 << 30,
        label=label,
    )
    room = 1 << 30

    def listen(stream: int, piece: bytes) -> bool:
        if stream == STDOUT:
            made.write(piece)
        return made.tell() < room

    completed = run(spec, listen)
    if completed.exit_code or completed.timed_out or completed.cut_off:
        msg = f"compiling build requirements: the container ended with status {completed.exit_code}"
        raise TransientEngineError(msg)
