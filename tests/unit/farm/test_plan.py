"""What is run, in which order, and the reason for it."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from orchestrator.farm.plan import (
    Forecast,
    ImageState,
    Job,
    KnownImage,
    PlanRow,
    matching,
    nearest,
    ordered,
    row,
    rows,
    seconds_of,
    why,
)
from orchestrator.job.inputs import inputs_of
from orchestrator.model import (
    Budget,
    Exclusion,
    Failure,
    Frontend,
    Inputs,
    Limits,
    Phase,
    Policy,
    Profile,
    Reason,
    Result,
    Target,
)
from tests.sample_results import sample
from tests.samples import FIRST, IMAGE, RELEASE, SDIST, TASK, built

INPUTS = inputs_of(TASK, RELEASE, IMAGE, "lock")
OTHER: dict[str, Any] = {
    "method": 0,
    "project": "other",
    "version": "2.0",
    "sdist": "6" * 64,
    "build_requirements": "another",
    "image": "trixie",
    "manifest": "n" * 64,
    "source_date_epoch": None,
    "hold": ("umask",),
    "remove": ("kernel",),
    "limits": Limits(seconds=1),
    "budget": Budget(builds=0),
    "published": True,
    "config_settings": (("build-dir", "b"),),
    "runtime": "runsc",
    "spread": True,
    "policy": Policy.DEBIAN,
    "frontend": Frontend.PIP,
    "profile": Profile("theirs", umask=0o22),
}


def job(name: str, *, size: int | None = None, seconds: float | None = None, long: bool = False) -> Job:
    """Return a job of that name, whose sdist has that size, and whose builds took that long."""
    release = replace(RELEASE, project=name, sdist=replace(SDIST, size=size))
    return Job(TASK, release, seconds, long=long)


def test_large_newcomers_follow_a_few_small_ones_and_what_is_known_comes_longest_first() -> None:
    """But what is long begins before all, so that it does not end after all."""
    jobs = [
        job("known-short", seconds=1),
        job("largest", size=1000),
        job("long", seconds=200, long=True),
        job("smallest", size=10),
        job("large", size=900),
        job("tiny", size=11),
        job("middling", size=100),
        job("small", size=20),
        job("larger", size=950),
        job("minute", size=12),
        job("known-middling", seconds=50),
        job("longer", seconds=900, long=True),
    ]
    newcomers = ["smallest", "tiny", "minute", "largest", "larger", "large", "middling", "small"]
    names = ["longer", "long", *newcomers, "known-middling", "known-short"]
    assert [one.release.project for one in ordered(jobs)] == names
    assert [one.release.project for one in ordered(reversed(jobs))] == names


@pytest.mark.parametrize("count", range(10))
def test_every_newcomer_comes_once(count: int) -> None:
    """However many there are."""
    jobs = [job(f"{number}", size=number) for number in range(count)]
    assert sorted(ordered(jobs), key=lambda one: one.release.project) == jobs


def test_what_has_no_sdist_is_no_trouble_and_comes_first_among_newcomers() -> None:
    """It is judged at once; and an unknown size is taken for a small one."""
    without = Job(TASK, replace(RELEASE, project="without", sdist=None))
    unknown, sized = job("unknown"), job("sized", size=1)
    assert ordered([sized, without, unknown]) == (without, unknown, sized)


def test_a_job_took_as_long_as_its_builds_together() -> None:
    """A verdict without a build is no measure of time."""
    first = replace(built("first", FIRST, "1"), seconds=2.0)
    assert seconds_of(replace(sample("six"), builds=(first, replace(first, seconds=3.5)))) == pytest.approx(5.5)
    assert seconds_of(replace(sample("six"), builds=())) is None


def test_equal_inputs_are_no_reason() -> None:
    """What is the same in all that decides is judged already."""
    assert why(INPUTS, replace(INPUTS)) == ""


def test_a_task_is_compared_with_what_is_most_like_it() -> None:
    """The newest of its image, of its version before others, and built in its way before others of that."""

    def result(version: str, image: str = "bookworm", **inputs: Any) -> Result:  # noqa: ANN401 - any input
        one = sample("six", version)
        assert one.inputs is not None
        return replace(one, image=replace(one.image, name=image), inputs=replace(one.inputs, **inputs))

    theirs = result("1.0", profile=Profile("theirs"))
    usual, older = result("1.0"), result("1.0", source_date_epoch=1)
    found = (result("1.0", image="trixie"), result("2.0"), theirs, usual, older)
    assert nearest(TASK, "1.0", found) is usual
    assert nearest(replace(TASK, profile=Profile("theirs")), "1.0", found) is theirs
    assert nearest(replace(TASK, profile=Profile("mine")), "1.0", found) is theirs
    assert nearest(TASK, "3.0", found) is found[1]
    assert nearest(replace(TASK, image="rust"), "1.0", found) is None


@pytest.mark.parametrize("name", [field.name for field in fields(Inputs)])
def test_every_input_that_changed_is_a_reason(name: str) -> None:
    """In words, for all that people set or meet."""
    told = why(replace(INPUTS, **{name: OTHER[name]}), INPUTS)
    assert told
    assert "_" not in told


def test_all_that_changed_is_told_each_once() -> None:
    """Held and removed variations are the same to a reader."""
    changed = replace(INPUTS, source_date_epoch=1, hold=("umask",), remove=("kernel",))
    assert why(changed, INPUTS) == "another epoch, other variations"


FORMER = replace(
    sample("pkg", "1.0"), inputs=INPUTS, image=replace(sample().image, name=IMAGE.name, manifest=IMAGE.manifest)
)
JUDGED = "unchanged since 2026-11-20: reproducible"
LOCKED = ", if the image comes out as its lock lists it (it is not built yet)"
CONFIGURED = ", if image and runtime are as configured (no engine answers)"
NOT_BUILT = "; the image is not built yet"
FAILURE = Failure(Reason.WRONG_PYTHON, Phase.REQUIREMENTS, "requires Python 2")
OTHER_EPOCH = replace(INPUTS, source_date_epoch=1)


@pytest.mark.parametrize(
    ("forecast", "again", "action", "reason", "by_image"),
    [
        (Forecast(), False, "build", "never built", False),
        (Forecast(replace(FORMER, inputs=None)), False, "build", "never built", False),
        (Forecast(failure=FAILURE), False, "judge", "wrong-python", True),
        (Forecast(failure=FAILURE, judged=FORMER), False, "skip", JUDGED, True),
        (Forecast(failure=FAILURE, judged=FORMER), True, "judge", "wrong-python", True),
        (Forecast(FORMER, INPUTS, judged=FORMER), False, "skip", JUDGED, True),
        (Forecast(FORMER, INPUTS, judged=FORMER), True, "build", "asked to", False),
        (Forecast(FORMER, OTHER_EPOCH), False, "build", "another epoch", True),
        (Forecast(FORMER, pending="its build tools are built first", builds=True), False, "build", "its build", True),
        (Forecast(FORMER, pending="its crates are fetched first"), False, "perhaps", "its crates are", True),
        (
            Forecast(FORMER, replace(OTHER_EPOCH, build_requirements="static"), asked=False),
            False,
            "build",
            "another epoch, its build backend is asked for its requirements first",
            True,
        ),
    ],
)
@pytest.mark.parametrize(
    ("state", "condition", "note"),
    [
        (ImageState.BUILT, "", ""),
        (ImageState.NOT_BUILT, LOCKED, NOT_BUILT),
        (ImageState.NO_ENGINE, CONFIGURED, ""),
    ],
)
def test_a_line_states_action_reason_and_what_it_depends_on(
    forecast: Forecast,
    action: str,
    reason: str,
    state: ImageState,
    condition: str,
    note: str,
    *,
    again: bool,
    by_image: bool,
) -> None:
    """A line that depends on an image that is not known states its condition."""
    release = replace(RELEASE, sdist=replace(SDIST, sha256=INPUTS.sdist))
    found = row(Job(TASK, release), KnownImage(IMAGE, state), forecast, again=again)
    assert (found.project, found.version, found.action, found.image) == ("pkg", "1.0", action, "bookworm")
    assert found.why.startswith(reason)
    assert found.why.endswith(condition if by_image else note)
    assert ("not built" in found.why or "no engine" in found.why) is bool(condition if by_image else note)


def test_a_release_without_sdist_and_another_release_depend_on_no_image() -> None:
    """A plan states both whatever is known about the image."""
    known = KnownImage(IMAGE, ImageState.NO_ENGINE)
    without = row(Job(TASK, replace(RELEASE, sdist=None)), known, Forecast(), again=False)
    assert (without.action, without.why) == ("no-sdist", "the release has no sdist")
    later = row(
        Job(TASK, replace(RELEASE, version="2.0", sdist=replace(SDIST, sha256="9" * 64))),
        known,
        Forecast(FORMER),
        again=False,
    )
    assert (later.action, later.why) == ("build", "another release than 1.0")


def test_a_packed_folder_is_compared_by_its_content_and_its_image() -> None:
    """A changed image is not reported as a changed folder."""
    job = Job(TASK, replace(RELEASE, packed=True))
    known = KnownImage(IMAGE, ImageState.BUILT)
    assert row(job, known, Forecast(FORMER), again=False).why == "the folder is not as it was"
    other = KnownImage(replace(IMAGE, manifest="n" * 64), ImageState.BUILT)
    assert row(job, other, Forecast(FORMER), again=False).why == "another image"


def test_the_plan_lists_jobs_exclusions_and_open_tasks() -> None:
    """A custom image is used only where the usual one does not build an excluded project."""
    line = PlanRow("a", "1.0", "build", "bookworm", "never built")
    lifted = Exclusion("b", "needs Qt", date(2020, 8, 1), image="qt")
    never = Exclusion("c", "is dead", date(2020, 8, 1), image="qt", never=True)
    found = rows([line], [("lost", "no such project")], (lifted, never), (lifted,))
    assert [(one.project, one.action, one.image) for one in found] == [
        ("a", "build", "bookworm"),
        ("b", "perhaps", "qt"),
        ("lost", "open", ""),
        ("b", "excluded", ""),
    ]


def test_a_task_whose_marker_does_not_fit_its_image_is_left_out() -> None:
    """A line names it, with its file and the marker."""
    other = replace(TASK, requirement="old", marker="python_version < '3'", source="requirements.txt")
    wanted, lines = matching((TASK, other), {"bookworm": Target("3.11", "x86_64-manylinux_2_36")})
    assert wanted == (TASK,)
    assert lines == ("old is left out on bookworm: requirements.txt wants it where python_version < '3'",)
