"""Public JSON follows its schemas, has every record, and reads none twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from orchestrator.model import Exclusion, Outcome, Reason, Result, Verdict
from orchestrator.publish import data, tracker
from orchestrator.publish.card import card
from orchestrator.publish.comparison import Debian
from orchestrator.results.summary import Summary, summarize
from tests.sample_results import HOSTILE, all_hostile, explained, sample
from tests.sample_verifications import verified
from tests.samples import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator

LATER = NOON + timedelta(days=9)
RESULTS = (
    sample("six", days=1),
    sample("six", verdict=Verdict.FTBFS),
    sample("idna", verdict=Verdict.NO_SDIST),
    explained(),
)
EXCLUSION = Exclusion("scipy", f"needs BLAS{HOSTILE}", date(2026, 11, 1))
SCHEMAS = {path.split("/")[2].split("-")[0]: json.loads(schema()) for path, schema in data.schemas().items()}


def summary() -> Summary:
    """Return verdicts of each kind, wheels and an exclusion."""
    evil = all_hostile(sample("evil" + HOSTILE, HOSTILE, Verdict.SENSITIVE))
    wheels = (verified("six", outcome=Outcome.DIFFERS), verified("idna"))
    return summarize((*RESULTS, evil), (EXCLUSION,), LATER, (), wheels)


def unread(results: tuple[Result, ...], read: list[str]) -> Iterator[data.Unread]:
    """Yield results that note when they are read."""

    def reading(result: Result) -> Result:
        read.append(result.project)
        return result

    for number, one in enumerate(results):
        yield f"{number}.json", partial(reading, one)


def test_the_index_follows_its_schema_and_names_every_project() -> None:
    """With the counts of the front page, and the trend up to them."""
    found = summary()
    text = data.index(found, {project.name: card(project) for project in found.projects}, "0.1.0")
    value = json.loads(text)
    jsonschema.validate(value, SCHEMAS["index"], jsonschema.Draft202012Validator)
    assert [one["project"] for one in value["projects"]][1:] == ["idna", "markupsafe", "scipy", "six"]
    assert value["counts"] == value["trend"][-1]["counts"]
    assert value["schema"] == 1
    assert "<" not in text


def test_a_project_has_every_record_and_its_standings() -> None:
    """Each record leads to the whole of it."""
    project = next(one for one in summary().projects if one.name == "six")
    text = data.project_data(project, card(project), "p", unread(RESULTS[:2], []))
    value = json.loads(text)
    jsonschema.validate(value, SCHEMAS["project"], jsonschema.Draft202012Validator)
    (standing,) = value["standings"]
    assert (standing["verdict"], standing["current"], standing["first_bad"]) == ("reproducible", True, None)
    assert [turn["later"] for turn in standing["turns"]] == ["ftbfs", "reproducible"]
    assert [one["verdict"] for one in value["records"]] == ["reproducible", "ftbfs"]
    assert value["records"][0]["builds"][0]["sha256"] == RESULTS[0].builds[0].wheel.sha256  # type: ignore[union-attr]
    assert value["status"] == "published wheel differs"


def test_hostile_texts_follow_the_schema_too() -> None:
    """And make no tag."""
    for project in summary().projects:
        result = all_hostile(replace(sample(project.name), requirement=HOSTILE + "\ud800"))
        text = data.project_data(project, card(project), "p", unread((result,), []))
        jsonschema.validate(json.loads(text), SCHEMAS["project"], jsonschema.Draft202012Validator)
        assert "<" not in text
        assert "\u202e" not in text


def test_a_record_of_the_former_file_is_not_read_again() -> None:
    """Unless other code wrote the file, or it cannot be read; the text is the same either way."""
    project = next(one for one in summary().projects if one.name == "six")
    evil = all_hostile(replace(sample("six"), reason=HOSTILE + "⟨U+0041⟩"))
    results, read = (evil, *RESULTS[:2]), list[str]()

    def again(former: bytes, form: str = "p") -> tuple[str, int]:
        read.clear()
        return data.project_data(project, card(project), form, unread(results, read), former), len(read)

    first, count = again(b"")
    assert count == 3
    assert again(first.encode()) == (first, 0)
    spoilt = (first[:-9], "[]", '{"form": "p", "records": [1]}', first.replace("records", "r"))
    for former in map(str.encode, spoilt):
        assert again(former) == (first, 3)
    assert again(first.encode(), "q")[1] == 3


@pytest.mark.parametrize("name", ["index", "reproducible"])
def test_no_project_takes_the_name_of_a_file_of_ours(name: str) -> None:
    """Its own file is named by a hash."""
    assert data.data_name("six") == "six.json"
    assert data.data_name(name) != f"{name}.json"


def test_a_schema_refuses_what_is_not_of_the_form() -> None:
    """The check above can fail."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema": 1}, SCHEMAS["index"], jsonschema.Draft202012Validator)


def test_other_trackers_read_the_form_that_they_know() -> None:
    """With the words and dates of tests.reproducible-builds.org."""
    slow = sample("slow", verdict=Verdict.FTBFS)
    assert slow.failure
    slow = replace(slow, failure=replace(slow.failure, reason=Reason.TIME_OUT))
    found = summarize((*RESULTS, slow), (EXCLUSION,), LATER)
    debians = {"bookworm": Debian("bookworm", "3.11", "amd64")}
    entries: list[dict[str, Any]] = json.loads(
        tracker.text(one for project in found.projects for one in tracker.entries(project, debians))
    )
    assert {one["package"]: one["status"] for one in entries} == {
        "idna": "E404",
        "markupsafe": "FTBR",
        "scipy": "blacklisted",
        "six": "reproducible",
        "slow": "timeout",
    }
    assert entries[-2] == {
        "package": "six",
        "version": "1.16.0",
        "suite": "bookworm",
        "architecture": "amd64",
        "status": "reproducible",
        "build_date": f"{NOON + timedelta(days=1):%Y-%m-%d %H:%M}",
    }
