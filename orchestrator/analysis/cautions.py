"""The catalogue of cautions: reasons to doubt that other machines agree, which no variation here can test."""

from __future__ import annotations

from dataclasses import dataclass


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
)

NAMES = tuple(caution.name for caution in CAUTIONS)
