"""Locks: what is picked, what is refused, and whose fault it is when nothing can be picked."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.build_requirements.resolve import best, lock, tags
from orchestrator.build_requirements.uv import Uv
from orchestrator.errors import PackageIndexError, TransientIndexError
from orchestrator.model import Failure, Lock, Phase, Pin, Reason, Target
from orchestrator.sources.index import Index
from tests.loopback_index import HTML, JSON, LoopbackIndex, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

BOOKWORM = Target("3.11", "x86_64-manylinux_2_36")
TRIXIE = Target("3.13", "x86_64-manylinux_2_40")
TODAY = date(2024, 5, 2)


@pytest.fixture
def served() -> Iterator[LoopbackIndex]:
    """Serve a backend that needs a helper."""
    with LoopbackIndex() as index:
        index.publish("backend-1.0-py3-none-any.whl", wheel("backend", "1.0", requires=("helper",)))
        index.publish("helper-1.0-py3-none-any.whl", wheel("helper", "1.0"))
        yield index


def ask(
    served: LoopbackIndex,
    cache: Path,
    *requirements: str,
    target: Target = BOOKWORM,
    as_of: date | None = None,
    today: date = TODAY,
    overrides: Sequence[str] = (),
    failures: dict[str, Failure] | None = None,
    sleep: Callable[[float], None] = lambda _seconds: None,
) -> Lock | Failure:
    """Lock at the loopback index, and lose no time between tries."""
    return lock(
        requirements,
        target,
        index_url=served.url,
        as_of=as_of,
        cache=cache,
        today=today,
        overrides=overrides,
        read_timeout=1,
        retry_wait=0.01,
        failures=failures,
        sleep=sleep,
    )


def pinned(found: Lock | Failure) -> dict[str, str]:
    """Return the file that was picked for each name."""
    assert isinstance(found, Lock), found
    return {pin.name: pin.filename for pin in found.pins}


def detail(found: Lock | Failure) -> str:
    """Return the detail of a requirement that cannot be met."""
    assert isinstance(found, Failure), found
    assert (found.reason, found.phase) == (Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS)
    return found.detail


# --- what is picked --------------------------------------------------------------------------


def test_a_lock_is_everything_that_is_needed(served: LoopbackIndex, tmp_path: Path) -> None:
    """Each with the hash and the address of its one file, sorted by name."""
    sha256 = served.publish("a_tool-1.0-py3-none-any.whl", wheel("a-tool", "1.0"))
    found = ask(served, tmp_path, "backend", "A.Tool")
    assert isinstance(found, Lock)
    assert [pin.name for pin in found.pins] == ["a-tool", "backend", "helper"]
    address = f"{served.origin}/files/a-tool/a_tool-1.0-py3-none-any.whl"
    assert found.pins[0] == Pin("a-tool", "1.0", sha256, "a_tool-1.0-py3-none-any.whl", address)


def test_no_requirements_need_no_index(tmp_path: Path) -> None:
    """An empty list is an empty lock."""
    assert lock([], BOOKWORM, index_url="http://127.0.0.1:9/", as_of=None, cache=tmp_path, today=TODAY) == Lock()


def test_extras_and_markers(served: LoopbackIndex, tmp_path: Path) -> None:
    """Both are those of the image, whatever the host is."""
    served.publish("old-1.0-py3-none-any.whl", wheel("old", "1.0"))
    served.publish("new-1.0-py3-none-any.whl", wheel("new", "1.0"))
    needs = ("old; python_version < '3.12'", "new; extra == 'fast' and python_version > '3.12'")
    served.publish("rich_backend-1.0-py3-none-any.whl", wheel("rich-backend", "1.0", requires=needs, extras=("fast",)))
    wanted = ["rich-backend[fast]", "helper; sys_platform == 'win32'"]
    assert set(pinned(ask(served, tmp_path, *wanted))) == {"rich-backend", "old"}
    assert set(pinned(ask(served, tmp_path, *wanted, target=TRIXIE))) == {"rich-backend", "new"}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (BOOKWORM, "n-1.0-cp311-cp311-manylinux_2_36_x86_64.whl"),
        (TRIXIE, "n-1.0-cp313-cp313-manylinux_2_40_x86_64.whl"),
        (Target("3.11", "x86_64-manylinux_2_31"), "n-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
        (Target("3.12", "x86_64-manylinux_2_36"), "n-1.0-cp38-abi3-manylinux_2_17_x86_64.whl"),
        (Target("3.11", "aarch64-manylinux_2_36"), "n-1.0-2-py3-none-any.whl"),
    ],
)
def test_the_best_wheel_for_the_target(served: LoopbackIndex, tmp_path: Path, target: Target, expected: str) -> None:
    """By PEP 425's order, and then by the build number."""
    for tag in (
        "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp311-cp311-manylinux_2_36_x86_64",
        "cp311-cp311-manylinux_2_40_x86_64",
        "cp311-cp311-musllinux_1_2_x86_64",
        "cp311-cp311-win_amd64",
        "cp313-cp313-manylinux_2_40_x86_64",
        "cp313-cp313t-manylinux_2_40_x86_64",
        "cp38-abi3-manylinux_2_17_x86_64",
        "py3-none-any",
        "2-py3-none-any",
    ):
        served.publish(f"n-1.0-{tag}.whl", wheel("n", "1.0", tag=tag.removeprefix("2-")))
    assert pinned(ask(served, tmp_path, "n", target=target)) == {"n": expected}


