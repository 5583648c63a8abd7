"""Which input made a wheel become another, by the records and by what is built again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.model import Pin, Result, UsedImage
from orchestrator.results.drift import Tried, WheelDrift, culprit, drifted, swaps
from tests.sample_results import IMAGE, sample

if TYPE_CHECKING:
    from collections.abc import Mapping

OLD = Pin("setuptools", "70.3.0", "7" * 64, "setuptools-70.3.0-py3-none-any.whl", "https://index.example/s70.whl")
NEW = Pin("setuptools", "79.0.0", "8" * 64, "setuptools-79.0.0-py3-none-any.whl", "https://index.example/s79.whl")
WHEEL = Pin("wheel", "0.38.1", "9" * 64, "wheel-0.38.1-py3-none-any.whl", "https://index.example/w38.whl")
WHEEL45 = Pin("wheel", "0.45.1", "a" * 64, "wheel-0.45.1-py3-none-any.whl", "https://index.example/w45.whl")


def context(days: float, sha256: str, pins: tuple[Pin, ...] = (OLD,), image: UsedImage = IMAGE) -> Result:
    """Return a result of one run, whose wheels have that hash."""
    found = sample(days=days, pins=pins, image=image)
    builds = tuple(replace(one, wheel=replace(one.wheel, sha256=sha256)) for one in found.builds if one.wheel)
    return replace(found, builds=builds)


def only(*results: Result, packages: Mapping[str, Mapping[str, str]] | None = None) -> WheelDrift:
    """Return the one drift in the results of some runs."""
    (found,) = drifted(results, (packages or {}).get)
    return found


def test_equal_wheels_of_all_runs_are_no_drift() -> None:
    """Whatever became of the inputs."""
    assert list(drifted([context(0, "1"), context(1, "1", (NEW,))])) == []


def test_the_last_earlier_wheel_is_compared_with_the_first_later_one() -> None:
    """Results before and after are ignored, and the order of reading does not matter."""
    nights = [context(3, "2", (NEW,)), context(0, "1", (WHEEL,)), context(2, "2", (NEW,)), context(1, "1")]

    found = only(*nights)

    assert (found.was, found.now) == ("1", "2")
    assert found.later.finished - found.earlier.finished == timedelta(days=1)
    assert culprit(found) == "setuptools 70.3.0, now 79.0.0"


def test_a_debian_package_of_the_image_is_named_where_both_images_were_noted() -> None:
    """A manifest's hash alone names no package."""
    other = replace(IMAGE, manifest="n" * 64)
    held = {"gcc-12:amd64": "12.2.0-14", "libc6:amd64": "2.36"}

    found = only(
        context(0, "1"),
        context(1, "2", image=other),
        packages={IMAGE.manifest: held, other.manifest: {**held, "gcc-12:amd64": "12.2.0-14+deb12u1"}},
    )

    assert culprit(found) == "the image's gcc-12:amd64 12.2.0-14, now 12.2.0-14+deb12u1"


def test_without_any_other_input_it_is_the_farm_or_nothing_that_is_recorded() -> None:
    """No input is accused that is the same."""
    same = only(context(0, "1"), context(1, "2"))
    newer = only(context(0, "1"), replace(context(1, "2"), wheelproof="9.9"))

    assert culprit(same).startswith("none of the inputs")
    assert culprit(newer).startswith("the farm: wheelproof")


BOTH = only(context(0, "1", (OLD, WHEEL)), context(1, "2", (NEW, WHEEL45)))


def test_each_build_requirement_is_swapped_alone() -> None:
    """The first swap changes nothing, to check whether another input is the cause."""
    assert [(one.names, one.lock.pins) for one in swaps(BOTH)] == [
        ((), (OLD, WHEEL)),
        (("setuptools",), (NEW, WHEEL)),
        (("wheel",), (OLD, WHEEL45)),
    ]


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (("1", "2", "1"), "proven: setuptools 70.3.0, now 79.0.0"),
        (("1", "1", "2"), "proven: wheel 0.38.1, now 0.45.1"),
        (("1", "3", "2"), "proven: setuptools 70.3.0, now 79.0.0 and wheel 0.38.1, now 0.45.1"),
        (("1", "1", "1"), "proven: no build requirement alone"),
        (("2", "2", "2"), "proven: not the build requirements, but the farm itself"),
        (("1", "1", ""), "one of 2: setuptools 70.3.0, now 79.0.0; wheel 0.38.1, now 0.45.1"),
        ((), "one of 2: setuptools"),
    ],
)
def test_swapped_builds_prove_the_cause(seen: tuple[str, ...], words: str) -> None:
    """A build that failed proves nothing."""
    tried = [Tried(swap, sha256) for swap, sha256 in zip(swaps(BOTH), seen, strict=False)]

    assert culprit(BOTH, tried).startswith(words)


# --- another moment of the index -------------------------------------------------------------

JANUARY, LATER = datetime(2025, 2, 1, tzinfo=UTC), datetime(2026, 1, 31, 12, tzinfo=UTC)
MOMENTS = "as-of 2025-01-31, now 2026-01-31T12:00:00Z"


def as_of(moment: datetime | None, result: Result, schema: int = 5) -> Result:
    """Return a result whose build requirements are those of that moment."""
    return replace(result, as_of=moment, schema=schema)


@pytest.mark.parametrize(
    ("before", "pins", "cause"),
    [
        (JANUARY, (NEW,), f"{MOMENTS} (setuptools 70.3.0, now 79.0.0)"),
        (JANUARY, (NEW, WHEEL), f"{MOMENTS} (setuptools 70.3.0, now 79.0.0; wheel absent, now 0.38.1)"),
        (JANUARY, (OLD,), "none of the inputs: the same inputs give one answer now and another then"),
        (None, (NEW,), "as-of absent, now 2026-01-31T12:00:00Z (setuptools 70.3.0, now 79.0.0)"),
        (LATER, (NEW,), "setuptools 70.3.0, now 79.0.0"),
    ],
)
def test_another_moment_of_the_index_is_a_cause(before: datetime | None, pins: tuple[Pin, ...], cause: str) -> None:
    """Only together with the build requirements, for it changes nothing else."""
    assert culprit(only(as_of(before, context(0, "1")), as_of(LATER, context(1, "2", pins)))) == cause


def test_an_earlier_record_does_not_tell_its_moment() -> None:
    """That it has none is no sign that none was configured."""
    drift = only(as_of(None, context(0, "1"), schema=4), as_of(LATER, context(1, "2", (NEW,))))
    assert culprit(drift) == "setuptools 70.3.0, now 79.0.0"


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (("1", "2"), f"proven: setuptools 70.3.0, now 79.0.0 ({MOMENTS})"),
        (("2", "2"), "proven: not the build requirements, but the farm itself"),
        (("1", "1"), f"proven: no build requirement alone; {MOMENTS} (setuptools 70.3.0, now 79.0.0), or several"),
    ],
)
def test_what_is_proven_of_another_moment(seen: tuple[str, ...], words: str) -> None:
    """The moment acts through the build requirements alone."""
    drift = only(as_of(JANUARY, context(0, "1")), as_of(LATER, context(1, "2", (NEW,))))
    tried = [Tried(swap, sha256) for swap, sha256 in zip(swaps(drift), seen, strict=True)]
    assert culprit(drift, tried).startswith(words)
