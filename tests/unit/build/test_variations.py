"""Each variation changes one thing, and its probe shows it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, get_type_hints

import pytest
from pydantic import TypeAdapter

from orchestrator.build.environment import profiled, scratch_folders
from orchestrator.build.variations import (
    BY_NAME,
    NAMES,
    VARIATIONS,
    disobeyed,
    names,
    second_environment,
    variants,
)
from orchestrator.model import Environment, Mode, Profile
from tests.samples import ELSEWHERE, FIRST, SECOND, probe

if TYPE_CHECKING:
    from orchestrator.build.variation import Variation


@pytest.mark.parametrize("variation", VARIATIONS, ids=NAMES)
def test_a_variation_acts_and_is_seen_alone(variation: Variation) -> None:
    """What one variation changes is seen by it, and by no other."""
    seen = variants(probe(FIRST), probe(variation.apply(FIRST)), (), (), spread=True)
    assert [one.name for one in seen if one.acted] == [variation.name]


def test_no_two_variations_change_one_field() -> None:
    """So that they act in any order, and one that is held takes no other with it."""
    changed = [field for variation in VARIATIONS for field in variation.changes(FIRST)]
    assert len(changed) == len(set(changed))


def test_the_second_environment_has_values_of_the_right_types() -> None:
    """Variations name fields in a way that no type checker follows."""
    for name, kind in get_type_hints(Environment).items():
        value = getattr(ELSEWHERE, name)
        assert TypeAdapter(kind).validate_python(value, strict=True) == value


def test_everything_that_a_build_may_observe_is_varied() -> None:
    """Only the salt, the epoch, which is an input, and what remedies ask for are the same in both environments."""
    same = {field.name for field in fields(FIRST) if getattr(FIRST, field.name) == getattr(ELSEWHERE, field.name)}
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


def test_without_spread_nothing_of_another_host_is_varied_or_recorded() -> None:
    """Neither the second environment nor the list of variations has it."""
    assert SECOND.host == FIRST.host == ""
    assert replace(ELSEWHERE, host="") == SECOND
    found = variants(probe(FIRST), probe(ELSEWHERE), (), ())
    assert tuple(one.name for one in found) == names(spread=False) == tuple(name for name in NAMES if name != "host")
    assert [one.name for one in variants(probe(FIRST), probe(ELSEWHERE), (), (), spread=True)] == list(NAMES)


def test_a_host_that_is_held_or_removed_is_the_jobs_own() -> None:
    """As with every variation; without spread, its name does nothing."""
    assert second_environment(FIRST, ("host",), spread=True) == SECOND == second_environment(FIRST, ("host",))


@pytest.mark.parametrize(
    ("changes", "acted"),
    [
        ({}, True),
        ({"boot_id": probe(FIRST).boot_id}, False),  # two workers on one host
        ({"boot_id": ""}, False),  # a runtime that hides it
        ({"processor": probe(FIRST).processor, "cpu_flags": probe(FIRST).cpu_flags}, True),  # two hosts of one kind
    ],
)
def test_only_two_running_kernels_show_two_hosts(changes: dict[str, str], *, acted: bool) -> None:
    """That the variation did not act is recorded, and is no fault of the engine."""
    seen = variants(probe(FIRST), replace(probe(ELSEWHERE), **changes), (), (), spread=True)  # type: ignore[arg-type]
    assert [one.acted for one in seen if one.name == "host"] == [acted]
    assert disobeyed(seen) == ()


def test_a_held_host_that_acts_is_named() -> None:
    """A build that was to run at home ran elsewhere."""
    assert disobeyed(variants(probe(FIRST), probe(ELSEWHERE), ("host",), (), spread=True)) == ("host",)
    assert disobeyed(variants(probe(FIRST), probe(ELSEWHERE), (), ("host",), spread=True)) == ()


def test_another_kernel_is_not_taken_for_the_kernels_other_name() -> None:
    """On two hosts `uname -r` differs although the variation `kernel` is held."""
    elsewhere = second_environment(FIRST, ("kernel",), spread=True)
    assert probe(elsewhere).kernel != probe(FIRST).kernel
    assert disobeyed(variants(probe(FIRST), probe(elsewhere), ("kernel",), (), spread=True)) == ()


def test_what_shows_the_host_is_read_as_the_kernel_wrote_it() -> None:
    """The release is that of /proc/version, and nothing where that is something else."""
    host = BY_NAME["host"]
    seen = probe(ELSEWHERE)
    assert host.planted(ELSEWHERE, seen).words == ("Example Processor 200X", "6.2.0-2-amd64", "6.2.0")
    odd = replace(seen, kernel_version="a b c d", processor="")
    assert host.planted(ELSEWHERE, odd).words == ()
    assert host.seen(replace(odd, cpu_flags="", boot_id="")) == "unknown"


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