def test_tags_are_those_of_the_image() -> None:
    """From the newest glibc down to the oldest, old names included, and no other libc."""
    listed = [str(tag) for tag in tags(BOOKWORM)]
    assert listed[0] == "cp311-cp311-manylinux_2_36_x86_64"
    assert {"cp311-cp311-manylinux1_x86_64", "cp311-abi3-linux_x86_64", "py3-none-any"} <= set(listed)
    assert not any("2_37" in tag or "musl" in tag or "cp312" in tag for tag in listed)


def test_an_index_without_json_will_do(tmp_path: Path) -> None:
    """PEP 503 is enough, without an upload time or a size."""
    with LoopbackIndex(html_only=True) as served:
        served.publish("helper-1.0-py3-none-any.whl", wheel("helper", "1.0"))
        assert pinned(ask(served, tmp_path, "helper")) == {"helper": "helper-1.0-py3-none-any.whl"}


def test_as_of_a_date(served: LoopbackIndex, tmp_path: Path) -> None:
    """The day counts to its end, in UTC."""
    for version, uploaded in (("2.0", "2024-01-01T23:59:59Z"), ("3.0", "2024-01-02T00:00:00Z")):
        served.publish(f"helper-{version}-py3-none-any.whl", wheel("helper", version), uploaded=uploaded)
    assert pinned(ask(served, tmp_path, "helper"))["helper"].startswith("helper-3.0")
    assert pinned(ask(served, tmp_path, "helper", as_of=date(2024, 1, 1)))["helper"].startswith("helper-2.0")
    assert "no versions of helper" in detail(ask(served, tmp_path, "helper", as_of=date(2019, 1, 1)))


def test_as_of_a_moment(served: LoopbackIndex, tmp_path: Path) -> None:
    """What was uploaded before it counts, as uv documents; what was uploaded at it does not."""
    for version, uploaded in (("2.0", "2024-01-01T12:00:00Z"), ("3.0", "2024-01-01T12:00:00.250000Z")):
        served.publish(f"helper-{version}-py3-none-any.whl", wheel("helper", version), uploaded=uploaded)
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    elsewhere = timezone(timedelta(hours=2))
    for as_of, expected in (
        (noon, "helper-1.0"),
        (noon + timedelta(milliseconds=1), "helper-2.0"),
        (noon + timedelta(milliseconds=250), "helper-2.0"),
        (noon + timedelta(seconds=1), "helper-3.0"),
        (datetime(2024, 1, 1, 14, tzinfo=elsewhere), "helper-1.0"),
        (datetime(2024, 1, 1, 14, 0, 1, tzinfo=elsewhere), "helper-3.0"),
    ):
        assert pinned(ask(served, tmp_path, "helper", as_of=as_of))["helper"].startswith(expected), as_of
    with pytest.raises(ValueError, match="no time zone"):
        ask(served, tmp_path, "helper", as_of=datetime(2024, 1, 1))  # noqa: DTZ001 - what is refused


