"""Measure which releases of setuptools write which METADATA, and write orchestrator/analysis/clues/releases.py.

A small project is built with releases from the index, each in a folder of its own, until each change is found by
bisection: some 50 builds, two minutes. `uv` must be on the path. Run it where a release changes METADATA, or after a
new release of wheel before 0.46: `python scripts/metadata_forms.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from orchestrator.sources.index import Index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TARGET = Path("orchestrator/analysis/clues/releases.py")
WHEEL = "0.37.1"  # one that works with all releases of setuptools here
LINE = 100
PROJECT = {
    "setup.py": "from setuptools import setup\nsetup(name='sample', version='1.0', py_modules=['m'])\n",
    "m.py": "",
    "LICENSE": "MIT\n",
}
DESCRIBED = {
    **PROJECT,
    "setup.py": "from setuptools import setup\nsetup(name='sample', version='1.0', py_modules=['m'],"
    " long_description='text')\n",
}

BREAKS: dict[str, tuple[dict[str, str], Callable[[str], bool]]] = {
    "LICENSE_FILE": (PROJECT, lambda text: "\nLicense-File: " in text),
    "NO_UNKNOWN_AUTHOR": (PROJECT, lambda text: "\nAuthor: UNKNOWN" not in text),
    "NO_UNKNOWN_HOME_PAGE": (PROJECT, lambda text: "\nHome-page: UNKNOWN" not in text),
    "NO_UNKNOWN_PLATFORM": (PROJECT, lambda text: "\nPlatform: UNKNOWN" not in text),
    "NO_UNKNOWN_SUMMARY": (PROJECT, lambda text: "\nSummary: UNKNOWN" not in text),
    "NO_EMPTY_LINES": (DESCRIBED, lambda text: not text.endswith("\n\n")),
}
"""Forms of METADATA: the first release of setuptools that writes each is measured."""


def main() -> None:
    """Measure, and write the module."""
    with tempfile.TemporaryDirectory() as folder:
        index = Index(None, Path(folder) / "cache")
        releases = tuple(released(index, "setuptools", "40.8", "70.1"))
        of_wheel = tuple(released(index, "wheel", "0.30", "0.46"))
        versions = [version for version, _ in releases if Version(version) >= Version("50")]
        breaks = {name: first(versions, *form, Path(folder)) for name, form in BREAKS.items()}
    TARGET.write_text(module(releases, of_wheel, breaks))


def released(index: Index, project: str, least: str, below: str) -> Iterator[tuple[str, str]]:
    """Yield versions that are not yanked, oldest first, and the day of each."""
    days: dict[Version, str] = {}
    for file in index.look(project) or ():
        try:
            version = parse_wheel_filename(file.filename)[1]
        except InvalidWheelFilename:
            continue
        if file.yanked is False and not (version.is_prerelease or version.is_postrelease):
            days[version] = min(file.uploaded[:10], days.get(version, "9999"))
    return ((str(version), days[version]) for version in sorted(days) if Version(least) <= version < Version(below))


def first(versions: Sequence[str], project: dict[str, str], has: Callable[[str], bool], folder: Path) -> str:
    """Return the first version whose METADATA has a form that all later ones have.

    A version that does not work with this Python is taken to write what the one before it does.
    """
    low, high = 0, len(versions) - 1
    while low < high:
        middle = (low + high) // 2
        text = next(
            filter(None, (metadata(version, project, folder) for version in reversed(versions[low : middle + 1]))), ""
        )
        low, high = (low, middle) if has(text) else (middle + 1, high)
    print(versions[low], file=sys.stderr)
    return versions[low]


def metadata(version: str, project: dict[str, str], folder: Path) -> str:
    """Build a project with that setuptools, and return its METADATA; empty if that fails."""
    tools = folder / version
    if not tools.exists():
        pins = [f"setuptools=={version}", f"wheel=={WHEEL}"]
        command = ["uv", "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(tools)]
        subprocess.run([*command, *pins], check=True)  # noqa: S603 - our own words
    with tempfile.TemporaryDirectory(dir=folder) as source:
        for name, text in project.items():
            (Path(source) / name).write_text(text)
        program = "import setuptools.build_meta as backend; backend.build_wheel('out')"
        environment = {**os.environ, "PYTHONPATH": str(tools)}
        command = [sys.executable, "-W", "ignore", "-c", program]
        ran = subprocess.run(command, cwd=source, env=environment, check=False, capture_output=True)  # noqa: S603 - our own words
        if ran.returncode:
            return ""
        with zipfile.ZipFile(next(Path(source).glob("out/*.whl"))) as wheel:
            return wheel.read("sample-1.0.dist-info/METADATA").decode()


def module(setuptools: Sequence[tuple[str, str]], wheel: Sequence[tuple[str, str]], breaks: dict[str, str]) -> str:
    """Return the text of the module."""
    constants = "".join(f'{name} = "{version}"\n' for name, version in breaks.items())
    return f'''"""Releases of setuptools and wheel, and when METADATA changed. Written by scripts/metadata_forms.py."""

from __future__ import annotations

# The first release of setuptools that writes METADATA so.
{constants}

def dated(text: str) -> tuple[tuple[str, str], ...]:
    """Return versions and days from a text of `version:day`, in its order."""
    return tuple((version, day) for version, _, day in (word.partition(":") for word in text.split()))


SETUPTOOLS = dated(
    """
{lines(setuptools)}
    """
)
"""Releases of setuptools that leave the wheel to the project wheel: before 70.1, oldest first."""

WHEEL = dated(
    """
{lines(wheel)}
    """
)
"""Releases of wheel that have bdist_wheel: before 0.46, oldest first."""
'''


def lines(releases: Sequence[tuple[str, str]]) -> str:
    """Return releases as indented lines."""
    rows = [""]
    for version, day in releases:
        word = f"{version}:{day}"
        if len(rows[-1]) + len(word) > LINE:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    return "\n".join(f"    {row}" for row in rows)


if __name__ == "__main__":
    main()
