"""What is locked of a request, and what a lock leaves of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.config import Config
from orchestrator.errors import UsageError
from orchestrator.farm.requirement_lock import combined, resolve
from orchestrator.requirement_files import Wanted
from tests.loopback_index import LoopbackIndex, wheel

if TYPE_CHECKING:
    from pathlib import Path

A, B = "a" * 64, "b" * 64


def test_the_hashes_of_a_file_count_more_than_those_of_the_index() -> None:
    """An entry with hashes stays; one without, and what it needs, comes from the lock."""
    locked = [Wanted(name, "1.0", "==1.0", "lock", 1, hashes=(A,)) for name in ("own", "plain", "needed")]
    own = Wanted("own", "1.0", "==1.0", "r.txt", 1, hashes=(B,))
    plain = Wanted("plain", "1.0", "==1.0", "r.txt", 2)

    assert combined(locked, [own, plain]) == (own, *locked[1:])


def test_extras_and_markers_decide_what_is_needed(tmp_path: Path) -> None:
    """An extra's requirements are locked; an entry for another system is not."""
    with LoopbackIndex() as index:
        index.publish("a-1.0-py3-none-any.whl", wheel("a", "1.0", requires=('b; extra == "more"',)))
        index.publish("b-1.0-py3-none-any.whl", wheel("b", "1.0"))
        settings = Config(folder=tmp_path, results=tmp_path, cache=tmp_path / "cache", index=index.url)
        wanted = [
            Wanted("a", "", "", "r.txt", 1, extras=("more",)),
            Wanted("absent", "", "", "r.txt", 2, marker='sys_platform == "win32"'),
        ]

        found = resolve(settings, (), wanted, ["bookworm"])

    assert [one.requirement for one in found.wanted] == ["a==1.0", "b==1.0"]
    assert all(one.hashes and one.file == str(found.file) for one in found.wanted)


@pytest.mark.parametrize(
    ("requirements", "images", "words"),
    [
        (("six",), ("auto",), "name one with --image"),
        (("six",), ("bookworm", "trixie"), "bookworm has Python 3.11 .* trixie has Python 3.13"),
        (("./six",), ("bookworm",), "only releases of the index"),
    ],
)
def test_what_cannot_be_locked(
    tmp_path: Path, requirements: tuple[str, ...], images: tuple[str, ...], words: str
) -> None:
    """It is refused before the index is asked."""
    settings = Config(folder=tmp_path, results=tmp_path, cache=tmp_path / "cache", index="http://localhost:1/")

    with pytest.raises(UsageError, match=words):
        resolve(settings, requirements, (), images)
