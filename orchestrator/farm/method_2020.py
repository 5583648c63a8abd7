"""Runs the method of the tracker of 2020 in containers, with network, and puts its results beside verdicts.

This is the only code of packages that runs with network (decision 36). No verdict follows from it, and nothing of
it goes into records, caches or images.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from orchestrator.build import confinement
from orchestrator.build.builder import LONGER_TAIL, TAIL
from orchestrator.build.confinement import Container, Network
from orchestrator.build.container import INODES
from orchestrator.build.engine import STDOUT
from orchestrator.config import project, requirement_of
from orchestrator.config.scheduler import is_loopback
from orchestrator.errors import (
    AbsentError,
    EngineError,
    NoReleaseError,
    TransientIndexError,
    UsageError,
    WheelproofError,
)
from orchestrator.farm import assemble, progress
from orchestrator.farm.placement import placed
from orchestrator.farm.workers import Threads, run_jobs
from orchestrator.guest import method_2020 as guest
from orchestrator.images.with_pip import with_pip
from orchestrator.job import method_2020 as pure
from orchestrator.job import results_of_2021
from orchestrator.model import AUTO_IMAGE, admits
from orchestrator.model.method_2020 import Outcome2020, Trial, Verdict2020
from orchestrator.results.files import write_file
from orchestrator.results.places import STAMP, TRIALS
from orchestrator.results.store import read
from orchestrator.sources import reading
from orchestrator.util import escapes, logs, strict_json
from orchestrator.util.cache import unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.build.engine import Completed
    from orchestrator.config import Config
    from orchestrator.farm.assemble import Farm
    from orchestrator.farm.run import RunOutcome
    from orchestrator.model import Limits, Result, Task
    from orchestrator.model.method_2020 import Ground
    from orchestrator.results.store import Results
    from orchestrator.sources.index import Index

PLACE = "/usr/lib/wheelproof-2020"
"""The folder of the program and the host's certificates in the container."""

USER = 1111
_ANSWER = 1 << 20  # bytes of what the program reports
_BEYOND = 60  # seconds that a container may take beyond its two builds
_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_NAMES_OF_CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

_NAME = 300  # characters of a wheel's name; file systems of Linux allow 255 bytes
_SHA256 = re.compile("[0-9a-f]{64}")
_TRIAL = TypeAdapter(Trial)


@dataclass(frozen=True, slots=True)
class Connection:
    """How the container reaches the index."""

    network: Network = Network.BRIDGE
    index: str = ""  # without user and password; empty: pip's default
    proxies: tuple[tuple[str, str], ...] = ()  # environment variables
    certificates: str = ""  # the host's file of them; empty: the image's


@dataclass(frozen=True, slots=True)
class Compared:
    """The method of 2020 and wheelproof on one requirement; a row of the table, and of `--json`."""

    project: str
    requirement: str
    image: str
    method_2020: Verdict2020
    version: str  # that pip built; empty if it built none
    wheel_1: str
    wheel_2: str
    hash_1: str
    hash_2: str
    why: str  # of `failed` and `open`
    pip: str
    python: str
    seconds: float  # of both builds
    in_2021: bool | None  # whether the tracker's last result, of 2021-02-04, was reproducible; None: not tracked
    wheelproof: str  # the verdict; empty if there is none
    wheelproof_version: str
    job: str
    agree: bool | None
    reasons: tuple[Ground, ...]
    log: str  # the file with what pip printed; empty if nothing ran


# --- how it reaches the index ------------------------------------------------------------------


def connection(
    network: Network, index: str, environment: Mapping[str, str], is_file: Callable[[str], bool]
) -> Connection:
    """Return how a container reaches the index; `index` is empty if pip's default is meant. Pure.

    Raises
    ------
    UsageError
        A proxy's address is none, or contains a password, which packages could read; or the index or a proxy is on
        this host's loopback, which only the host's network reaches.

    """
    proxies = tuple((name, environment[name]) for name in _PROXIES if environment.get(name))
    for name, value in proxies:
        if name.lower() != "no_proxy":
            _check(f"the proxy of {name}", value if "//" in value else f"//{value}", network)
    _check("the index", index, network)
    places = (environment.get("SSL_CERT_FILE", ""), *_CERTIFICATES)
    certificates = next((place for place in places if place and is_file(place)), "")
    return Connection(network, index, proxies, certificates)


