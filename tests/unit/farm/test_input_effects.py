"""Each task's build requirements are locked as of its moment, and with its overrides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from orchestrator.config import Config
from orchestrator.farm import assemble
from orchestrator.model import Lock, Recreation
from orchestrator.results.store import Results
from tests.loopback_index import LoopbackIndex, wheel
from tests.samples import IMAGE, TASK

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Task

NOON, EVENING = (datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in (12, 18))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (TASK, "4.0"),
        (replace(TASK, as_of=NOON), "1.0"),
        (replace(TASK, as_of=EVENING), "2.0"),
        (replace(TASK, recreation=Recreation()), "4.0"),
        (replace(TASK, as_of=EVENING, recreation=Recreation()), "2.0"),
        (replace(TASK, as_of=EVENING, recreation=Recreation(as_of=NOON)), "1.0"),
        (replace(TASK, recreation=Recreation(overrides=("helper==2.0",))), "2.0"),
    ],
)
def test_a_task_is_locked_as_of_its_moment(tmp_path: Path, task: Task, expected: str) -> None:
    """Or as the index is now; a recreation's settings come first."""
    uploads = ("1.0", "2023-01-01T00:00:00Z"), ("2.0", "2024-01-01T13:00:00Z"), ("3.0", "2024-01-03T00:00:00Z")
    with LoopbackIndex() as served:
        for version, uploaded in (*uploads, ("4.0", "2024-02-01T00:00:00Z")):
            served.publish(f"helper-{version}-py3-none-any.whl", wheel("helper", version), uploaded=uploaded)
        settings = Config(index=served.url, cache=tmp_path / "cache")
        inputs = assemble.open_inputs(settings, Results(tmp_path / "results", wheels=1 << 20, logs=1 << 20))
        found = inputs.lock_for(task)(("helper",), IMAGE.target)
    assert isinstance(found, Lock)
    assert [pin.version for pin in found.pins] == [expected]
