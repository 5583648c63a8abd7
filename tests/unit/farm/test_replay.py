"""What a replay shows: pure decisions on what was built."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from orchestrator.farm import former
from orchestrator.farm.replay import ReplayOutcome, judged, varied
from orchestrator.job.replaying import FormerBuild, of_result
from orchestrator.model import METHOD as CURRENT
from orchestrator.model import Build, Limits, Reason, WheelFile
from orchestrator.results.store import Results
from tests.sample_results import SECOND, sample
from tests.samples import built, failed

RECORDS = Path(__file__).parents[2] / "records"
FORMER = cast("FormerBuild", of_result("a.json", sample(), lambda _: None, Limits()))
OTHER = replace(FORMER.wheel, sha256="2" * 64)
METHOD = (f"the record is of method 1, and this is method {CURRENT}",)


@pytest.mark.parametrize(
    ("wheel", "departures", "outcome"),
    [
        (FORMER.wheel, (), ReplayOutcome.COMES_OUT),
        (FORMER.wheel, METHOD, ReplayOutcome.COMES_OUT),
        (OTHER, (), ReplayOutcome.DIFFERS),
        (OTHER, METHOD, ReplayOutcome.NOT_REPLAYED),
        (replace(FORMER.wheel, filename="x-1-cp311-none-any.whl"), (), ReplayOutcome.DIFFERS),
    ],
)
def test_another_wheel_counts_only_in_the_recorded_environment(
    wheel: WheelFile, departures: tuple[str, ...], outcome: ReplayOutcome
) -> None:
    """A wheel that comes out elsewhere, too, shows more than is asked; another one there shows nothing."""
    row = judged(FORMER, wheel, departures)

    assert row.outcome is outcome
    assert all(one in row.because for one in departures)


@pytest.mark.parametrize(
    ("second", "departures", "outcome"),
    [
        (built("second", SECOND, FORMER.wheel.sha256, FORMER.wheel.filename), (), ReplayOutcome.COMES_OUT),
        (built("second", SECOND, "2" * 64, FORMER.wheel.filename), (), ReplayOutcome.DIFFERS),
        (built("second", SECOND, "2" * 64, FORMER.wheel.filename), METHOD, ReplayOutcome.NOT_REPLAYED),
        (failed("second", SECOND), (), ReplayOutcome.FAILS),
        (failed("second", SECOND, Reason.KILLED), (), ReplayOutcome.NOT_REPLAYED),
        (failed("second", SECOND, Reason.TIME_OUT), (), ReplayOutcome.NOT_REPLAYED),
    ],
)
def test_a_second_build_has_to_give_the_wheel_too(
    second: Build, departures: tuple[str, ...], outcome: ReplayOutcome
) -> None:
    """Where the record calls it reproducible; what this host did to a build shows nothing."""
    assert varied(judged(FORMER, FORMER.wheel, departures), second).outcome is outcome


def test_records_of_every_schema_are_found(tmp_path: Path) -> None:
    """Each is a former build, or has the reason why it is none."""
    store = Results(tmp_path, wheels=0, logs=0)
    found = [one for folder in RECORDS.iterdir() if folder.is_dir() for one in _found(folder, store)]

    assert all(one.build or one.why for one in found)
    assert {one.build.release.project for one in found if one.build} >= {"idna", "six", "markupsafe", "random"}
    assert {Path(one.source).parts[-4] for one in found if one.build} >= {"2", "3", "4", "5"}


def _found(folder: Path, store: Results) -> tuple[former.Found, ...]:
    return former.found([folder], store, Limits(), everything=False)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", '{"outcome": 1}', '{"verdict": "reproducible"}'])
def test_a_file_that_is_no_record_is_the_reason(tmp_path: Path, text: str) -> None:
    """And stops nothing else."""
    (tmp_path / "a.json").write_text(text)

    (one,) = _found(tmp_path, Results(tmp_path / "results", wheels=0, logs=0))

    assert (one.build, one.why) == (None, "it is no record that this version of wheelproof can read")


def test_all_means_the_newest_record_of_each_release(tmp_path: Path) -> None:
    """On each image; and the verifications."""
    shutil.copytree(RECORDS / "5", tmp_path / "results")
    store = Results(tmp_path / "results", wheels=0, logs=0)
    result = next(store.of("six"))
    later = replace(result, started=result.finished)
    store.write(later)

    found = former.found([], store, Limits(), everything=True)

    of_six = [one for one in found if "records/six/" in one.source]
    assert [json.loads(Path(one.source).read_bytes())["started"] for one in of_six] == [
        f"{later.started:%Y-%m-%dT%H:%M:%S.%fZ}"
    ]
    assert any("verifications/" in one.source for one in found)