def test_a_day_and_its_end_are_one_question(served: LoopbackIndex, tmp_path: Path) -> None:
    """The second is answered from the cache."""
    first = ask(served, tmp_path, "backend", as_of=date(2024, 1, 1))
    asked = len(served.requests)
    assert ask(served, tmp_path, "backend", as_of=datetime(2024, 1, 2, tzinfo=UTC)) == first
    assert len(served.requests) == asked


# --- overrides -------------------------------------------------------------------------------


def test_an_override_replaces_what_is_required(served: LoopbackIndex, tmp_path: Path) -> None:
    """Of a requirement, and of what that requires; another override is another question."""
    served.publish("helper-2.0-py3-none-any.whl", wheel("helper", "2.0"))
    assert pinned(ask(served, tmp_path, "backend"))["helper"].startswith("helper-2.0")
    for wanted in (["backend"], ["helper>=2"], ["backend", "helper>=2"]):
        for version in ("1.0", "2.0"):
            found = pinned(ask(served, tmp_path, *wanted, overrides=[f"Helper=={version}"]))
            assert found["helper"] == f"helper-{version}-py3-none-any.whl"


def test_an_override_adds_nothing(served: LoopbackIndex, tmp_path: Path) -> None:
    """Neither where nothing requires its project, nor where the requirement's marker does not apply."""
    served.publish("other-1.0-py3-none-any.whl", wheel("other", "1.0"))
    for wanted in (["backend"], ["backend", "other; python_version < '3'"]):
        assert set(pinned(ask(served, tmp_path, *wanted, overrides=["other==1.0"]))) == {"backend", "helper"}


def test_an_override_keeps_extras(served: LoopbackIndex, tmp_path: Path) -> None:
    """Those of all requirements of its project."""
    for version in ("1.0", "2.0"):
        needs = ("helper; extra == 'one'", "backend; extra == 'two'")
        content = wheel("rich-backend", version, requires=needs, extras=("one", "two"))
        served.publish(f"rich_backend-{version}-py3-none-any.whl", content)
    wanted = ["rich_backend[one]>=2", "rich-backend[two]"]
    found = pinned(ask(served, tmp_path, *wanted, overrides=["rich-backend==1.0"]))
    assert found["rich-backend"] == "rich_backend-1.0-py3-none-any.whl"
    assert set(found) == {"rich-backend", "helper", "backend"}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["helper==9"], "no version of helper==9"),
        (["helper==2.0"], "no wheels with a matching Python ABI tag"),
        (["helper"], "NAME==VERSION"),
        (["helper>=1"], "NAME==VERSION"),
        (["helper==1.*"], "NAME==VERSION"),
        (["helper==1,!=2"], "NAME==VERSION"),
        (["helper[x]==1"], "NAME==VERSION"),
        (["helper==1; python_version > '3'"], "NAME==VERSION"),
        (["helper==1.0", "helper==2.0"], "two overrides"),
        (["helper @ http://127.0.0.1/helper-1.0-py3-none-any.whl"], "names a URL"),
        (["--index-url http://127.0.0.1/"], "cannot be read"),
        (["helper==1.0\nother==1"], "cannot be read"),
        (["helper==1.0"] * 1001, "no more than 1000"),
    ],
)
def test_an_override_that_cannot_be_met(
    served: LoopbackIndex, tmp_path: Path, overrides: list[str], expected: str
) -> None:
    """It is a result, as a requirement is that cannot be met."""
    served.publish("helper-2.0-cp39-cp39-manylinux_2_17_x86_64.whl", wheel("helper", "2.0", tag="cp39-cp39-any"))
    assert expected in detail(ask(served, tmp_path, "backend", overrides=overrides))


def test_an_override_later_than_the_moment(served: LoopbackIndex, tmp_path: Path) -> None:
    """Its version was not there yet."""
    served.publish("helper-2.0-py3-none-any.whl", wheel("helper", "2.0"), uploaded="2024-02-01T00:00:00Z")
    found = ask(served, tmp_path, "backend", as_of=date(2024, 1, 1), overrides=["helper==2.0"])
    assert "helper==2.0" in detail(found)


