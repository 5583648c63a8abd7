"""What is run, in which order, and the reason that is told for it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from orchestrator.farm.plan import Job, nearest, ordered, seconds_of, why
from orchestrator.job.inputs import inputs_of
from orchestrator.model import Budget, Frontend, Inputs, Limits, Policy, Profile, Result
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
    "policy": Policy.DEBIAN,
    "frontend": Frontend.PIP,
    "profile": Profile("theirs", umask=0o22),
}


def job(name: str, *, size: int | None = None, seconds: float | None = None, long: bool = False) -> Job:
    """Return a job of that name, whose sdist has that size, and whose builds took that long."""
    release = replace(RELEASE, project=name, sdist=replace(SDIST, size=size))
    return Job(TASK, release, seconds, long=long)


def test_newcomers_come_smallest_first_and_what_is_known_longest_first() -> None:
    """But what is long begins before all, so that it does not end after all."""
    jobs = [
        job("known-short", seconds=1),
        job("big", size=1000),
        job("long", seconds=200, long=True),
        job("small", size=10),
        job("known-middling", seconds=50),
        job("longer", seconds=900, long=True),
    ]
    names = ["longer", "long", "small", "big", "known-middling", "known-short"]
    assert [one.release.project for one in ordered(jobs)] == names
    assert [one.release.project for one in ordered(reversed(jobs))] == names


def test_what_has_no_sdist_is_no_trouble_and_comes_first_among_newcomers() -> None:
    """It is judged at once; nor does an unknown size matter."""
    without = Job(TASK, replace(RELEASE, project="without", sdist=None))
    unknown = job("unknown")
    assert ordered([job("sized", size=1), without, unknown])[:2] == (without, unknown)


def test_a_job_took_as_long_as_its_builds_together() -> None:
    """What was judged without a build tells nothing about time."""
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
