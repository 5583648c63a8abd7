"""The index: which release is chosen, how its sdist is fetched, and what happens when the index fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet

from orchestrator.errors import NoReleaseError, PackageIndexError, TransientIndexError, UsageError
from orchestrator.model import OfferedWheel, Sdist, admits
from orchestrator.sources import index_pages
from orchestrator.sources.index import Index, choose, local
from orchestrator.sources.index_pages import Edition, Offer
from tests.command import ROOT
from tests.dripping import Dripping
from tests.loopback_index import LoopbackIndex, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

SIX = sdist("six", "1.16.0", {"six.py": b""})


@pytest.fixture
def served() -> Iterator[LoopbackIndex]:
    """Serve an index with two releases of six, one of them a wheel too."""
    with LoopbackIndex() as index:
        index.publish("six-1.15.0.tar.gz", sdist("six", "1.15.0", {}))
        index.publish("six-1.16.0.tar.gz", SIX)
        index.publish("six-1.16.0-py2.py3-none-any.whl", wheel("six", "1.16.0"))
        yield index


def client(served: LoopbackIndex, cache: Path, *, timeout: float = 5, slept: list[float] | None = None) -> Index:
    """Return a client that loses no time between its tries."""
    return Index(served.url, cache, timeout=timeout, retry_wait=0.01, sleep=(slept if slept is not None else []).append)


# --- which release ---------------------------------------------------------------------------


def edition(version: str, *, requires: str | None = None, yanked: bool = False) -> Edition:
    """Return a version with one sdist."""
    return Edition(version, (Offer(f"p-{version}.tar.gz", "", "", None, requires, yanked),))


NEWEST_FIRST = (
    edition("4.0a1"),
    edition("3.1", requires=">=3.12"),
    edition("3.0", yanked=True),
    edition("2.1rc1"),
    edition("2.0", requires=">=3.11.1"),
    edition("1.0.post1"),
    edition("1.0"),
)


@pytest.mark.parametrize(
    ("specifier", "python", "expected"),
    [
        ("", "3.11.2", "2.0"),
        ("", "3.11", "2.0"),
        ("", "3.11.0", "1.0.post1"),
        ("", "3.13.5", "3.1"),
        ("<2", "3.11", "1.0.post1"),
        ("==1.0", "3.11", "1.0"),
        ("==3.0", "3.11", "3.0"),
        ("===3.0", "3.11", "3.0"),
        ("==3.0.*", "3.11", None),
        (">=3.0,<3.1", "3.11", None),
        ("==3.1", "3.11", "3.1"),
        (">=3.1", "3.11", "4.0a1"),
        (">=3.1,<4.0a1", "3.11", "3.1"),
        (">=2.1rc1,<3", "3.11", "2.1rc1"),
        (">=2.0a0", "3.11", "4.0a1"),
        (">3.1", "3.11", "4.0a1"),
        ("==9", "3.11", None),
    ],
)
def test_the_release_is_the_newest_that_requirement_and_python_admit(
    specifier: str, python: str, expected: str | None
) -> None:
    """Stable before pre-release (PEP 440), yanked only when pinned (PEP 592), wrong Python only for want of better."""
    found = choose(NEWEST_FIRST, SpecifierSet(specifier), python)
    assert (found.version if found else None) == expected


@pytest.mark.parametrize(
    ("requires_python", "python", "expected"),
    [
        (None, "3.11", True),
        (">=3.11.2", "3.11.2", True),
        (">=3.11.3", "3.11.2", False),
        (">=3.11.3", "3.11", True),
        ("<=3.11", "3.11.2", False),
        ("!=3.11.*", "3.11", False),
        ("~=3.11", "3.13.5", True),
        (">=3.*", "3.11", True),
        ("nonsense", "3.11", True),
    ],
)
def test_requires_python(requires_python: str | None, python: str, *, expected: bool) -> None:
    """What cannot be read admits all, as it does for installers."""
    assert admits(requires_python, python) is expected


@pytest.mark.parametrize("html_only", [False, True])
def test_a_release_as_json_and_as_html(tmp_path: Path, *, html_only: bool) -> None:
    """PEP 691 and PEP 503 give the same, except the size."""
    with LoopbackIndex(html_only=html_only) as served:
        sha256 = served.publish("six-1.16.0.tar.gz", SIX, requires_python=">=2.7, !=3.0.*")
        served.publish("six-1.16.0.zip", b"not this one")
        made = wheel("six", "1.16.0")
        offered = served.publish("six-1.16.0-py2.py3-none-any.whl", made)
        index = client(served, tmp_path)
        release = index.release("Six", "3.11.2")
        size = None if html_only else len(SIX)
        expected = Sdist("six-1.16.0.tar.gz", f"{served.origin}/files/six/six-1.16.0.tar.gz", sha256, size)
        assert (release.project, release.version, release.sdist) == ("six", "1.16.0", expected)
        assert release.requires_python == ">=2.7, !=3.0.*"
        name, size = "six-1.16.0-py2.py3-none-any.whl", None if html_only else len(made)
        uploaded = "" if html_only else "2020-01-01T00:00:00.000000Z"  # PEP 700: only in JSON
        assert release.wheels == (OfferedWheel(name, f"{served.origin}/files/six/{name}", offered, size, uploaded),)
        assert index.fetch(release.wheels[0], 1 << 20).read_bytes() == made


def test_an_upload_beyond_the_calendar_is_not_told(served: LoopbackIndex, tmp_path: Path) -> None:
    """The other fields of the page count."""
    served.publish("six-2.0-py3-none-any.whl", wheel("six", "2.0"), uploaded="9999-12-31T23:59:59-23:59")
    (offered,) = client(served, tmp_path).release("six", "3.11").wheels
    assert offered.uploaded == ""


def test_the_newest_release_has_no_sdist(served: LoopbackIndex, tmp_path: Path) -> None:
    """No older release takes its place."""
    served.publish("six-2.0-py3-none-any.whl", wheel("six", "2.0"))
    release = client(served, tmp_path).release("six", "3.11")
    assert (release.version, release.sdist) == ("2.0", None)


def test_names_are_matched_whole(served: LoopbackIndex, tmp_path: Path) -> None:
    """Files of ipython-genutils on ipython's page are not ipython's, nor is what has no version."""
    for filename in ("six_genutils-9.0.tar.gz", "six-9.0-1.tar.gz", "six-latest.tar.gz", "six-9.0.exe", "six-9.0.egg"):
        served.publish(filename, b"", project="six")
    served.publish("six-../../9.0.tar.gz", b"", project="six")
    assert client(served, tmp_path).release("six", "3.11").version == "1.16.0"


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("six==1.16", "1.16.0"),
        ("six[extra]<1.16; python_version > '3'", "1.15.0"),
    ],
)
def test_requirements(served: LoopbackIndex, tmp_path: Path, requirement: str, expected: str) -> None:
    """Extras and markers play no part in the choice."""
    assert client(served, tmp_path).release(requirement, "3.11").version == expected


@pytest.mark.parametrize("requirement", ["six==", "./six", "six @ file:///tmp/six.tar.gz"])
def test_what_is_no_requirement_is_the_users_mistake(served: LoopbackIndex, tmp_path: Path, requirement: str) -> None:
    """The error shows the syntax, and the index is not asked."""
    with pytest.raises(UsageError, match=r"(write it like|name a release)"):
        client(served, tmp_path).release(requirement, "3.11")
    assert served.requests == []


def test_an_unknown_version_is_answered_with_the_nearest(served: LoopbackIndex, tmp_path: Path) -> None:
    """The message lists what there is."""
    with pytest.raises(PackageIndexError, match=r"six==1\.16\.1: no release matches; the newest are 1\.16\.0"):
        client(served, tmp_path).release("six==1.16.1", "3.11")


def test_an_unknown_project(served: LoopbackIndex, tmp_path: Path) -> None:
    """It is asked for once, by its whole name."""
    with pytest.raises(PackageIndexError, match="does not exist; check how it is spelled"):
        client(served, tmp_path).release("sixx", "3.11")
    assert served.requests == ["GET /simple/sixx/ 404"]


# --- the index fails -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_fault_is_tried_again(served: LoopbackIndex, tmp_path: Path, status: int) -> None:
    """Two faults, and then the answer."""
    served.answer("/simple/", status=status, times=2)
    assert client(served, tmp_path).release("six", "3.11").version == "1.16.0"
    assert [line.split()[-1] for line in served.requests] == [str(status), str(status), "200"]


def test_a_lasting_fault_is_given_up(served: LoopbackIndex, tmp_path: Path) -> None:
    """The error advises another run."""
    served.answer("/simple/", status=503)
    with pytest.raises(TransientIndexError, match=r"asking the index for six: .* 503; run again"):
        client(served, tmp_path).release("six", "3.11")
    assert len(served.requests) == 5


def test_a_refusal_is_not_tried_again(served: LoopbackIndex, tmp_path: Path) -> None:
    """Neither does it pass for a project that is not there."""
    served.answer("/simple/", status=403)
    with pytest.raises(PackageIndexError, match="refuses with status 403") as caught:
        client(served, tmp_path).release("six", "3.11")
    assert not isinstance(caught.value, TransientIndexError)
    assert len(served.requests) == 1


def test_retry_after_is_honoured_within_reason(served: LoopbackIndex, tmp_path: Path) -> None:
    """Seconds and dates; of an hour half a minute is waited, and yesterday is no wait. It is the only wait."""
    slept: list[float] = []
    for status, told in ((429, "7"), (503, "3600"), (429, "Sun, 06 Nov 1994 08:49:37 GMT"), (500, "soon")):
        served.answer("/simple/", status=status, times=1, headers={"Retry-After": told})
    assert client(served, tmp_path, slept=slept).release("six", "3.11").version == "1.16.0"
    assert slept[:2] == [7, 30]
    assert len(slept) == 4
    assert max(slept[2:]) < 1


def test_retry_after_may_be_a_date(served: LoopbackIndex, tmp_path: Path) -> None:
    """It is waited until then."""
    slept: list[float] = []
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    served.answer("/files/", status=503, times=1, headers={"Retry-After": then})
    index = client(served, tmp_path, slept=slept)
    found = index.release("six", "3.11").sdist
    assert found is not None
    index.fetch(found, 1 << 20)
    (waited,) = slept
    assert 10 < waited <= 20


@pytest.mark.parametrize("path", ["/simple/", "/files/"])
@pytest.mark.parametrize("fault", ["truncate", "stall"])
def test_a_body_that_breaks_off(served: LoopbackIndex, tmp_path: Path, path: str, fault: str) -> None:
    """Half a page is no page, half an sdist no sdist."""
    getattr(served, fault)(path, times=1)
    index = client(served, tmp_path, timeout=1)
    found = index.release("six", "3.11").sdist
    assert found is not None
    assert index.fetch(found, 1 << 20).read_bytes() == SIX
    assert len([line for line in served.requests if f" {path}" in line]) == 2


def test_no_server_at_all(tmp_path: Path) -> None:
    """A refused connection may be a server that starts."""
    with LoopbackIndex() as served:
        index = client(served, tmp_path)
    with pytest.raises(TransientIndexError, match="the index does not answer"):
        index.release("six", "3.11")


@pytest.mark.parametrize("part", ["head", "body", "chunks"])
def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for(tmp_path: Path, part: str) -> None:
    """No single wait is long, and the whole would never end; the deadline counts from the request on."""
    with Dripping(part) as url:
        index = Index(url, tmp_path, timeout=5, deadline=0.5, retry_wait=0.01, sleep=lambda _seconds: None)
        begun = time.monotonic()
        with pytest.raises(TransientIndexError, match=r"asking the index for six: .* timed out after 0\.5 s"):
            index.release("six", "3.11")
        assert 2.4 < time.monotonic() - begun < 30  # five tries


@pytest.mark.parametrize("html_only", [False, True])
def test_an_index_may_describe_a_file_wrongly(tmp_path: Path, *, html_only: bool) -> None:
    """Requires-Python that cannot be read counts for nothing, as for pip; a version without measure is no version."""
    digits = "9" * 5000
    with LoopbackIndex(html_only=html_only) as served:
        served.publish("six-1.15.0.tar.gz", b"", requires_python=f">={digits}")
        served.publish(f"six-{digits}.tar.gz", b"", project="six")
        index = client(served, tmp_path)
        assert index.release("six", "3.11").version == "1.15.0"
        assert admits(f">={digits}", "3.11")
        with pytest.raises(UsageError, match="write it like"):
            index.release(f"six>={digits}", "3.11")


@pytest.mark.parametrize("address", ["http://[", "http://[::1/six-1.16.0.tar.gz", "http://x:y/six", "ftp://x/six"])
@pytest.mark.parametrize("kind", ["text/html", "application/vnd.pypi.simple.v1+json"])
def test_a_file_whose_address_is_none_is_not_taken_for_missing(
    served: LoopbackIndex, tmp_path: Path, kind: str, address: str
) -> None:
    """The release has an sdist; that it cannot be fetched is the index's fault. The others are as good as ever."""
    entry = {"filename": "six-1.16.0.tar.gz", "url": address, "hashes": {}}
    other = {"filename": "six-1.15.0.tar.gz", "url": f"{served.origin}/files/six/six-1.15.0.tar.gz", "hashes": {}}
    as_json = json.dumps({"meta": {"api-version": "1.0"}, "name": "six", "files": [entry, other]})
    as_html = "".join(f'<a href="{one["url"]}">{one["filename"]}</a>' for one in (entry, other))
    body = (as_json if kind.endswith("json") else as_html).encode()
    served.answer("/simple/", status=200, headers={"Content-Type": kind}, body=body)
    index = client(served, tmp_path)
    found, older = index.release("six", "3.11").sdist, index.release("six<1.16", "3.11").sdist
    assert found is not None
    assert older is not None
    assert index.fetch(older, 1 << 20).is_file()
    with pytest.raises(PackageIndexError, match=r"fetching six-1\.16\.0\.tar\.gz: the index gives an invalid address"):
        index.fetch(found, 1 << 20)