# --- what cannot be met is a result ----------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "told"),
    [
        ("nowhere", "nowhere was not found"),
        ("helper==99", "no version of helper==99"),
        ("helper===lolwut", "Couldn't parse requirement"),
        ("helper>1", "helper>1"),
        ("trapped", "no usable wheels"),
        ("needs-trapped", "no usable wheels"),
        ("needs-url", "URL"),
        ("needs-garbage", "invalid metadata"),
        ("other-platform", "wheel"),
        ("future", "Python>=3.12"),
        ("withdrawn", "was yanked"),
        ("Foo Bar!!", "cannot be read"),
        ("--index-url=http://127.0.0.1:9/", "cannot be read"),
        ("-r /etc/passwd", "cannot be read"),
        ("helper\nnowhere", "cannot be read"),
        ("helper; platform_version == '${HOME} #'", "Couldn't parse requirement"),
        ("helper; " + "(" * 50_000, "cannot be read"),
        ("helper @ git+https://127.0.0.1:9/helper", "names a URL"),
        ("helper @ file:///etc/passwd", "names a URL"),
    ],
)
def test_what_cannot_be_met_is_a_failure_of_the_package(
    served: LoopbackIndex, tmp_path: Path, requirement: str, told: str
) -> None:
    """The detail names it, and no code of a package is run."""
    trace = tmp_path / "trace"
    trap = f"open({str(trace)!r}, 'w')".encode()
    project = b"[build-system]\nrequires = []\nbackend-path = ['.']\nbuild-backend = 'setup'\n"
    served.publish("trapped-1.0.tar.gz", sdist("trapped", "1.0", {"setup.py": trap, "pyproject.toml": project}))
    for name, needs in (
        ("needs-trapped", "trapped"),
        ("needs-url", "helper @ git+https://127.0.0.1:9/helper"),
        ("needs-garbage", "helper !! 1"),
    ):
        served.publish(f"{name.replace('-', '_')}-1.0-py3-none-any.whl", wheel(name, "1.0", requires=(needs,)))
    served.publish("other_platform-1.0-cp311-cp311-win_amd64.whl", wheel("other-platform", "1.0"))
    served.publish("future-1.0-py3-none-any.whl", wheel("future", "1.0"), requires_python=">=3.12")
    served.publish("withdrawn-1.0-py3-none-any.whl", wheel("withdrawn", "1.0"), yanked="oops")
    found = detail(ask(served, tmp_path / "cache", "helper", requirement))
    assert told in found
    assert len(found) <= 2000
    assert not trace.exists()


def test_no_end_of_requirements(tmp_path: Path) -> None:
    """A thousand are enough for anybody; uv is not even asked."""
    with LoopbackIndex() as served:
        assert "no more than" in detail(ask(served, tmp_path, *(f"p{number}" for number in range(1001))))
        assert served.requests == []


# --- what the index does wrong is no result --------------------------------------------------


