"""The catalogue of cautions: reasons to doubt that other machines agree, which no variation here can test."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.model import Caution, Result


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
CHANGING_SDIST = "changing-sdist"
NOT_SPREAD = "not-spread"

CAUTIONS = (
    CautionKind(
        DEPENDS_ON_CPU,
        "A compiler was told to compile for the processor of the build host.",
        why=(
            "With `-march=native` and the like, a compiler uses the instructions and the sizes of the caches of the "
            "machine on which it runs. Where both builds run on the same processor, their agreement shows nothing for "
            "another one, and the wheel may end with an illegal instruction elsewhere. With `spread: true` they run on "
            "two hosts. If these have different instruction sets and the bytes are equal, the caution remains, because "
            "a third processor may differ in what these two have in common; its evidence then ends with both."
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
        "The version contains the day on which the sdist was made.",
        why=(
            "The sdist of a folder is made once, and both builds start from it, so both have its version. If a build "
            "backend takes the day from the clock, another day gives the same folder another version, and the wheel "
            "another name. setuptools does so for `tag_date`; setuptools-scm and hatch-vcs do for a checkout with "
            "changes that are not committed, such as `1.2.dev3+g1a2b3c4.d20261127`."
        ),
        shows=(
            "The sdist of a folder is made twice. The second time, the clock is 400 days later and SOURCE_DATE_EPOCH "
            "is not set. The two have different versions."
        ),
        repair=(
            "Commit all changes, or do not let a build change tracked files: `git status` lists them. Or leave the day "
            'out: `local_scheme = "no-local-version"` for setuptools-scm and hatch-vcs, no `tag_date` in '
            "setup.cfg, a version from a tag or from the commit's time instead of the clock."
        ),
        example="pkg-1.0.dev20261127.tar.gz; with a clock 400 days later, pkg-1.0.dev20280101.tar.gz",
    ),
    CautionKind(
        CHANGING_SDIST,
        "The sdist of the folder does not have the same contents on another day.",
        why=(
            "Both builds start from one sdist, so they have what it contains. What a backend writes into the sdist "
            "when it makes it, such as the time or a random number, is another value the next time, and the wheel of "
            "the same folder is another one."
        ),
        shows=(
            "The sdist of a folder is made twice, with the same SOURCE_DATE_EPOCH and different clocks, and files in "
            "the two differ; or the second cannot be made."
        ),
        repair=(
            "Let the build write the same text each time: the time of the commit or SOURCE_DATE_EPOCH instead of the "
            "clock, sorted lists, no random numbers."
        ),
        example="with a clock 400 days later, it has other contents: pkg/_build_info.py",
    ),
    CautionKind(
        NOT_SPREAD,
        "The builds were to run on two hosts, and nothing shows that they did.",
        why=(
            "With `spread: true`, the second build is sent to another worker. Two workers can run on one host, and so "
            "on one kernel and one processor. Then nothing that depends on the host was varied, and the verdict is "
            "that of a run without `spread`."
        ),
        shows=(
            "The kernels of the two hosts have the same boot id, a random number that a kernel has from its start. "
            "Builds cannot see it; a container that runs nothing of the package reads it on each host. Or it could not "
            "be read there."
        ),
        repair=(
            "Start workers on two hosts, and use the same configuration again with `--again`; or leave `spread` out."
        ),
        example="both builds ran on the kernel with the boot id 0d8f3c52-7a51-4f0e-9c56-0f6d1c1f6b0a",
    ),
)

NAMES = tuple(caution.name for caution in CAUTIONS)

OF_CHECKOUTS = frozenset({DATED_VERSION, CHANGING_SDIST})
"""The cautions that show that another day gives the same folder another sdist, and thus another wheel."""

_SCM_DAY = re.compile(r"\+(?:[A-Za-z0-9.]{0,100}\.)?d\d{8}(?!\d)")

_OF_SCM = 'local_scheme = "no-local-version" in [tool.setuptools_scm]'
_WITHOUT_DAY = (
    ("hatch-vcs", 'local_scheme = "no-local-version" in [tool.hatch.version.raw-options]'),
    ("setuptools", _OF_SCM),
    ("pdm-backend", "a version_format without the day in [tool.pdm.version]"),
)
"""A build requirement that writes such a day, and the setting that leaves it out; the first that fits counts."""


@dataclass(frozen=True, slots=True)
class CheckoutFinding:
    """Why the wheel of a checkout is not reproducible although that of its sdist may be."""

    name: str  # the caution's slug
    why: str  # one sentence
    evidence: str  # untrusted, printable and cut
    change: str  # what fixes it


def of_checkout(result: Result) -> tuple[CheckoutFinding, ...]:
    """Return why another day gives the same folder another wheel; nothing where no build showed it.

    A verdict is about one sdist. Whoever requires that a checkout is reproducible requires that this is empty, too.
    """
    kinds = {kind.name: kind for kind in CAUTIONS}
    return tuple(
        CheckoutFinding(one.name, kinds[one.name].summary, one.evidence, _change(one, kinds[one.name], result))
        for one in result.cautions
        if one.name in OF_CHECKOUTS
    )


def _change(caution: Caution, kind: CautionKind, result: Result) -> str:
    """Return the change that fixes a finding, as narrow as its evidence allows."""
    backends = {*(one.name for one in result.build_requirements), *(one.name for one in result.provided)}
    if caution.name != DATED_VERSION:
        return kind.repair
    if _SCM_DAY.search(caution.evidence):
        setting = next((text for name, text in _WITHOUT_DAY if name in backends), "")
        commit = "Commit the changes that `git status` lists, or do not let an earlier step change tracked files"
        return f"{commit}; or set {setting} of pyproject.toml." if setting else f"{commit}."
    if "setuptools" in backends:
        return (
            "Leave tag_date out of setup.cfg, and do not compute the version from the clock in setup.py: "
            "take it from a tag or from the commit's time."
        )
    return "Take the version from a tag or from the commit's time instead of the clock."
