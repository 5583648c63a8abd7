"""Whole runs of the real command: real engine, real image, an index on loopback that fails on request."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from typing import TYPE_CHECKING

import junitparser
import pytest

from orchestrator.farm.workers import STOPPED
from tests.cause_cases import PACKAGES, PYPROJECT, pack
from tests.docker.farm_fixture import PATIENCE, FarmFixture, FlakyEngine, farm_on, until
from tests.loopback_index import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    from orchestrator.model import Image

FIELDS = {
    "schema", "job", "project", "version", "image", "verdict", "holds", "sdist", "build_requirements",
    "source_date_epoch", "builds", "variations", "differences", "started", "finished", "wheelproof",
    "severity", "causes", "unexplained", "experiments", "remedies", "recipe", "builds_compared", "flake_bound",
}  # fmt: skip
BACKEND = (PACKAGES / "backend.py").read_bytes()
NO_WHEEL = "exits 1.0 on bookworm fails to build from source: its build succeeds, but gives no wheel"
BUILD_FIELDS = {"name", "wheel", "failure", "environment", "probe", "seconds"}


@pytest.fixture
def farm(tmp_path: Path, bookworm: Image) -> Iterator[FarmFixture]:
    """A separate farm on the available image."""
    assert bookworm.name == "bookworm"
    yield from farm_on(tmp_path)


@pytest.fixture
def flaky(farm: FarmFixture) -> Iterator[FlakyEngine]:
    """The farm's engine, which fails on request."""
    with FlakyEngine(farm.folder / "engine.sock") as engine:
        farm.environment["DOCKER_HOST"] = engine.address
        yield engine


# --- what a run gives ------------------------------------------------------------------------


def test_a_run_judges_its_requirements_and_prints_json(farm: FarmFixture) -> None:
    """Standard output is one array of complete results; records, site and site_data.json are there."""
    farm.publish("blameless", "random", "umask", "exits")
    ended = farm.run("run", "--json", "blameless", "random", "umask", "exits==1.0")
    assert ended.status == 0, ended.err
    found = {result["project"]: result for result in json.loads(ended.out)}
    assert {name: result["verdict"] for name, result in found.items()} == {
        "blameless": "reproducible",
        "random": "intrinsic",
        "umask": "sensitive",
        "exits": "ftbfs",
    }
    for result in found.values():
        assert result.keys() >= FIELDS
        assert result["image"].keys() >= {"name", "id"}
        assert result["sdist"].keys() >= {"filename", "url", "sha256"}
        assert all(build.keys() >= BUILD_FIELDS for build in result["builds"])
        assert all(one.keys() >= {"name", "acted"} for one in result["variations"])
    names = [build["name"] for build in found["umask"]["builds"]]
    assert names == ["first", "second", "second-holding-umask"]
    assert (found["umask"]["holds"], found["umask"]["recipe"]) == (["umask"], [])
    assert "the index has no pip==" in found["umask"]["recipe_why"]  # of this index, a recipe could not install it
    assert found["umask"]["builds"][0]["wheel"].keys() == {"filename", "sha256", "size"}
    mode = {"path": "sin/generated.py", "aspect": "mode", "consequence": False, "severity": "archive"}
    assert mode in found["umask"]["differences"]
    assert found["exits"]["builds"][0]["failure"].keys() >= {"reason", "phase", "detail"}
    assert "[4/4]" in ended.err
    assert farm.verdicts() == {name: result["verdict"] for name, result in found.items()}
    assert json.loads((farm.results / "site_data.json").read_text())["blameless"]["result"] is True
    assert "blameless" in (farm.results / "site" / "index.html").read_text()
    assert not farm.containers()
    assert not farm.unfinished()
    _check_gate(farm)