FAULTS: dict[str, Callable[[LoopbackIndex, int], None]] = {
    "503": lambda index, times: index.answer("/simple/helper/", status=503, times=times),
    "429": lambda index, times: index.answer("/simple/helper/", status=429, times=times),
    "500-for-the-file": lambda index, times: index.answer("/files/helper/", status=500, times=times),
    "truncated": lambda index, times: index.truncate("/simple/helper/", times=times),
    "stalled": lambda index, times: index.stall("/simple/helper/", times=times),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_passing_fault_is_tried_again(
    served: LoopbackIndex, tmp_path: Path, fault: Callable[[LoopbackIndex, int], None]
) -> None:
    """It leaves no mark on the lock."""
    fault(served, 1)
    assert set(pinned(ask(served, tmp_path, "backend"))) == {"backend", "helper"}


def test_a_lasting_fault_is_given_up_and_not_kept(served: LoopbackIndex, tmp_path: Path) -> None:
    """It never becomes a verdict, and the next run asks again."""
    served.answer("/simple/helper/", status=503)
    with pytest.raises(TransientIndexError, match=r"resolving build requirements: .*503.*run again"):
        ask(served, tmp_path, "backend")
    assert served.count("/simple/helper/") == 10, "five tries, each with a question for how long to wait"
    served.mend()
    assert set(pinned(ask(served, tmp_path, "backend"))) == {"backend", "helper"}


def test_no_server_at_all(tmp_path: Path) -> None:
    """A refused connection may be a server that starts."""
    with LoopbackIndex() as served:
        pass
    with pytest.raises(TransientIndexError, match="Connection refused"):
        ask(served, tmp_path, "backend")


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/simple/helper/", {"status": 401}),
        ("/simple/helper/", {"status": 403}),
        ("/simple/helper/", {"status": 410}),
        ("/simple/helper/", {"status": 200, "body": b"<x", "headers": {"Content-Type": "text/plain"}}),
        ("/simple/helper/", {"status": 200, "body": b"{]", "headers": {"Content-Type": JSON}}),
        ("/files/helper/", {"status": 404}),
        ("/files/helper/", {"status": 200, "body": b"no zip"}),
    ],
)
def test_a_wrong_answer_is_the_indexs_fault(
    served: LoopbackIndex, tmp_path: Path, path: str, answer: dict[str, Any]
) -> None:
    """It is not tried again, and never passes for a requirement that does not exist."""
    served.answer(path, **answer)
    with pytest.raises(PackageIndexError, match="resolving build requirements") as caught:
        ask(served, tmp_path, "backend")
    assert not isinstance(caught.value, TransientIndexError)


def as_html(text: str) -> dict[str, Any]:
    """Answer with a page of HTML."""
    return {"status": 200, "body": text.encode(), "headers": {"Content-Type": HTML}}


def as_json(name: str, *filenames: str) -> dict[str, Any]:
    """Answer with a page of JSON, of files that are nowhere."""
    files = [
        {"filename": one, "url": f"https://127.0.0.1:9/{one}", "hashes": {"sha256": "0" * 64}} for one in filenames
    ]
    page = {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files}
    return {"status": 200, "body": json.dumps(page).encode(), "headers": {"Content-Type": JSON}}


PORTAL = "<html><body><h1>Please log in</h1><a href='/terms'>terms</a></body></html>"
FOREIGN: dict[str, dict[str, Any]] = {
    "portal": as_html(PORTAL),
    "empty": as_html(""),
    "cut": as_html('<html><body><a href="/files/helper/helper-0.1-py3-none-any.whl">helper-0.1-py3-none-any.whl</a>'),
    "another-project": as_html('<html><body><a href="/x/six-1.0.tar.gz">six-1.0.tar.gz</a></body></html>'),
    "another-project-in-json": as_json("six", "six-1.0.tar.gz"),
    "redirected": {"status": 302, "headers": {"Location": "/login"}},
    "cut-json": {"status": 200, "body": b'{"meta": {"api-v', "headers": {"Content-Type": JSON}},
    "wrong-type": {"status": 200, "body": b"ok", "headers": {"Content-Type": "text/plain"}},
    "403": {"status": 403},
    "401": {"status": 401},
    "410": {"status": 410},
    "451": {"status": 451},
}
ABSENT: dict[str, dict[str, Any]] = {
    "404": {"status": 404, "body": b"no such page"},
    "no-files": as_json("helper"),
    "stale": as_json("helper", "helper-0.1-py3-none-any.whl"),
}


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("fault", [*FOREIGN, *ABSENT])
def test_a_momentary_fault_never_passes_for_a_requirement_that_is_not_there(
    served: LoopbackIndex, tmp_path: Path, fault: str, times: int
) -> None:
    """Of a transitive requirement, too; what is found in the end is the lock, and the next question gets it."""
    served.publish("strict-1.0-py3-none-any.whl", wheel("strict", "1.0", requires=("helper>=1",)))
    served.answer("/simple/helper/", times=times, **(FOREIGN | ABSENT)[fault])
    try:
        assert set(pinned(ask(served, tmp_path, "strict"))) == {"strict", "helper"}
    except PackageIndexError:
        assert times == 3  # uv, and then the farm's own client
    served.mend()
    assert set(pinned(ask(served, tmp_path, "strict", "backend"))) == {"strict", "helper", "backend"}


