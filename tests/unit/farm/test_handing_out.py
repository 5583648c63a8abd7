"""Which wheelhouses are written. What a recipe gives is tested with the engine, see tests/docker/test_wheelhouse.py."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator import config
from orchestrator.build.variations import NAMES
from orchestrator.errors import UsageError
from orchestrator.farm.wheelhouse import asked, may_be_handed_out
from orchestrator.model import LeftOut, WheelFile
from tests.sample_wheelhouses import member, wheelhouse

if TYPE_CHECKING:
    from pathlib import Path

WHEEL = member(WheelFile("demo_pure-1.0-py3-none-any.whl", "a" * 64, 1), "demo-pure", "1.0")
FAILS = LeftOut("demo-other==1.0", "demo-other", "1.0", "bookworm", "", "ftbfs")
OPEN = ("demo-other==1.0: the index does not answer",)


@pytest.mark.parametrize(
    ("left_out", "undecided", "keep_going", "expected"),
    [
        ((), (), False, True),
        ((FAILS,), (), False, False),
        ((FAILS,), (), True, True),
        ((), OPEN, False, False),
        ((), OPEN, True, True),
    ],
)
def test_no_folder_lacks_a_release_unasked(
    left_out: tuple[LeftOut, ...], undecided: tuple[str, ...], *, keep_going: bool, expected: bool
) -> None:
    """Neither one that is left out, nor one that the farm did not judge."""
    house = replace(wheelhouse([WHEEL], left_out), open=undecided)
    assert may_be_handed_out(house, keep_going=keep_going) is expected


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_folder_without_wheels_is_not_written(*, keep_going: bool) -> None:
    """There is nothing to hand out."""
    assert not may_be_handed_out(wheelhouse([], (FAILS,)), keep_going=keep_going)


def test_a_profile_that_no_script_can_follow_is_refused_before_any_build(tmp_path: Path) -> None:
    """A long run would end with this, and nothing of it could be handed out."""
    (tmp_path / "config.yaml").write_text('profiles: {odd: {image: bookworm, umask: "777"}}')
    settings = config.load(tmp_path / "config.yaml", variations=NAMES, images=("bookworm", "trixie"))
    tasks = config.tasks(settings, ("six==1.16.0",), (), profile="odd")
    with pytest.raises(UsageError, match=r"cannot work with the umask.*Change the profile"):
        asked(settings, tasks, image=None, source=False)
