"""Whether what other workers answer is what was asked: an answer to another question would be a wrong verdict. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.errors import FaultError
from orchestrator.farm.cluster.values import SentVerification
from orchestrator.job.inputs import inputs_of
from orchestrator.model import Image, Result, Target, Verification, digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.build.builder import Output
    from orchestrator.build.container import Order
    from orchestrator.farm.cluster.values import SentJob
    from orchestrator.model import Inputs

_SHOWN = 100  # characters of a value

_Pair = tuple[str, object, object]  # what is compared, what was asked, what came


def check(sent: SentJob | SentVerification, found: Result | Verification) -> None:
    """Raise FaultError where a result or a verification is not of the job, or of the wheel, that was sent."""
    if isinstance(sent, SentVerification):
        pairs = _of_verification(sent, found) if isinstance(found, Verification) else _other_kind(found)
    else:
        pairs = _of_result(sent, found) if isinstance(found, Result) else _other_kind(found)
    _insist(_requirement(sent), pairs)


def check_known(sent: SentJob | SentVerification, id_: str) -> None:
    """Raise FaultError where a worker names the record of a job that it was not given among the known ones."""
    job = sent.job if isinstance(sent, SentVerification) else sent
    if id_ not in job.known:
        msg = f"judging {_requirement(sent)}: a worker names the record {id_[:_SHOWN]!r}, which was not named to it"
        raise FaultError(msg)


def check_build(order: Order, output: Output) -> None:
    """Raise FaultError where another worker did not do the build of an order."""
    build = output.build
    pairs = (("name", order.name, build.name), ("environment", order.environment, build.environment))
    _insist(f"{order.project} ({order.name})", pairs)


def _requirement(sent: SentJob | SentVerification) -> str:
    return sent.job.task.requirement if isinstance(sent, SentVerification) else sent.task.requirement


def _insist(of: str, pairs: Iterable[_Pair]) -> None:
    wrong = [
        f"the {what} {_shown(came)}, asked for was {_shown(asked)}" for what, asked, came in pairs if came != asked
    ]
    if wrong:
        msg = f"judging {of}: the answer of a worker has {'; '.join(wrong)}"
        raise FaultError(msg)


def _shown(value: object) -> str:
    return f"{value}"[:_SHOWN] or "nothing"


def _other_kind(found: Result | Verification) -> Iterable[_Pair]:
    return (("kind", "another one", type(found).__name__),)


def _of_result(sent: SentJob, found: Result) -> Iterable[_Pair]:
    task, release = sent.task, sent.release
    if not release.packed:  # project and version of a folder are known when its sdist is built
        yield "project", release.project, found.project
        yield "version", release.version, found.version
        yield "sdist", release.sdist, found.sdist
    yield "image", task.image, found.image.name
    yield "manifest", sent.manifest, found.image.manifest
    yield "requirement", task.requirement, found.requirement
    yield "SOURCE_DATE_EPOCH", task.source_date_epoch, found.source_date_epoch
    yield "moment of its build requirements", task.locked_as_of, found.as_of
    yield "expected wheels", task.expected, found.expected
    if found.inputs is not None:
        yield "inputs", _inputs(sent, found, found.inputs.build_requirements), found.inputs
        yield "id", digest(found.inputs), found.job


def _inputs(sent: SentJob, found: Result, build_requirements: str) -> Inputs | None:
    """Return the inputs that a result of a job has, with the build requirements that it found; None without sdist."""
    if found.sdist is None:
        return None
    image = Image(sent.task.image, "", sent.manifest, "", Target("", ""), runtime=sent.runtime)
    release = replace(sent.release, project=found.project, version=found.version, sdist=found.sdist)
    return inputs_of(sent.task, release, image, build_requirements)


def _of_verification(sent: SentVerification, found: Verification) -> Iterable[_Pair]:
    task, release = sent.job.task, sent.job.release
    yield "project", release.project, found.project
    yield "version", release.version, found.version
    yield "requirement", task.requirement, found.requirement
    yield "image", task.image, found.image.name if found.image else ""
    yield "manifest", sent.manifest, found.image.manifest if found.image else ""
    if wheel := sent.wheel or sent.claimed:
        yield "wheel", wheel.filename, found.wheel
        yield "SHA-256", wheel.sha256 or found.sha256, found.sha256
