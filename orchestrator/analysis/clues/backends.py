"""Reads which backend made a wheel, and in which version: from the Generator field of WHEEL, and from METADATA."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from orchestrator.analysis.clues import releases
from orchestrator.analysis.clues.facts import values
from orchestrator.analysis.clues.releases import SETUPTOOLS, WHEEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.analysis.clues.facts import WheelFacts

_GENERATOR = re.compile(r"([A-Za-z][\w.-]{0,40})(?: v?\(?([0-9][\w.+!-]{0,40})\)?)?")

_BUILD = re.compile(r"[0-9]{1,20}[A-Za-z0-9_.]{0,20}")

PROJECTS = {
    "bdist_wheel": "wheel",
    "flit": "flit-core",
    "hatch": "hatchling",
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
    """Return the backend's project and version; empty where it does not show them.

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


def named(facts: WheelFacts) -> tuple[str, ...]:
    """Return the backend's exact version as WHEEL names it, as an override of build requirements; empty if it does not.

    A backend that builds itself is in its own sdist: there is nothing to override.
    """
    project, version = backend(facts)
    return (f"{project}=={version}",) if version and project != facts.project else ()


def inferred(facts: WheelFacts) -> tuple[str, ...]:
    """Return overrides for what WHEEL does not name: setuptools where it names wheel, or wheel where an old one shows.

    setuptools from 70.1 on uses a wheel that is installed beside it, rather than its own copy.
    """
    project, version = backend(facts)
    if project == "wheel" and facts.project != "setuptools" and version and Version(version) < _MOVED:
        return tuple(f"setuptools=={one}" for one in islice(setuptools_for(facts), 1))
    if project == "setuptools" and facts.project != "wheel" and _has_untyped_record(facts):
        return (f"wheel=={_UNTYPED}",)
    return ()


_MOVED = Version("0.46")  # of wheel, which no longer has bdist_wheel
_UNTYPED = "0.38.4"  # the last release of wheel that gives RECORD a mode without the type of a file
_TYPE = 0o170000


def wheel_for(facts: WheelFacts) -> str:
    """Return a release of wheel that writes dependencies in the form of METADATA; empty if there are none.

    setuptools from 70.1 to 75.3 writes METADATA with a wheel that is installed beside it: `idna (>=2)` before 0.41,
    `idna >=2` before 0.44, and `idna>=2` since.
    """
    required = [value.partition(";")[0] for value in values(facts.metadata, "Requires-Dist")]
    if any("(" in value for value in required):
        return _UNTYPED if _has_untyped_record(facts) else "0.40.0"
    if any(_SPACED.search(value) for value in required):
        return "0.43.0"
    return "0.45.1" if required else ""


_SPACED = re.compile(r" [<>=!~]")


def _has_untyped_record(facts: WheelFacts) -> bool:
    return any(stamp.path == "RECORD" and stamp.mode and not stamp.mode & _TYPE for stamp in facts.written)


def python_tag(facts: WheelFacts) -> str:
    """Return the option of bdist_wheel for the Pythons in the tags: py2.py3; empty if these are no such names."""
    pythons = sorted({tag.partition("-")[0] for tag in facts.tags})
    plain = bool(pythons) and all(name.isascii() and name.isalnum() for name in pythons)
    return f"--python-tag={'.'.join(pythons)}" if plain else ""


def options(facts: WheelFacts) -> tuple[str, ...]:
    """Return the options of bdist_wheel that its publisher gave: those that files of the sdist do not set."""
    if backend(facts)[0] not in {"setuptools", "wheel"}:
        return ()
    is_universal = set(facts.tags) == {"py2-none-any", "py3-none-any"}
    number = f"--build-number={facts.build}" if _BUILD.fullmatch(facts.build) else ""
    return tuple(filter(None, (number, python_tag(facts) if is_universal and facts.universal is False else "")))


