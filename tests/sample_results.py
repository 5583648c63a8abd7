"""Small realistic results for tests that need no build, with the fields that a test changes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from orchestrator.build.environment import first_environment
from orchestrator.build.variations import VARIATIONS as CATALOGUE
from orchestrator.build.variations import names, second_environment
from orchestrator.model import (
    METHOD,
    SCHEMA,
    Aspect,
    Build,
    CauseFinding,
    Difference,
    Evidence,
    Experiment,
    Failure,
    Inputs,
    Limits,
    Lock,
    Mode,
    Phase,
    Pin,
    Proof,
    Published,
    Reason,
    Recipe,
    RecipeForm,
    RecipeProof,
    Remedied,
    RemedyOutcome,
    Result,
    Sdist,
    Severity,
    TagComparison,
    Unexplained,
    UsedImage,
    Variant,
    Verdict,
    WheelFile,
    digest,
)
from tests.samples import EPOCH, NOON, probe

if TYPE_CHECKING:
    from collections.abc import Iterable

HOSTILE = "<script>document.title='owned'</script>\x1b[31mred\x1b[0m \u202egnp.exe \"'><img src=x onerror=alert(1)>"
"""What a package may try: markup, terminal colours, text that runs backwards, the end of an attribute."""

FIRST = first_environment(source="source", salt="5eed", source_date_epoch=EPOCH)
SECOND = second_environment(FIRST)
VARIATIONS = tuple((one.name, one.summary) for one in CATALOGUE)

IMAGE = UsedImage("bookworm", "sha256:" + digest("image"), digest("manifest"), "archive")
SETUPTOOLS = Pin("setuptools", "80.9.0", digest("setuptools 80.9.0"), "setuptools-80.9.0-py3-none-any.whl", "")
DIFFERENCES = (
    Difference("six.py", Aspect.MODE),
    Difference("six-1.16.0.dist-info/RECORD", Aspect.CONTENT, consequence=True),
)
LOGS = (b"first\n", b"second\n", b"control\n")
NO_NETWORK = Failure(Reason.NEEDS_NETWORK, Phase.BUILD_WHEEL, "Could not resolve host: example.org")


SCRIPT = Recipe(
    RecipeForm.SH, "#!/bin/sh\nset -eu\n", "a.whl", digest("a.whl"), RecipeProof.NOT_RUN, why="no budget was left"
)
RULES = Recipe(
    RecipeForm.DEBIAN_RULES, "#!/usr/bin/make -f\n%:\n\tdh $@ --buildsystem=pybuild\n", "", "", RecipeProof.NOT_RUN
)


def sample(  # noqa: PLR0913 - each has its name
    project: str = "six",
    version: str = "1.16.0",
    verdict: Verdict = Verdict.REPRODUCIBLE,
    *,
    days: float = 0,
    image: UsedImage = IMAGE,
    pins: tuple[Pin, ...] = (SETUPTOOLS,),
    hold: tuple[str, ...] = (),
    remove: tuple[str, ...] = (),
    failure: Failure | None = None,
    logs: tuple[bytes, ...] = LOGS,
) -> Result:
    """Return what a job that ended in this verdict, so many days after NOON, might have recorded."""
    built = verdict not in {Verdict.NO_SDIST, Verdict.EXCLUDED}
    if verdict is Verdict.FTBFS:
        failure = failure or NO_NETWORK
    sdist = Sdist(f"{project}-{version}.tar.gz", "https://files.example/sdist", digest([project, version]), 34_041)
    inputs = _inputs(project, version, sdist, image, pins, hold, remove)
    finished = NOON + timedelta(days=days)
    differing = verdict in {Verdict.SENSITIVE, Verdict.INTRINSIC}
    return Result(
        schema=SCHEMA,
        job=digest([project, version, image.name, pins, hold, remove]),
        project=project,
        version=version,
        image=image,
        verdict=verdict,
        holds=(),
        reason=failure.reason if failure else "",
        failure=failure,
        sdist=sdist if built else None,
        build_requirements=pins if built else (),
        source_date_epoch=FIRST.source_date_epoch,
        builds=tuple(_builds(project, version, verdict, failure, logs)) if built else (),
        variations=tuple(_variants(hold, remove)) if built and not failure else (),
        differences=DIFFERENCES if differing else (),
        inputs=inputs if built else None,
        requirement=project,
        started=finished - timedelta(seconds=2),
        finished=finished,
        wheelproof="0.1.0",
    )


def explained(project: str = "markupsafe", version: str = "2.1.5", **others: Any) -> Result:  # noqa: ANN401 - as sample
    """Return a sensitive result in which all that can be explained is, and one thing is not."""
    found = sample(project, version, Verdict.SENSITIVE, **others)
    library = f"{project}/_speedups.cpython-311-x86_64-linux-gnu.so"
    info = f"{project}-{version}.dist-info"
    path = Evidence(library, ".debug_str", FIRST.build_path, SECOND.build_path)
    modes = Evidence(f"{info}/METADATA", "mode", "0644", "0664")
    return replace(
        found,
        holds=("build-path", "umask"),
        severity=Severity.DEBUG,
        differences=(
            Difference(library, Aspect.CONTENT, severity=Severity.DEBUG),
            Difference(f"{info}/METADATA", Aspect.MODE, severity=Severity.ARCHIVE),
            Difference(f"{info}/RECORD", Aspect.CONTENT, consequence=True, severity=Severity.METADATA),
        ),
        causes=(
            CauseFinding("debug-path", (library,), ("build-path",), Proof.ISOLATED, (path,)),
            CauseFinding("archive-modes", (f"{info}/METADATA", f"{info}/WHEEL"), ("umask",), Proof.TRACE, (modes,)),
        ),
        unexplained=(Unexplained(library, Aspect.CONTENT, ".note.strange", "0x10: 00 1a 2f", "0x10: 00 1b 2f"),),
        experiments=(
            Experiment("hold-build-path-umask", "second", ("build-path", "umask"), (), equal=True),
            Experiment("hold-umask", "first", ("umask",), (), equal=False, severity=Severity.DEBUG),
            Experiment("remedy", "first", (), ("fix-umask", "prefix-map-source"), equal=True),
        ),
        remedies=(
            Remedied("prefix-map-source", RemedyOutcome.PROVEN, Severity.NONE),
            Remedied("fix-umask", RemedyOutcome.PROVEN, Severity.NONE),
            Remedied("no-debug-info", RemedyOutcome.REJECTED, Severity.CODE, "it changed what is compiled"),
            Remedied("strip-debug", RemedyOutcome.NOT_TRIED, why="a gentler one is proven"),
        ),
        recipe=("fix-umask", "prefix-map-source"),
        recipes=(SCRIPT, RULES),
        left_open="whether timezone does it, too: 16 builds were made",
        builds_compared=3,
        flake_bound=1.0,
        kind=TagComparison(("cp311-cp311-linux_x86_64",), ("cp311-cp311-manylinux_2_17_x86_64",)),
        published=Published(
            f"{project}-{version}-cp311-cp311-manylinux_2_17_x86_64.whl",
            digest("published"),
            same=False,
            severity=Severity.CODE,
            causes=(CauseFinding("generator", (f"{info}/WHEEL",)),),
            unexplained=(Unexplained(library, Aspect.CONTENT, ".text"),),
        ),
    )


def with_recipe(result: Result) -> Result:
    """Return the result with two more builds that ran the text of its first recipe and gave one wheel."""
    first, text, names = result.builds[0], result.recipes[0].text, ("recipe", "recipe-again")
    environment = replace(first.environment, recipe=hashlib.sha256(text.encode()).hexdigest())
    wheel = WheelFile("a.whl", digest("a.whl"), 11_053)
    runs = tuple(replace(first, name=name, environment=environment, wheel=wheel) for name in names)
    script = replace(
        result.recipes[0], sha256=wheel.sha256, proof=RecipeProof.PROVEN, builds=("recipe", "recipe-again")
    )
    return replace(result, builds=(*result.builds, *runs), recipes=(script, *result.recipes[1:]))


def all_hostile(result: Result) -> Result:
    """Return the result with every explanation of it hostile, wherever a package or a record may put a text."""
    cause_finding = CauseFinding(
        HOSTILE, (HOSTILE, "../" + HOSTILE), (HOSTILE,), Proof.TRACE, (Evidence(*(HOSTILE,) * 5),)
    )
    left = Unexplained(HOSTILE, Aspect.CONTENT, *(HOSTILE,) * 4, chance=True, variations=(HOSTILE,), looks_like=HOSTILE)
    unexplained = (left, replace(left, second="other" + HOSTILE, chance=False))
    return replace(
        result,
        severity=Severity.CODE,
        causes=(cause_finding,),
        unexplained=unexplained,
        experiments=(Experiment(HOSTILE, HOSTILE, (HOSTILE,), (HOSTILE,), equal=False, severity=Severity.DATA),),
        remedies=(Remedied(HOSTILE, RemedyOutcome.REJECTED, Severity.CODE, HOSTILE),),
        recipe=(HOSTILE,),
        recipes=(Recipe(RecipeForm.SH, HOSTILE, HOSTILE, HOSTILE, RecipeProof.REJECTED, (HOSTILE,), HOSTILE),),
        left_open=HOSTILE,
        kind=TagComparison((HOSTILE,), (HOSTILE,), fallback=True),
        published=Published(
            HOSTILE, HOSTILE, same=False, severity=Severity.DATA, causes=(cause_finding,), unexplained=unexplained
        ),
    )


def log_name(log: bytes) -> str:
    """Return the name under which the store keeps a log."""
    return hashlib.sha256(log).hexdigest()


def _inputs(
    project: str,
    version: str,
    sdist: Sdist,
    image: UsedImage,
    pins: tuple[Pin, ...],
    hold: tuple[str, ...],
    remove: tuple[str, ...],
) -> Inputs:
    return Inputs(
        method=METHOD,
        project=project,
        version=version,
        sdist=sdist.sha256,
        build_requirements=Lock(pins).digest,
        image=image.name,
        manifest=image.manifest,
        source_date_epoch=FIRST.source_date_epoch,
        hold=hold,
        remove=remove,
        limits=Limits(),
    )


def _builds(
    project: str, version: str, verdict: Verdict, failure: Failure | None, logs: tuple[bytes, ...]
) -> Iterable[Build]:
    """Yield builds whose bytes are chosen by one letter of `bytes_of` each."""
    bytes_of = {Verdict.REPRODUCIBLE: "aa", Verdict.SENSITIVE: "aba", Verdict.INTRINSIC: "abc", Verdict.FTBFS: "-"}
    names = zip(("first", "second", "control"), bytes_of[verdict], logs, strict=False)
    for name, content, log in names:
        wheel = WheelFile(f"{project}-{version}-py3-none-any.whl", digest([project, version, content]), 11_053)
        environment = SECOND if name == "second" else FIRST
        yield Build(
            name=name,
            environment=environment,
            wheel=None if failure else wheel,
            failure=failure,
            probe=probe(environment),
            seconds=0.41,
            cpu_seconds=0.2,
            log=log_name(log),
        )


def _variants(hold: tuple[str, ...], remove: tuple[str, ...]) -> Iterable[Variant]:
    for name in names(spread=False):
        mode = Mode.HELD if name in hold else Mode.REMOVED if name in remove else Mode.VARIED
        yield Variant(name, mode, acted=mode is Mode.VARIED)
