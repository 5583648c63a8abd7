"""What the proof of a recipe needs, from an index on loopback."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import PackageIndexError
from orchestrator.farm import recipe_effects
from orchestrator.model import Pin, Target
from orchestrator.recipes import Pinned
from orchestrator.sources.index import Index
from tests.loopback_index import LoopbackIndex, wheel

if TYPE_CHECKING:
    from pathlib import Path

TARGET = Target("3.11", "x86_64-manylinux_2_36")


def test_a_wheel_with_a_pinned_hash_is_taken(tmp_path: Path) -> None:
    """And only such a one; an index that has none is no fault of the farm."""
    with LoopbackIndex() as served:
        served.publish("pip-1.0-py3-none-any.whl", wheel("pip", "1.0"))
        index = Index(served.url, tmp_path, retry_wait=0.01)
        right = served.sha256("pip", "pip-1.0-py3-none-any.whl")
        found = recipe_effects.offered(index, [Pinned("pip", "1.0", ("0" * 64, right))], TARGET)
        assert [(pin.name, pin.sha256) for pin in found if isinstance(pin, Pin)] == [("pip", right)]
        other = recipe_effects.offered(index, [Pinned("pip", "1.0", ("0" * 64,))], TARGET)
        assert other == "the index has no wheel of pip==1.0 with a hash that the recipe pins"
        for name, version in (("pip", "2.0"), ("uv", "1.0")):
            absent = recipe_effects.offered(index, [Pinned(name, version, (right,))], TARGET)
            assert absent == f"the index has no {name}=={version}, which the recipe installs"


def test_recipes_of_one_run_ask_for_a_tool_once(tmp_path: Path) -> None:
    """A wheel that appeared since is found all the same."""
    with LoopbackIndex() as served:
        served.publish("pip-1.0-py3-none-any.whl", wheel("pip", "1.0"))
        index = Index(served.url, tmp_path, retry_wait=0.01, fresh=600)
        right = served.sha256("pip", "pip-1.0-py3-none-any.whl")
        for _ in range(3):
            assert len(recipe_effects.offered(index, [Pinned("pip", "1.0", (right,))], TARGET)) == 1
        assert served.count("/simple/pip/") == 1
        served.publish("pip-1.0-1-py3-none-any.whl", wheel("pip", "1.0") + b"later")
        later = served.sha256("pip", "pip-1.0-1-py3-none-any.whl")
        found = recipe_effects.offered(index, [Pinned("pip", "1.0", (later,))], TARGET)
        assert [pin.sha256 for pin in found if isinstance(pin, Pin)] == [later]


def test_wheels_lie_in_one_folder_for_equal_pins(tmp_path: Path) -> None:
    """Readable for every user of a container, and checked by their hashes."""
    with LoopbackIndex() as served:
        served.publish("pip-1.0-py3-none-any.whl", wheel("pip", "1.0"))
        index = Index(served.url, tmp_path, retry_wait=0.01)
        found = recipe_effects.offered(
            index, [Pinned("pip", "1.0", (served.sha256("pip", "pip-1.0-py3-none-any.whl"),))], TARGET
        )
        assert not isinstance(found, str)
        folder = recipe_effects.folder_of(tmp_path, index, found, 1 << 20)
        assert folder == recipe_effects.folder_of(tmp_path, index, (*found, *found), 1 << 20)
        assert [path.name for path in folder.glob("*.whl")] == ["pip-1.0-py3-none-any.whl"]
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.whl")} == {0o644}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
        wrong = (Pin("pip", "1.0", "0" * 64, "pip-1.0-py3-none-any.whl", found[0].url),)
        with pytest.raises(PackageIndexError, match="it has sha256"):
            recipe_effects.folder_of(tmp_path, index, wrong, 1 << 20)


def test_a_text_is_a_file_under_its_hash(tmp_path: Path) -> None:
    """A damaged one is written again."""
    path = recipe_effects.text_file(tmp_path, "exit 0\n")
    assert path.read_text() == "exit 0\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.write_text("exit 1\n")
    assert recipe_effects.text_file(tmp_path, "exit 0\n") == path
    assert path.read_text() == "exit 0\n"
    assert recipe_effects.text_file(tmp_path, "exit 2\n") != path