def _check_gate(farm: FarmFixture) -> None:
    """A gate fails what does not meet it, by the records that there are; a new version that is worse fails, too."""
    forms = ("--format", "github", "--format", "junit=junit.xml", "--format", "sarif=sarif.json")
    ended = farm.run("run", "--require", "builds", *forms, "blameless", "random", "umask", "exits==1.0")
    assert (ended.status, len(farm.records())) == (12, 4), ended.err
    assert ended.err.endswith("1 of 4 releases does not meet --require builds\n  " + NO_WHEEL + "\n")
    commands = [line for line in ended.out.splitlines() if line.startswith("::")]
    assert [line.partition(" ")[0] for line in commands] == ["::error", "::warning", "::warning"]
    cases = junitparser.JUnitXml.fromfile(str(farm.folder / "junit.xml"))
    assert (cases.tests, cases.failures, cases.errors) == (4, 1, 0)
    (run,) = json.loads((farm.folder / "sarif.json").read_text())["runs"]
    assert [one["ruleId"] for one in run["results"]] == ["ftbfs", "intrinsic", "sensitive"]
    passed = farm.run("run", "--require", "reproducible", "--fail-on", "regression", "blameless")
    assert (passed.status, "1 release passes" in passed.out) == (0, True), passed.err
    worse = b'version = "1.1".strip\n\ndef commit():\n    print("\\n::error::owned")\n    raise SystemExit(1)\n'
    members = {"NAME": b"blameless", "sin.py": worse, "pyproject.toml": PYPROJECT, "backend.py": BACKEND}
    farm.index.publish("blameless-1.1.tar.gz", sdist("blameless", "1.1", members))
    for _ in range(2):  # the second time by its record
        ended = farm.run("run", "--fail-on", "regression", "--format", "github", "blameless")
        assert ended.status == 13, ended.err
        assert "blameless 1.1 on bookworm got worse: 1.0 was reproducible, now ftbfs" in ended.err
        assert "\n::error::owned" not in ended.out + ended.err


def test_what_has_not_changed_is_not_built_again_unless_asked_for(farm: FarmFixture) -> None:
    """A second run gives the same results, from the same records; --again adds one."""
    farm.publish("blameless", "random")
    once = farm.run("run", "--json", "blameless", "random")
    records = farm.records()
    assert len(records) == 2, once.err
    twice = farm.run("run", "--json", "blameless", "random")
    assert (twice.status, farm.records()) == (0, records)
    assert _by_project(twice.out) == _by_project(once.out)
    assert twice.err.count("unchanged") == 2
    again = farm.run("run", "--json", "--again", "blameless")
    assert again.status == 0, again.err
    assert set(farm.records()) > set(records)
    assert [path.parent.name for path in set(farm.records()) - set(records)] == ["blameless"]
    assert json.loads(again.out)[0]["job"] == _by_project(once.out)["blameless"]["job"]


def test_an_sdist_is_named_by_its_path(farm: FarmFixture) -> None:
    """Nothing is asked of the index, which has never heard of it."""
    path = pack("blameless", farm.folder)
    ended = farm.run("run", "--json", f"./{path.name}")
    assert ended.status == 0, ended.err
    (result,) = json.loads(ended.out)
    assert (result["project"], result["version"], result["verdict"]) == ("blameless", "1.0", "reproducible")
    assert result["sdist"]["url"] == path.as_uri()
    assert not any("/simple/blameless" in line for line in farm.index.requests)


def test_a_private_umask_keeps_no_build_from_what_it_has_to_read(farm: FarmFixture) -> None:
    """Where the user's files are nobody else's, the users of containers still read sdists and build requirements."""
    farm.publish("blameless")
    farm.umask = 0o077
    ended = farm.run("run", "--json", "blameless")
    assert ended.status == 0, ended.err
    assert farm.verdicts() == {"blameless": "reproducible"}


def test_an_sdist_that_no_container_can_read_gives_no_verdict(farm: FarmFixture) -> None:
    """The file is the farm's own, and the package is not to blame."""
    farm.publish("blameless")
    assert farm.run("run", "blameless").status == 0
    (kept,) = (farm.folder / ".cache" / "sdists").glob("*/blameless-1.0.tar.gz")
    kept.chmod(0)
    ended = farm.run("run", "--again", "blameless")
    assert ended.status == 9
    assert "Permission denied" in ended.err
    assert len(farm.records()) == 1


def test_without_json_a_table_shows_the_verdicts(farm: FarmFixture) -> None:
    """With the site's place below it."""
    farm.publish("umask")
    ended = farm.run("run", "umask")
    assert ended.status == 0, ended.err
    assert "sensitive" in ended.out
    assert str(farm.results / "site" / "index.html") in ended.out


# --- what may go wrong around it -------------------------------------------------------------


SINCE = {"since": "2020-08-01", "reason": "for this test"}


