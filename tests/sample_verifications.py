"""Small realistic verifications for tests that need no build, with the fields that a test changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.model import (
    STRENGTH,
    VERIFICATION_SCHEMA,
    ArchiveField,
    Aspect,
    Build,
    CauseFinding,
    Closeness,
    ClueFinding,
    Difference,
    Failure,
    Line,
    Outcome,
    Phase,
    Proof,
    Provided,
    Reason,
    RebuildAttempt,
    Recreation,
    Sdist,
    Severity,
    Unexplained,
    Verdict,
    Verification,
    WheelFile,
    digest,
)
from tests.sample_results import (
    FIRST,
    HOSTILE,
    IMAGE,
    LOGS,
    NO_NETWORK,
    RULES,
    SCRIPT,
    SECOND,
    SETUPTOOLS,
    all_hostile,
    log_name,
    sample,
)
from tests.samples import EPOCH, NOON, probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.model import UsedImage

RECREATION = Recreation(as_of=NOON, overrides=("setuptools==80.9.0",), source_date_epoch=EPOCH, umask=0o022)


def verified(
    project: str = "six",
    version: str = "1.16.0",
    outcome: Outcome = Outcome.IDENTICAL,
    *,
    days: float = 0,
    image: UsedImage = IMAGE,
    logs: tuple[bytes, ...] = LOGS,
    wheel: str = "",
) -> Verification:
    """Return what a verification that ended in this outcome, so many days after NOON, might have recorded."""
    compared, finished = outcome in STRENGTH, NOON + timedelta(days=days)
    none = outcome in {Outcome.NO_SDIST, Outcome.NO_COUNTERPART}
    filename = wheel or ("" if none else f"{project}-{version}-py3-none-any.whl")
    published = "" if none else digest([project, version, "published"])
    built = digest([project, version, "ours"]) if outcome is not Outcome.IDENTICAL else published
    module, info = f"{project}.py", f"{project}-{version}.dist-info"
    closeness = _CLOSENESS[outcome](module, info, published) if compared else None
    builds = tuple(
        Build(
            name=name,
            environment=SECOND if name == "varied" else FIRST,
            wheel=WheelFile(filename, built, 11_053) if compared else None,
            failure=None if compared else NO_NETWORK,
            probe=probe(FIRST),
            seconds=0.41,
            cpu_seconds=0.2,
            log=log_name(log),
        )
        for name, log in zip(("rebuild-1", "varied") if compared else ("rebuild-1",), logs, strict=False)
    )
    return Verification(
        schema=VERIFICATION_SCHEMA,
        id=digest([project, version, filename, outcome, image.name]),
        project=project,
        version=version,
        wheel=filename,
        sha256=published,
        outcome=outcome,
        requirement=project,
        started=finished - timedelta(seconds=2),
        finished=finished,
        wheelproof="0.1.0",
        image=image,
        sdist=Sdist(f"{project}-{version}.tar.gz", "https://files.example/sdist", digest([project, version]), 34_041),
        uploaded="2021-05-05T14:18:17Z",
        rebuilt_sha256=(closeness.sha256 or built) if closeness else "",
        taken=closeness.taken if closeness and outcome is Outcome.RESTAMPED else (),
        clues=(ClueFinding("umask", "0022", used=True), ClueFinding("timezone", "UTC+2")) if not none else (),
        recreation=RECREATION if compared else None,
        build_requirements=(SETUPTOOLS,) if compared else (),
        provided=(Provided("wheel", "0.38.4", "python3-wheel", "0.38.4-2"),) if compared else (),
        causes=(CauseFinding("generator", (f"{info}/WHEEL",), (), Proof.TRACE),) if outcome is Outcome.METADATA else (),
        unexplained=(Unexplained(module, Aspect.CONTENT, "line 3", "theirs = 1", "mine = 1"),)
        if outcome is Outcome.DIFFERS
        else (),
        differences=(Difference(module, Aspect.CONTENT, severity=Severity.CODE),) if outcome is Outcome.DIFFERS else (),
        lines=closeness.lines if closeness else (),
        severity=Severity.CODE if outcome is Outcome.DIFFERS else None,
        builds=() if none else builds,
        attempts=(RebuildAttempt(RECREATION, "rebuild-1", closeness),) if compared else (),
        reason="needs image manylinux_2_28" if none else closeness.reason if closeness else "needs-network: no host",
        failure=None if compared or none else NO_NETWORK,
        recipes=(SCRIPT, replace(RULES, sha256=published)) if outcome is Outcome.IDENTICAL else (),
    )


_CLOSENESS: Mapping[Outcome, Callable[[str, str, str], Closeness]] = {
    Outcome.IDENTICAL: lambda _module, _info, published: Closeness(Outcome.IDENTICAL, sha256=published),
    Outcome.RESTAMPED: lambda _module, _info, published: Closeness(
        Outcome.RESTAMPED, (ArchiveField.TIMES, ArchiveField.MODES), published, reason="our members have its bytes"
    ),
    Outcome.METADATA: lambda _module, info, _published: Closeness(
        Outcome.METADATA,
        changed=(f"{info}/WHEEL",),
        lines=(Line(f"{info}/WHEEL", "Generator: setuptools (80.9.0)", "Generator: setuptools (80.8.0)", "generator"),),
        reason="only lines of the dist-info folder differ",
    ),
    Outcome.DIFFERS: lambda module, _info, _published: Closeness(
        Outcome.DIFFERS, changed=(module,), missing=("left_over.py",), reason=f"{module} differs"
    ),
}


def hostile_verification(project: str = "six", outcome: Outcome = Outcome.DIFFERS) -> Verification:
    """Return a verification in which every text that a package, an index or a record decides is hostile."""
    closeness = Closeness(
        outcome if outcome in STRENGTH else Outcome.DIFFERS,
        sha256=HOSTILE,
        changed=(HOSTILE,),
        missing=("../" + HOSTILE,),
        added=(HOSTILE,),
        lines=(Line(HOSTILE, HOSTILE, "other" + HOSTILE, HOSTILE),),
        reason=HOSTILE,
    )
    recreation = Recreation(
        overrides=(HOSTILE,), timezone=HOSTILE, config_settings=((HOSTILE, HOSTILE),), hold=(HOSTILE,)
    )
    result = all_hostile(sample(project, verdict=Verdict.SENSITIVE))
    failure = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, HOSTILE, HOSTILE)
    whole = verified(project, outcome=outcome)
    return replace(
        whole,
        id=HOSTILE,
        version="1" + HOSTILE,
        wheel=HOSTILE,
        sha256=HOSTILE,
        image=replace(IMAGE, name=HOSTILE, manifest=HOSTILE),
        sdist=Sdist(HOSTILE, "javascript:alert(1)", HOSTILE),
        uploaded=HOSTILE,
        rebuilt_sha256=HOSTILE + "x",
        taken=(),
        clues=(ClueFinding(HOSTILE, HOSTILE, used=True),),
        recreation=recreation,
        build_requirements=(replace(SETUPTOOLS, name=HOSTILE, version=HOSTILE),),
        provided=(Provided(*(HOSTILE,) * 4),),
        causes=result.causes,
        unexplained=result.unexplained,
        differences=(Difference(HOSTILE, Aspect.CONTENT), Difference("../" + HOSTILE, Aspect.MODE, consequence=True)),
        lines=closeness.lines,
        severity=Severity.CODE,
        builds=tuple(replace(one, name=HOSTILE, log=HOSTILE) for one in whole.builds),
        attempts=(RebuildAttempt(recreation, HOSTILE, closeness), RebuildAttempt(recreation, "", None, failure)),
        reason=HOSTILE,
        failure=failure,
        recipes=(*result.recipes, replace(SCRIPT, text=HOSTILE, why=HOSTILE)),
    )
