"""Records are written once and whole, read in spite of damage, and the stores stay within their bounds."""

from __future__ import annotations

import json
import os
import resource
import shutil
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jsonschema
import pytest

from orchestrator.errors import BusyError, ResultsError
from orchestrator.model import SCHEMA, Failure, Outcome, Phase, Policy, Reason, Verdict
from orchestrator.results.files import Store
from orchestrator.results.store import Results, as_json, read, schema
from tests.sample_results import sample
from tests.sample_verifications import verified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.model import Result

MANY = 1 << 30
FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


def kept(folder: Path) -> Results:
    """Return the results of that folder, with room for all."""
    return Results(folder, wheels=MANY, logs=MANY)


@pytest.fixture
def store(tmp_path: Path) -> Results:
    """Results that nobody has written to."""
    return kept(tmp_path / "results")


def left(folder: Path) -> list[str]:
    """List what writing left behind that was not finished."""
    return [path.name for path in folder.glob("**/*") if path.name.startswith(".new-")]


# --- records ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.EXCLUDED])
def test_a_result_is_read_as_it_was_written(store: Results, verdict: Verdict) -> None:
    """By this run and by the next; it matches the schema."""
    result = sample("six", verdict=verdict)
    path = store.write(result)
    assert read(path) == result
    assert list(kept(store.folder).of("six")) == [result]
    assert store.find("six", result.job) == kept(store.folder).find("six", result.job) == path
    jsonschema.validate(json.loads(path.read_bytes()), schema())


def test_a_record_is_never_written_over(store: Results) -> None:
    """The same job again is one more file; the newest is found."""
    once = sample("six")
    again = sample("six", days=1)
    first, second = store.write(once), store.write(again)
    assert first != second
    assert read(first) == once
    assert store.find("six", once.job) == kept(store.folder).find("six", once.job) == second
    assert list(store.of("six")) == [again, once]
    assert store.latest("six", once.image.name) == again


def test_the_newest_on_an_image_is_not_that_of_another(store: Results) -> None:
    """Nor that of another project."""
    on_bookworm = sample("six")
    on_trixie = sample("six", days=1, image=replace(on_bookworm.image, name="trixie"))
    for one in (on_bookworm, on_trixie, sample("idna", days=2)):
        store.write(one)
    assert store.latest("six", on_bookworm.image.name) == on_bookworm
    assert store.latest("six", "trixie") == on_trixie
    assert store.latest("six", "sid") is None
    assert store.latest("numpy", "trixie") is None
    assert sorted(one.project for one in store.every()) == ["idna", "six", "six"]


def test_the_newest_of_a_version_is_not_that_of_another(store: Results) -> None:
    """Of several versions that are tracked side by side, each has its own."""
    older, newer = sample("six", "1.16.0"), sample("six", "1.15.0", days=1)
    store.write(older)
    store.write(newer)
    assert store.latest("six", "bookworm") == newer
    assert store.latest("six", "bookworm", "1.16.0") == older
    assert store.latest("six", "bookworm", "1.14.0") is None


Changed = Callable[["Result"], "Result"]
MISPLACED: dict[str, tuple[str, Changed]] = {
    "under-another-name": ("six/20991231T000000.000000Z-{job}.json", lambda one: one),
    "as-another-job": ("six/20261120T130000.000000Z-0123456789abcdef.json", lambda one: one),
    "of-another-project": ("idna/{name}", lambda one: one),
    "of-the-future": ("six/{name}", lambda one: replace(one, started=FUTURE, finished=FUTURE)),
    "ends-in-the-future": ("six/{name}", lambda one: replace(one, finished=FUTURE)),
    "of-a-later-schema": ("six/{name}", lambda one: replace(one, schema=SCHEMA + 1)),
    "of-no-schema": ("six/{name}", lambda one: replace(one, schema=0)),
    "of-other-inputs": (
        "six/{name}",
        lambda one: replace(one, inputs=one.inputs and replace(one.inputs, version="9.9")),
    ),
}


