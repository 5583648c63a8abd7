"""Keeps on disk what a release has only for its job, so that the memory of a run hardly grows with its list."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from pydantic import TypeAdapter

from orchestrator.model import Release
from orchestrator.results.coding import compact, decoded

if TYPE_CHECKING:
    from orchestrator.farm.plan import Job

_RELEASE = TypeAdapter(Release)


class Spool:
    """Whole releases, one on a line of a file without a name. It may be used by several threads."""

    def __init__(self) -> None:
        """Begin with an empty file."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `__exit__` closes it
        self._places: dict[Release, int] = {}  # the offset of each, by what `put` returned
        self._end = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the file."""
        with self._lock:
            self._file.close()

    def put(self, release: Release) -> Release:
        """Return a release without wheels and without the name and URL of its sdist; raises OSError on a full disk."""
        if release.sdist is None:
            return release
        bare = replace(release, wheels=(), sdist=replace(release.sdist, filename="", url=""))
        line = compact(_RELEASE, release) + b"\n"
        with self._lock:
            if self._file.closed:  # the run was stopped
                return release
            if bare not in self._places:
                self._file.seek(self._end)
                self._file.write(line)
                self._places[bare] = self._end
                self._end += len(line)
        return bare

    def whole(self, job: Job) -> Job:
        """Return a job with its release as it was put; raises OSError where it cannot be read."""
        with self._lock:
            if (place := self._places.get(job.release)) is None:
                return job
            self._file.seek(place)
            line = self._file.readline()
        return replace(job, release=decoded(_RELEASE, line))