def settings(pins: tuple[str, ...], values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return options as config settings of PEP 517, as a pinned setuptools takes them.

    From 69 on, --build-option is for bdist_wheel. Before, it reaches other commands too, and they fail; but
    --global-option takes words that follow the command, and a command is among the words that it takes: several
    settings of that name are a list of words. Measured from 41.2 on.
    """
    versions = [Version(pin.partition("==")[2]) for pin in pins if pin.startswith("setuptools==")]
    if all(version >= _TAKES_OPTIONS for version in versions):
        return tuple(("--build-option", value) for value in values)
    return tuple(("--global-option", word) for word in ("bdist_wheel", *values)) if values else ()


_TAKES_OPTIONS = Version("69")


# --- setuptools, where WHEEL names only the project wheel ----------------------------------------


def setuptools_for(facts: WheelFacts) -> Iterator[str]:
    """Yield versions of setuptools that may have called bdist_wheel of the project wheel, the likeliest first.

    Its METADATA bounds the version, see `bounds`. An environment with the newest wheel of its day has, very probably,
    the newest setuptools too. One with an older wheel is as old as that; if it is much older, it is a distribution's.
    """
    _, wheel = backend(facts)
    day = facts.uploaded[:10] or "9999"
    superseded = next((when for version, when in WHEEL if wheel and Version(version) > Version(wheel)), "9999")
    contemporary, distributed = _newest(facts, min(day, superseded)), _distributed(facts, wheel, day)
    likeliest = (distributed, contemporary) if day[:4] > superseded[:4] else (contemporary, distributed)
    return iter(dict.fromkeys(chain(*likeliest, _newest(facts, day), islice(_fitting(facts), 1))))


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
    """Yield the newest setuptools before a day that the METADATA fits, if there is one."""
    days = dict(SETUPTOOLS)
    yield from [version for version in _fitting(facts) if days[version] < day][-1:]


def _fitting(facts: WheelFacts) -> Iterator[str]:
    """Yield versions of setuptools that the METADATA fits, oldest first."""
    return (version for version, _ in SETUPTOOLS if _runs(version) and _fits(facts, version))


def _runs(version: str) -> bool:
    """Return whether a setuptools runs on Python 3.11: 49.3 to 49.6 and those before 41.1 do not.

    What they write into METADATA is what their neighbours write.
    """
    return Version(version) >= _OLDEST and not _UNFIT[0] <= Version(version) < _UNFIT[1]


_OLDEST = Version("41.1")  # before it: HTMLParser.unescape, which left Python in 3.9
_UNFIT = Version("49.3"), Version("50")  # importlib.util.abc, which is not there in 3.11


def earliest(facts: WheelFacts) -> datetime | None:
    """Return the moment before which the index had no setuptools that we infer, in UTC; None where none is inferred.

    A wheel may be older: its publisher's setuptools had no PEP 517 backend, or does not run on any Python of ours.
    """
    days = dict(SETUPTOOLS)
    known = [
        days[version] for version in (pin.removeprefix("setuptools==") for pin in inferred(facts)) if version in days
    ]
    return datetime.fromisoformat(f"{known[0]}T00:00:00+00:00") + timedelta(days=1) if known else None


def _fits(facts: WheelFacts, version: str) -> bool:
    least, below = bounds(facts)
    return Version(least) <= Version(version) < Version(below)


def bounds(facts: WheelFacts) -> tuple[str, str]:
    """Return the least version of setuptools that writes such METADATA, and the least that no longer does."""
    least = max((Version(version) for is_shown, version in SINCE if is_shown(facts)), default=Version("0"))
    below = min((Version(version) for is_shown, version in BEFORE if is_shown(facts)), default=_OWN_WHEEL)
    return str(least), str(below)


def _names_license(facts: WheelFacts) -> bool:
    return bool(values(facts.metadata, "License-File"))


def _has_unnamed_license(facts: WheelFacts) -> bool:
    files = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")
    return not _names_license(facts) and any(path.upper().startswith(files) for path in facts.licenses)


def _is_unknown(field: str) -> Callable[[WheelFacts], bool]:
    return lambda facts: facts.field(field) == "UNKNOWN"


SINCE = (
    (_names_license, releases.LICENSE_FILE),
    (lambda facts: bool(facts.metadata) and not facts.field("Platform"), releases.NO_UNKNOWN_PLATFORM),
)
"""Forms of METADATA, and the first version of setuptools that writes each."""

BEFORE = (
    (_has_unnamed_license, releases.LICENSE_FILE),
    (_is_unknown("Author"), releases.NO_UNKNOWN_AUTHOR),
    (_is_unknown("Home-page"), releases.NO_UNKNOWN_HOME_PAGE),
    (_is_unknown("Summary"), releases.NO_UNKNOWN_SUMMARY),
    (_is_unknown("Platform"), releases.NO_UNKNOWN_PLATFORM),
    (lambda facts: facts.empty_lines > 0, releases.NO_EMPTY_LINES),
)
"""Forms of METADATA, and the first version of setuptools that no longer writes each."""
