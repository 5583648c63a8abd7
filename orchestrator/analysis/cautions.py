"""The catalogue of cautions: reasons to doubt that other machines agree, which no variation here can test."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class CautionKind:
    """One kind of caution. This is all that users read of it."""

    name: str
    summary: str  # what it is, in one sentence
    why: str  # why two machines can disagree
    shows: str  # what shows it in a build
    repair: str  # what a project can do
    example: str  # of a log's line, or a record of a compiler


DEPENDS_ON_CPU = "depends-on-cpu"
DATED_VERSION = "dated-version"

CAUTIONS = (
    CautionKind(
        DEPENDS_ON_CPU,
        "A compiler was told to compile for the processor of the build host.",
        why=(
            "With `-march=native` and the like, a compiler uses the instructions and the sizes of the caches of the "
            "machine on which it runs. Both builds run on the same processor, so their agreement shows nothing for "
            "another one, and the wheel may end with an illegal instruction elsewhere."
        ),
        shows=(
            "A compiler is called in a build's log with `-march=native`, `-mtune=native`, `-mcpu=native`, `-xHost` or "
            "`-C target-cpu=native`, or its record in debug information has the sizes of caches, which gcc adds for "
            "them. A build that prints no calls and keeps no debug information does not show it."
        ),
        repair=(
            "Compile wheels for a named processor, such as `-march=x86-64-v2`, and choose faster code at run time; "
            "leave `native` to users who build for themselves."
        ),
        example="gcc -Wsign-compare -O3 -march=native -fPIC -c fast.c -o build/fast.o",
    ),
    CautionKind(
        DATED_VERSION,
        "The version contains the date of the day on which the sdist was made.",
        why=(
            "The sdist of a folder is made once, and both builds start from it, so both have its version. If a build "
            "backend takes the day from the clock, as setuptools does for `tag_date`, another day gives the same "
            "folder another version, and the wheel another name."
        ),
        shows=(
            "The sdist was made from a folder, and the version of the wheel contains that day, such as 20261127. A "
            "version that somebody wrote down on the same day looks the same."
        ),
        repair=(
            "Write the version down, or take it from a tag of the version control; leave `tag_date` out of setup.cfg, "
            "or publish the sdist and build wheels from it."
        ),
        example="pkg 1.0.dev20261127, built on 2026-11-27",
    ),
)

NAMES = tuple(caution.name for caution in CAUTIONS)


_FORMS = "%Y%m%d", "%Y.%-m.%-d", "%Y.%m.%d"


def date_in_version(version: str, moments: tuple[float, ...]) -> str:
    """Return the day of one of the moments, in seconds since 1970, that a version contains; empty if it has none."""
    days = [datetime.fromtimestamp(moment, UTC) for moment in moments]
    written = (day.strftime(form) for day in days for form in _FORMS)
    return next((text for text in written if re.search(rf"(?<!\d){re.escape(text)}(?!\d)", version)), "")