def test_exclusions_are_checked_by_builds(farm: FarmFixture, trixie: Image) -> None:
    """One that builds nowhere, one that another image lifts, one that is stale, and one that is to stay."""
    farm.publish("exits", "newer-python", "umask", "blameless", "random")
    farm.configure(
        groups={"all": {"packages": ["exits", "newer-python", "umask", "blameless", "random"]}},
        exclusions=[
            {"project": "exits", "image": trixie.name, **SINCE},
            {"project": "newer-python", "image": trixie.name, **SINCE},
            {"project": "umask", "image": trixie.name, **SINCE},
            {"project": "blameless", "image": trixie.name, "never": True, **SINCE},
        ],
    )
    ended = farm.run("exclusions", "--json", "umask", "newer_python")
    assert ended.status == 0, ended.err
    umask, newer = json.loads(ended.out)
    assert (umask["project"], umask["outcome"], umask["stock"]["verdict"]) == ("umask", "stale", "sensitive")
    assert umask["custom"] is None, "what the stock image builds needs no other"
    assert (newer["outcome"], newer["stock"]["verdict"], newer["custom"]["image"], newer["custom"]["verdict"]) == (
        "lifted",
        "ftbfs",
        "trixie",
        "reproducible",
    )
    ended = farm.run("run", "--json")
    assert ended.status == 0, ended.err
    judged = sorted((one["project"], one["image"]["name"]) for one in json.loads(ended.out))
    # What was checked a moment ago is not due again; the others are checked along with the rest.
    assert judged == [("blameless", "bookworm"), ("exits", "bookworm"), ("exits", "trixie"), ("random", "bookworm")]
    ended = farm.run("exclusions")
    assert ended.status == 0, ended.err
    told = {line.split()[0]: line.split()[1] for line in ended.out.splitlines() if line[:1].isalpha()}
    assert (
        told.items()
        >= {"exits": "still-needed", "newer-python": "lifted", "umask": "stale", "blameless": "never"}.items()
    )
    page = (farm.results / "site" / "exclusions.html").read_text()
    assert all(word in page for word in ("still-needed", "1.0 builds on trixie: reproducible", "stale", "never"))
    assert farm.run("exclusions", "random").status == 2


def test_auto_chooses_the_image_that_a_release_admits(farm: FarmFixture, trixie: Image) -> None:
    """Plan and run agree on it; what no image admits is judged on the first, and what is not there stays open."""
    assert not trixie.target.python.startswith("3.11")
    farm.publish("blameless")
    for name, requires in (("needs-newer", ">=3.12"), ("needs-older", "<3")):
        farm.index.publish(
            f"{name}-1.0.tar.gz", _own(name, b"def commit():\n    return {}\n"), requires_python=requires
        )
    projects = ["blameless", "needs-newer", "needs-older", "nowhere"]
    farm.configure(image="auto", groups={"all": {"packages": projects}})
    planned = {project: _row(farm, project) for project in projects}
    assert planned["blameless"] == "blameless 1.0 build bookworm never built"
    assert planned["needs-newer"] == "needs-newer 1.0 build trixie never built"
    assert planned["needs-older"] == "needs-older 1.0 judge bookworm wrong-python"
    assert planned["nowhere"].startswith("nowhere open ")
    ended = farm.run("run", "--json")
    assert "nowhere" in ended.err
    judged = {one["project"]: one for one in json.loads(ended.out) if "project" in one}
    assert {project: (one["image"]["name"], one["verdict"], one["reason"]) for project, one in judged.items()} == {
        "blameless": ("bookworm", "reproducible", ""),
        "needs-newer": ("trixie", "reproducible", ""),
        "needs-older": ("bookworm", "ftbfs", "wrong-python"),
    }
    assert _row(farm, "needs-newer").startswith("needs-newer 1.0 skip trixie unchanged since")
    assert "trixie" in farm.run("show", "needs-newer").out


def test_an_unknown_project_stays_open_and_stops_no_other(farm: FarmFixture) -> None:
    """The exit status is that of open jobs; the message names the project and what to do."""
    farm.publish("blameless")
    (farm.folder / "requirements.txt").write_text("blameless==1.0\nno-such-thing==1.0\n")
    ended = farm.run("run", "--json", "-r", "requirements.txt")
    assert ended.status == 9
    assert farm.verdicts() == {"blameless": "reproducible"}
    result, left_open = json.loads(ended.out)
    assert result["project"] == "blameless"
    assert left_open["requirement"] == "no-such-thing==1.0"
    assert "run again" not in ended.err
    message = ended.err.rpartition("wheelproof: ")[2]
    assert "no-such-thing" in message
    assert "check how it is spelled" in message


def test_an_index_that_recovers_is_asked_again(farm: FarmFixture) -> None:
    """Neither a page nor a file that is answered with 503 at first is an error."""
    farm.publish("blameless")
    farm.index.answer("/simple/blameless", status=503, times=2)
    farm.index.answer("/files/blameless", status=503, times=2)
    ended = farm.run("run", "blameless")
    assert ended.status == 0, ended.err
    assert farm.verdicts() == {"blameless": "reproducible"}
    assert ended.err.count("trying again") == 4