@pytest.mark.parametrize("fault", FOREIGN)
def test_a_lasting_fault_that_is_no_absence_leaves_the_job_open(
    served: LoopbackIndex, tmp_path: Path, fault: str
) -> None:
    """Whatever uv makes of it."""
    served.answer("/simple/helper/", **FOREIGN[fault])
    with pytest.raises(PackageIndexError):
        ask(served, tmp_path, "backend", "helper>=1")


@pytest.mark.parametrize("fault", ABSENT)
def test_what_is_lastingly_absent_is_a_result(served: LoopbackIndex, tmp_path: Path, fault: str) -> None:
    """It was looked for several times, with waits between, and the text names the index and no server of ours."""
    waited: list[float] = []
    served.answer("/simple/helper/", **ABSENT[fault])
    found = detail(ask(served, tmp_path, "backend", "helper>=1", sleep=waited.append))
    assert "helper" in found
    assert "127.0.0.1" not in found.replace(served.url, "")
    assert waited == [2.0, 8.0]
    assert served.count("/simple/helper/") == 4
    assert ask(served, tmp_path, "backend", "helper>=1") == _failed(found)


def _failed(text: str) -> Failure:
    return Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, text)


def test_an_index_that_comes_back_during_the_wait_is_asked_again(served: LoopbackIndex, tmp_path: Path) -> None:
    """What it had lost is there again."""
    served.answer("/simple/helper/", status=404)
    assert pinned(ask(served, tmp_path, "backend", sleep=lambda _seconds: served.mend()))


def test_an_index_that_lost_everything_lacks_nothing(served: LoopbackIndex, tmp_path: Path) -> None:
    """A project that was there a moment ago is asked for, too."""
    index = Index(served.url, tmp_path, retry_wait=0.01)
    index.release("helper", "3.11")
    served.answer("/simple/", status=404)
    with pytest.raises(TransientIndexError, match="lost helper"):
        lock(
            ["backend"],
            BOOKWORM,
            index_url=served.url,
            as_of=None,
            cache=tmp_path,
            today=TODAY,
            retry_wait=0.01,
            index=index,
            sleep=lambda _seconds: None,
        )


def test_an_index_that_lost_everything_since_the_last_run_lacks_nothing(served: LoopbackIndex, tmp_path: Path) -> None:
    """A project that a former run found there is asked for, also where this run asked for none."""
    ask(served, tmp_path, "backend")
    served.answer("/simple/", status=404)
    with pytest.raises(TransientIndexError, match="lost backend"):
        ask(served, tmp_path, "helper")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("path", ["/simple/helper/", "/files/helper/"])
def test_an_index_that_asks_for_patience_gets_it(served: LoopbackIndex, tmp_path: Path, path: str, status: int) -> None:
    """Though uv does not report for how long."""
    waited: list[float] = []
    served.answer(path, status=status, headers={"Retry-After": "7"}, times=2)
    assert pinned(ask(served, tmp_path, "backend", sleep=waited.append))
    assert waited == [7]


def test_metadata_that_was_altered_on_its_way_is_no_fault_of_the_package(served: LoopbackIndex, tmp_path: Path) -> None:
    """The farm's own client compares the file's hash, which uv does not where it resolves."""
    altered = wheel("helper", "1.0", requires=("helper !! 1",))
    served.answer("/files/helper/", status=200, body=altered)
    with pytest.raises(PackageIndexError):
        ask(served, tmp_path, "backend")


@pytest.mark.parametrize("html_only", [False, True])
def test_many_faults_and_no_false_verdict(tmp_path: Path, *, html_only: bool) -> None:
    """A third of all answers is wrong, in one of many ways; what is there is locked, or the question stays open."""
    random = Random(5)  # noqa: S311 - the same each time
    kinds = [*FOREIGN.values(), *ABSENT.values(), {"status": 503}, {"status": 429}, {"status": 500}]
    with LoopbackIndex(html_only=html_only) as served:
        served.publish("backend-1.0-py3-none-any.whl", wheel("backend", "1.0", requires=("helper>=1",)))
        served.publish("helper-1.0-py3-none-any.whl", wheel("helper", "1.0"))
        for _ in range(300):
            path = random.choice(["/simple/helper/", "/simple/backend/", "/files/"])
            served.answer(path, times=1, after=random.randrange(4), **random.choice(kinds))
        locked = 0
        for number in range(12):
            with suppress(PackageIndexError):
                locked += bool(pinned(ask(served, tmp_path / str(number), "backend")))
        assert locked