def _check(what: str, address: str, network: Network) -> None:
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        msg = f"running the method of 2020: {what} is not an address"
        raise UsageError(msg) from None
    if parts.password or parts.username:
        msg = f"running the method of 2020: {what} needs a password, and packages could read it; use one without"
        raise UsageError(msg)
    if network is Network.BRIDGE and is_loopback(host):
        msg = f"running the method of 2020: {what} is on this host's loopback; use --network host"
        raise UsageError(msg)


# --- the container -----------------------------------------------------------------------------


def container(
    image: str, requirements: Sequence[str], limits: Limits, through: Connection, label: str, *, alone: bool = False
) -> Container:
    """Return the container that builds requirements as in 2020, one after the other. Pure.

    It has the confinement of a build, but for the network. `alone`: each is also built without its dependencies.
    """
    spec = {"requirements": [*requirements], "seconds": limits.seconds, "alone": alone}
    program = str(resources.files("orchestrator.guest").joinpath("method_2020.py"))
    builds = len(requirements) * (4 if alone else 2)
    return Container(
        image=image,
        command=("python3", f"{PLACE}/method_2020.py", json.dumps(spec)),
        environment=variables(through),
        user=f"{USER}:{USER}",
        mounts=(
            (program, f"{PLACE}/method_2020.py"),
            *([(str(Path(through.certificates).resolve()), f"{PLACE}/certificates")] if through.certificates else []),
        ),
        scratch={"/tmp": _scratch(limits)},  # noqa: S108 - the container's
        memory=limits.memory,
        processes=limits.processes,
        files=limits.files,
        file_size=limits.scratch,
        shared=min(limits.scratch, confinement.SHARED),
        seconds=builds * limits.seconds + _BEYOND,
        label=label,
        network=through.network,
    )


def _scratch(limits: Limits) -> str:
    return f"rw,exec,nosuid,nodev,size={limits.scratch},nr_inodes={INODES},mode=1777"


def variables(through: Connection) -> dict[str, str]:
    """Return the environment variables of the builds: the epoch of 2020, and what reaches the index."""
    named = {"HOME": "/tmp", "SOURCE_DATE_EPOCH": str(guest.EPOCH), **dict(through.proxies)}  # noqa: S108 - inside
    if through.index:
        named["PIP_INDEX_URL"] = through.index
    if through.certificates:
        named |= dict.fromkeys(_NAMES_OF_CERTIFICATES, f"{PLACE}/certificates")
    return named


def parse(answer: bytes) -> Trial:
    """Return what the program in the container reports; packages can forge it, each for itself.

    Raises
    ------
    EngineError
        It is no such report.

    """
    try:
        trial = _TRIAL.validate_python(strict_json.read(answer, _ANSWER))
    except (ValueError, ValidationError) as error:
        msg = f"running the method of 2020: the container's answer cannot be read: {str(error)[:200]}; run again"
        raise EngineError(msg) from error
    if not _is_sane(trial):
        msg = "running the method of 2020: the container's answer is none of its program; a package may have forged it"
        raise EngineError(msg)
    return trial


def _is_sane(trial: Trial) -> bool:
    """Return whether a report is of the form that the program writes."""
    wheels = [wheel for build in trial.builds for wheel in build.wheels]
    counts = 2 if trial.builds and trial.builds[0].status == 0 else 1
    return (
        len(trial.builds) == counts
        and all(len(one.filename) <= _NAME and "/" not in one.filename for one in wheels)
        and all(_SHA256.fullmatch(one.sha256) for one in wheels)
    )


