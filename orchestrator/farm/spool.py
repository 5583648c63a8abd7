"""Keeps on disk what a release has only for its job, so that the memory of a run hardly grows with its list."""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from pydantic import TypeAdapter

from orchestrator.model import OfferedWheel
from orchestrator.results.coding import compact, decoded

if TYPE_CHECKING:
    from orchestrator.farm.plan import Job
    from orchestrator.model import Release

_WHEELS = TypeAdapter(tuple[OfferedWheel, ...])


class Spool:
    """The wheels that the index offers for releases, in a file without a name. It is used by several threads."""

    def __init__(self) -> None:
        """Begin with an empty file."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `__exit__` closes it
        self._places: dict[Release, tuple[int, int]] = {}  # (offset, bytes), by the release without its wheels
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
        """Return a release without its wheels, which are written; raises OSError where they cannot be."""
        if not release.wheels:
            return release
        bare, data = replace(release, wheels=()), compact(_WHEELS, release.wheels)
        with self._lock:
            if self._file.closed:  # the run was stopped
                return release
            if bare not in self._places:
                self._file.seek(self._end)
                self._file.write(data)
                self._file.flush()
                self._places[bare] = self._end, len(data)
                self._end += len(data)
        return bare

    def whole(self, job: Job) -> Job:
        """Return a job whose release has its wheels again."""
        place = self._places.get(job.release)
        if place is None:
            return job
        offset, size = place
        wheels = decoded(_WHEELS, os.pread(self._file.fileno(), size, offset))
        return replace(job, release=replace(job.release, wheels=wheels))
