"""Which inputs are swapped to find why a wheel has not a listed hash, and what follows from the rebuilds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.images.swapped_packages import PackageSet
from orchestrator.job.likely_inputs import (
    neighbours,
    search_id,
    sentence,
    settles,
    swapped_task,
    swaps_of,
    trial_of,
    tried,
)
from orchestrator.model import Budget, Failure, Phase, Pin, Profile, Reason, Task, Verdict
from orchestrator.model.likely_cause import CauseSearch, InputSwap, SwapKind, SwapTrial
from tests.sample_results import sample
from tests.samples import FIRST, NOON, built

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.model import Result

A, B, C = "a" * 64, "b" * 64, "c" * 64
HEADERS = PackageSet("python3.11", ("libpython3.11-dev",), "amd64", "3.11.2-6+deb12u2")
COMPILER = PackageSet("gcc-12", ("gcc-12",), "amd64", "12.2.0-14+deb12u1")
LIBC = PackageSet("glibc", ("libc6-dev",), "amd64", "2.36-9+deb12u1")
PINS = (Pin("wheel", "0.38.1", A, "wheel-0.38.1-py3-none-any.whl", ""), Pin("setuptools", "79.0.0", A, "s.whl", ""))
VERSIONS = {"setuptools": ("80.1", "79.0.0", "78.1"), "wheel": ("0.38.1",)}
PROFILES = {"theirs": (Profile("theirs", umask=0o022), 5)}
SWAPS = tuple(InputSwap(SwapKind.REQUIREMENT, ("setuptools",), str(number), "9") for number in range(5))


def result(filename: str = "pkg-1.0-cp311-cp311-linux_x86_64.whl", verdict: Verdict = Verdict.REPRODUCIBLE) -> Result:
    """Return a result whose first build gave that wheel."""
    wheel = built("first", FIRST, A, filename)
    return replace(sample("pkg", "1.0", verdict), builds=(wheel,), build_requirements=PINS)


def listed(found: Result) -> list[str]:
    """Return the swaps of a result as readers see them."""
    swaps = swaps_of(found, Task("pkg==1.0", "bookworm"), (HEADERS, COMPILER, LIBC), VERSIONS.__getitem__, PROFILES)
    return [one.text for one in swaps]


@pytest.mark.parametrize(
    ("version", "offered", "chosen"),
    [
        ("79.0.0", ("80.1", "80.0", "79.0.0", "78.1", "78.0", "70.3.0", "70.2"), ("78.1", "70.3.0", "80.1")),
        ("0.38.1", ("0.40", "0.38.1", "0.38.0", "0.37.1", "0.37.0"), ("0.38.0", "0.37.1", "0.40")),
        ("2.0", ("3.0", "2.0", "1.0rc1", "no version"), ("3.0",)),
        ("2.0", (), ()),
    ],
)
def test_versions_nearby_come_first(version: str, offered: tuple[str, ...], chosen: tuple[str, ...]) -> None:
    """The last of each series, older ones before newer ones; no pre-release."""
    assert neighbours(version, offered) == chosen


def test_compiled_wheels_follow_from_headers_and_compilers_first() -> None:
    """Then from build requirements, from settings, and from other packages."""
    assert listed(result()) == [
        "libpython3.11-dev 3.11.2-6+deb12u1 instead of 3.11.2-6+deb12u2",
        "libpython3.11-dev 3.11.2-6 instead of 3.11.2-6+deb12u2",
        "gcc-12 12.2.0-14 instead of 12.2.0-14+deb12u1",
        "setuptools 78.1 instead of 79.0.0",
        "setuptools 80.1 instead of 79.0.0",
        "the profile theirs instead of none",
        "SOURCE_DATE_EPOCH 5 instead of none",
        "SOURCE_DATE_EPOCH 315532800 instead of none",
        "libc6-dev 2.36-9 instead of 2.36-9+deb12u1",
    ]


def test_other_wheels_have_nothing_of_a_compiler() -> None:
    """No package of Debian is swapped."""
    assert not [text for text in listed(result("pkg-1.0-py3-none-any.whl")) if "-dev" in text or "gcc" in text]


def test_where_no_build_is_like_another_the_same_inputs_come_first() -> None:
    """Other bytes show nothing then."""
    assert listed(result(verdict=Verdict.INTRINSIC))[0] == "the same inputs once more"


def test_settings_are_those_of_the_swap() -> None:
    """A profile brings its SOURCE_DATE_EPOCH."""
    task = Task("pkg==1.0", "bookworm")

    assert swapped_task(task, InputSwap(SwapKind.EPOCH, (), "7"), PROFILES).source_date_epoch == 7
    of_profile = swapped_task(task, InputSwap(SwapKind.PROFILE, (), "theirs"), PROFILES)
    assert (of_profile.profile, of_profile.source_date_epoch) == PROFILES["theirs"]
    assert swapped_task(task, SWAPS[0], PROFILES) == task


def attempts(*given: str) -> dict[InputSwap, SwapTrial]:
    """Return what rebuilds give, in the order of the swaps; nothing for a failed one, "-" for what is not built."""
    trials = {}
    for swap, sha256 in zip(SWAPS, given, strict=False):
        build = None if sha256 == "-" else replace(built("swapped", FIRST, sha256), seconds=10.0)
        trials[swap] = SwapTrial(swap, sha256.strip("-"), "" if sha256.strip("-") else "it fails", (), build)
    return trials


@pytest.mark.parametrize(
    ("given", "budget", "count"),
    [
        ((B, A, B, B, B), Budget(), 2),
        ((B, B, B, B, B), Budget(), 5),
        ((B, B, B, B, B), Budget(builds=3), 3),
        (("-", "-", B, B, B), Budget(builds=1), 3),
        ((B, B, B, B, B), Budget(seconds=15), 2),
    ],
)
def test_a_search_ends_at_the_hash_or_with_the_budget(given: tuple[str, ...], budget: Budget, count: int) -> None:
    """What cannot be built costs nothing of it."""
    assert len(tried(SWAPS, (A,), budget, attempts(*given).__getitem__)) == count


def search(trials: Iterable[SwapTrial], left: int = 0) -> CauseSearch:
    """Return the record of these rebuilds, where the known wheel has hash C."""
    return CauseSearch(
        "id", "pkg", "1.0", "pkg.whl", "job", "bookworm", B, B, (A,), C, PINS, tuple(trials), left, NOON, NOON
    )


def test_a_rebuild_with_the_hash_is_the_proof() -> None:
    """The sentence names both versions."""
    found = search(attempts(B, A).values())

    assert sentence(found, A) == "it matches with setuptools 1 instead of 9: a rebuild proves it"


def test_a_wheel_of_another_name_proves_nothing() -> None:
    """Even with the same bytes: who lists a file vouches for its name, too."""
    build = built("swapped", FIRST, A, "pkg-1.0-py2.py3-none-any.whl")

    same, other = (trial_of(SWAPS[0], build, (), name) for name in ("pkg-1.0-py2.py3-none-any.whl", "pkg.whl"))
    assert (same.sha256, same.why) == (A, "")
    assert (other.sha256, other.why) == ("", "the wheel is called pkg-1.0-py2.py3-none-any.whl")


def test_a_build_that_was_killed_is_tried_again() -> None:
    """Another failure is an answer."""
    without = replace(built("swapped", FIRST, A), wheel=None)
    failures = (Failure(reason, Phase.BUILD_WHEEL, "it ends") for reason in (Reason.KILLED, Reason.BUILD_ERROR))

    trials = [trial_of(SWAPS[0], replace(without, failure=one), (), "pkg.whl") for one in failures]
    assert [(one.sha256, one.why, one.is_open) for one in trials] == [("", "it ends", True), ("", "it ends", False)]


def test_without_a_proof_other_bytes_are_a_possible_cause() -> None:
    """What was tried is named, and what was not; the same bytes are none."""
    without = search(attempts(B, C, "-").values(), left=2)
    text = sentence(without, A)

    assert without.proof("") is None, "a trial without a wheel proves nothing"

    assert "possible causes: setuptools;" in text
    assert "rebuilds: setuptools (2); 1 could not be built; 2 left" in text
    assert "possible" not in sentence(search(attempts(C, C).values()), A)


def test_nothing_is_possible_where_the_same_inputs_give_other_bytes() -> None:
    """Then a rebuild may differ for any reason."""
    again = SwapTrial(InputSwap(SwapKind.NOTHING), B)

    assert search((again, *attempts(B).values())).possible == ()
    assert search((replace(again, sha256=C), *attempts(B).values())).possible == ("setuptools",)


def test_a_record_answers_the_same_question_or_has_the_proof() -> None:
    """Not one about another job."""
    id_ = search_id("job", (A,), SWAPS)
    proven, other = search(attempts(A).values()), search(attempts(B).values())

    assert settles(proven, id_, "job", (A,))
    assert not settles(other, id_, "job", (A,))
    assert settles(replace(other, id=id_), id_, "job", (A,))
    open_ = replace(other, id=id_, trials=(*other.trials, SwapTrial(SWAPS[1], is_open=True)))
    assert not settles(open_, id_, "job", (A,)), "an archive did not answer; it may next time"
    assert not settles(proven, id_, "another job", (A,))
    assert id_ != search_id("job", (A,), SWAPS[1:])