# --- one trial ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Listener:
    """Keeps what a container prints, up to the bounds of the report and of the log; beyond them, it is killed."""

    bound: int  # bytes of the log
    answer: bytearray = field(default_factory=bytearray)
    log: bytearray = field(default_factory=bytearray)

    def __call__(self, stream: int, piece: bytes) -> bool:
        """Take in a piece of output; return whether more is wanted."""
        kept, bound = (self.answer, _ANSWER) if stream == STDOUT else (self.log, self.bound)
        kept += piece[: bound - len(kept)]
        return len(kept) < bound


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A task of the method of 2020."""

    task: Task
    project: str
    long: bool = False


def trial(wanted: _Wanted, image: str, farm: Farm, through: Connection) -> tuple[Outcome2020, bytes]:
    """Build one requirement as in 2020; return the result, and what pip printed.

    Raises
    ------
    EngineError
        The engine failed, or the container ended without an answer and no limit explains it.
    TransientIndexError
        pip did not reach the index.

    """
    effects, limits = farm.job_effects, wanted.task.limits
    heard = _Listener(limits.log)
    with effects.slots.acquire(long=False):
        effects.log(wanted.project, "building as in 2020")
        ended = effects.engine.run(container(image, (wanted.task.requirement,), limits, through, effects.label), heard)
    log = bytes(heard.log)
    if limit := _limit(ended, heard):
        return Outcome2020(wanted.project, Verdict2020.FAILED, why=limit), log
    if ended.exit_code or not heard.answer:
        msg = f"running the method of 2020: the container ended with status {ended.exit_code} and no answer; run again"
        raise EngineError(msg)
    has_source = partial(_has_source, effects.index, farm.images[wanted.task.image].target.python)
    return judged(wanted.project, parse(bytes(heard.answer)), log, effects.cache, has_source), log


def _limit(ended: Completed, heard: _Listener) -> str:
    if ended.timed_out:
        return "it reached the limit of time"
    if ended.cut_off:
        return "it printed more than the limit" if len(heard.log) >= heard.bound else "it reported more than the limit"
    return "it reached the limit of memory" if ended.out_of_memory else ""


def judged(name: str, found: Trial, log: bytes, cache: Path, has_source: Callable[[str], bool]) -> Outcome2020:
    """Return the result of a trial; of a failure also the line of the log that explains it.

    `has_source` answers whether the index has an sdist for a requirement, since pip hides errors of the index.

    Raises
    ------
    TransientIndexError
        pip did not reach the index, or not in full: the failure is none of the package.

    """
    result = pure.outcome(name, found)
    if result.verdict is not Verdict2020.FAILED:
        return result
    text = log[-TAIL:].decode("utf-8", "replace")
    if line := pure.unreached(text):
        msg = f"running the method of 2020: pip does not reach the index: {escapes.visible(line)[:300]}; run again"
        raise TransientIndexError(msg)
    if (absent := pure.absent(text)) and has_source(absent):
        shown = escapes.visible(absent)[:300]
        msg = f"running the method of 2020: pip finds no source of {shown}, but the index has it; run again"
        raise TransientIndexError(msg)
    return replace(result, why="; ".join((result.why, *_explained(text, log, cache))))


def _explained(text: str, log: bytes, cache: Path) -> Iterator[str]:
    """Yield what a failed pip's log shows; `text` is the end of it."""
    if absent := pure.absent(text):
        yield f"pip finds no source of {escapes.visible(absent)[:300]} for this Python"
    if pure.lacks_requirements(text):
        yield "a build requirement does not build from source"
    with unfinished(cache / TRIALS) as folder:
        (folder / "log").write_bytes(log)
        explained = reading.explain(folder / "log", (TAIL, LONGER_TAIL))
    if explained.evidence:
        yield f"{explained.reason.value}: {explained.evidence}"


def _has_source(index: Index, python: str, requirement: str) -> bool:
    """Return whether the index has an sdist that a requirement and the Python admit; `requirement` is untrusted."""
    try:
        release = index.release(requirement_of(requirement), python)
    except (AbsentError, NoReleaseError, ValueError):
        return False
    return release.sdist is not None and admits(release.requires_python, python)


# --- all of them -------------------------------------------------------------------------------


def compare_all(
    settings: Config,
    store: Results,
    tasks: Sequence[Task],
    network: Network,
    judge: Callable[[tuple[Task, ...]], RunOutcome],
    *,
    jobs: int | None,
) -> tuple[tuple[Compared, ...], RunOutcome]:
    """Build every task as in 2020, then have the same releases judged; return the rows, and how the run ended.

    Raises
    ------
    EngineError
        No engine answers.
    ImageError
        An image cannot be built, or pip cannot be added to it.
    UsageError
        The index cannot be reached without a secret, or not by that network.
    Interrupted
        A stop was requested.

    """
    placement = placed(settings, tasks)
    tried = try_all(settings, store, [task for task in placement.tasks if task.image != AUTO_IMAGE], network, jobs=jobs)
    for task, error in placement.faults.items():
        tried[task] = Tried(Outcome2020(project(task.requirement), Verdict2020.OPEN, why=str(error)))
    ours = {task: same_release(task, one.outcome) for task, one in tried.items()}
    outcome = judge(tuple(dict.fromkeys(ours.values())))
    records = {(task.requirement, task.image): path for task, path in zip(outcome.tasks, outcome.records, strict=True)}
    every = (*placement.tasks, *(task for task in placement.faults if task not in placement.tasks))
    paths = (records.get((ours[task].requirement, ours[task].image)) for task in every)
    rows = tuple(
        compared(task, tried[task], read(path) if path else None) for task, path in zip(every, paths, strict=True)
    )
    for row in rows:
        if row.log:
            _write(store.folder / row.log, row)
    return rows, outcome