def test_a_page_without_measure_is_an_error_of_the_index(served: LoopbackIndex, tmp_path: Path) -> None:
    """However many links it has, they take neither memory nor a minute."""
    links = "".join(
        f'<a href="six-{number}.tar.gz">six-{number}.tar.gz</a>\n' for number in range(index_pages.MOST + 1)
    )
    served.answer("/simple/", status=200, headers={"Content-Type": "text/html"}, body=links.encode())
    with pytest.raises(PackageIndexError, match=r"cannot be read .more than"):
        client(served, tmp_path).release("six", "3.11")


def test_an_index_that_leads_to_no_address(served: LoopbackIndex, tmp_path: Path) -> None:
    """It is an error of the index, and no traceback."""
    served.answer("/simple/", status=302, headers={"Location": "http://[::1/"})
    with pytest.raises(PackageIndexError):
        client(served, tmp_path).release("six", "3.11")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/vnd.pypi.simple.v1+json"}, b"{]"),
        ({"Content-Type": "application/vnd.pypi.simple.v1+json"}, b"[" * 100_000),
        ({"Content-Type": "application/vnd.pypi.simple.v1+json"}, b'{"files": 1}'),
        (
            {"Content-Type": "application/vnd.pypi.simple.v1+json"},
            b'{"meta":{"api-version":"9.0"},"name":"x","files":[]}',
        ),
        ({"Content-Type": "image/png"}, b"x"),
    ],
)
def test_an_answer_that_is_no_page(served: LoopbackIndex, tmp_path: Path, headers: dict[str, str], body: bytes) -> None:
    """It is an error of the index, and is not kept."""
    served.answer("/simple/", status=200, headers=headers, body=body, times=1)
    index = client(served, tmp_path)
    with pytest.raises(PackageIndexError, match="PEP 503"):
        index.release("six", "3.11")
    assert index.release("six", "3.11").version == "1.16.0"


