"""A build is made again where a fault may mend itself, and no more often than that."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from orchestrator.build.engine import STDOUT, Completed, Container, Engine
from orchestrator.build_requirements.install import BuildEnvironments
from orchestrator.farm.effects import JobEffects
from orchestrator.farm.workers import Cancellation, CpuSlots
from orchestrator.guest.main import CRASHED
from orchestrator.model import Limits, Lock, Reason, Target, Verdict
from orchestrator.recipes import Pinned
from orchestrator.results.store import Results
from orchestrator.sources.index import Index
from tests.loopback_index import LoopbackIndex
from tests.loopback_index import wheel as built_wheel
from tests.sample_results import sample
from tests.sample_verifications import verified
from tests.samples import wheel
from tests.unit.build.test_builder import ORDER
from tests.unit.build.test_protocol import FAILED, SEEN, line
from tests.unit.cli.test_compare import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TARGET = Target("3.11", "x86_64-manylinux_2_36")
PATIENT = replace(ORDER, limits=Limits(seconds=60))
BROKEN = (b"[1]\n", Completed(0))
BROKE_DOWN = (line(SEEN), Completed(CRASHED))
HONEST = (line(SEEN) + line(FAILED), Completed(1))


class Fake:
    """An engine whose containers send what the test sets, one after the other."""

    def __init__(self, *sent: tuple[bytes, Completed]) -> None:
        """Run as many containers as there is something to send."""
        self.left = list(sent)

    def run(self, _container: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        sent, ended = self.left.pop(0)
        return ended if listen(STDOUT, sent) else replace(ended, cut_off=True)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ((HONEST,), Reason.BUILD_ERROR),
        ((BROKEN, HONEST), Reason.BUILD_ERROR),
        ((BROKE_DOWN, HONEST), Reason.BUILD_ERROR),
        ((BROKEN, BROKEN), Reason.BROKEN_CHANNEL),
        ((BROKEN, BROKE_DOWN), Reason.BROKEN_CHANNEL),
    ],
)
def test_a_broken_channel_is_tried_once_more(
    tmp_path: Path, sent: tuple[tuple[bytes, Completed], ...], reason: Reason
) -> None:
    """The engine may have broken it; twice in a row, it is the package's doing, and a result."""
    engine = Fake(*sent)
    output = job_effects(tmp_path, engine).build("pkg", PATIENT, lambda _answer: None, long=False)
    assert output.build.failure is not None
    assert output.build.failure.reason is reason
    assert engine.left == []


def job_effects(folder: Path, engine: Fake) -> JobEffects:
    """Return a workshop whose builds are made by that engine."""
    results = Results(folder / "results", wheels=1 << 20, logs=1 << 20)
    results.folder.mkdir()
    return JobEffects(
        engine=cast("Engine", engine),
        index=Index("http://127.0.0.1:9/", folder),
        lock=lambda _requirements, _target: Lock(),
        buildenvs=BuildEnvironments(folder),
        results=results,
        slots=CpuSlots(1, (0,)),
        stop=Cancellation(),
        cache=folder,
        label="label",
        log=lambda _project, _what: None,
        pause=0,
    )


@pytest.mark.parametrize(("sound", "remembered"), [(True, 1), (False, 0)])
def test_only_a_sound_wheel_is_not_looked_at_again(tmp_path: Path, *, sound: bool, remembered: int) -> None:
    """The same bytes twice are one wheel; one that is refused is refused each time."""
    name = "pkg-1.0-py3-none-any.whl"
    content = wheel(tmp_path / name, MEMBERS).read_bytes() if sound else b"no archive"
    sent = line(SEEN) + line({"file": name, "size": len(content), "cpu_seconds": 0.1}) + content
    shop = job_effects(tmp_path, Fake((sent, Completed(0)), (sent, Completed(0))))
    order = replace(PATIENT, project="pkg")
    for _ in range(2):
        assert (shop.build("pkg", order, lambda _answer: None, long=False).build.wheel is not None) is sound
    assert len(shop.sound) == remembered


class WatchedSlots(CpuSlots):
    """One slot, which notes whether the results have a wheel when it is given back."""

    def __init__(self, results: Path) -> None:
        """Look into that folder."""
        super().__init__(1, (0,))
        self.results = results
        self.had_wheel: list[bool] = []

    @contextmanager
    def acquire(self, *, long: bool) -> Iterator[int]:
        with super().acquire(long=long) as processor:
            yield processor
        self.had_wheel.append(any(self.results.glob("wheels/*")))


