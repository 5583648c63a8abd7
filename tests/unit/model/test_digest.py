"""A digest of a value is the same as long as the value means the same, whatever fields are added."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest

from orchestrator.model import METHOD, Inputs, Result, Task
from orchestrator.model.digest import LEFT_OUT, digest
from orchestrator.results.store import read
from tests.samples import FIRST

RECORDS = Path(__file__).parents[2] / "records"
FILES = [file for file in sorted(RECORDS.glob("*/records/*/*.json")) if file.parts[-4] >= "4"]


@dataclass(frozen=True)
class Earlier:
    """A value of an earlier release."""

    name: str
    parts: tuple[object, ...] = ()
    by_key: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Later:
    """The same value with a field more."""

    name: str
    parts: tuple[object, ...] = ()
    by_key: dict[str, object] = field(default_factory=dict)
    added: int = field(default=0, metadata=LEFT_OUT)


def former(value: object) -> str:
    """Return the digest as it was computed before fields could be left out."""
    plain = lambda one: one.isoformat() if isinstance(one, date) else asdict(one)  # noqa: E731 - as it was
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=plain).encode()).hexdigest()


def test_an_added_field_changes_no_digest_while_it_has_its_default() -> None:
    """Wherever in a value it is."""
    day = date(2026, 1, 31)
    earlier = Earlier("a", (Earlier("b"), day, ("c", None)), {"x": [Earlier("d")]})
    later = Later("a", (Later("b"), day, ("c", None)), {"x": [Later("d")]})
    assert digest(later) == digest(earlier) == former(earlier)
    assert digest([later, {"k": later}]) == former([earlier, {"k": earlier}])


def test_an_added_field_counts_once_it_is_set() -> None:
    """Also deep in a value, and each value of it differently."""
    values = [Later("a"), Later("a", added=1), Later("a", added=2), Later("a", (Later("b", added=1),))]
    assert len(set(map(digest, values))) == len(values)
    assert digest(Later("a")) != digest(Later("b"))


def test_what_has_no_digest_is_refused() -> None:
    """A class or any object."""
    for value in (Later, object(), {1}):
        with pytest.raises(TypeError):
            digest(value)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-4]} {file.parts[-2]}")
def test_the_ids_of_records_are_those_of_their_inputs(file: Path) -> None:
    """So a record of an earlier release still answers, and one of a job on two hosts does not."""
    result = read(file)
    assert isinstance(result, Result)
    inputs = result.inputs
    if inputs is None or inputs.method != METHOD:
        return
    assert digest(inputs) == result.job
    assert digest(replace(inputs, spread=not inputs.spread)) != result.job


def test_a_job_on_two_hosts_has_another_id() -> None:
    """So has its task, and the environment of its second build."""
    task = Task("pkg", "bookworm")
    assert digest(task) != digest(replace(task, spread=True))
    assert digest(FIRST) != digest(replace(FIRST, host="second"))
    assert {"spread"} == {one for one in Inputs.__dataclass_fields__ if Inputs.__dataclass_fields__[one].metadata}