@pytest.mark.parametrize("kind", MISPLACED)
def test_a_misplaced_record_is_never_the_newest(tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The one before it counts, for whatever is asked; each is left where it is, and named once."""
    store = kept(tmp_path)
    good = sample("six")
    path = store.write(good)
    place, change = MISPLACED[kind]
    bad = change(sample("six", verdict=Verdict.SENSITIVE, days=1))
    stamp = f"{bad.started:%Y%m%dT%H%M%S.%fZ}-{bad.job[:16]}"
    file = tmp_path / "records" / place.format(job=good.job[:16], name=f"{stamp}.json")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"".join(as_json([bad]))[1:-2])
    for again in (kept(tmp_path), store):
        assert again.find("six", good.job) == path
        assert again.find("idna", good.job) is None
        assert list(again.every()) == [good]
        assert again.latest("six", good.image.name) == good
    assert file.is_file()
    assert capfd.readouterr().err.count(str(file)) == 2  # once for each of the two


def test_many_misplaced_records_are_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first is named; a folder that was copied as a whole fills no log."""
    store = kept(tmp_path)
    for days in range(3):
        store.write(sample("six", days=days))
    shutil.copytree(tmp_path / "records/six", tmp_path / "records/idna")
    assert len(list(kept(tmp_path).every())) == 3
    warned = capfd.readouterr().err
    assert warned.count("/idna/") == 2
    assert "count=3" in warned


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": 1}'])
def test_a_damaged_record_is_as_good_as_none(store: Results, damage: bytes) -> None:
    """It hides no other, and its job is not taken for done."""
    good = sample("six")
    bad = sample("six", version="2.0", days=1)
    store.write(good)
    path = store.write(bad)
    path.write_bytes(damage)
    anew = kept(store.folder)
    assert list(anew.of("six")) == [good]
    assert anew.find("six", bad.job) is None
    assert anew.find("six", good.job) is not None
    assert path.read_bytes() == damage


def test_without_results_there_is_nothing(store: Results) -> None:
    """And that is no error; nothing is made by looking."""
    assert list(store.every()) == []
    assert store.find("six", "0" * 64) is None
    store.prune()
    assert not store.folder.exists()


def test_json_is_one_array(store: Results) -> None:
    """Also of none, and of what is hostile."""
    assert json.loads(b"".join(as_json([]))) == []
    results = [sample("six"), sample("idna", verdict=Verdict.FTBFS)]
    assert [one["project"] for one in json.loads(b"".join(as_json(iter(results))))] == ["six", "idna"]
    assert store.folder.name == "results"


def test_a_write_that_fails_leaves_no_file(store: Results) -> None:
    """Neither at its place nor beside it; the error names what was being written."""
    result = sample("six")
    place = store.write(result)
    place.unlink()
    place.mkdir()  # in the way of what is to be moved there
    with pytest.raises(ResultsError, match=place.name):
        store.write(result)
    assert left(store.folder) == []


def test_a_write_that_breaks_off_half_way_leaves_the_former_file(store: Results) -> None:
    """As on a disk that is full: a page is there whole, the former one or the next."""
    store.publish([("site/index.html", "former")])
    with no_larger_file_than(1000), pytest.raises(ResultsError, match=r"index\.html"):
        store.publish([("site/new.html", "new"), ("site/index.html", "next" * 1000)])
    assert (store.folder / "site" / "index.html").read_text() == "former"
    assert (store.folder / "site" / "new.html").read_text() == "new"
    assert left(store.folder) == []


@contextmanager
def no_larger_file_than(size: int) -> Iterator[None]:
    """Let the kernel refuse what is written beyond that many bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_a_page_that_has_not_changed_is_left_alone(store: Results) -> None:
    """So that who copies the site copies what changed."""
    store.publish([("site/index.html", "one"), ("site/six.html", "six")])
    index, page = store.folder / "site" / "index.html", store.folder / "site" / "six.html"
    before = index.stat().st_ino, page.stat().st_ino
    store.publish([("site/index.html", "two"), ("site/six.html", "six")])
    assert page.stat().st_ino == before[1]
    assert index.read_text() == "two"
    assert index.stat().st_mode & 0o777 == 0o644


def test_nowhere_to_write_is_an_error_of_ours(tmp_path: Path) -> None:
    """Whatever it is that is to be written."""
    (tmp_path / "results").write_text("a file")
    store = kept(tmp_path / "results")
    with pytest.raises(ResultsError, match="--results"), store.locked():
        pass
    with pytest.raises(ResultsError), store.bench():
        pass
    with pytest.raises(ResultsError):
        store.write(sample("six"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResultsError):
        store.wheels.keep(tmp_path / "file", "0" * 64)


# --- one run at a time -----------------------------------------------------------------------


def test_results_are_one_runs_at_a_time(store: Results) -> None:
    """And free again when it ends, however it ends."""
    with store.locked(), pytest.raises(BusyError, match="another run"), kept(store.folder).locked():
        pass
    with pytest.raises(ZeroDivisionError), store.locked():
        raise ZeroDivisionError
    with kept(store.folder).locked():
        pass


def test_what_a_killed_run_left_unfinished_goes(store: Results) -> None:
    """Its folders and its files; nothing else."""
    path = store.write(sample("six"))
    (store.folder / ".new-folder").mkdir()
    (store.folder / ".new-folder" / "log").write_text("half")
    (path.parent / ".new-file").write_text("half")
    with store.locked():
        assert left(store.folder) == []
    assert path.is_file()


def test_a_bench_is_gone_afterwards(store: Results) -> None:
    """With all that is on it."""
    with store.locked(), store.bench() as folder:
        (folder / "log").write_text("x")
        assert folder.parent == store.folder
    assert not folder.exists()


def test_many_threads_write_at_once(store: Results) -> None:
    """And nothing is lost."""
    results = [sample(f"p{number % 4}", version=f"{number}.0") for number in range(40)]

    def write(some: list[Result]) -> None:
        for one in some:
            store.write(one)

    threads = [threading.Thread(target=write, args=(results[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.version for one in kept(store.folder).every()) == sorted(one.version for one in results)


# --- stores ----------------------------------------------------------------------------------


def fill(store: Store, folder: Path, ages: dict[str, int], size: int = 100) -> None:
    """Keep files that are so many days old."""
    for name, days in ages.items():
        file = folder / "file"
        file.write_bytes(b"x" * size)
        when = 1_800_000_000 - timedelta(days=days).total_seconds()
        os.utime(file, (when, when))
        store.keep(file, name)


def test_a_store_keeps_the_newest_within_its_bound(tmp_path: Path) -> None:
    """To the byte; what went is not found."""
    store = Store(tmp_path / "wheels", 300)
    fill(store, tmp_path, {"a": 3, "b": 1, "c": 4, "d": 2})
    assert store.prune() == 1
    assert store.find("c") is None
    assert [name for name in "abd" if store.find(name)] == ["a", "b", "d"]
    assert store.prune() == 0
    assert Store(tmp_path / "wheels", 299).prune() == 1
    assert [name for name in "abd" if store.find(name)] == ["b", "d"]


def test_what_is_kept_again_is_as_new(tmp_path: Path) -> None:
    """A wheel that is still built goes last."""
    store = Store(tmp_path / "wheels", 100)
    fill(store, tmp_path, {"a": 9, "b": 5})
    fill(store, tmp_path, {"a": 1})
    assert store.prune() == 1
    assert store.find("a") is not None


def test_a_file_that_is_kept_is_moved(tmp_path: Path) -> None:
    """With its content."""
    store = Store(tmp_path / "logs", 100)
    (tmp_path / "log").write_text("said")
    store.keep(tmp_path / "log", "1" * 64)
    found = store.find("1" * 64)
    assert found is not None
    assert found.read_text() == "said"
    assert not (tmp_path / "log").exists()


def test_a_build_that_was_killed_is_built_again_by_the_next_run(store: Results) -> None:
    """Its record is read and shown like any other, but settles nothing: what sent the signal may be gone."""
    for reason, settles in ((Reason.KILLED, False), (Reason.MISSING_HEADER, True)):
        result = sample("six", reason.value, Verdict.FTBFS, failure=Failure(reason, Phase.BUILD_WHEEL, "log"))
        store.write(result)
        assert (store.find("six", result.job) is not None) is settles
        assert result in tuple(store.of("six"))


def test_a_failure_that_repeats_adds_no_record(store: Results) -> None:
    """It is compared with the newest result of the same question: one that came between makes it news again."""
    failure = Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, "no such thing")
    first = sample("six", "1.0", Verdict.FTBFS, failure=failure)
    place = store.write(first)
    again = replace(first, started=first.started + timedelta(days=1), finished=first.finished + timedelta(days=1))
    assert store.repeated(again) == place
    other_text = replace(again, failure=replace(failure, detail="the same, at another time"))
    assert store.repeated(other_text) == place
    assert store.repeated(replace(again, failure=replace(failure, reason=Reason.NEEDS_CRATES))) is None
    assert store.repeated(replace(again, job="1" * 64)) is None
    assert store.repeated(sample("six", "1.0", days=1)) is None
    assert first.inputs is not None
    other_way = replace(first.inputs, policy=Policy.DEBIAN)
    store.write(replace(sample("six", "1.0", days=1), inputs=other_way, job="2" * 64))
    assert store.repeated(again) == place
    between = replace(sample("six", "1.0", days=2), job="3" * 64)
    store.write(replace(between, inputs=replace(first.inputs, build_requirements="others")))
    later = replace(first, started=first.started + timedelta(days=3), finished=first.finished + timedelta(days=3))
    assert store.repeated(later) is None


def test_a_killed_build_takes_no_verdict_away(store: Results) -> None:
    """Where a result with equal inputs is settled, one that settles nothing is not recorded, even if asked for."""
    good = sample("six", "1.0")
    killed = sample("six", "1.0", Verdict.FTBFS, days=1, failure=Failure(Reason.KILLED, Phase.BUILD_WHEEL))
    assert store.repeated(killed, again=True) is None
    place = store.write(good)
    assert store.repeated(killed, again=True) == place
    assert store.repeated(killed) == place
    assert store.repeated(replace(killed, job="1" * 64), again=True) is None
    slow = sample("six", "1.0", Verdict.FTBFS, days=1, failure=Failure(Reason.TIME_OUT, Phase.BUILD_WHEEL))
    assert store.repeated(slow, again=True) is None
    store.write(slow)
    assert store.repeated(replace(slow, finished=slow.finished + timedelta(days=1)), again=True) is None


def test_a_verification_whose_build_was_killed_again_adds_no_record(store: Results) -> None:
    """Unless it ended otherwise."""
    found = verified()
    place = store.write_verification(found)
    later = replace(found, started=found.started + timedelta(days=1), finished=found.finished + timedelta(days=1))
    assert store.repeated_verification(later) == place
    assert store.repeated_verification(replace(later, outcome=Outcome.UNBUILDABLE)) is None
    assert store.repeated_verification(replace(later, id="1" * 64)) is None
    assert store.repeated_verification(replace(later, sha256="1" * 64)) is None


def test_records_that_are_left_out_are_counted(tmp_path: Path) -> None:
    """Each once, however often it is looked at."""
    results = Results(tmp_path, wheels=1, logs=1)
    place = results.write(sample("six"))
    (place.parent / "broken.json").write_text("{")
    (place.parent / "misplaced.json").write_bytes(place.read_bytes())
    assert results.left_out == 0
    assert len(list(results.of("six"))) == 1
    assert len(list(results.every())) == 1
    assert results.left_out == 2


# --- verifications ---------------------------------------------------------------------------


def test_a_verification_is_found_by_its_inputs(store: Results) -> None:
    """The newest of each published file on each image counts; a build that lost a process settles nothing."""
    found = verified()
    path = store.write_verification(found)
    assert store.verification(path) == found
    assert store.find_verification("six", found.id) == path
    assert store.find_verification("six", "0" * 64) is None
    assert store.verification_answers("six") == (found.id,)
    assert store.verification_answers("idna") == ()
    later = store.write_verification(verified(outcome=Outcome.DIFFERS, days=1, wheel=found.wheel))
    assert [one.outcome for one in store.verifications("six")] == [Outcome.DIFFERS]
    assert later.is_file()
    assert store.find_verification("six", found.id) is None, "the inputs are again those before the last outcome"
    lost = replace(found.builds[1], wheel=None, failure=Failure(Reason.KILLED, Phase.BUILD_WHEEL))
    killed = replace(verified(days=2), builds=(found.builds[0], lost), id="1" * 64)
    store.write_verification(killed)
    assert store.find_verification("six", killed.id) is None
    assert killed.id not in store.verification_answers("six")


def test_a_misplaced_verification_is_left_out(store: Results) -> None:
    """Nobody can make one project's outcome another's by moving a file, or its time a later one."""
    path = store.write_verification(verified())
    other = path.parent.parent / "idna" / path.name
    other.parent.mkdir()
    shutil.copy(path, other)
    assert [one.project for one in store.verifications()] == ["six"]
    assert store.left_out == 1