def same_release(task: Task, theirs: Outcome2020) -> Task:
    """Return the task of the release that pip built, so that both judge the same one; the same task if it is unknown.

    A package can name its wheel as it likes; what is no version of the project is not asked for.
    """
    if theirs.first is None or not theirs.version or not pure.is_of(theirs.project, theirs.first):
        return task
    try:
        return replace(task, requirement=requirement_of(f"{theirs.project}=={theirs.version.replace('_', '+', 1)}"))
    except ValueError:
        return task


def compared(task: Task, tried: Tried, ours: Result | None) -> Compared:
    """Return the row of a task. Pure."""
    theirs, trial = tried.outcome, tried.outcome.trial
    first, second = theirs.first, theirs.second
    return Compared(
        project=theirs.project,
        requirement=task.requirement,
        image=task.image,
        method_2020=theirs.verdict,
        version=theirs.version,
        wheel_1=first.filename if first else "",
        wheel_2=second.filename if second else "",
        hash_1=first.sha256 if first else "",
        hash_2=second.sha256 if second else "",
        why=theirs.why,
        pip=trial.pip if trial else "",
        python=trial.python if trial else "",
        seconds=round(sum(build.seconds for build in trial.builds), 3) if trial else 0.0,
        in_2021=results_of_2021.result(theirs.project),
        wheelproof=ours.verdict.value if ours else "",
        wheelproof_version=ours.version if ours else "",
        job=ours.job if ours else "",
        agree=pure.agree(theirs, ours),
        reasons=pure.grounds(theirs, ours),
        log=tried.log,
    )


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of the method of 2020, and the file of its log, relative to the results folder."""

    outcome: Outcome2020
    log: str = ""  # empty if nothing ran


def try_all(
    settings: Config, store: Results, tasks: Sequence[Task], network: Network, *, jobs: int | None
) -> dict[Task, Tried]:
    """Build every task as in 2020, several at a time. See `compare_all` for what is raised."""
    displays: list[progress.Progress] = []

    def log(name: str, doing: str) -> None:
        if displays:
            displays[-1].doing(name, doing)

    farm = assemble.open_farm(settings, store, tuple(tasks), jobs=jobs, log=log)
    effects = farm.job_effects
    index = effects.index.url if settings.index else ""  # pip's own default, as in 2020
    through = connection(network, index, os.environ, lambda path: Path(path).is_file())
    images = {
        name: with_pip(effects.engine, image, settings.cache, progress.note) for name, image in farm.images.items()
    }
    found: dict[Task, Tried] = {}

    def work(wanted: _Wanted) -> tuple[Outcome2020, bytes]:
        return trial(wanted, images[wanted.task.image], farm, through)

    def done(wanted: _Wanted, ended: tuple[Outcome2020, bytes] | WheelproofError) -> None:
        if isinstance(ended, WheelproofError):
            logs.fault("no result of the method of 2020", ended, requirement=wanted.task.requirement)
            found[wanted.task] = Tried(Outcome2020(wanted.project, Verdict2020.OPEN, why=str(ended)))
        else:
            found[wanted.task] = Tried(ended[0], _keep(store.folder, wanted, ended[1]))
        outcome = found[wanted.task].outcome
        displays[0].finished(wanted.project, wanted.task.requirement, outcome.verdict.value, outcome.why)

    several = [_Wanted(task, project(task.requirement)) for task in tasks]
    with assemble.container_cleanup(effects), ExitStack() as stack:
        displays.append(stack.enter_context(progress.shown(len(several))))
        run_jobs(several, Threads(work, effects.slots.room), done, stop=effects.stop)
    return found


def _keep(folder: Path, wanted: _Wanted, log: bytes) -> str:
    """Write what pip printed, with all that a terminal could take for a command spelt out; return the file's path."""
    path = f"{TRIALS}/{wanted.project}/{datetime.now(UTC):{STAMP}}-{wanted.task.image}.log"
    write_file(folder / path, escapes.visible(log.decode("utf-8", "replace")).encode(), lasting=False)
    return path


def _write(log: Path, row: Compared) -> None:
    content = json.dumps(escapes.all_escaped(as_row(row)), indent=1)
    write_file(log.with_suffix(".json"), content.encode() + b"\n", lasting=False)


def as_row(row: Compared) -> dict[str, object]:
    """Return a row as `--json` prints it."""
    return asdict(row)
