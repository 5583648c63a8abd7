"""On which wheels farms agree."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from packaging.pylock import Pylock

from orchestrator.results.agreement import (
    AS_OF,
    MANIFEST,
    PACKAGE,
    REQUIREMENT,
    SDIST,
    FarmClaim,
    Input,
    Wheel,
    agree,
    left_out,
    pylock,
    requirements,
    unlike,
)

NAMES = {"ka": "a", "kb": "b", "kc": "c"}
WHEEL = Wheel("six-1.0-py3-none-any.whl", "1" * 64)
OTHER = Wheel("six-1.0-py3-none-any.whl", "2" * 64)
INPUTS = (Input(SDIST, "", "5" * 64), Input(REQUIREMENT, "setuptools", "80.9.0"), Input(MANIFEST, "", "m"))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
A = FarmClaim("ka", "six", "1.0", "bookworm", "job", NOON, WHEEL, "reproducible", INPUTS)
B = replace(A, farm="kb")


def swapped(claim: FarmClaim, *inputs: Input) -> FarmClaim:
    """Return a claim of another wheel, with other inputs."""
    kept = tuple(one for one in claim.inputs if (one.kind, one.name) not in {(new.kind, new.name) for new in inputs})
    return replace(claim, wheel=OTHER, job="another", inputs=(*kept, *inputs))


def test_as_many_farms_as_the_threshold_agree() -> None:
    """Each is named."""
    (one,) = agree([A, B], NAMES, 2)

    assert (one.is_agreed, one.agreed[0].farms, one.others, one.differing) == (True, ("a", "b"), (), ())


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ([A], "one farm alone"),
        ([A, replace(A, image="trixie")], "a farm counts once"),
        ([A, replace(A, started=NOON + timedelta(1))], "a farm counts once, whenever"),
        ([A, replace(B, wheel=OTHER)], "another wheel"),
        ([A, replace(B, wheel=None)], "none"),
        ([A, replace(B, version="1.1")], "another release"),
        ([A, replace(B, wheel=Wheel("six-1.0-cp311-none-any.whl", WHEEL.sha256))], "another tag"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fewer_do_not(claims: list[FarmClaim], why: str) -> None:
    """A farm counts once, and only for a wheel of that name and hash."""
    assert not any(one.is_agreed for one in agree(claims, NAMES, 2)), why


def test_a_farm_that_contradicts_itself_is_named_and_not_counted() -> None:
    """Whichever of its claims is the newer: the same inputs gave two wheels."""
    (one,) = agree([A, B, replace(B, wheel=OTHER, started=NOON + timedelta(1))], NAMES, 2)

    assert not one.is_agreed
    assert one.conflicts == ("b claims two wheels of one job, job",)


def test_what_superseded_a_claim_does_so_even_if_it_is_not_counted() -> None:
    """A farm that took a wheel back has not got it again because its later claims contradict each other."""
    later = replace(swapped(B), started=NOON + timedelta(1))
    torn = replace(later, wheel=Wheel(WHEEL.filename, "3" * 64), started=NOON + timedelta(2))
    (one,) = agree([A, B, later, torn], NAMES, 2)

    assert (one.is_agreed, [each.farms for each in one.others]) == (False, [("a",)])


def test_a_farm_that_claims_a_wheel_and_none_is_named_so() -> None:
    """It is no second wheel."""
    (one,) = agree([A, replace(A, wheel=None, started=NOON + timedelta(1))], NAMES, 1)

    assert one.conflicts == ("a claims both a wheel and none of one job, job",)


def test_spellings_of_a_version_are_one_release() -> None:
    """So that farms agree, and no file has one release twice."""
    (one,) = agree([A, replace(B, version="1.0.0")], NAMES, 2)

    assert (one.is_agreed, one.version) == (True, "1.0")


def test_a_file_has_one_version_of_each_project() -> None:
    """Installers refuse two: it has the newest final one, and the others are named."""
    claims = [
        replace(A, version=version, job=version, wheel=Wheel(f"six-{version}-py3-none-any.whl", str(number) * 64))
        for number, version in enumerate(("1.9", "1.10", "2.0rc1"))
    ]
    agreements = agree([*claims, replace(B, version="3.0")], NAMES, 1)
    agreements = (*agreements[:-1], replace(agreements[-1], agreed=()))

    assert requirements(agreements) == f"six==1.10 \\\n    --hash=sha256:{'1' * 64}\n"
    assert [one["version"] for one in tomllib.loads(pylock(agreements, "x"))["packages"]] == ["1.10"]
    assert left_out(agreements) == (
        "six 1.9 is not in the file: it has 1.10, and one version of each project",
        "six 2.0rc1 is not in the file: it has 1.10, and one version of each project",
        "six 3.0 is not in the file: it is not agreed",
    )


def test_a_pylock_of_nothing_is_one() -> None:
    """Where nothing is agreed."""
    assert Pylock.from_dict(tomllib.loads(pylock(agree([A], NAMES, 2), "x"))).packages == []


def test_a_pylock_names_a_file_once() -> None:
    """Of two agreed wheels with one name, that of more farms: one folder cannot have both."""
    agreements = agree([A, B, swapped(replace(A, farm="kc"))], NAMES, 1)
    (package,) = tomllib.loads(pylock(agreements, "x"))["packages"]

    assert [one["hashes"] for one in package["wheels"]] == [{"sha256": WHEEL.sha256}]


def test_an_older_claim_is_superseded() -> None:
    """Of the same image; a farm's wheel on another image counts beside it."""
    later = replace(swapped(B), started=NOON + timedelta(1))

    assert not agree([A, B, later], NAMES, 2)[0].is_agreed
    assert agree([A, B, replace(later, started=NOON - timedelta(1))], NAMES, 2)[0].is_agreed
    assert agree([A, B, replace(later, image="trixie")], NAMES, 2)[0].is_agreed


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (Input(SDIST, "", "6" * 64), f"sdist: {'5' * 64}, {'6' * 64}"),
        (Input(REQUIREMENT, "setuptools", "81.0"), "build requirement setuptools: 80.9.0, 81.0"),
        (Input(REQUIREMENT, "wheel", "1"), "build requirement wheel: none, 1"),
        (Input(MANIFEST, "", "n"), "image: m, n"),
        (Input(AS_OF, "", "2026-01-01"), "as-of: none, 2026-01-01"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_differs_is_named(change: Input, named: str) -> None:
    """With the values of both farms."""
    (one,) = agree([A, swapped(B, change)], NAMES, 2)

    assert one.differing == (f"a and b differ in: {named}",)


def test_packages_are_named_instead_of_the_image() -> None:
    """Where both farms list them."""
    first = replace(A, inputs=(*INPUTS, Input(PACKAGE, "gcc:amd64", "12")))
    second = swapped(first, Input(PACKAGE, "gcc:amd64", "13"), Input(MANIFEST, "", "n"))

    assert unlike(first, second) == ("image package gcc:amd64: 12, 13",)
    assert unlike(A, second) == ("image: m, n",)


def test_a_majority_does_not_hide_who_differs() -> None:
    """The farm with another wheel is named, and its other input."""
    (one,) = agree([A, B, swapped(replace(A, farm="kc"), Input(REQUIREMENT, "setuptools", "81.0"))], NAMES, 2)

    assert (one.is_agreed, one.agreed[0].farms, one.others[0].farms) == (True, ("a", "b"), ("c",))
    assert one.differing == ("a and c differ in: build requirement setuptools: 80.9.0, 81.0",)


def test_equal_inputs_that_give_other_wheels_are_stated() -> None:
    """As something that no statement names."""
    (one,) = agree([A, replace(B, wheel=OTHER)], NAMES, 2)

    assert "no statement names" in one.differing[0]


def test_files_have_only_what_is_agreed() -> None:
    """In the forms that pip and readers of PEP 751 take."""
    toml = replace(A, project="toml", wheel=Wheel("toml-1.0-py3-none-any.whl", "3" * 64))
    agreements = agree([A, B, replace(A, project="rich"), toml, replace(toml, farm="kb")], NAMES, 2)

    assert requirements(agreements) == (
        f"six==1.0 \\\n    --hash=sha256:{WHEEL.sha256}\ntoml==1.0 \\\n    --hash=sha256:{'3' * 64}\n"
    )
    lock = Pylock.from_dict(tomllib.loads(pylock(agreements, "wheelproof")))
    assert [(str(one.name), str(one.version)) for one in lock.packages] == [("six", "1.0"), ("toml", "1.0")]
    assert lock.packages[0].wheels is not None
    assert lock.packages[0].wheels[0].hashes == {"sha256": WHEEL.sha256}
