"""What a wheelhouse is made of, before anything is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator import config
from orchestrator.build.variations import NAMES
from orchestrator.experiments.remedies import REMEDIES
from orchestrator.farm.wheelhouse import asked, profile_settings, written
from orchestrator.model import Policy, Profile

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.config import Config

TEXT = """
image: bookworm
source-date-epoch: 1000000000
variations: {hold: [umask]}
profiles:
  theirs: {umask: "077", source-date-epoch: 1309379017}
exclusions:
  - {project: rusty, reason: it needs Rust, since: 2026-01-01, image: rust}
  - {project: gone, reason: it needs a graphics card, since: 2026-01-01, never: true}
packages:
  early: {source-date-epoch: 2000000000}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    """Return a configuration with exclusions and a profile."""
    place = tmp_path / "config.yaml"
    place.write_text(TEXT)
    return config.load(place, variations=NAMES, images=("bookworm", "trixie", "rust"))


def test_one_environment_for_all(settings: Config) -> None:
    """One epoch, and no variation is held: the proof varies what the recipe does not set."""
    tasks = config.tasks(settings, ["six", "early"])
    assert {(task.source_date_epoch, task.hold) for task in tasks} != {(1_000_000_000, ())}
    found = asked(settings, tasks, image=None, source=False)
    assert {(task.source_date_epoch, task.hold) for task in found.tasks} == {(1_000_000_000, ())}


def test_a_profile_is_part_of_the_recipe(settings: Config) -> None:
    """What it sets is not varied while the set is judged."""
    (task,) = asked(settings, config.tasks(settings, ["six"], profile="theirs"), image=None, source=False).tasks
    assert (task.hold, task.source_date_epoch) == (("umask",), 1_309_379_017)
    assert task.profile is not None
    assert profile_settings(task.profile) == (("umask", "umask 077"),)


def test_exclusions(settings: Config) -> None:
    """A project is built on the image that is to lift its exclusion, unless another is named; or it is left out."""
    tasks = config.tasks(settings, ["rusty", "gone"])
    found = asked(settings, tasks, image=None, source=False)
    assert [(task.requirement, task.image) for task in found.tasks] == [("rusty", "rust")]
    assert [(one.project, one.reason) for one in found.left_out] == [("gone", "excluded: it needs a graphics card")]
    named = config.tasks(settings, ["rusty"], ["trixie"])
    assert [task.image for task in asked(settings, named, image="trixie", source=False).tasks] == ["trixie"]


def test_source_builds_the_tools_too(settings: Config) -> None:
    """As the policy of that name."""
    (task,) = asked(settings, config.tasks(settings, ["six"]), image=None, source=True).tasks
    assert task.tools.policy is Policy.SOURCE


def test_each_requirement_once(settings: Config) -> None:
    """Of several images, it uses the first."""
    tasks = config.tasks(settings, ["six"], ["bookworm", "trixie"])
    assert [task.image for task in asked(settings, tasks, image=None, source=False).tasks] == ["bookworm"]


def test_each_setting_is_written_in_words() -> None:
    """No remedy has an empty cell in the table of the recipe."""
    assert all(written(remedy) for remedy in REMEDIES)
    assert profile_settings(Profile("none")) == ()