def test_an_index_that_stays_away_leaves_the_job_open(farm: FarmFixture) -> None:
    """So does a file with another hash. Neither has a record; the others are done."""
    farm.publish("blameless", "umask")
    farm.index.answer("/files/umask", status=503)
    damaged = pack("random", farm.folder)
    farm.index.publish(damaged.name, damaged.read_bytes(), sha256="0" * 64)
    ended = farm.run("run", "blameless", "umask", "random")
    assert ended.status == 9
    assert farm.verdicts() == {"blameless": "reproducible"}
    message = ended.err.rpartition("wheelproof: ")[2]
    assert "2 of the jobs got no verdict" in message
    assert "503" in message
    assert f"the index said {'0' * 64}" in message
    farm.index.mend()
    farm.publish("random")
    assert farm.run("run", "blameless", "umask", "random").status == 0
    assert farm.verdicts() == {"blameless": "reproducible", "umask": "sensitive", "random": "intrinsic"}
    assert len(farm.records("blameless")) == 1


def test_a_damaged_record_is_reported_and_made_again(farm: FarmFixture) -> None:
    """It stops neither a run nor the site, and is left as it is."""
    farm.publish("blameless", "random")
    assert farm.run("run", "blameless", "random").status == 0
    (damaged,) = farm.records("blameless")
    damaged.write_text(damaged.read_text()[:1000])
    ended = farm.run("run", "--json", "blameless", "random")
    assert ended.status == 0, ended.err
    assert damaged.name in ended.err
    assert {result["project"] for result in json.loads(ended.out)} == {"blameless", "random"}
    assert len(farm.records("blameless")) == 2
    assert len(damaged.read_text()) == 1000


def test_two_runs_do_not_work_on_the_same_results(farm: FarmFixture) -> None:
    """The second ends at once with a message, and leaves the first alone."""
    farm.publish("never-ends")
    first = farm.begin("run", "never-ends")
    until(farm.running)
    ended = farm.run("run", "never-ends")
    assert ended.status == 8
    assert "another run uses them" in ended.err
    assert farm.running()
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=PATIENCE)


# --- being stopped ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_run_stops_within_seconds_when_it_is_asked_to(farm: FarmFixture, number: signal.Signals) -> None:
    """The results until then are there and on the site; nothing else is left."""
    farm.publish("blameless", "never-ends")
    former = signal.signal(number, lambda *_: None)  # the tests may run under nohup, whose children ignore SIGHUP
    try:
        process = farm.begin("run", "--jobs", "3", "blameless", "never-ends")
    finally:
        signal.signal(number, former)
    until(lambda: farm.records() and farm.running())
    process.send_signal(number)
    _, err = process.communicate(timeout=30)  # seconds of a busy machine
    assert process.returncode == 130
    assert "run again to continue" in err
    assert farm.verdicts() == {"blameless": "reproducible"}
    assert "reproducible" in (farm.results / "site" / "index.html").read_text()
    assert not farm.containers()
    assert not farm.unfinished()


def test_a_run_under_nohup_outlives_its_terminal(farm: FarmFixture) -> None:
    """SIGHUP is ignored there, and stays so."""
    farm.publish("blameless")
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # those that it begins ignore it too
    try:
        process = farm.begin("run", "blameless")
    finally:
        signal.signal(signal.SIGHUP, former)
    until(lambda: farm.running() or farm.records())
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, farm.verdicts()) == (0, {"blameless": "reproducible"}), err


def test_a_run_whose_log_nobody_reads_any_more_goes_on(farm: FarmFixture) -> None:
    """Its records are on the site."""
    farm.publish("blameless", "umask")
    (farm.folder / "requirements.txt").write_text("blameless\numask\na-project-that-nobody-has\n")
    process = farm.begin("run", "-r", "requirements.txt")
    assert process.stderr is not None
    assert process.stdout is not None
    process.stderr.close()
    process.stdout.close()
    assert process.wait(5 * PATIENCE) == 9
    assert farm.verdicts() == {"blameless": "reproducible", "umask": "sensitive"}
    for project in farm.verdicts():
        assert (farm.results / "site" / "packages" / f"{project}.html").stat().st_size