def test_redirects_come_to_an_end(served: LoopbackIndex, tmp_path: Path) -> None:
    """A loop is an error after a few steps."""
    served.answer("/simple/", status=302, headers={"Location": "/simple/six/"})
    with pytest.raises(PackageIndexError, match="redirects"):
        client(served, tmp_path).release("six", "3.11")
    assert len(served.requests) == 6


# --- the cache of pages ----------------------------------------------------------------------


def test_an_unchanged_page_is_not_sent_again(served: LoopbackIndex, tmp_path: Path) -> None:
    """The second run asks with the ETag of the first, and sees a new release at once."""
    first = client(served, tmp_path).release("six", "3.11")
    assert client(served, tmp_path).release("six", "3.11") == first
    served.publish("six-1.17.0.tar.gz", sdist("six", "1.17.0", {}))
    assert client(served, tmp_path).release("six", "3.11").version == "1.17.0"
    assert [line.split()[-1] for line in served.requests] == ["200", "304", "200"]


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"layout": 0, "etag": "x"}', b"\xff"])
def test_a_damaged_cache_is_as_good_as_none(served: LoopbackIndex, tmp_path: Path, damaged: bytes) -> None:
    """The page is requested again."""
    first = client(served, tmp_path).release("six", "3.11")
    (kept,) = (tmp_path / "index").glob("six-*")
    kept.write_bytes(damaged)
    assert client(served, tmp_path).release("six", "3.11") == first
    assert [line.split()[-1] for line in served.requests] == ["200", "200"]


