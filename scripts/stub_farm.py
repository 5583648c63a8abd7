"""A farm with stub builds: what the orchestrator itself takes, without a package, an engine or an index.

`stub_farm.py N` judges N projects that nobody ever wrote, with real records, stores and site, and prints
the peak of its memory in bytes, and how many seconds it took.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from orchestrator import config
from orchestrator.build.builder import Output
from orchestrator.build.variations import NAMES
from orchestrator.farm import progress
from orchestrator.farm import run as context
from orchestrator.farm.workers import Cancellation, CpuSlots, Threads
from orchestrator.images import recipe
from orchestrator.job import inputs, rebuild
from orchestrator.model import (
    Build,
    Image,
    Lock,
    Member,
    Pin,
    Probe,
    Release,
    Sdist,
    Target,
    Task,
    Wheel,
    WheelFile,
    digest,
)
from orchestrator.publish import publisher_process
from orchestrator.results.history import accumulated
from orchestrator.results.store import Results
from orchestrator.sources.sdist import Source
from orchestrator.util import shipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.build.container import Order
    from orchestrator.config import Config
    from orchestrator.farm.plan import Job
    from orchestrator.model import Environment, Result

_P = ParamSpec("_P")
_T = TypeVar("_T")

Slot = Callable[[], AbstractContextManager[object]]
"""Waits for a slot, and holds it for as long as a build takes."""

MEMBERS = 60  # of a wheel
LOG_LINES = 150
REQUIREMENTS = ("setuptools", "wheel", "packaging")
IMAGE = Image("bookworm", f"sha256:{digest('id')}", digest("manifest"), "archive", Target("3.11", "x86_64-made_up"))
PROJECTS_ALIKE = 3  # of three, one is the same always, one with its environment, one never
_NOW = 1_790_000_000.0
_DEFLATED = digest("deflated")
_SEEN = 64  # wheels that are read again soon


class Summed:
    """Sums up how far a clock goes while functions run."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start with nothing; `clock` is read in the thread that calls a function, and gives seconds."""
        self.seconds = 0.0
        self._clock = clock
        self._lock = threading.Lock()

    def of(self, function: Callable[_P, _T]) -> Callable[_P, _T]:
        """Return a function, measured. It must not call another one that is."""

        def measured(*arguments: _P.args, **named: _P.kwargs) -> _T:
            begun = self._clock()
            try:
                return function(*arguments, **named)
            finally:
                passed = self._clock() - begun
                with self._lock:
                    self.seconds += max(0.0, passed)

        return measured


OWN = Summed(time.thread_time)
"""The CPU time that the stubs take themselves, which is not the orchestrator's."""


def letter(number: int, name: str, environment: Environment) -> str:
    """Return the letter that a project's bytes follow: none, the umask, or the build's own name."""
    return ("a", f"umask {environment.umask:o}", name)[number % PROJECTS_ALIKE]


def release(task: Task) -> Release:
    """Return a release of the project that a task asks for."""
    name = task.requirement
    url = f"https://files.example/packages/{digest(name)}/{name}-1.2.3.tar.gz"
    return Release(name, "1.2.3", Sdist(f"{name}-1.2.3.tar.gz", url, digest(url), 34_041))


def lock(_requires: Sequence[str], _target: Target) -> Lock:
    """Return the lock of the usual build requirements, new every time, as resolving is."""
    files = ((name, f"{name}-1.2.3-py3-none-any.whl") for name in REQUIREMENTS)
    return Lock(tuple(Pin(name, "1.2.3", digest(file), file, f"https://files.example/{file}") for name, file in files))


@OWN.of
def log_of(project: str, name: str) -> str:
    """Return what a build of that name prints."""
    return "".join(f"{project}: {name}: compiling part {line}\n" for line in range(LOG_LINES))


@OWN.of
def probe(seen: Environment) -> Probe:
    """Return the observations of a container whose environment is as requested."""
    return Probe(
        build_path=seen.build_path,
        hostname=seen.hostname,
        domainname=seen.domainname,
        clock=_NOW + seen.clock_offset,
        utc_offset=50_400 if seen.timezone == "GMT-14" else -43_200,
        locale=seen.locale,
        language=seen.language,
        umask=seen.umask,
        uid=seen.uid,
        user=seen.user,
        login_shell=seen.login_shell,
        home=seen.home,
        home_exists=not seen.home.startswith("/nonexistent"),
        path=seen.path,
        variables=seen.variables,
        kernel="2.6.78" if seen.uname26 else "6.1.0",
        cpus=seen.cpus or 2,
        listing=tuple(sorted((f"file-{number}" for number in range(12)), reverse=seen.reverse_files)),
        hash_of_word=seen.hash_seed * 7919,
        tmpdir=seen.tmpdir,
        environment_path=seen.environment_path,
        shell=seen.shell,
        interfaces=("lo",),
        processor="Stub Processor" if not seen.host else "Stub Processor 2",
        cpu_flags="0123456789abcdef",
        kernel_version="Linux version 6.1.0 (builder@example) #1 SMP",
        boot_id=f"0d8f3c52-7a51-4f0e-9c56-{2 if seen.host else 1:012}",
    )