def test_a_run_with_nothing_new_repairs_a_damaged_site(farm: FarmFixture) -> None:
    """Empty pages are what a power failure leaves."""
    farm.publish("blameless", "umask")
    assert farm.run("run", "blameless", "umask").status == 0
    pages = [farm.results / "site" / name for name in ("index.html", "packages/umask.html", "method.html")]
    whole = [page.read_bytes() for page in pages]
    pages[0].write_bytes(b"")
    pages[1].write_bytes(b"")
    pages[2].unlink()
    assert farm.run("run", "blameless").status == 0
    assert [len(page.read_bytes()) for page in pages] == list(map(len, whole))
    assert [page.read_bytes() for page in pages[1:]] == whole[1:]
    times = [page.stat().st_mtime_ns for page in pages]
    assert farm.run("run", "blameless").status == 0
    assert [page.stat().st_mtime_ns for page in pages] == times, "what is whole is left alone"


@pytest.mark.parametrize(("option", "words"), [("size=200k", "no space is left"), ("nr_inodes=12", "no inodes left")])
@pytest.mark.parametrize("what", ["results", "cache"])
def test_a_full_disk_is_reported_once(farm: FarmFixture, option: str, words: str, what: str) -> None:
    """With its folder; and what was found until then is not lost."""
    slugs = ("blameless", "umask", "time", "home", "shell")
    farm.publish(*slugs)
    place = farm.folder / "small"
    place.mkdir()
    farm.configure(**{what: str(place / what)})
    mount = ["/bin/mount", "-t", "tmpfs", "-o", option, "tmpfs", str(place)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        ended = farm.run("run", *slugs)
        kept = list(place.glob("results/records/*/*.json"))
    finally:
        subprocess.run(["/bin/umount", str(place)], check=True)
    assert ended.status == 7, ended.err
    assert ended.err.count(words) == 1, ended.err
    assert str(place) in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
    done = [line for line in ended.err.splitlines() if line.startswith("[")]
    assert len(kept) == len(done) or what == "cache"


def test_a_single_judgement_that_is_stopped_is_not_taken_for_a_fault(farm: FarmFixture) -> None:
    """Its container is killed, and that is what was asked for."""
    farm.publish("never-ends")
    process = farm.begin("images", "suggest", "never-ends")
    until(farm.running)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err.splitlines()[-1:]) == (130, [f"wheelproof: {STOPPED}"])
    assert not farm.containers()


def test_a_run_that_waits_for_the_index_stops_too(farm: FarmFixture) -> None:
    """Though nothing more ever comes from there."""
    farm.publish("blameless")
    farm.index.stall("/files/blameless")
    process = farm.begin("run", "blameless")
    until(lambda: any("/files/blameless" in line for line in farm.index.requests))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


@pytest.mark.parametrize("image", ["bookworm", "auto"])
@pytest.mark.parametrize("requirements", [("blameless",), ()], ids=["asked for", "tracked"])
def test_a_run_that_looks_releases_up_stops_too(farm: FarmFixture, image: str, requirements: tuple[str, ...]) -> None:
    """Though not even the project's page comes, on which `auto` depends as well."""
    farm.publish("blameless")
    farm.index.stall("/simple/blameless")
    farm.configure(image=image, groups={"all": {"packages": ["blameless"]}})
    process = farm.begin("run", *requirements)
    until(lambda: farm.index.requests)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


