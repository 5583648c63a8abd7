"""Parts of a cache that go to another worker: files as they are, sealed folders as tars; each is sent only once."""

from __future__ import annotations

import shutil
import tarfile
from typing import TYPE_CHECKING

from orchestrator.errors import WorkersError
from orchestrator.farm.cluster.orders import Packed
from orchestrator.farm.cluster.transfer import receive
from orchestrator.farm.cluster.values import SentFile
from orchestrator.results.files import Store
from orchestrator.util import cache as caches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SENT, RECEIVED = "sent", "received"
"""Folders of a cache: what is ready to be sent, by its hash; and what came, by the hash of its content."""

_BOUND = 4 << 30  # bytes that are kept to be sent again


class Parcels:
    """What one worker sends and receives of its cache."""

    def __init__(self, cache: Path) -> None:
        """Send from and receive into a cache."""
        self._cache = cache
        self.store = Store(cache / SENT, _BOUND)
        self._turns = caches.Turns()  # of this one: while it is fetched here, another one in this process packs it
        self._packed: dict[str, Packed] = {}  # by the hash of the content

    def pack(self, path: str, content: str) -> Packed:
        """Make a part of the cache ready to be sent; raises OSError where it is gone, or has another content."""
        source = self._cache / path
        if not source.resolve().is_relative_to(self._cache.resolve()) or caches.content_of(source) != content:
            msg = f"{path} is not there any more"
            raise OSError(msg)
        with self._turns.turn(content):
            packed = self._packed.get(content)
            if packed is None or self.store.find(packed.file.sha256) is None:
                packed = self._packed[content] = self._make(source)
            return packed

    def _make(self, source: Path) -> Packed:
        with caches.unfinished(self._cache / SENT) as lent:
            file = lent / "packed"
            if source.is_dir():
                with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
                    tar.add(source, arcname=".")
            else:
                shutil.copyfile(source, file)
            sent = SentFile(SENT, caches.sha256_of(file), file.stat().st_size)
            self.store.keep(file, sent.sha256)
        return Packed(source.is_dir(), sent)

    def place(self, path: str, content: str, ask: Callable[[], Packed], piece: Callable[[Packed, int], bytes]) -> Path:
        """Return where this worker has what another one has at a path; fetch it, if it does not have it yet.

        `ask` has the other worker pack it, and `piece` gets a piece of that, from an offset on.

        Raises
        ------
        WorkersError
            What came is not what was announced.

        """
        with self._turns.turn(content):
            return self._own(path, content) or self._fetched(path, content, ask(), piece)

    def _own(self, path: str, content: str) -> Path | None:
        """Return where this worker has that content already."""
        for place in (self._cache / path, self._cache / RECEIVED / content / path.rpartition("/")[2]):
            if place.is_dir():
                if caches.settled(place) and caches.content_of(place) == content:
                    return place
            elif place.is_file() and caches.sha256_of(place) == content:
                return place
        return None

    def _fetched(self, path: str, content: str, packed: Packed, piece: Callable[[Packed, int], bytes]) -> Path:
        final = self._cache / RECEIVED / content / path.rpartition("/")[2]
        with caches.unfinished(self._cache / RECEIVED) as lent:
            ((_, file),) = receive((packed.file,), b"", lambda offset: piece(packed, offset), lent)
            new = self._unpacked(file, lent / "folder") if packed.folder else file
            found = caches.sum_of(new) if packed.folder else caches.sha256_of(new)
            if found != content:
                msg = f"receiving {path} of another worker: its content is not {content[:12]}; run again"
                raise WorkersError(msg)
            final.parent.mkdir(parents=True, exist_ok=True)
            return caches.settle(new, final) if packed.folder else new.replace(final)

    @staticmethod
    def _unpacked(archive: Path, folder: Path) -> Path:
        """Unpack a tar of another worker, whose cache has the files of packages, but none of their archives."""
        folder.mkdir()
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="tar")
        except (tarfile.TarError, OSError) as error:
            msg = f"receiving a folder of another worker: it cannot be unpacked: {error}; run again"
            raise WorkersError(msg) from error
        return folder