def test_an_index_without_dates_cannot_answer_as_of_one(tmp_path: Path) -> None:
    """That it finds nothing is no finding about the package."""
    with LoopbackIndex(upload_times=False) as served:
        served.publish("helper-1.0-py3-none-any.whl", wheel("helper", "1.0"))
        assert pinned(ask(served, tmp_path, "helper"))
        with pytest.raises(PackageIndexError, match="exclude-newer"):
            ask(served, tmp_path, "helper", as_of=date(2024, 1, 1))


# --- the cache -------------------------------------------------------------------------------


def test_a_lock_lasts_a_day(served: LoopbackIndex, tmp_path: Path) -> None:
    """The same requirements, in any order and with repetitions, are one question."""
    first = ask(served, tmp_path, "backend", "helper >= 1")
    asked = len(served.requests)
    served.publish("helper-2.0-py3-none-any.whl", wheel("helper", "2.0"))
    assert ask(served, tmp_path, "helper>=1", "backend", "backend") == first
    assert len(served.requests) == asked
    assert pinned(ask(served, tmp_path, "backend", "helper>=1", today=date(2024, 5, 3)))["helper"].startswith(
        "helper-2"
    )


def test_a_lock_of_the_past_lasts(served: LoopbackIndex, tmp_path: Path) -> None:
    """One as of today does not: the day is not over."""
    for as_of, again in ((date(2024, 1, 1), False), (TODAY, True)):
        ask(served, tmp_path, "backend", as_of=as_of)
        asked = len(served.requests)
        ask(served, tmp_path, "backend", as_of=as_of, today=date(2024, 5, 3))
        assert (len(served.requests) > asked) is again


def test_a_failure_is_kept_for_the_run_only(served: LoopbackIndex, tmp_path: Path) -> None:
    """What the index lacked a moment ago may be there when the next run asks."""
    failures: dict[str, Failure] = {}
    first = ask(served, tmp_path, "nowhere", failures=failures)
    asked = len(served.requests)
    assert ask(served, tmp_path, "nowhere", failures=failures) == first
    assert len(served.requests) == asked
    served.publish("nowhere-1.0-py3-none-any.whl", wheel("nowhere", "1.0"))
    assert pinned(ask(served, tmp_path, "nowhere"))


def test_a_failure_of_another_release_is_not_believed(served: LoopbackIndex, tmp_path: Path) -> None:
    """Former releases kept failures among the locks."""
    first = ask(served, tmp_path, "backend")
    (kept,) = (tmp_path / "locks").iterdir()
    kept.write_text('{"reason": "missing-build-requirement", "phase": "requirements", "detail": "x"}')
    assert ask(served, tmp_path, "backend") == first


def test_a_damaged_cache_is_as_good_as_none(served: LoopbackIndex, tmp_path: Path) -> None:
    """The lock is made again."""
    first = ask(served, tmp_path, "backend")
    (kept,) = (tmp_path / "locks").iterdir()
    for damaged in ("", "[]", "{}", '{"pins": [{}]}', "\0" * 9, '{"pins": 1}', kept.read_text()[:-9], "[" * 99_999):
        kept.write_text(damaged)
        assert ask(served, tmp_path, "backend") == first


def test_what_uv_keeps_may_come_to_harm(served: LoopbackIndex, tmp_path: Path) -> None:
    """Whichever file, and however: the lock is the same, and nobody has to remove anything."""
    first = ask(served, tmp_path, "backend")
    for spoilt in (b"", b"\0" * 600, b"\xff"):
        for file in [path for path in (tmp_path / "uv/cache").rglob("*") if path.is_file()]:
            file.write_bytes(spoilt)
        shutil.rmtree(tmp_path / "locks")
        assert ask(served, tmp_path, "backend") == first