@pytest.mark.parametrize("heeded", [signal.default_int_handler, signal.SIG_IGN], ids=["foreground", "background"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_has_not_begun_stops_too(
    farm: FarmFixture, number: signal.Signals, heeded: Callable[[int, FrameType | None], object] | signal.Handlers
) -> None:
    """While it waits for an engine that does not answer, also where a shell began it in its background."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(farm.folder / "silent.sock"))
        silent.listen()
        silent.settimeout(30)  # seconds: a run that never asks the engine fails the test
        farm.publish("blameless")
        farm.environment["DOCKER_HOST"] = f"unix://{farm.folder}/silent.sock"
        former = signal.signal(signal.SIGINT, heeded)  # what a process ignores, those that it begins ignore
        try:
            process = farm.begin("run", "blameless")
        finally:
            signal.signal(signal.SIGINT, former)
        connection, _ = silent.accept()
        with connection:
            process.send_signal(number)
            _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err.strip()) == (130, "wheelproof: stopped")


def test_after_a_kill_the_next_run_goes_on(farm: FarmFixture) -> None:
    """What was done is not done again, and what the killed run left behind goes."""
    farm.publish("blameless", "never-ends")
    process = farm.begin("run", "--jobs", "3", "blameless", "never-ends")
    until(lambda: farm.records() and farm.running())
    records = farm.records()
    process.kill()
    process.communicate(timeout=PATIENCE)
    left = {one["Id"] for one in farm.containers()}
    assert left
    assert farm.unfinished()
    farm.configure(limits={"time": "2s"})
    ended = farm.run("run", "blameless", "never-ends")
    assert ended.status == 0, ended.err
    assert "removed what a former run left behind" in ended.err
    assert not farm.containers()
    assert not farm.unfinished()
    assert farm.verdicts()["never-ends"] == "ftbfs"
    assert set(records) <= set(farm.records())


# --- an engine that fails --------------------------------------------------------------------


def test_an_engine_that_slips_is_tried_again(farm: FarmFixture, flaky: FlakyEngine) -> None:
    """A connection that breaks in the middle of a build is no finding about the package."""
    sin = b"import time\ndef commit():\n    time.sleep(3)\n    return {'sin/slow.txt': b''}\n"
    farm.index.publish("slow-1.0.tar.gz", _own("slow", sin))
    process = farm.begin("run", "slow")
    until(farm.running)
    flaky.drop()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "trying again" in err
    assert farm.verdicts() == {"slow": "reproducible"}
    assert not farm.containers()
    assert not farm.unfinished()


def test_an_engine_that_dies_leaves_the_job_open(farm: FarmFixture, flaky: FlakyEngine) -> None:
    """There is no verdict, and the next run, with an engine that lives, finds one and tidies up."""
    farm.publish("never-ends")
    process = farm.begin("run", "never-ends")
    until(farm.running)
    flaky.die()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 9
    assert "the engine does not answer" in err.rpartition("wheelproof: ")[2]
    assert not farm.records()
    assert not farm.unfinished()
    assert farm.containers()
    flaky.live()
    farm.configure(limits={"time": "2s"})
    ended = farm.run("run", "never-ends")
    assert ended.status == 0, ended.err
    assert farm.verdicts() == {"never-ends": "ftbfs"}
    assert not farm.containers()


def test_without_an_engine_the_message_says_what_to_do(farm: FarmFixture) -> None:
    """With a distinct exit status."""
    farm.publish("blameless")
    farm.environment["DOCKER_HOST"] = f"unix://{farm.folder}/none.sock"
    ended = farm.run("run", "blameless")
    assert ended.status == 4
    assert f"none answers at unix://{farm.folder}/none.sock; start Docker" in ended.err


# --- mistakes of the user's ------------------------------------------------------------------


def test_all_mistakes_of_a_config_are_reported_at_once(farm: FarmFixture) -> None:
    """Before anything is begun."""
    farm.configure(imgae="bookworm", jobs=-1, variations={"hold": ["umaks"]})
    ended = farm.run("run", "blameless")
    assert ended.status == 3
    for mistake in ("imgae", "jobs", "umaks", "did you mean 'umask'"):
        assert mistake in ended.err
    assert not farm.results.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "six=1.0"), "six=1.0"),
        (("run", "./no-such-1.0.tar.gz"), "no-such-1.0.tar.gz"),
        (("run", "--image", "bokworm", "six"), "bookworm"),
        (("run", "--jobs", "0", "six"), "--jobs"),
        (("show", "six"), "there is no result"),
        (("prove", "six"), "prove"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(farm: FarmFixture, arguments: tuple[str, ...], told: str) -> None:
    """With the status for that."""
    ended = farm.run(*arguments)
    assert ended.status == 2, ended.err
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_nothing_of_a_package_reaches_the_terminal_as_it_is(farm: FarmFixture) -> None:
    """Neither from its log nor from the index, whichever command shows it."""
    sin = b"def commit():\n    raise SystemExit('\\x1b]0;owned\\x07 \\u202e \\x9b31m')\n"
    farm.index.publish("rude-1.0.tar.gz", _own("rude", sin))
    farm.index.answer("/simple/worse/", status=200, body=b"[]", headers={"Content-Type": "text/\x1b[31mred"})
    ended = farm.run("run", "rude")
    assert ended.status == 0
    refused = farm.run("run", "worse")
    assert refused.status == 6
    assert farm.verdicts() == {"rude": "ftbfs"}
    shown = farm.run("show", "rude")
    assert "owned" in farm.run("explain", "rude").out
    for text in (ended.out, ended.err, refused.out, refused.err, shown.out, shown.err):
        assert not {one for one in text if not one.isprintable()} - {"\n"}


def test_the_wheel_on_the_index_is_verified(farm: FarmFixture) -> None:
    """The same bytes; other bytes, explained; none that can be built here; and nothing of it where nobody asks."""
    farm.publish("blameless", "umask", "time")
    assert farm.run("run", "blameless").status == 0
    record = json.loads(farm.records("blameless")[-1].read_text())
    assert record["published"] is None
    made = record["builds"][0]["wheel"]
    farm.index.publish(made["filename"], (farm.results / "wheels" / made["sha256"]).read_bytes())
    farm.index.publish("umask-1.0-py3-none-any.whl", wheel("umask", "1.0", {"sin/other.py": b""}))
    farm.index.publish("time-1.0-cp39-cp39-win_amd64.whl", wheel("time", "1.0", tag="cp39-cp39-win_amd64"))
    ended = farm.run("run", "--published", "--json", "blameless", "umask", "time")
    assert ended.status == 0, ended.err
    found = {result["project"]: result["published"] for result in json.loads(ended.out)}
    assert (found["blameless"]["same"], found["blameless"]["sha256"]) == (True, made["sha256"])
    assert (found["umask"]["same"], found["umask"]["outcome"], found["umask"]["severity"]) == (
        False,
        "differs",
        "members",
    )
    assert "extra-member" in {cause["name"] for cause in found["umask"]["causes"]}
    assert (found["time"]["filename"], found["time"]["outcome"]) == ("", "no-counterpart")
    assert "The wheel on the index is rebuilt to the same bytes" in farm.run("explain", "blameless").out


# --- the other commands ----------------------------------------------------------------------


def test_a_plan_lists_what_would_be_done_and_why(farm: FarmFixture) -> None:
    """And does nothing of it."""
    groups = {"all": {"packages": ["blameless", "umask", "lost", "pyqt5", "time"]}}
    exclusions = [
        {"project": "pyqt5", "reason": "needs Qt", "since": "2020-08-01"},
        {"project": "time", "reason": "is late", "since": "2020-08-01", "image": "trixie"},
    ]
    farm.publish("blameless", "umask", "time")
    farm.configure(groups=groups, exclusions=exclusions)
    assert "build bookworm never built" in _row(farm, "blameless")
    assert "build bookworm never built; it checks an exclusion" in _rows(farm, "time")[0]
    assert "perhaps trixie" in _rows(farm, "time")[1]
    assert [row.partition(" ")[2] for row in _rows(farm, "pyqt5")][1:] == ["excluded needs Qt (since 2020-08-01)"]
    assert "open" in _row(farm, "lost")
    assert not farm.results.exists()
    assert not any(one.startswith("GET /files/") for one in farm.index.requests)
    assert farm.run("run", "blameless", "umask").status == 0
    assert "skip bookworm unchanged since 20" in _row(farm, "blameless")
    assert _row(farm, "blameless").endswith(": reproducible")
    assert "build bookworm asked to" in _row(farm, "blameless", "--again")
    farm.configure(**{"source-date-epoch": 1_600_000_000})
    assert "build bookworm other epoch" in _row(farm, "blameless").replace("another", "other")
    farm.configure(variations={"hold": ["umask"]})
    assert "another epoch, other variations" in _row(farm, "umask")
    farm.index.publish("umask-1.1.tar.gz", pack("umask", farm.folder).read_bytes())
    assert "1.1 build bookworm another release than 1.0" in _row(farm, "umask")
    assert not farm.unfinished()


def test_a_plan_may_be_made_while_a_run_goes(farm: FarmFixture) -> None:
    """It takes nothing away from it."""
    farm.publish("never-ends")
    farm.begin("run", "never-ends")
    until(farm.running)
    ended = farm.run("plan", "never-ends")
    assert ended.status == 0, ended.err
    assert "never built" in ended.out
    assert farm.running()


def test_show_tells_where_a_project_stands(farm: FarmFixture) -> None:
    """Its verdict, the first build's hash, shortened, what differs, and earlier results."""
    farm.publish("umask")
    assert farm.run("run", "umask").status == 0
    assert farm.run("run", "--again", "umask").status == 0
    builds = json.loads(farm.records()[-1].read_text())["builds"]
    ended = farm.run("show", "umask==1.0")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("umask 1.0 on bookworm: sensitive")
    assert builds[0]["wheel"]["sha256"][:12] in ended.out
    assert builds[0]["wheel"]["sha256"] not in ended.out
    assert "sin/generated.py" in ended.out
    assert "Earlier:" in ended.out
    assert farm.run("show", "umask==2.0").status == 2


def test_a_silent_fallback_is_shown_beside_the_verdict(farm: FarmFixture) -> None:
    """The same bytes twice, but none of the wheels that the index has is pure."""
    farm.publish("silent-fallback", "blameless")
    farm.index.publish("silent_fallback-1.0-cp311-abi3-manylinux_2_17_x86_64.whl", b"")
    farm.index.publish("silent_fallback-1.0-cp311-abi3-win_amd64.whl", b"")
    farm.index.publish("blameless-1.0-py3-none-any.whl", b"")
    found = _by_project(farm.run("run", "silent-fallback", "blameless", "--json").out)
    assert {one["verdict"] for one in found.values()} == {"reproducible"}
    assert found["silent-fallback"]["kind"] == {
        "ours": ["py3-none-any"],
        "published": ["cp311-abi3-manylinux_2_17_x86_64", "cp311-abi3-win_amd64"],
        "fallback": True,
    }
    assert found["blameless"]["kind"] == {"ours": ["py3-none-any"], "published": ["py3-none-any"], "fallback": False}
    assert "Its build fell back" in farm.run("show", "silent-fallback").out
    assert "fell back" not in farm.run("show", "blameless").out
    page = (farm.results / "site" / "packages" / "silent-fallback.html").read_text()
    assert "Its build fell back" in page


def test_a_failure_names_the_debian_package_that_would_help(farm: FarmFixture, cache: Path) -> None:
    """Found in Debian's own index for the image's suite; without access none is named, and the run reports that."""
    (cache / "debian").mkdir(parents=True, exist_ok=True)  # the index is kept from one run of the tests to the next
    (farm.folder / ".cache").mkdir()
    (farm.folder / ".cache" / "debian").symlink_to(cache / "debian")
    farm.publish("missing-header")
    ended = farm.run("run", "missing-header", "--json")
    told = _by_project(ended.out)["missing-header"]
    assert (told["verdict"], told["reason"]) == ("ftbfs", "missing-header")
    failure = told["failure"]
    assert isinstance(failure, dict)
    assert failure["missing"] == [{"want": "header", "name": "portaudio.h"}]
    assert failure["debian_packages"] == [] if "no packages are named" in ended.err else ["portaudio19-dev"]
    shown = farm.run("show", "missing-header").out
    page = (farm.results / "site" / "packages" / "missing-header.html").read_text()
    for text in (shown, page):
        assert "It did not find the header portaudio.h" in text
        assert "sound.c:1:10: fatal error" in text
        assert all(package in text for package in failure["debian_packages"])


def test_publish_writes_the_site_from_the_records(farm: FarmFixture) -> None:
    """The same files as the run did, and without an engine."""
    farm.publish("blameless")
    assert farm.run("run", "blameless").status == 0
    index = farm.results / "site" / "index.html"
    index.unlink()
    (farm.results / "site_data.json").unlink()
    farm.environment["DOCKER_HOST"] = "unix:///nowhere.sock"
    ended = farm.run("publish")
    assert (ended.status, ended.out.strip()) == (0, str(index)), ended.err
    assert "blameless" in index.read_text()
    assert "blameless" in json.loads((farm.results / "site_data.json").read_text())


def test_images_lists_what_is_in_an_image(farm: FarmFixture, bookworm: Image) -> None:
    """Its Python, how it was begun, whether it is as locked, its manifest and its id."""
    ended = farm.run("images", "bookworm")
    assert ended.status == 0, ended.err
    row = next(line for line in ended.out.splitlines() if line.startswith("bookworm"))
    assert f"Python {bookworm.target.python}" in row
    assert bookworm.manifest[:12] in row
    assert bookworm.id[:19] in row


def _own(name: str, sin: bytes) -> bytes:
    """Return the sdist of a package that needs no folder in tests/packages."""
    members = {"NAME": name.encode(), "sin.py": sin, "pyproject.toml": PYPROJECT, "backend.py": BACKEND}
    return sdist(name, "1.0", members)


def _by_project(out: str) -> dict[str, dict[str, object]]:
    return {result["project"]: result for result in json.loads(out)}


def _row(farm: FarmFixture, project: str, *more: str) -> str:
    """Return the one line that `plan` prints of one project, with single blanks."""
    (row,) = _rows(farm, project, *more)
    return row


def _rows(farm: FarmFixture, project: str, *more: str) -> list[str]:
    """Return what `plan` prints of one project, with single blanks."""
    ended = farm.run("plan", *more)
    assert ended.status == 0, ended.err
    return [" ".join(line.split()) for line in ended.out.splitlines() if line.startswith(project)]
