"""What is removed is decided by pure functions: what there is, what is needed, and the bound."""

from __future__ import annotations

import pytest

from orchestrator.build.engine import HeldImage
from orchestrator.farm import retention
from orchestrator.farm.retention import Item, Use
from orchestrator.model import DAY

NOW = 1000.0 * DAY
UNUSED = 30 * DAY


def item(name: str, size: int = 10, days: float = 100) -> Item:
    """Return an item that was last used so many days ago."""
    return Item(name, size, NOW - days * DAY)


def use(*items: str, tracked: bool = True, days: float = 0) -> Use:
    """Return the use of a job that a run judged so many days ago."""
    return Use(frozenset(items), tracked, NOW - days * DAY)


@pytest.mark.parametrize(
    ("uses", "needed"),
    [
        ([], set()),
        ([use("sdists/a", "buildenvs/b")], {"sdists/a", "buildenvs/b"}),
        ([use("sdists/a", days=29), use("sdists/b", days=31)], {"sdists/a"}),
        ([use("sdists/a", tracked=False, days=0.5), use("sdists/b", tracked=False, days=2)], {"sdists/a"}),
        ([use("sdists/a", tracked=False, days=2), use("sdists/a")], {"sdists/a"}),
    ],
)
def test_tracked_jobs_need_what_they_used(uses: list[Use], needed: set[str]) -> None:
    """For as long as some run judges them; a job that somebody asked for once, for a day."""
    assert retention.needed(uses, NOW, UNUSED) == needed


@pytest.mark.parametrize(
    ("items", "bound", "gone", "over"),
    [
        ([item("sdists/a"), item("sdists/b")], 20, [], 0),
        ([item("sdists/a", days=2), item("sdists/b", days=3)], 19, ["sdists/b"], 0),
        ([item("sdists/a", days=2), item("sdists/b", days=3)], 1, ["sdists/b", "sdists/a"], 0),
        ([item("sdists/needed", days=9), item("sdists/b", days=1)], 10, ["sdists/b"], 0),
        ([item("sdists/needed", 50), item("sdists/b")], 10, ["sdists/b"], 40),
        ([item("answers/a", days=29), item("answers/b", days=31)], 1, ["answers/b"], 9),
        ([item("uv/six/1.0"), item("buildenvs/z")], 10, ["buildenvs/z"], 0),
    ],
)
def test_the_longest_unused_goes_first(items: list[Item], bound: int, gone: list[str], over: int) -> None:
    """Nothing that is needed goes; the rest of the excess is reported. Environments go before uv's wheels in them."""
    removal = retention.over_bound(items, frozenset({"sdists/needed"}), bound, NOW, UNUSED)
    assert ([one.name for one in removal.items], removal.over) == (gone, over)


def test_what_is_needed_is_not_too_old() -> None:
    """However long ago it was used."""
    items = [item("sdists/needed", days=900), item("sdists/a", days=31), item("sdists/b", days=29)]
    found = retention.unused_for(items, frozenset({"sdists/needed"}), 30 * DAY, NOW, UNUSED)
    assert [one.name for one in found] == ["sdists/a"]


def test_the_last_use_is_that_of_any_job() -> None:
    """Or the time since which the item is there, if that is later."""
    found = retention.last_uses(
        [item("sdists/a", days=50), item("sdists/b", days=1)], [use("sdists/a", "sdists/b", days=7)]
    )
    assert [(NOW - one.used) / DAY for one in found] == [7, 1]


def image(*tags: str, identity: str = "sha256:1", days: float = 100, ours: bool = True) -> HeldImage:
    """Return an image that was made so many days ago."""
    return HeldImage(identity, tags, NOW - days * DAY, 10, ours)


LAST = {"wheelproof/trixie:old": NOW - 31 * DAY, "wheelproof/trixie:lately": NOW - DAY, "wheelproof/rust:now": 0.0}


@pytest.mark.parametrize(
    ("held", "is_spare", "is_spare_if_foreign"),
    [
        (image("wheelproof/trixie:old"), True, True),
        (image("wheelproof/trixie:lately"), False, False),
        (image("wheelproof/rust:now"), False, False),  # a recipe has it
        (image("wheelproof/trixie:old", identity="sha256:running"), False, False),
        (image("wheelproof/trixie:old", identity="sha256:recorded"), False, False),
        (image("wheelproof/trixie:old", "my/image:1"), False, False),  # somebody named it, too
        (image("wheelproof/trixie:another"), False, True),  # perhaps another farm's
        (image("wheelproof/trixie:another", days=29), False, False),
        (image("wheelproof/trixie:1-unfinished", days=2), True, True),
        (image("wheelproof/trixie:1-unfinished", days=0.5), False, False),
        (image("wheelproof/test-headers:1"), False, False),
        (image("python:3"), False, False),
        (image(), True, True),
        (image(days=29), False, False),
        (image(ours=False), False, False),
    ],
)
def test_only_images_that_nothing_needs_are_spare(
    held: HeldImage, *, is_spare: bool, is_spare_if_foreign: bool
) -> None:
    """No recipe, no verdict, no container, no farm that used it lately, and nobody else."""
    for foreign, expected in ((False, is_spare), (True, is_spare_if_foreign)):
        found = retention.spare_images(
            [held],
            {"wheelproof/rust:now"},
            {"sha256:recorded"},
            LAST,
            {"sha256:running"},
            30 * DAY,
            NOW,
            foreign=foreign,
        )
        assert (found == (held,)) is expected
