"""Reads which backend made a wheel, and in which version: from the Generator field of WHEEL, and from METADATA."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from orchestrator.analysis.clues.facts import values
from orchestrator.analysis.clues.releases import SETUPTOOLS, WHEEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.analysis.clues.facts import WheelFacts

_GENERATOR = re.compile(r"([A-Za-z][\w.-]{0,40})(?: v?\(?([0-9][\w.+!-]{0,40})\)?)?")

PROJECTS = {
    "bdist_wheel": "wheel",
    "flit": "flit-core",
    "hatchling": "hatchling",
    "maturin": "maturin",
    "meson": "meson-python",
    "meson-python": "meson-python",
    "pdm-backend": "pdm-backend",
    "pdm-pep517": "pdm-pep517",
    "poetry": "poetry-core",
    "poetry-core": "poetry-core",
    "scikit-build-core": "scikit-build-core",
    "setuptools": "setuptools",
    "uv": "uv-build",
    "whey": "whey",
}
"""The words by which backends name themselves in WHEEL, and their projects on the index."""

_POETRY_CORE = (
    "2020-09-30"  # the day of poetry-core 1.0.0; before it, poetry built wheels itself, in versions 1.0.x too
)
_OLDEST_OF_POETRY_CORE = Version("1.0.0")
_OWN_WHEEL = Version("70.1")  # from here on, setuptools has its own bdist_wheel, and names itself


def backend(facts: WheelFacts) -> tuple[str, str]:
    """Return the backend's project and version; empty where they are not told.

    The first Generator counts: tools that change a wheel add theirs after it.
    """
    match = _GENERATOR.fullmatch(next(iter(facts.generators), ""))
    if match is None or (project := PROJECTS.get(match[1].lower())) is None:
        return "", ""
    version = _version(match[2] or "")
    if match[1].lower() == "poetry" and (facts.uploaded[:10] < _POETRY_CORE or not _is_of_poetry_core(version)):
        return "poetry", version
    return project, version


def _version(text: str) -> str:
    try:
        return str(Version(text))
    except InvalidVersion:
        return ""


def _is_of_poetry_core(version: str) -> bool:
    return bool(version) and Version(version) >= _OLDEST_OF_POETRY_CORE


def pins(facts: WheelFacts) -> tuple[str, ...]:
    """Return the exact versions of the backend that WHEEL names, as overrides of build requirements, sorted.

    A backend that builds itself is in its own sdist: there is nothing to override.
    """
    project, version = backend(facts)
    if not version or project in {"poetry", facts.project}:
        return ()
    named = f"{project}=={version}"
    if project != "wheel" or facts.project == "setuptools" or not _has_bdist_wheel(version):
        return (named,)
    older = next(setuptools_for(facts), "")
    return (f"setuptools=={older}", named) if older else (named,)


def _has_bdist_wheel(version: str) -> bool:
    return Version(version) < Version("0.46")


# --- setuptools, where WHEEL names only the project wheel ----------------------------------------


def setuptools_for(facts: WheelFacts) -> Iterator[str]:
    """Yield versions of setuptools that may have called bdist_wheel of the project wheel, the likeliest first.

    Its METADATA bounds the version, see `bounds`. An environment with the newest wheel of its day has, very probably,
    the newest setuptools too; one with an older wheel is as old as that, and its setuptools is of the same time.
    """
    _, wheel = backend(facts)
    day = facts.uploaded[:10] or "9999"
    superseded = next((when for version, when in WHEEL if Version(version) > Version(wheel)), "9999")
    yielded: set[str] = set()
    for version in (
        *_newest(facts, min(day, superseded)),
        *_distributed(facts, wheel, day),
        *_newest(facts, day),
    ):
        if version not in yielded:
            yielded.add(version)
            yield version


_DISTRIBUTED = (
    ("0.42.0", "68.1.2", "2024-04-25"),  # Ubuntu 24.04
    ("0.38.4", "66.1.1", "2023-06-10"),  # Debian 12
    ("0.37.1", "59.6.0", "2022-04-21"),  # Ubuntu 22.04
    ("0.34.2", "52.0.0", "2021-08-14"),  # Debian 11
    ("0.34.2", "45.2.0", "2020-04-23"),  # Ubuntu 20.04
)
"""Versions of wheel and of setuptools that long-lived distributions have together, and the day of their release."""


def _distributed(facts: WheelFacts, wheel: str, day: str) -> Iterator[str]:
    for with_wheel, version, since in _DISTRIBUTED:
        if with_wheel == wheel and since <= day and _fits(facts, version):
            yield version


def _newest(facts: WheelFacts, day: str) -> Iterator[str]:
    """Yield the newest setuptools of a day that the METADATA fits, if there is one."""
    fitting = [version for version, when in SETUPTOOLS if when <= day and _fits(facts, version)]
    yield from fitting[-1:]


def _fits(facts: WheelFacts, version: str) -> bool:
    least, below = bounds(facts)
    return Version(least) <= Version(version) < Version(below)


def bounds(facts: WheelFacts) -> tuple[str, str]:
    """Return the least version of setuptools that writes such METADATA, and the least that no longer does."""
    least = max((Version(sign[1]) for sign in SIGNS if not sign[2] and sign[0](facts)), default=Version("40.8"))
    below = min((Version(sign[1]) for sign in SIGNS if sign[2] and sign[0](facts)), default=_OWN_WHEEL)
    return str(least), str(min(below, _OWN_WHEEL))


def _has_license_file(facts: WheelFacts) -> bool:
    return bool(values(facts.metadata, "License-File"))


def _has_no_license_file(facts: WheelFacts) -> bool:
    """Return whether a license is in the folder, and METADATA does not name it."""
    named = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")
    return not _has_license_file(facts) and any(path.upper().startswith(named) for path in facts.licenses)


SIGNS = (
    (_has_license_file, "56.2", False),
    (_has_no_license_file, "57.0", True),
    (lambda facts: facts.field("Author") == "UNKNOWN", "56.2", True),
    (lambda facts: facts.field("Home-page") == "UNKNOWN", "60.6", True),
    (lambda facts: facts.field("Summary") == "UNKNOWN", "62.2", True),
    (lambda facts: facts.field("License") == "UNKNOWN", "62.2", True),
    (lambda facts: facts.field("Platform") == "UNKNOWN", "62.2", True),
    (lambda facts: bool(facts.metadata) and not facts.field("Platform"), "62.2", False),
)
"""Signs in METADATA: what shows it, the version of setuptools, and whether that is the first without it."""