def test_many_threads_resolve_once(served: LoopbackIndex, tmp_path: Path) -> None:
    """The others wait for the one, and get what it found."""
    found: list[Lock | Failure] = []
    threads = [threading.Thread(target=lambda: found.append(ask(served, tmp_path, "backend"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len({str(asdict(one)) for one in found}) == 1
    assert served.count("/simple/backend/") == 1


def test_nothing_of_the_hosts_configuration_leaks_in(
    served: LoopbackIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither variables nor files, in the home or in the current folder."""
    with LoopbackIndex() as planted:
        planted.publish("helper-9.0-py3-none-any.whl", wheel("helper", "9.0"))
        for name in ("UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "PIP_INDEX_URL"):
            monkeypatch.setenv(name, planted.url)
        for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS", "UV_CONSTRAINT", "UV_OVERRIDE", "UV_NO_BINARY", "UV_OFFLINE"):
            monkeypatch.setenv(name, "1")
        file = f'[pip]\nextra-index-url = ["{planted.url}"]\n'
        for folder in (tmp_path, tmp_path / ".config" / "uv", tmp_path / "cache" / "uv" / "home"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "uv.toml").write_text(file)
        (tmp_path / "pyproject.toml").write_text(f'[tool.uv]\nindex-url = "{planted.url}"\n')
        for name, folder in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path / ".config")):
            monkeypatch.setenv(name, str(folder))
        monkeypatch.chdir(tmp_path)
        assert pinned(ask(served, tmp_path / "cache", "helper")) == {"helper": "helper-1.0-py3-none-any.whl"}
        assert planted.requests == []


def test_uv_has_a_bound_on_its_memory(served: LoopbackIndex, tmp_path: Path) -> None:
    """It reads what anybody publishes; beyond the bound it ends, which is no verdict."""
    with pytest.raises(PackageIndexError, match="MiB of memory"):
        Uv(served.url, tmp_path, memory=-(8 << 20) * len(os.sched_getaffinity(0)) + (1 << 20)).pip(
            "compile", BOOKWORM, [], ["alpha"]
        )


def test_a_password_goes_into_no_record(tmp_path: Path) -> None:
    """It reaches the index, and no pin."""
    with LoopbackIndex() as served:
        served.publish("helper-1.0-py3-none-any.whl", wheel("helper", "1.0"))
        url = served.url.replace("http://", "http://user:secret@")
        found = lock(["helper"], BOOKWORM, index_url=url, as_of=None, cache=tmp_path, today=TODAY)
        assert pinned(found)
        assert "secret" not in repr(found)
        assert "Basic dXNlcjpzZWNyZXQ=" in served.authorizations


# --- the real index --------------------------------------------------------------------------


@pytest.mark.parametrize("target", [BOOKWORM, TRIXIE])
def test_real_build_requirements(tmp_path: Path, target: Target) -> None:
    """As of a date, two real backends are the same files for good; the compiled one fits the image."""
    found = lock(
        ["setuptools>=61", "Cython<4", "hatchling"],
        target,
        index_url=None,
        as_of=date(2025, 3, 1),
        cache=tmp_path,
        today=date(2026, 1, 1),
    )
    files = pinned(found)
    interpreter = "cp" + target.python.replace(".", "")
    assert files["setuptools"] == "setuptools-75.8.2-py3-none-any.whl"
    assert files["hatchling"] == "hatchling-1.27.0-py3-none-any.whl"
    assert files["cython"].startswith(f"Cython-3.0.12-{interpreter}-{interpreter}-manylinux")


def test_a_name_with_millions_of_tags_is_no_wheel() -> None:
    """An index may publish it; to write out its tags took the farm's own process a gigabyte."""
    sets = "-".join(".".join((one, *(f"{one}x{number}" for number in range(150)))) for one in ("py3", "none", "any"))
    named = Pin("tool", "1.0", "0" * 64, f"tool-1.0-{sets}.whl", "")
    plain = Pin("tool", "1.0", "1" * 64, "tool-1.0-py3-none-any.whl", "")
    begun = time.process_time()
    assert best([named], BOOKWORM) is None
    assert best([named, plain], BOOKWORM) == plain
    assert time.process_time() - begun < 1
