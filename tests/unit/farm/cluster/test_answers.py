"""What workers answer is compared with what was asked, field by field."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.build.builder import Output
from orchestrator.build.container import Order
from orchestrator.errors import FaultError
from orchestrator.farm.cluster import answers
from orchestrator.farm.cluster.values import SentVerification
from orchestrator.model import Limits, OfferedWheel, Verdict, digest
from orchestrator.sources.sdist import Source
from tests import sample_verifications, samples
from tests.dask_cluster import KNOWN, job, result, sent

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Result

SENT = sent(job("a"))
FOUND = result(SENT)


def of_inputs(**changed: Any) -> Result:  # noqa: ANN401 - any field
    """Return the result with other inputs, and with their id."""
    assert FOUND.inputs is not None
    inputs = replace(FOUND.inputs, **changed)
    return replace(FOUND, inputs=inputs, job=digest(inputs))


def test_the_result_of_a_job_is_taken() -> None:
    """So is one with any build requirements, which the worker found, and one without a build."""
    answers.check(SENT, FOUND)
    answers.check(SENT, of_inputs(build_requirements="0" * 64))
    unbuilt = replace(SENT, release=replace(SENT.release, sdist=None))
    answers.check(unbuilt, result(unbuilt, verdict=Verdict.NO_SDIST))


@pytest.mark.parametrize(
    "found",
    [
        replace(FOUND, project="b"),
        replace(FOUND, version="2.0"),
        replace(FOUND, sdist=None),
        replace(FOUND, requirement="b"),
        replace(FOUND, image=replace(FOUND.image, name="trixie")),
        replace(FOUND, image=replace(FOUND.image, manifest="0" * 64)),
        replace(FOUND, source_date_epoch=1),
        replace(FOUND, as_of=FOUND.started),
        replace(FOUND, expected=("0" * 64,)),
        replace(FOUND, job="0" * 64),
        *(
            of_inputs(**{name: value})
            for name, value in (
                ("method", 1),
                ("project", "b"),
                ("sdist", "0" * 64),
                ("manifest", "0" * 64),
                ("hold", ("umask",)),
                ("remove", ("umask",)),
                ("limits", Limits(seconds=1)),
                ("runtime", "kata"),
                ("spread", True),
                ("config_settings", (("a", "b"),)),
            )
        ),
    ],
)
def test_the_result_of_another_job_is_a_fault(found: Result) -> None:
    """Whichever field shows it."""
    with pytest.raises(FaultError, match="asked for was"):
        answers.check(SENT, found)


def test_a_folder_is_known_by_its_sdist_only_when_that_is_built() -> None:
    """Its project and version may be others; its image may not."""
    packed = replace(SENT, release=replace(SENT.release, packed=True, version="0"))
    answers.check(packed, FOUND)
    with pytest.raises(FaultError, match="image"):
        answers.check(packed, replace(FOUND, image=replace(FOUND.image, name="trixie")))


def test_only_a_named_record_is_known() -> None:
    """Of the same job."""
    answers.check_known(SENT, KNOWN)
    with pytest.raises(FaultError):
        answers.check_known(replace(SENT, known=()), KNOWN)


def test_a_verification_of_another_wheel_is_a_fault() -> None:
    """So is a result in its place."""
    found = sample_verifications.verified()
    assert found.image is not None
    release = replace(samples.RELEASE, project=found.project, version=found.version)
    task = replace(samples.TASK, requirement=found.requirement, image=found.image.name)
    of = replace(SENT, task=task, release=release, manifest=found.image.manifest)
    wheel = OfferedWheel(found.wheel, "", found.sha256)
    asked = SentVerification(of, found.started, wheel, "", None, None)
    answers.check(asked, found)
    answers.check(replace(asked, wheel=replace(wheel, sha256="")), found)
    for other in (
        replace(found, project="b"),
        replace(found, version="0.1"),
        replace(found, wheel="b-1-py3-none-any.whl"),
        replace(found, sha256="0" * 64),
        replace(found, image=None),
        FOUND,
    ):
        with pytest.raises(FaultError):
            answers.check(asked, other)
    with pytest.raises(FaultError):
        answers.check(SENT, found)


def test_the_build_of_another_order_is_a_fault(tmp_path: Path) -> None:
    """Its environment decides what it proves."""
    source = Source(tmp_path / "pkg-1.0.tar.gz", (), "backend")
    order = Order("second", source, samples.ELSEWHERE, tmp_path, samples.IMAGE, Limits())
    build = replace(FOUND.builds[1], name="second", environment=samples.ELSEWHERE)
    answers.check_build(order, Output(build, None, tmp_path))
    for other in (replace(build, name="first"), replace(build, environment=samples.SECOND)):
        with pytest.raises(FaultError):
            answers.check_build(order, Output(other, None, tmp_path))