def test_an_index_without_etags(tmp_path: Path) -> None:
    """Every page is sent again, and new releases are seen."""
    with LoopbackIndex(etags=False) as served:
        served.publish("six-1.15.0.tar.gz", b"")
        assert client(served, tmp_path).release("six", "3.11").version == "1.15.0"
        served.publish("six-1.16.0.tar.gz", SIX)
        assert client(served, tmp_path).release("six", "3.11").version == "1.16.0"


def test_a_password_goes_to_the_index_alone_and_into_no_record(served: LoopbackIndex, tmp_path: Path) -> None:
    """It is part of the configured address, and of nothing that is kept or shown."""
    with LoopbackIndex() as elsewhere:
        elsewhere.publish("six-3.0.tar.gz", SIX)
        redirected = served.url.replace("http://", "http://user:secret@")
        index = Index(redirected, tmp_path, timeout=5)
        release = index.release("six", "3.11")
        assert release.sdist is not None
        index.fetch(release.sdist, 1 << 20)
        index.fetch(Sdist("six-3.0.tar.gz", f"{elsewhere.origin}/files/six/six-3.0.tar.gz", ""), 1 << 20)
        assert "secret" not in repr(release) + index.url
        assert not any(b"secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert served.authorizations == {"Basic dXNlcjpzZWNyZXQ="}
        assert elsewhere.authorizations == {""}


# --- sdists ----------------------------------------------------------------------------------


def test_an_sdist_is_downloaded_once(served: LoopbackIndex, tmp_path: Path) -> None:
    """However many ask for it at the same time, and in the next run."""
    index = client(served, tmp_path)
    found = index.release("six", "3.11").sdist
    assert found is not None
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(index.fetch(found, 1 << 20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        set(paths)
        == {tmp_path / "sdists" / found.sha256 / found.filename}
        == {client(served, tmp_path).fetch(found, 9)}
    )
    assert paths[0].read_bytes() == SIX
    assert served.count("/files/six/six-1.16.0.tar.gz") == 1


def test_a_file_that_rotted_in_the_cache_is_fetched_again(served: LoopbackIndex, tmp_path: Path) -> None:
    """The name of its folder is a promise."""
    index = client(served, tmp_path)
    found = index.release("six", "3.11").sdist
    assert found is not None
    index.fetch(found, 1 << 20).write_bytes(b"rot")
    assert index.fetch(found, 1 << 20).read_bytes() == SIX


def test_a_file_with_another_hash_than_the_index_lists(tmp_path: Path) -> None:
    """It is an error that names both hashes, is not tried again, and leaves nothing."""
    with LoopbackIndex() as served:
        real = served.publish("six-1.16.0.tar.gz", SIX, sha256="ab" * 32)
        index = client(served, tmp_path)
        found = index.release("six", "3.11").sdist
        assert found is not None
        expected = f"fetching six-1.16.0.tar.gz: it has sha256 {real}, the index said {'ab' * 32}; .*run again"
        with pytest.raises(PackageIndexError, match=expected):
            index.fetch(found, 1 << 20)
        assert served.count("/files/six/six-1.16.0.tar.gz") == 1
    assert list((tmp_path / "sdists").iterdir()) == []


def test_an_index_without_hashes(tmp_path: Path) -> None:
    """The hash is the one that was found, and is the folder's name."""
    with LoopbackIndex() as served:
        served.publish("six-1.16.0.tar.gz", SIX, sha256=None)
        index = client(served, tmp_path)
        found = index.release("six", "3.11").sdist
        assert found is not None
        assert found.sha256 == ""
        path = index.fetch(found, 1 << 20)
    assert path.read_bytes() == SIX
    assert local(path)[0].sdist == Sdist("six-1.16.0.tar.gz", path.as_uri(), path.parent.name, len(SIX))


def test_a_file_above_the_limit(served: LoopbackIndex, tmp_path: Path) -> None:
    """The download is aborted at the limit, whatever size the index lists."""
    index = client(served, tmp_path)
    found = index.release("six", "3.11").sdist
    assert found is not None
    with pytest.raises(PackageIndexError, match="larger than 100 bytes"):
        index.fetch(found, 100)
    assert list((tmp_path / "sdists").iterdir()) == []


@pytest.mark.parametrize("filename", ["six-1.0.tar.gz", "../six-1.0-py3-none-any.whl", "six-1.0.whl", "six\n.whl"])
def test_a_name_that_is_no_wheels(served: LoopbackIndex, tmp_path: Path, filename: str) -> None:
    """Nothing is downloaded under it either."""
    offered = OfferedWheel(filename, f"{served.origin}/files/six/six-1.16.0-py2.py3-none-any.whl", "")
    with pytest.raises(PackageIndexError, match="not a valid name of a wheel"):
        client(served, tmp_path).fetch(offered, 1 << 20)


@pytest.mark.parametrize(
    "filename",
    [
        "../six-1.0.tar.gz",
        "/etc/six-1.0.tar.gz",
        "six-1.0.tar.gz/..",
        "six\n-1.0.tar.gz",
        "-1.0.tar.gz",
        "",
        ".zip",
        "s\\x-1.zip",
    ],
)
def test_a_name_that_is_no_sdists(served: LoopbackIndex, tmp_path: Path, filename: str) -> None:
    """Nothing is downloaded under it."""
    with pytest.raises(PackageIndexError, match="not a valid name of an sdist"):
        client(served, tmp_path).fetch(Sdist(filename, f"{served.origin}/files/six/six-1.16.0.tar.gz", ""), 1 << 20)
    assert served.requests == []


def test_a_file_of_the_users_own(tmp_path: Path) -> None:
    """Its name gives project and version, its bytes the hash."""
    path = tmp_path / "Typing_Extensions-4.0.tar.gz"
    path.write_bytes(SIX)
    release, found = local(path)
    assert (release.project, release.version, found) == ("typing-extensions", "4.0", path)
    assert release.sdist is not None
    assert (release.sdist.size, len(release.sdist.sha256)) == (len(SIX), 64)


@pytest.mark.parametrize(
    "name", ["six.tar.gz", "s\x1b[31mx-1.0.tar.gz", "six-1.0.tar.bz2", "six-1.0-py3-none-any.whl", "missing-1.0.tar.gz"]
)
def test_a_file_that_is_no_sdist(tmp_path: Path, name: str) -> None:
    """The message shows the form of a name, or that there is no file."""
    if not name.startswith("missing"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UsageError, match=r"(an sdist is called|name an sdist that can be read)"):
        local(tmp_path / name)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate of our own, and its key, for 127.0.0.1."""
    made = tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = ["-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, *named, "-keyout", made, "-out", made], check=True, capture_output=True)
    return made


@pytest.mark.parametrize("trusted", [False, True])
def test_only_a_server_that_somebody_vouches_for_is_believed(
    tmp_path: Path,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """By the certificates of the host, or those that the user names, in a file."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with LoopbackIndex(certificate=certificate) as served:
        served.publish("six-1.16.0.tar.gz", SIX)
        index = client(served, tmp_path)
        if trusted:
            sdist = index.release("six", "3.11").sdist
            assert sdist is not None
            assert index.fetch(sdist, 1 << 20).read_bytes() == SIX
        else:
            with pytest.raises(TransientIndexError, match="certificate verify failed"):
                index.release("six", "3.11")
            assert served.requests == []


def test_a_fresh_page_is_requested_once(tmp_path: Path, served: LoopbackIndex) -> None:
    """By any number of threads, versions and clients; it is requested again after that time, or on demand."""
    now = [0.0]
    index = Index(served.url, tmp_path, retry_wait=0.01, fresh=600, clock=lambda: now[0])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda version: index.release(f"six=={version}", "3.11"), ["1.15.0", "1.16.0"] * 8))
    assert {one.version for one in found} == {"1.15.0", "1.16.0"}
    assert served.count("/simple/six/") == 1
    assert Index(served.url, tmp_path, fresh=600, clock=lambda: now[0]).release("six", "3.11").version == "1.16.0"
    assert served.count("/simple/six/") == 1
    assert index.release("six", "3.11", anew=True).version == "1.16.0"
    assert served.count("/simple/six/") == 2
    now[0] = 601
    index.release("six", "3.11")
    assert served.count("/simple/six/") == 3


