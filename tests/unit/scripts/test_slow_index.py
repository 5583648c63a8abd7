"""The relay of a package index that answers late."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest
import requests
from slow_index import METADATA, SlowIndex

from orchestrator.errors import AbsentError
from orchestrator.sources.index import Index
from tests.loopback_index import LoopbackIndex, sdist

if TYPE_CHECKING:
    from pathlib import Path


def test_each_answer_is_late_and_complete(tmp_path: Path) -> None:
    """A page and its sdist come through; what the index withdraws later is still there."""
    waited: list[float] = []
    with LoopbackIndex() as near, SlowIndex(2.5, near.url, sleep=waited.append) as far:
        near.publish("small-1.0.tar.gz", sdist("small", "1.0", {"small.py": b""}))
        index = Index(far.url, tmp_path, retry_wait=0)
        release = index.release("small", "3.11")
        assert release.sdist is not None
        fetched = index.fetch(release.sdist, 1 << 20)
        near.withdraw("small", "small-1.0.tar.gz")
        again = Index(far.url, tmp_path / "other").release("small", "3.11")

        assert fetched.read_bytes() == sdist("small", "1.0", {"small.py": b""})
        assert again.sdist == release.sdist
        assert waited == [2.5] * 3


def test_clients_may_keep_what_they_may_keep_of_pypi() -> None:
    """A page for ten minutes, or as long as its ETag is the same; a file for good."""
    with LoopbackIndex() as near, SlowIndex(0, near.url) as far:
        near.publish("small-1.0.tar.gz", sdist("small", "1.0", {"small.py": b""}))
        page = requests.get(f"{far.url}small/", timeout=5)
        same = requests.get(f"{far.url}small/", headers={"If-None-Match": page.headers["ETag"]}, timeout=5)
        file = requests.head(urljoin(page.url, page.json()["files"][0]["url"]), timeout=5)

        assert (page.status_code, page.headers["Cache-Control"]) == (200, "max-age=600")
        assert (same.status_code, same.content) == (304, b"")
        assert file.status_code == 200
        assert "immutable" in file.headers["Cache-Control"]


def test_a_fault_is_not_kept(tmp_path: Path) -> None:
    """The next request asks the index again."""
    with LoopbackIndex() as near, SlowIndex(0, near.url) as far:
        near.publish("small-1.0.tar.gz", sdist("small", "1.0", {"small.py": b""}))
        near.answer("/simple/small/", status=503)
        assert requests.get(f"{far.url}small/", timeout=5).status_code == 503
        near.mend()
        assert Index(far.url, tmp_path, retry_wait=0).release("small", "3.11").version == "1.0"


def test_what_no_page_lists_is_not_relayed(tmp_path: Path) -> None:
    """Neither a project that the index does not have, nor a page or a file of another server."""
    with LoopbackIndex() as near, LoopbackIndex() as other, SlowIndex(0, near.url) as far:
        other.publish("small-1.0.tar.gz", sdist("small", "1.0", {"small.py": b""}))
        with pytest.raises(AbsentError):
            Index(far.url, tmp_path, retry_wait=0).release("small", "3.11")
        here = far.url.removesuffix("/simple/")
        page = f"{other.url}small/"
        for path in (f"/simple/{page}", f"/simple//{page.partition(':')[2]}", f"/files/0/a.whl{METADATA}", f"/{page}"):
            assert requests.get(here + path, timeout=5).status_code == 404
        assert not other.requests
