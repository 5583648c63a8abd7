"""Which requirements apply to an image's Python, and whether installed versions meet them (PEP 508)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.model import Target


def applies(marker: str, target: Target) -> bool:
    """Return whether a marker applies to an image; a marker that cannot be read applies to all."""
    try:
        return not marker or Marker(marker).evaluate(environment(target))
    except (ValueError, LookupError, RecursionError):  # the library's own are of these kinds
        return True


def environment(target: Target) -> dict[str, str]:
    """Return the marker variables of an image's Python on Linux; the patch release is assumed to be 0."""
    major_minor = ".".join(target.python.split(".")[:2])
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{major_minor}.0",
        "os_name": "posix",
        "platform_machine": target.platform.partition("-")[0],
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{major_minor}.0",
        "python_version": major_minor,
        "sys_platform": "linux",
        "extra": "",
    }


def needed(requirements: Iterable[str], target: Target) -> Iterator[Requirement]:
    """Yield the requirements that apply to an image; invalid requirements are skipped."""
    for text in requirements:
        try:
            requirement = Requirement(text)
        except (ValueError, RecursionError):
            continue
        if requirement.marker is None or applies(str(requirement.marker), target):
            yield requirement


def unmet(requirements: Iterable[str], there: Mapping[str, str], target: Target) -> tuple[str, ...]:
    """List the requirements that the versions in `there`, by normalized name, do not meet.

    A requirement that cannot be read is not met. Extras are ignored: their requirements are separate.
    """
    texts = tuple(requirements)
    return (*(text for text in texts if not _is_readable(text)), *_unmet(texts, there, target))


def _unmet(requirements: Iterable[str], there: Mapping[str, str], target: Target) -> Iterator[str]:
    for requirement in needed(requirements, target):
        version = there.get(canonicalize_name(requirement.name))
        if version is None:
            yield str(requirement)
        elif not _admits(requirement, version):
            yield f"{requirement} ({version} is there)"


def _admits(requirement: Requirement, version: str) -> bool:
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except ValueError:  # a number with more digits than Python reads
        return False


def _is_readable(text: str) -> bool:
    try:
        Requirement(text)
    except (ValueError, RecursionError):
        return False
    return True