def test_what_a_fresh_page_lacks_is_asked_for_again(tmp_path: Path, served: LoopbackIndex) -> None:
    """Absence is never concluded from an earlier answer, nor from a kept page that was damaged."""
    index = Index(served.url, tmp_path, retry_wait=0.01, fresh=600)
    assert index.release("six", "3.11").version == "1.16.0"
    with pytest.raises(NoReleaseError):
        index.release("six==1.17.0", "3.11")
    assert served.count("/simple/six/") == 2
    served.publish("six-1.17.0.tar.gz", sdist("six", "1.17.0", {}))
    assert index.release("six==1.17.0", "3.11").version == "1.17.0"
    for page in (tmp_path / "index").glob("six-*.json"):
        page.write_text("damaged")
    assert index.release("six==1.17.0", "3.11").version == "1.17.0"
    assert served.count("/simple/six/") == 4


def test_the_real_index(tmp_path: Path) -> None:
    """PyPI, by its own address: a pinned release, whose hash is known for good."""
    index = Index(None, tmp_path)
    release = index.release("six==1.16.0", "3.11.2")
    assert release.sdist is not None
    assert release.sdist.sha256 == "1e61c37477a1626458e36f7b1d82aa5c9b094fa4802892072e49de9c60c4c926"
    assert Path(index.fetch(release.sdist, 1 << 20)).stat().st_size == release.sdist.size
    assert index.release("six", "3.11.2").sdist is not None


def test_the_address_of_pypi_is_the_librarys_and_costs_no_import() -> None:
    """Importing the library takes longer than the rest of a run in which nothing changed."""
    program = """
import sys
from orchestrator.sources.index_pages import endpoint
read = endpoint(), "pypi_simple" in sys.modules
import pypi_simple
assert read == (pypi_simple.PYPI_SIMPLE_ENDPOINT, False), read
"""
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
