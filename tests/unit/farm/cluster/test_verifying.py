"""Published wheels are verified on workers: the same subject goes out, and the outcome comes back with its files."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.config import Config
from orchestrator.config.values import DaskSettings
from orchestrator.errors import EngineError, FaultError, ImageError, WheelproofError
from orchestrator.farm.cluster import values, verifying
from orchestrator.farm.verification import VerifyJob
from orchestrator.farm.workers import run_jobs
from orchestrator.images import recipe
from orchestrator.job.recreating import VerifySubject
from orchestrator.model import OfferedWheel, UsedImage, Verification, WheelFile
from orchestrator.results.store import Results
from tests.dask_cluster import StubFarm, Yard, job, kept, sent, yard
from tests.sample_results import sample
from tests.sample_verifications import verified
from tests.samples import IMAGE, NOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.farm.cluster.values import SentVerification
    from orchestrator.farm.cluster.worker_farm import Log, Running, WorkerFarm
    from orchestrator.farm.verification import Judged
    from orchestrator.model import Result

    Verify = Callable[[SentVerification, WorkerFarm], Verification | Path]

OFFERED = OfferedWheel("pkg-1.0-py3-none-any.whl", "https://index.example/pkg.whl", "a" * 64)
NO_IMAGE = ImageError("no image")


def subject(name: str = "pkg", result: Result | None = None, wheel: OfferedWheel | None = OFFERED) -> VerifySubject:
    """Return a published wheel of a project."""
    one = job(name)
    return VerifySubject(one.task, one.release, IMAGE, NOON, wheel, result=result)


def outcome(name: str, sha256: str = "", wheel: OfferedWheel = OFFERED) -> Verification:
    """Return a verification of that subject, which names a rebuilt wheel by its hash."""
    image = UsedImage(IMAGE.name, IMAGE.id, IMAGE.manifest, IMAGE.base)
    one = verified(name, job(name).release.version, image=image, wheel=wheel.filename)
    return replace(one, requirement=job(name).task.requirement, sha256=wheel.sha256, rebuilt_sha256=sha256)


class Verifier(StubFarm):
    """A worker that verifies with a function."""

    def __init__(self, folder: Path, verify: Verify, **faults: Any) -> None:  # noqa: ANN401 - as in StubFarm
        """Use a folder of this worker alone."""
        super().__init__(folder, **faults)
        self._verify = verify
        self.asked: list[SentVerification] = []

    def verify(self, sent: SentVerification, running: Running, log: Log) -> Verification | Path:
        """Note what was asked for."""
        assert running.engine is not None
        log(sent.job.release.project, "verifying")
        self.asked.append(sent)
        return self._verify(sent, self)


def raising(error: WheelproofError) -> Verify:
    """Return what raises an error."""

    def verify(_sent: SentVerification, _farm: WorkerFarm) -> Verification:
        raise error

    return verify


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Yard]:
    """Give a scheduler without workers."""
    with yard(tmp_path / "yard") as one:
        yield one


@pytest.fixture
def store(tmp_path: Path) -> Results:
    """Give the store of the orchestrator."""
    found = Results(tmp_path / "results", wheels=1 << 30, logs=1 << 30)
    found.folder.mkdir()
    return found


def run(
    place: Yard, store: Results, subjects: list[VerifySubject], judged: Judged = lambda _: None, *, again: bool = False
) -> dict[str, Verification | Path | WheelproofError]:
    """Verify wheels on the workers; return what came of each."""
    outcomes: dict[str, Verification | Path | WheelproofError] = {}

    def done(one: VerifyJob, came: Verification | Path | WheelproofError) -> None:
        assert one.release.project not in outcomes, "a wheel was verified twice"
        outcomes[one.release.project] = came

    settings = Config(dask=DaskSettings(place.address), folder=store.folder.parent)
    with (
        verifying.connected(settings, store, again=again, log=lambda _project, _doing: None) as there,
        there.opened((subjects[0].task,), judged) as opened,
    ):
        assert opened.images == {"bookworm": IMAGE}
        run_jobs([VerifyJob(one) for one in subjects], opened.pool, done, stop=opened.stop)
    return outcomes


def test_a_verification_comes_back_with_the_files_that_it_names(place: Yard, store: Results, tmp_path: Path) -> None:
    """A wheel of several pieces is in the store of the orchestrator afterwards."""
    content = bytes(range(256)) * 5000

    def verify(sent: SentVerification, farm: WorkerFarm) -> Verification:
        return outcome(sent.job.release.project, kept(farm, content))

    farm = Verifier(tmp_path / "first", verify)
    place.worker("first", farm=farm)
    found = run(place, store, [subject("pkg"), subject("other")])
    assert set(found) == {"pkg", "other"}
    verification = found["pkg"]
    assert isinstance(verification, Verification)
    path = store.wheels.find(verification.rebuilt_sha256)
    assert path is not None
    assert path.read_bytes() == content
    assert verification == outcome("pkg", verification.rebuilt_sha256)
    asked = {one.job.release.project: one.subject(IMAGE) for one in farm.asked}
    assert asked == {name: subject(name) for name in ("pkg", "other")}  # in either order: they begin together


def test_what_is_known_is_not_verified_again(place: Yard, store: Results, tmp_path: Path) -> None:
    """The ids of the project's answers go with the job, and none if all is to be verified again."""
    record = store.write_verification(known := outcome("pkg"))
    farm = Verifier(tmp_path / "first", lambda sent, _: Path(known.id) if sent.job.known else known)
    place.worker("first", farm=farm)
    assert run(place, store, [subject("pkg")]) == {"pkg": record}
    assert run(place, store, [subject("pkg")], again=True) == {"pkg": known}
    assert [one.job.known for one in farm.asked] == [(known.id,), ()]
    assert [one.job.again for one in farm.asked] == [False, True]


