"""The relay of a package index that answers late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from slow_index import METADATA, SlowIndex

from orchestrator.errors import AbsentError
from orchestrator.sources.index import Index
from tests.loopback_index import LoopbackIndex, sdist, wheel

if TYPE_CHECKING:
    from pathlib import Path


def test_each_answer_is_late_and_complete(tmp_path: Path) -> None:
    """A page, its sdist and a wheel's metadata come through; what the index withdraws later is still there."""
    waited: list[float] = []
    with LoopbackIndex() as near, SlowIndex(2.5, near.url, sleep=waited.append) as far:
        near.publish("small-1.0.tar.gz", sdist("small", "1.0", {"small.py": b""}))
        near.publish("small-1.0-py3-none-any.whl", wheel("small", "1.0"))
        index = Index(far.url, tmp_path, retry_wait=0)
        release = index.release("small", "3.11")
        assert release.sdist is not None
        fetched = index.fetch(release.sdist, 1 << 20)
        near.withdraw("small", "small-1.0.tar.gz")
        again = Index(far.url, tmp_path / "other").release("small", "3.11")

        assert fetched.read_bytes() == sdist("small", "1.0", {"small.py": b""})
        assert again.sdist == release.sdist
        assert waited == [2.5] * 3
        assert requests.head(release.wheels[0].url, timeout=5).status_code == 200


def test_what_no_page_lists_is_not_relayed(tmp_path: Path) -> None:
    """Neither a project that the index does not have, nor an address of any other host."""
    with LoopbackIndex() as near, SlowIndex(0, near.url) as far:
        with pytest.raises(AbsentError):
            Index(far.url, tmp_path, retry_wait=0).release("small", "3.11")
        for path in ("/files/0000000000000000/small-1.0.tar.gz", f"/files/0/a.whl{METADATA}", "/https://127.0.0.1/"):
            assert requests.get(far.url.removesuffix("/simple/") + path, timeout=5).status_code == 404
