"""Each variation changes one thing, and its probe shows it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.environment import profiled, scratch_folders
from orchestrator.build.variations import (
    NAMES,
    VARIATIONS,
    disobeyed,
    second_environment,
    variants,
)
from orchestrator.model import Mode, Profile
from tests.samples import FIRST, SECOND, probe

if TYPE_CHECKING:
    from orchestrator.build.variation import Variation


@pytest.mark.parametrize("variation", VARIATIONS, ids=NAMES)
def test_a_variation_acts_and_is_seen_alone(variation: Variation) -> None:
    """What one variation changes is seen by it, and by no other."""
    seen = variants(probe(FIRST), probe(variation.apply(FIRST)), (), ())
    assert [one.name for one in seen if one.acted] == [variation.name]


def test_everything_that_a_build_may_observe_is_varied() -> None:
    """Only the salt, the epoch, which is an input, and what remedies ask for are the same in both environments."""
    same = {field.name for field in fields(FIRST) if getattr(FIRST, field.name) == getattr(SECOND, field.name)}
    asked = {"source_date_epoch", "flags", "config_settings", "map_working_folder", "finish", "recipe", "repair"}
    assert same == {"salt", "line_ends", *asked}


def test_no_variation_is_lost() -> None:
    """Records and configurations name these; a new one needs no line here."""
    assert set(NAMES) >= {
        "build-path", "domain-host", "time", "timezone", "locales", "umask", "user-group", "home", "exec-path",
        "environment", "kernel", "num-cpus", "fileordering", "hash-seed", "tmpdir", "environment-path", "shell",
    }  # fmt: skip


def test_what_is_not_varied_stays_as_in_the_first_build() -> None:
    """A variation that is held or removed changes nothing."""
    second = second_environment(FIRST, ("umask", "build-path"))
    assert (second.umask, second.build_path) == (FIRST.umask, FIRST.build_path)
    assert second.hostname != FIRST.hostname


def test_a_variation_that_did_not_act_is_named() -> None:
    """A locale that the image has not generated looks the same in both builds."""
    idle = replace(probe(SECOND), locale=probe(FIRST).locale)
    assert disobeyed(variants(probe(FIRST), idle, (), ())) == ("locales",)
    assert disobeyed(variants(probe(FIRST), idle, (), ("locales",))) == ()


def test_a_held_variation_that_acts_is_named() -> None:
    """The probe shows whether it was held."""
    seen = variants(probe(FIRST), probe(SECOND), ("umask",), ())
    assert {one.mode for one in seen if one.name == "umask"} == {Mode.HELD}
    assert disobeyed(seen) == ("umask",)


def test_a_home_that_must_not_exist_is_not_made() -> None:
    """All other folders in which a build may write are."""
    written = (FIRST.build_path.rpartition("/")[0], "/tmp", FIRST.tmpdir, FIRST.home)  # noqa: S108
    assert scratch_folders(FIRST) == written
    assert len(scratch_folders(SECOND)) == 3
    assert not any(folder.startswith("/nonexistent") for folder in scratch_folders(SECOND))


def test_a_profile_fixes_what_it_names_and_nothing_else() -> None:
    """What it fixes is just what the variations of those names would change."""
    profile = Profile("theirs", umask=0o077, build_path="/tmp/wheels/{folder}", timezone="UTC0", hash_seed=7)  # noqa: S108
    first = profiled(FIRST, profile, "MarkupSafe-2.0.1.tar.gz")

    assert first.build_path == "/tmp/wheels/MarkupSafe-2.0.1"  # noqa: S108 - of a build
    assert (first.umask, first.timezone, first.hash_seed) == (0o077, "UTC0", 7)
    assert profiled(FIRST, Profile("none"), "a-1.zip") == FIRST == profiled(FIRST, None, "a-1.zip")
    changed = {field.name for field in fields(FIRST) if getattr(first, field.name) != getattr(FIRST, field.name)}
    assert changed == {name.replace("-", "_") for name in profile.fixes}
    second = second_environment(first, profile.fixes)
    assert all(getattr(second, name) == getattr(first, name) for name in changed)