def test_an_outcome_that_adds_nothing_is_the_former_record(place: Yard, store: Results, tmp_path: Path) -> None:
    """A worker verified what the orchestrator has a record of that settles nothing."""
    record = store.write_verification(former := outcome("pkg"))
    place.worker("first", farm=Verifier(tmp_path / "first", lambda *_: former))
    assert run(place, store, [subject("pkg")]) == {"pkg": record}


def test_a_worker_that_refuses_gives_the_wheel_to_another_one(place: Yard, store: Results, tmp_path: Path) -> None:
    """As with jobs, by the same pool; a fault of the farm leaves the wheel open."""
    place.worker("refusing", farm=Verifier(tmp_path / "refusing", raising(NO_IMAGE)))
    willing = Verifier(tmp_path / "willing", lambda sent, _: outcome(sent.job.release.project))
    place.worker("willing", farm=willing)
    names = [f"p{number}" for number in range(8)]
    assert run(place, store, [subject(name) for name in names]) == {name: outcome(name) for name in names}
    assert len(willing.asked) == len(names)


def test_a_fault_leaves_the_wheel_open(place: Yard, store: Results, tmp_path: Path) -> None:
    """The farm's error comes back as it was raised."""
    place.worker("first", farm=Verifier(tmp_path / "first", raising(EngineError("the engine is odd"))))
    came = run(place, store, [subject()])["pkg"]
    assert isinstance(came, EngineError)
    assert str(came) == "the engine is odd"


def test_an_outcome_on_another_image_is_none(place: Yard, store: Results, tmp_path: Path) -> None:
    """It would be a wrong outcome for this one."""
    other = replace(verified("pkg"), image=None)
    place.worker("first", farm=Verifier(tmp_path / "first", lambda *_: other))
    assert isinstance(run(place, store, [subject()])["pkg"], FaultError)


def test_images_are_known_without_a_worker_that_makes_them(place: Yard, store: Results, tmp_path: Path) -> None:
    """Their locks list what decides which wheel is meant."""
    place.worker("first", farm=Verifier(tmp_path / "first", lambda *_: outcome("pkg"), image=NO_IMAGE))
    settings = Config(dask=DaskSettings(place.address), folder=tmp_path)
    with verifying.connected(settings, store, again=False, log=lambda _project, _doing: None) as there:
        found = there.known(("bookworm", "trixie"))
        with pytest.raises(ImageError, match="no image"), there.opened((job("pkg").task,), lambda _: None):
            pass
    folders = recipe.folders(tmp_path)
    assert found == {name: recipe.as_locked(recipe.load(folders, name)) for name in ("bookworm", "trixie")}


# --- results of the run ----------------------------------------------------------------------


def judged(filename: str = OFFERED.filename, sha256: str = OFFERED.sha256) -> Result:
    """Return a verdict whose builds gave a wheel."""
    result = sample("pkg", "1.0")
    wheel = WheelFile(filename, sha256, 3)
    return replace(result, builds=tuple(replace(build, wheel=wheel) for build in result.builds))


def test_a_result_goes_along_only_if_it_may_prove_the_wheel() -> None:
    """Others would only be read in vain."""
    one = sent(job("pkg"))
    assert values.sent_verification(one, subject(result=judged())).result == judged()
    assert values.sent_verification(one, subject(result=judged(sha256="b" * 64))).result is None
    assert values.sent_verification(one, subject(result=judged(), wheel=None)).result is None
    assert values.sent_verification(one, subject()).result is None


def test_the_result_is_read_when_the_wheel_is_sent(place: Yard, store: Results, tmp_path: Path) -> None:
    """It reaches the worker, and the files that it names do not come back: they are there."""
    sha256 = hashlib.sha256(b"a wheel").hexdigest()
    published = replace(OFFERED, sha256=sha256)
    farm = Verifier(tmp_path / "first", lambda _, farm: outcome("pkg", kept(farm, b"a wheel"), published))
    place.worker("first", farm=farm)
    result = judged(sha256=sha256)
    found = run(place, store, [subject(wheel=published)], lambda _: result)
    assert found == {"pkg": outcome("pkg", sha256, published)}
    assert farm.asked[0].result == result
    assert store.wheels.find(sha256) is None


def test_a_verification_does_not_begin_after_it_ended() -> None:
    """The worker's clock may be behind the orchestrator's."""
    early = replace(subject(), started=NOON.replace(year=9999))
    one = values.sent_verification(sent(job("pkg")), early).subject(IMAGE)
    assert one.started < early.started
    assert replace(one, started=early.started) == early
