"""The releases of a lock that its roots need, for locks that list dependencies rather than groups."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.requirement_files.selection import either, mentions_extra

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST = 20  # different markers of one release; with more, it has none

Release = tuple[str, str]
"""A project and its version, both normalized; the version of the locked project itself may be empty."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One dependency of a release, or of one of its extras."""

    project: str
    version: str = ""  # empty: each version of the lock
    extras: tuple[str, ...] = ()
    marker: str = ""


@dataclass(slots=True)
class Graph:
    """All dependencies of a lock."""

    edges: dict[tuple[Release, str], list[Edge]] = field(default_factory=dict)
    """By release and extra; "" is the release without extras."""

    releases: dict[str, dict[Release, None]] = field(default_factory=lambda: defaultdict(dict))
    """By project."""

    def add(self, release: Release, extra: str, edges: Iterable[Edge]) -> None:
        """Add the dependencies of a release, or of one of its extras."""
        self.releases[release[0]][release] = None
        self.edges.setdefault((release, extra), []).extend(edges)

    def needed(self, roots: Iterable[Edge]) -> dict[Release, str]:
        """Return the releases that these dependencies need, directly or not, with a marker for each.

        The marker applies wherever one of the dependencies on the release does. It is empty if one of them always
        applies, or depends on an extra. Where only what needs a release has a marker, the release has none.
        """
        markers: dict[Release, dict[str, None]] = {}
        seen: set[tuple[Release, str]] = set()
        followed: set[Edge] = set()
        waiting = list(roots)
        while waiting:
            edge = waiting.pop()
            if edge in followed:
                continue
            followed.add(edge)
            for release in self._targets(edge):
                markers.setdefault(release, {})["" if mentions_extra(edge.marker) else edge.marker] = None
                for key in ((release, extra) for extra in ("", *edge.extras)):
                    if key not in seen:
                        seen.add(key)
                        waiting.extend(self.edges.get(key, ()))
        return {release: "" if len(known) > _MOST else either(known) for release, known in markers.items()}

    def _targets(self, edge: Edge) -> Iterator[Release]:
        known = self.releases.get(edge.project, ())
        return (release for release in known if edge.version in {"", release[1]})