def test_a_slot_is_free_before_the_wheel_is_kept(tmp_path: Path) -> None:
    """The next build need not wait for the check of this one's wheel."""
    name = "pkg-1.0-py3-none-any.whl"
    content = wheel(tmp_path / name, MEMBERS).read_bytes()
    sent = line(SEEN) + line({"file": name, "size": len(content), "cpu_seconds": 0.1}) + content
    slots = WatchedSlots(tmp_path / "results")
    shop = replace(job_effects(tmp_path, Fake((sent, Completed(0)))), slots=slots)
    shop.build("pkg", replace(PATIENT, project="pkg"), lambda _answer: None, long=False)
    assert slots.had_wheel == [False]
    assert any(slots.results.glob("wheels/*"))


def test_a_job_looks_up_once_what_its_recipes_pin(tmp_path: Path) -> None:
    """The next job asks again."""
    with LoopbackIndex() as served:
        served.publish("pip-1.0-py3-none-any.whl", pip := built_wheel("pip", "1.0"))
        index = Index(served.url, tmp_path, retry_wait=0.01)
        shop = replace(job_effects(tmp_path, Fake()), index=index)
        pinned = (Pinned("pip", "1.0", (sha256(pip).hexdigest(),)),)
        for jobs in (1, 2):
            effects = shop.recipes(Limits())
            assert [len(effects.offered(pinned, TARGET)) for _ in range(3)] == [1, 1, 1]
            assert served.count("/simple/pip/") == jobs


def test_only_builds_of_a_job_on_two_hosts_get_the_identity_of_the_hosts_kernel(tmp_path: Path) -> None:
    """It is read once; a job on one host costs no container more."""
    identity = "0d8f3c52-7a51-4f0e-9c56-000000000001"
    engine = Fake(HONEST, HONEST, (f"{identity}\n".encode(), Completed(0)), HONEST, HONEST)
    shop = job_effects(tmp_path, engine)
    of_another = replace(PATIENT, environment=replace(PATIENT.environment, host="second"))  # another worker's job
    orders = (PATIENT, replace(PATIENT, spread=True), replace(PATIENT, spread=True), of_another)
    seen = [shop.build("pkg", order, lambda _answer: None, long=False).build.probe for order in orders]
    assert [one and one.boot_id for one in seen] == ["", identity, identity, identity]
    assert engine.left == []


def test_what_another_machine_has_a_record_of_is_known(tmp_path: Path) -> None:
    """A worker's store has no records: jobs and verifications are known by their ids, unless they are made again."""
    shop = replace(job_effects(tmp_path, Fake()), answered=frozenset({"a" * 64}))
    known = shop.verify_effects("pkg", Limits(), long=False, again=False)
    assert known.known("pkg", "a" * 64) == known.job.known("pkg", "a" * 64) == Path("a" * 64)
    assert known.known("pkg", "b" * 64) is known.job.known("pkg", "b" * 64) is None
    assert shop.verify_effects("pkg", Limits(), long=False, again=True).known("pkg", "a" * 64) is None


def test_records_of_a_machine_answer_nothing_where_another_one_has_them(tmp_path: Path) -> None:
    """A worker in a folder with records of a farm names only what the run knows, and adds its results to those."""
    settled, failed = sample("six"), sample("flit", verdict=Verdict.FTBFS)
    effects = job_effects(tmp_path, Fake())
    for one in (settled, failed):
        effects.results.write(one)
    worker = replace(effects, answered=frozenset({"a" * 64}))

    def known(one: JobEffects, id_: str) -> Path | None:
        return one.effects("six", Limits(), long=False, again=False).known("six", id_)

    assert known(effects, settled.job) == effects.results.find("six", settled.job)
    assert known(effects, settled.job) is not None
    assert known(worker, settled.job) is None
    assert known(worker, "a" * 64) == Path("a" * 64)
    assert effects.repeated(failed, again=False) is not None
    assert worker.repeated(failed, again=False) is None
    wheel = verified()
    assert worker.repeated_verification(wheel) is None
