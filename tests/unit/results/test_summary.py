"""A summary is decided by results alone, in whatever order they are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import Exclusion, Failure, Limits, LockDrift, Phase, Profile, Reason, Result, Tracked, Verdict
from orchestrator.results.history import InputChange
from orchestrator.results.summary import Project, Standing, Summary, summarize
from tests.sample_results import IMAGE, SETUPTOOLS, sample
from tests.samples import NOON

NEWER = replace(SETUPTOOLS, version="80.10.0", sha256="1" * 64)
WHEEL = replace(SETUPTOOLS, name="wheel", version="0.45.1")
TRIXIE = replace(IMAGE, name="trixie", manifest="7" * 64)
LATER = NOON + timedelta(days=30)

STREAK = (
    sample(verdict=Verdict.REPRODUCIBLE, days=0),
    sample(verdict=Verdict.SENSITIVE, days=1, pins=(NEWER,)),
    sample(verdict=Verdict.SENSITIVE, days=2, pins=(NEWER,)),
    sample(verdict=Verdict.SENSITIVE, days=3, pins=(NEWER, WHEEL)),
)


def summary_of(*results: Result, exclusions: tuple[Exclusion, ...] = (), tracked: tuple[Tracked, ...] = ()) -> Summary:
    """Summarize a month later."""
    return summarize(results, exclusions, LATER, tracked)


def only(summary: Summary) -> Standing:
    """Return the one standing that there is."""
    (project,) = summary.projects
    (standing,) = project.standings
    return standing


def the_project(summary: Summary) -> Project:
    """Return the one project that there is."""
    (project,) = summary.projects
    return project


def test_since_is_when_the_verdict_was_first_given_not_last_confirmed() -> None:
    """The change is that of the verdict; later changes of inputs are part of the history only."""
    standing = only(summary_of(*STREAK))
    assert standing.latest is STREAK[-1]
    assert standing.since == NOON + timedelta(days=1)
    assert standing.change is not None
    assert (standing.change.earlier, standing.change.later) == (Verdict.REPRODUCIBLE, Verdict.SENSITIVE)
    assert standing.change.when == standing.since
    assert standing.change.inputs == (InputChange("build-requirement", "setuptools", "80.9.0", "80.10.0"),)


def test_history_is_newest_first_with_the_changed_inputs() -> None:
    """Earlier results are those before the latest; the first of all is compared with nothing."""
    standing = only(summary_of(*STREAK))
    assert [event.finished for event in standing.history] == [result.finished for result in reversed(STREAK)]
    assert standing.earlier == standing.history[1:]
    assert [[change.name for change in event.changed] for event in standing.history] == [
        ["wheel"],
        [],
        ["setuptools"],
        [],
    ]


@given(st.permutations((*STREAK, sample("idna", "3.7"), sample("six", "1.17.0"), sample(image=TRIXIE))))
def test_the_order_of_reading_does_not_matter(results: list[Result]) -> None:
    """Results come from files, whose order means nothing."""
    assert summary_of(*results) == summary_of(*sorted(results, key=repr))


def test_what_never_changed_has_no_change() -> None:
    """The first verdict is not a change."""
    standing = only(summary_of(sample(days=0), sample(days=5)))
    assert standing.change is None
    assert standing.since == NOON


def test_a_verdict_that_changes_with_equal_inputs_lists_no_input() -> None:
    """Nothing recorded explains it, and the summary must not make something up."""
    change = only(summary_of(sample(days=0), sample(verdict=Verdict.SENSITIVE, days=1))).change
    assert change is not None
    assert change.inputs == ()


def test_another_moment_of_the_index_may_change_a_verdict() -> None:
    """Where a build requirement was missing then, there are no build requirements to compare."""
    failure = Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, "no version of hatchling")
    then = replace(sample(verdict=Verdict.FTBFS, days=0), failure=failure, as_of=NOON)
    now = replace(sample(days=1), as_of=NOON + timedelta(days=1))
    change = only(summary_of(then, now)).change
    assert change is not None
    assert [(one.what, one.earlier) for one in change.inputs] == [
        ("as-of", f"{NOON.isoformat()}".replace("+00:00", "Z"))
    ]


def _with_inputs(**changes: object) -> Result:
    result = sample(days=1)
    assert result.inputs is not None
    return replace(result, inputs=replace(result.inputs, **changes))  # type: ignore[arg-type]


def _with_sdist(sha256: str) -> Result:
    result = sample(days=1)
    assert result.sdist is not None
    return replace(result, sdist=replace(result.sdist, sha256=sha256))


FIRST = sample()
assert FIRST.sdist is not None


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (_with_sdist("5" * 64), InputChange("sdist", "", FIRST.sdist.sha256[:12], "5" * 12)),
        (sample(days=1, pins=(NEWER,)), InputChange("build-requirement", "setuptools", "80.9.0", "80.10.0")),
        (sample(days=1, pins=(SETUPTOOLS, WHEEL)), InputChange("build-requirement", "wheel", None, "0.45.1")),
        (sample(days=1, pins=()), InputChange("build-requirement", "setuptools", "80.9.0", None)),
        (
            sample(days=1, pins=(replace(SETUPTOOLS, sha256="6" * 64),)),
            InputChange(
                "build-requirement", "setuptools", f"80.9.0 ({SETUPTOOLS.sha256[:12]})", "80.9.0 (666666666666)"
            ),
        ),
        (
            sample(days=1, image=replace(IMAGE, manifest="7" * 64)),
            InputChange("image", "bookworm", IMAGE.manifest[:12], "7" * 12),
        ),
        (sample(days=1, hold=("umask",)), InputChange("variation", "umask", "varied", "held")),
        (sample(days=1, remove=("time",)), InputChange("variation", "time", "varied", "removed")),
        (_with_inputs(method=99), InputChange("method", "", str(FIRST.inputs.method if FIRST.inputs else 0), "99")),
        (
            _with_inputs(source_date_epoch=None),
            InputChange("source-date-epoch", "", str(FIRST.source_date_epoch), "None"),
        ),
        (_with_inputs(limits=Limits(seconds=1)), InputChange("limits", "seconds", "1800", "1")),
    ],
    ids=lambda value: f"{value.what} {value.name} to {value.later}" if isinstance(value, InputChange) else "",
)
def test_each_kind_of_input_is_reported(later: Result, expected: InputChange) -> None:
    """One input changed, and only that is reported."""
    assert only(summary_of(FIRST, later)).history[0].changed == (expected,)


def test_requirements_that_were_never_settled_did_not_go_away() -> None:
    """A build that failed before the lock shows nothing about the lock."""
    failure = Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS)
    failed = sample(verdict=Verdict.FTBFS, days=1, pins=(), failure=failure)
    change = only(summary_of(sample(), failed)).change
    assert change is not None
    assert change.inputs == ()


def test_versions_are_ordered_as_versions_newest_first() -> None:
    """1.10 is newer than 1.9; invalid versions come last."""
    versions = ("1.9", "no version", "1.10", "1.10rc1", "2.0")
    project = the_project(summary_of(*(sample("six", version) for version in versions)))
    assert [standing.version for standing in project.standings] == ["2.0", "1.10", "1.10rc1", "1.9", "no version"]


def test_one_project_gathers_all_spellings_versions_and_images() -> None:
    """PEP 503 names are equal whatever their dots and capitals; images come in alphabetical order."""
    results = (sample("Zope.Event", "5"), sample("zope-event", "6", image=TRIXIE), sample("zope_event", "6"))
    project = the_project(summary_of(*results))
    assert project.name == "zope-event"
    assert [(one.version, one.image) for one in project.standings] == [
        ("6", "bookworm"),
        ("6", "trixie"),
        ("5", "bookworm"),
    ]


def test_current_is_the_newest_stable_version_on_each_image() -> None:
    """A pre-release is not current if there is a stable release."""
    results = (
        sample("six", "1.16"),
        sample("six", "1.17"),
        sample("six", "2.0b1"),
        sample("six", "1.16", image=TRIXIE),
    )
    project = the_project(summary_of(*results))
    assert [(one.version, one.image) for one in project.current] == [("1.17", "bookworm"), ("1.16", "trixie")]


def test_a_profile_does_not_replace_the_default_verdict() -> None:
    """A later build with a profile is listed beside the default verdict, and is not current."""
    theirs = replace(_with_inputs(profile=Profile("theirs", umask=0o022)), verdict=Verdict.REPRODUCIBLE)
    project = the_project(summary_of(sample(verdict=Verdict.SENSITIVE, days=0), theirs))
    assert [one.place for one in project.standings] == ["bookworm", "bookworm, profile theirs"]
    assert [(one.latest.verdict, one.place) for one in project.current] == [(Verdict.SENSITIVE, "bookworm")]
    assert [one.place for one in the_project(summary_of(theirs)).current] == ["bookworm, profile theirs"]


def test_counts_are_of_what_is_current() -> None:
    """An old version's verdict is not counted beside the new one's; every verdict has its count."""
    summary = summary_of(
        sample("six", "1.16", Verdict.SENSITIVE),
        sample("six", "1.17"),
        sample("idna", "3.7"),
        sample("lxml", "5", Verdict.FTBFS),
        exclusions=(Exclusion("scipy", "needs BLAS", date(2026, 11, 1)),),
    )
    assert set(summary.counts) == set(Verdict)
    assert {verdict: count for verdict, count in summary.counts.items() if count} == {
        Verdict.REPRODUCIBLE: 2,
        Verdict.FTBFS: 1,
        Verdict.EXCLUDED: 1,
    }


def test_tracked_projects_without_a_verdict_are_open() -> None:
    """Neither what was judged nor what is excluded is open, however it is spelt."""
    exclusion = Exclusion("Scikit.Learn", "needs BLAS", date(2026, 11, 1))
    wanted = tuple(map(Tracked, ("Six", "scikit-learn", "Typing_Extensions", "attrs")))
    summary = summary_of(sample("six"), exclusions=(exclusion,), tracked=wanted)
    assert [one.project for one in summary.open] == ["attrs", "Typing_Extensions"]
    assert [project.name for project in summary.projects] == ["attrs", "scikit-learn", "six", "typing-extensions"]


def test_every_version_that_is_tracked_by_name_is_current() -> None:
    """Beside the newest, on the very images on which it is tracked, and counted."""
    results = [sample("six", version, image=image) for version in ("1.15", "1.16", "1.17") for image in (IMAGE, TRIXIE)]
    wanted = (Tracked("six"), Tracked("six", "1.16", "bookworm"), Tracked("six", "1.15"), Tracked("six", "1.14"))
    summary = summary_of(*results, tracked=wanted)
    assert [(one.version, one.image) for one in summary.current] == [
        ("1.17", "bookworm"),
        ("1.17", "trixie"),
        ("1.16", "bookworm"),
        ("1.15", "bookworm"),
        ("1.15", "trixie"),
    ]
    assert summary.counts[Verdict.REPRODUCIBLE] == 5
    assert summary.open == (wanted[-1],)


def test_what_was_judged_on_one_image_is_open_on_the_other() -> None:
    """A verdict applies to one image only."""
    on_both = (Tracked("six", image="bookworm"), Tracked("six", image="trixie"))
    assert summary_of(sample(), tracked=on_both).open == on_both[1:]
    assert summary_of(sample(), sample(image=TRIXIE), tracked=on_both).open == ()


def test_an_exclusion_outdates_earlier_verdicts_except_on_the_image_that_lifts_it() -> None:
    """What was found before stays to be read, but does not count any more."""
    exclusion = Exclusion("six", "needs BLAS", date(2026, 11, 1), image="trixie")
    summary = summary_of(sample(), sample(image=TRIXIE), exclusions=(exclusion,))
    assert [standing.image for standing in summary.current] == ["trixie"]
    assert len(the_project(summary).standings) == 2
    assert tuple(summary.excluded) == (exclusion,)
    assert summary.counts[Verdict.EXCLUDED] == 1


def test_images_are_those_of_current_verdicts_each_once() -> None:
    """An image that only an old version used is not listed."""
    old = replace(IMAGE, manifest="0" * 64)
    summary = summary_of(sample("six", "1.16", image=old), sample("six", "1.17"), sample("idna"), sample(image=TRIXIE))
    assert summary.images == (IMAGE, TRIXIE)


def test_an_image_that_was_locked_again_has_no_drift() -> None:
    """What is in it is the same; the latest result knows the latest lock."""
    drifted = replace(IMAGE, drift=(LockDrift("gcc:amd64", "12.2", "12.3"),))
    summary = summary_of(sample("six", days=1), sample("zipp", image=drifted))
    assert summary.images == (IMAGE,)
