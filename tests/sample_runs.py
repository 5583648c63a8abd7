"""Small records of runs for tests, with the fields that a test changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from orchestrator.model import RUN_SCHEMA, ChangeKind, InputChange, RunChange, RunRecord, RunStatus
from tests.samples import NOON


def run_of(days: float = 0, **fields: Any) -> RunRecord:  # noqa: ANN401 - fields of any type
    """Return the record of a run that was started so many days after NOON, and took an hour."""
    started = NOON + timedelta(days=days)
    plain = RunRecord(
        schema=RUN_SCHEMA,
        started=started,
        finished=started + timedelta(hours=1),
        wheelproof="0",
        status=RunStatus.COMPLETE,
        whole=True,
        wanted=1,
        judged=1,
        unchanged=0,
        records=(),
        open=(),
        withdrawn=(),
        changes=(worse(days),),
    )
    return replace(plain, **fields)


def worse(days: float = 0, **fields: Any) -> RunChange:  # noqa: ANN401 - fields of any type
    """Return that six got worse by another setuptools, so many days after NOON."""
    plain = RunChange(
        ChangeKind.WORSE,
        NOON + timedelta(days=days),
        project="six",
        version="1.16.0",
        image="bookworm",
        subject="verdict",
        earlier="reproducible",
        later="sensitive",
        culprit="setuptools 80.9.0, now 81.0.0",
        inputs=(InputChange("build-requirement", "setuptools", "80.9.0", "81.0.0"),),
        job="1" * 64,
    )
    return replace(plain, **fields)
