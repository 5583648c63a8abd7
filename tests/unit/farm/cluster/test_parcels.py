"""What a build reads of another worker's cache is there as it is here, or an error."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.errors import WorkersError
from orchestrator.farm.cluster import transfer
from orchestrator.farm.cluster.parcels import RECEIVED, Parcels
from orchestrator.util import cache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.farm.cluster.orders import Packed

OLD = 1_000_000_000


class Two:
    """Two workers, of which one sends to the other one."""

    def __init__(self, folder: Path) -> None:
        """Give each its cache."""
        self.here, self.there = folder / "here", folder / "there"
        self.sender, self.receiver = Parcels(self.here), Parcels(self.there)
        self.asked = 0

    def sealed(self, name: str, fill: Callable[[Path], None]) -> Path:
        """Return a finished folder of the sender's cache."""
        new = self.here / "new"
        new.mkdir(parents=True)
        fill(new)
        for path in (*new.rglob("*"), new):
            os.utime(path, (OLD, OLD), follow_symlinks=False)
        place = self.here / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return cache.settle(new, place)

    def bring(self, path: str, content: str = "") -> Path:
        """Return where the receiver has what the sender has at a path."""
        content = content or cache.content_of(self.here / path)

        def ask() -> Packed:
            self.asked += 1
            return self.sender.pack(path, content)

        def piece(packed: Packed, offset: int) -> bytes:
            file = self.sender.store.find(packed.file.sha256)
            assert file is not None
            return transfer.piece([(file, packed.file.size)], offset)

        return self.receiver.place(path, content, ask, piece)


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """Give two workers with empty caches."""
    return Two(tmp_path)


def seen(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Return all that a build could see in a folder."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        kept: Any = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        kept = str(path.readlink()) if path.is_symlink() else kept
        when = 0 if path.is_symlink() else status.st_mtime_ns  # no cache of ours has links
        found[str(path.relative_to(folder))] = (status.st_mode, when, kept)
    return found


def strange(folder: Path) -> None:
    """Fill a folder with all that an installed wheel may have, and more."""
    (folder / "lib" / "bin").mkdir(parents=True)
    (folder / "lib" / "empty").mkdir()
    (folder / "lib" / "bin" / "tool").write_text("#!/bin/sh\n")
    (folder / "lib" / "bin" / "tool").chmod(0o755)
    for name in ("a\nb", "é", "-rf", " ", "a" * 200, os.fsdecode(b"\xff\xfe"), "CON", "seal"):
        (folder / "lib" / name).write_text(name, errors="surrogateescape")
    (folder / "lib" / ("d" * 100) / ("e" * 100)).mkdir(parents=True)
    (folder / "lib" / ("d" * 100) / ("e" * 100) / "deep").write_text("deep")
    (folder / "lib" / "link").symlink_to("bin/tool")
    (folder / "lib" / "to-folder").symlink_to("bin")
    (folder / "lib" / "twice").hardlink_to(folder / "lib" / "é")
    (folder / "lib" / "nothing").touch()


def test_a_folder_arrives_as_it_is(two: Two) -> None:
    """Names, contents, modes, times and links; only once, and under its own name."""
    place = two.sealed("buildenvs/key", strange)
    found = two.bring("buildenvs/key")
    assert seen(found) == seen(place)
    assert found.is_relative_to(two.there / RECEIVED)
    assert found.name == "key"
    assert two.bring("buildenvs/key") == found
    assert two.asked == 1


def test_a_file_of_several_pieces_arrives(two: Two) -> None:
    """Its name is part of what a build sees."""
    (two.here / "sdists" / "x").mkdir(parents=True)
    (two.here / "sdists" / "x" / "pkg-1.0.tar.gz").write_bytes(b"\0\1" * transfer.PIECE)
    found = two.bring("sdists/x/pkg-1.0.tar.gz")
    assert found.name == "pkg-1.0.tar.gz"
    assert found.read_bytes() == b"\0\1" * transfer.PIECE


def test_what_the_receiver_has_already_is_not_sent(two: Two) -> None:
    """At the same path, with the same content; another content there is left alone."""
    for folder, content in ((two.here, "a"), (two.there, "a")):
        (folder / "sdists").mkdir(parents=True)
        (folder / "sdists" / "pkg").write_text(content)
    assert two.bring("sdists/pkg") == two.there / "sdists" / "pkg"
    assert two.asked == 0
    (two.there / "sdists" / "pkg").write_text("b")
    assert two.bring("sdists/pkg").read_text() == "a"
    assert (two.there / "sdists" / "pkg").read_text() == "b"


def test_a_damaged_folder_of_the_receiver_is_replaced(two: Two) -> None:
    """Its own one, and one that came earlier."""
    two.sealed("buildenvs/key", strange)
    found = two.bring("buildenvs/key")
    (found / "lib" / "é").write_text("other")
    cache.doubt_all()
    again = two.bring("buildenvs/key")
    assert (again / "lib" / "é").read_text() == "é"
    assert two.asked == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "lib" / "é").write_text("other"),
        lambda folder: (folder / "lib" / "bin" / "tool").chmod(0o644),
        lambda folder: (folder / "lib" / "more").touch(),
        lambda folder: (folder / "lib" / "nothing").unlink(),
        lambda folder: (folder / "lib" / "empty").rmdir(),
        lambda folder: (folder / "lib" / "bin").chmod(0o700),
        lambda folder: (folder / "lib" / "to-folder").unlink(),
        lambda folder: (folder / "more").symlink_to("lib"),
    ],
    ids=["content", "mode", "more", "fewer", "empty folder", "mode of a folder", "link", "another link"],
)
def test_a_folder_that_was_changed_after_its_seal_does_not_arrive(two: Two, change: Callable[[Path], object]) -> None:
    """The two builds of a pair would have other inputs."""
    place = two.sealed("buildenvs/key", strange)
    change(place)
    with pytest.raises(WorkersError, match="its content is not"):
        two.bring("buildenvs/key")


def test_what_is_gone_or_outside_of_the_cache_is_not_packed(two: Two, tmp_path: Path) -> None:
    """Whatever path another worker asks for."""
    two.here.mkdir()
    (tmp_path / "secret").write_text("secret")
    (two.here / "link").symlink_to(tmp_path / "secret")
    sha256 = cache.sha256_of(tmp_path / "secret")
    for path in ("../secret", str(tmp_path / "secret"), "link", "gone"):
        with pytest.raises(OSError, match=r"not there|No such file"):
            two.sender.pack(path, sha256)
