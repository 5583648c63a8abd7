"""Which requirements an image's Python has a use for, and whether what is there meets them (PEP 508)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.model import Target


def applies(marker: str, target: Target) -> bool:
    """Tell whether a marker fits an image; one that cannot be read fits all."""
    try:
        return not marker or Marker(marker).evaluate(environment(target))
    except (ValueError, LookupError, RecursionError):  # the library's own are of these kinds
        return True


def environment(target: Target) -> dict[str, str]:
    """Return what markers ask for, of an image's Python on Linux; its patch release is taken for the first."""
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
    """Yield those requirements that an image has a use for; what is none is not yielded."""
    for text in requirements:
        try:
            one = Requirement(text)
        except (ValueError, RecursionError):
            continue
        if one.marker is None or applies(str(one.marker), target):
            yield one


def unmet(requirements: Iterable[str], there: Mapping[str, str], target: Target) -> tuple[str, ...]:
    """List the requirements that are not met by the versions that are there, by normalized name.

    What cannot be read is not met; extras are not looked at, as what they name comes with its own.
    """
    texts = tuple(requirements)
    return (*(text for text in texts if not _is_readable(text)), *_unmet(texts, there, target))


def _unmet(requirements: Iterable[str], there: Mapping[str, str], target: Target) -> Iterator[str]:
    for one in needed(requirements, target):
        version = there.get(canonicalize_name(one.name))
        if version is None:
            yield str(one)
        elif not _admits(one, version):
            yield f"{one} ({version} is there)"


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