@OWN.of
@lru_cache(_SEEN)
def wheel(project: str, letter: str) -> Wheel:
    """Return a wheel in which every tenth member follows the letter."""
    members = tuple(
        Member(
            f"{project}/part_{number}.py",
            _sha256(f"{project} {number} {letter if number % 10 == 0 else ''}"),
            4_000,
            0o100644,
            (2020, 7, 31, 2, 47, 38),
            _DEFLATED,
            _sha256(f"{number} {letter}"),
        )
        for number in range(MEMBERS)
    )
    return Wheel(f"{project.replace('-', '_')}-1.2.3-py3-none-any.whl", digest([project, letter]), members)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def number_of(project: str) -> int:
    """Return the number in a project's name."""
    return int(project.rpartition("-")[2])


def builder(store: Results, project: str, slot: Slot = nullcontext) -> Callable[[Order, object], Output]:
    """Return what builds a project in a slot: its log is written and kept, its wheel is only described."""

    def build(order: Order, _answered: object) -> Output:
        file = wheel(project, letter(number_of(project), order.name, order.environment))
        with slot(), store.bench() as folder:
            log = folder / "log"
            log.write_text(log_of(project, order.name))
            sha256 = hashlib.sha256(log.read_bytes()).hexdigest()
            store.logs.keep(log, sha256)
        found = WheelFile(file.filename, file.sha256, 11_053)
        told = Build(order.name, order.environment, found, None, probe(order.environment), 0.4, 0.2, sha256)
        return Output(told, None, log)

    return build


def effects(store: Results, project: str, slot: Slot = nullcontext) -> inputs.Effects:
    """Return the effects of one job; each build takes the time that its slot takes."""
    return inputs.Effects(
        fetch=lambda one: Path(one.filename),
        describe=lambda path, _sdist: Source(path, REQUIREMENTS, "setuptools.build_meta"),
        lock=lock,
        materialize=lambda _lock, _target: Path("requirements"),
        recall=lambda _question: (),
        remember=lambda _question, _answer: None,
        build=builder(store, project, slot),
        read=lambda build: wheel(project, letter(number_of(project), build.name, build.environment)),
        diagnose=lambda _first, _second, _grounds: None,
        known=store.find,
        salt=lambda: secrets.token_hex(6),
        now=lambda: datetime.now(UTC),
    )


def opened(folder: Path) -> tuple[Config, Results]:
    """Return the settings and the results of a farm in that folder."""
    (folder / "config.yaml").touch()
    settings = config.parse("", "config.yaml", folder, variations=NAMES, images=recipe.names(shipped.IMAGES))
    return settings, Results(folder / "results", wheels=settings.keep.wheels, logs=settings.keep.logs)


def tasks(count: int) -> list[Task]:
    """Return the tasks of that many projects."""
    return [Task(f"project-{number}", IMAGE.name, source_date_epoch=1_596_163_658) for number in range(count)]


def run(count: int, folder: Path) -> None:
    """Judge that many projects, and write the site."""
    settings, store = opened(folder)

    def judge(job: Job) -> Result | Path:
        return rebuild.rebuild(job.task, job.release, IMAGE, effects(store, job.release.project))

    publisher = publisher_process.PublisherProcess(folder / "config.yaml", store.folder)
    parts = context.RunContext(
        release=release,
        latest=store.latest,
        pool=Threads(judge, CpuSlots(2, (0,)).room),
        write=lambda result: store.write(accumulated(result, store.entries(result.project))),
        publish=publisher.publish,
        is_published=lambda: False,
        stop=Cancellation(),
        long=settings.long,
    )
    with store.locked(), publisher, progress.shown(count) as display:
        outcome = context.run(tasks(count), parts, lambda _total: display)
    checked(outcome, count)


def checked(outcome: context.RunOutcome, count: int) -> None:
    """Raise SystemExit where a project has no record."""
    if len(outcome.records) != count:
        msg = f"{count} projects gave {len(outcome.records)} records; {outcome.open[:1]}"
        raise SystemExit(msg)


def peak() -> int:
    """Return the peak of this program's memory, in bytes.

    Linux has it as VmHWM; getrusage would return that of the parent process, if it was more.
    """
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))


def main() -> None:
    """Run in a temporary folder."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run(int(sys.argv[1]), Path(folder))
    print(json.dumps({"peak": peak(), "seconds": time.monotonic() - begun}))


if __name__ == "__main__":
    main()
