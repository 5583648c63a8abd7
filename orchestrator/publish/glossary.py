"""Every slug of a record that is in no other catalogue, with its meaning in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.model import Party
from orchestrator.model import (
    ArchiveField,
    Aspect,
    ChangeKind,
    Fate,
    FaultKind,
    Frontend,
    LineEnds,
    MemberKind,
    Mode,
    Origin,
    Outcome,
    Phase,
    Policy,
    ProgramAspect,
    Proof,
    Reason,
    RecipeForm,
    RecipeProof,
    RemedyOutcome,
    Require,
    RunStatus,
    Severity,
    Verdict,
    Want,
)
from orchestrator.publish import outcomes
from orchestrator.publish.phrases import DEPTHS
from orchestrator.publish.wording import REASONS, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Group:
    """The slugs of one kind; `of` is their enumeration, if they have one."""

    slug: str
    what: str  # where they are used, in a sentence
    meanings: Mapping[str, str]  # of each slug
    of: type[StrEnum] | None = None  # None, too, for an enumeration that takes long to import


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


GROUPS: tuple[Group, ...] = (
    Group(
        "verdicts",
        "What is known of a release on an image.",
        {word.slug: word.meaning for word in WORDS},
        Verdict,
    ),
    Group(
        "reasons",
        "Why a release fails to build from source: the `reason` of an `ftbfs` verdict.",
        {slug: _sentence(text) for slug, text in REASONS.items()},
        Reason,
    ),
    Group(
        "phases",
        "The step of a build that failed.",
        {
            Phase.UNPACK: "Unpacking the source distribution.",
            Phase.REQUIREMENTS: "Installing the build requirements, or asking the backend for more of them.",
            Phase.BUILD_SDIST: "Building the source distribution of a project's folder.",
            Phase.BUILD_WHEEL: "Building the wheel.",
            Phase.WHEEL: "Reading the wheel that was built.",
            Phase.FINISH: "A step on the finished wheel: its repair by auditwheel, or a remedy of an earlier release.",
        },
        Phase,
    ),
    Group(
        "missing-things",
        "The kind of a thing that a failed build did not find.",
        {
            Want.HEADER: "A header that a source includes.",
            Want.LIBRARY: "A library that is linked.",
            Want.TOOL: "A program that is called.",
            Want.PKG_CONFIG: "A module of pkg-config.",
            Want.CMAKE: "A package of CMake.",
            Want.PYTHON_MODULE: "A module of Python.",
            Want.DEPENDENCY: "A dependency that a build script searched for; how is not known.",
        },
        Want,
    ),
    Group(
        "modes",
        "How a variation is set.",
        {
            Mode.VARIED: "The two builds differ in it, and a probe has checked that they do.",
            Mode.HELD: "It is the same in both builds, as configured, and a probe has checked that it is.",
            Mode.REMOVED: "It is neither controlled nor checked, as configured.",
        },
        Mode,
    ),
    Group(
        "aspects",
        "In what two wheels differ, for each member or for the whole archive.",
        {
            Aspect.FILENAME: "The wheels have different file names.",
            Aspect.TAGS: "The wheels are for different Pythons, ABIs or platforms.",
            Aspect.PRESENCE: "Only one wheel has the member.",
            Aspect.CONTENT: "The unpacked bytes of the member differ.",
            Aspect.MODE: "The permissions of the member differ.",
            Aspect.TIME: "The time of the member differs.",
            Aspect.ORDER: "The members are in a different order.",
            Aspect.PACKING: "The compression, the flags or other header fields of the member differ.",
            Aspect.ARCHIVE: "The archives differ outside their members.",
        },
        Aspect,
    ),
    Group(
        "severities",
        "How serious a difference is, in ascending order.",
        {severity: sentence for severity, (_, sentence) in DEPTHS.items()},
        Severity,
    ),
    Group(
        "proofs",
        "How well a cause is proven.",
        {
            Proof.POSSIBLE: "It may be this: the difference has the form of the cause, and nothing shows it.",
            Proof.TRACE: (
                "Its trace is there: a value that the environment planted, or what the two files themselves show; "
                "with it removed from both wheels, they are the same there. In records before schema 4, also what is "
                "now called possible."
            ),
            Proof.ISOLATED: (
                "Builds have proved it: with its variations held, alone or with others that the record names, the "
                "difference is gone, and with fewer of them held it is not. Of a cause without variations, two builds "
                "in one environment differ there."
            ),
        },
        Proof,
    ),
    Group(
        "outcomes",
        "The outcome of a remedy.",
        {
            RemedyOutcome.PROVEN: (
                "Builds with it gave the same bytes: with it alone, or with the set that the sentence names."
            ),
            RemedyOutcome.COSTLY: (
                "Builds with it gave the same bytes, but a program of the wheel is worse than without it: slower, less "
                "hardened, or without debug information. It is offered only if nothing else works."
            ),
            RemedyOutcome.REJECTED: "Builds with it failed, or differed.",
            RemedyOutcome.NOT_TRIED: "No build was made with it; the record has the reason.",
        },
        RemedyOutcome,
    ),
    Group(
        "recipe-forms",
        "For whom a recipe is written.",
        {
            RecipeForm.SH: "A script for a POSIX shell that installs with pip and calls the build backend.",
            RecipeForm.BUILD: "A script for a POSIX shell that builds with `python -m build`.",
            RecipeForm.UV: "A script for a POSIX shell that builds with uv.",
            RecipeForm.DEBIAN_RULES: "The file debian/rules of a Debian package.",
            RecipeForm.DOCKERFILE: "A Dockerfile.",
            RecipeForm.GITHUB: "A step of a workflow.",
        },
        RecipeForm,
    ),
    Group(
        "recipe-proofs",
        "How well a recipe is proven.",
        {
            RecipeProof.PROVEN: (
                "Its text was run as it is in two containers that differ on purpose, and both gave the wheel."
            ),
            RecipeProof.REJECTED: "Its text was run as it is, and at least one container did not give the wheel.",
            RecipeProof.NOT_RUN: "Its text was not run.",
        },
        RecipeProof,
    ),
    Group(
        "program-aspects",
        "What a remedy changes in a wheel besides its purpose.",
        {
            ProgramAspect.SIZE: "The size of what is loaded at run time.",
            ProgramAspect.SECTIONS: "Sections that appeared or vanished.",
            ProgramAspect.IMPORTS: "Functions that a library imports, such as that of failed assertions.",
            ProgramAspect.OPTIMISATION: "The level at which the compiler optimised.",
            ProgramAspect.HARDENING: "Protections such as the stack protector, fortified functions and RELRO.",
            ProgramAspect.DEBUG_INFO: "Debug information.",
            ProgramAspect.MEMBERS: "Members of the wheel that appeared or vanished.",
        },
        ProgramAspect,
    ),
    Group(
        "parties",
        "Who can remove a cause, and gets the report.",
        {
            Party.PROJECT: "The project itself, in its sources or its configuration.",
            Party.BACKEND: "The build backend of the project.",
            Party.TOOL: "A compiler, a frontend or a generator that the build uses.",
        },
        Party,
    ),
    Group(
        "fates",
        "The outcome of checking an exclusion.",
        {
            Fate.STILL_NEEDED: "The project still does not build.",
            Fate.LIFTED: "The custom image that the exclusion names builds it.",
            Fate.STALE: "The stock image builds it, so the exclusion can be removed.",
            Fate.NEVER: "The exclusion is not to be lifted, whatever builds.",
        },
        Fate,
    ),
    Group(
        "members",
        "What a wheel of a wheelhouse is for.",
        {
            MemberKind.WHEEL: "A release that was asked for.",
            MemberKind.TOOL: "A build requirement that is built here, too.",
        },
        MemberKind,
    ),
    Group(
        "verification-outcomes",
        "Whether a published wheel is rebuilt from its source; of a comparison, the strongest comes first.",
        {word.slug: word.meaning for word in outcomes.WORDS},
        Outcome,
    ),
    Group(
        "archive-fields",
        "What of an archive may be taken from the published wheel: the fields that a `restamped` wheel names.",
        {
            ArchiveField.TIMES: "The times of the members.",
            ArchiveField.MODES: "The permissions of the members, and the system by which they are read.",
            ArchiveField.ORDER: "The order of the members.",
            ArchiveField.COMPRESSION: "The packed bytes, which unpack to the same bytes: another zlib or level.",
        },
        ArchiveField,
    ),
    Group(
        "line-ends",
        "How the lines of text files end in a build that recreates a published wheel. Empty: as on Linux.",
        {
            LineEnds.CRLF: "Those of the source, as a checkout on Windows has them.",
            LineEnds.WRITTEN: "Those of what the build writes, as Python has them on Windows.",
            LineEnds.WINDOWS: "Both.",
        },
        LineEnds,
    ),
    Group(
        "witness-outcomes",
        "Whether a rebuild has a hash that a file lists.",
        {
            "matches": "The rebuilt wheel has a listed hash.",
            "differs": "The rebuilt wheel has another hash.",
            "unbuildable": "No wheel was built.",
        },
    ),
    Group(
        "policies",
        "Where the build requirements come from.",
        {
            Policy.INDEX: "Wheels of the index, locked.",
            Policy.DEBIAN: "Only distributions of Debian in the image.",
            Policy.PINNED: "Only what a file pins by version and hash.",
            Policy.SOURCE: "Wheels that the farm built from their source distributions.",
        },
        Policy,
    ),
    Group(
        "frontends",
        "What calls the build backend.",
        {
            Frontend.HOOKS: "The guest itself, on the unpacked folder (PEP 517).",
            Frontend.PIP: "`pip wheel`, which unpacks to a folder of random name.",
        },
        Frontend,
    ),
    Group(
        "origins",
        "Where a release comes from.",
        {
            Origin.INDEX: "The package index.",
            Origin.FILE: "A source distribution of the user's own.",
            Origin.FOLDER: "A project's folder of the user's own.",
        },
        Origin,
    ),
    Group(
        "run-statuses",
        "How a run ended.",
        {
            RunStatus.COMPLETE: "Everything that was wanted has a verdict.",
            RunStatus.OPEN: "Some jobs got no verdict.",
            RunStatus.FAILED: "The farm failed: no job got a verdict.",
            RunStatus.INTERRUPTED: "It was stopped; the next run reports what it changed.",
        },
        RunStatus,
    ),
    Group(
        "requirements",
        "What a gate requires of each release.",
        {
            Require.REPRODUCIBLE: "Both builds gave the same bytes.",
            Require.RECIPE: "They did, or a recipe is proven that gives the same bytes.",
            Require.BUILDS: "A wheel was built.",
        },
        Require,
    ),
    Group(
        "changes",
        "What a run changed.",
        {
            ChangeKind.WORSE: "A verdict, the bytes of a wheel with equal inputs, or the outcome of verifying a wheel.",
            ChangeKind.BETTER: "A verdict, or the outcome of verifying a wheel.",
            ChangeKind.CHANGED: "Neither: for example other bytes from other inputs, with the same verdict.",
            ChangeKind.OPENED: "A job has no verdict, for a fault of the farm or the index.",
            ChangeKind.CLOSED: "A job that had no verdict is no longer open.",
            ChangeKind.WITHDRAWN: "The index no longer offers a release that it offered, or has yanked it.",
            ChangeKind.RETURNED: "The index offers a withdrawn release again.",
            ChangeKind.FAILED: "The farm gives no verdicts.",
            ChangeKind.RECOVERED: "The farm gives verdicts again.",
        },
        ChangeKind,
    ),
    Group(
        "faults",
        "Which part of the farm left a job without a verdict; never the package.",
        {
            FaultKind.INDEX: "The index does not answer, or answers wrongly.",
            FaultKind.ABSENT: "The index answers, and has no such project or release.",
            FaultKind.ENGINE: "The container engine is absent, or fails.",
            FaultKind.WORKERS: "Dask's scheduler or its workers do not answer, or none takes the job.",
            FaultKind.IMAGE: "An image cannot be built.",
            FaultKind.RESULTS: "The results or the cache cannot be read or written.",
            FaultKind.REQUEST: "It cannot be built as requested.",
            FaultKind.STOPPED: "The run was stopped.",
            FaultKind.PROGRAM: "A fault of wheelproof, or one whose kind is not known.",
        },
        FaultKind,
    ),
)
"""All kinds of slugs but causes, variations and remedies, which have catalogues of their own."""
