"""The record of a wheelhouse: what its id is made of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.farm.wheelhouse import id_of, recorded
from orchestrator.model import WheelFile
from orchestrator.results.store import Results
from tests.sample_wheelhouses import member, wheelhouse

if TYPE_CHECKING:
    from pathlib import Path

DEMO = member(WheelFile("pkg-1.0-py3-none-any.whl", "a" * 64, 100), "pkg", "1.0")


def test_an_id_is_of_all_that_is_handed_out() -> None:
    """And of what is missing: a set in which the farm failed is another one than the complete set."""
    house = wheelhouse([DEMO])
    others = (replace(house, open=("six",)), replace(house, dockerfile="FROM other\n"), replace(house, profile="x"))
    assert len({id_of(one) for one in (house, *others)}) == 4


def test_a_record_that_was_changed_is_written_again(tmp_path: Path) -> None:
    """An equal one stays, with its time."""
    store, house = Results(tmp_path, wheels=0, logs=0), wheelhouse([DEMO])
    house = replace(house, id=id_of(house))
    assert recorded(store, house) is house
    assert recorded(store, replace(house, builds=7)) == house
    store.write_wheelhouse(replace(house, wheels=()))
    assert recorded(store, house) is house
    assert store.wheelhouse(house.id) == house


def test_a_proof_has_two_builds_whose_wheels_are_kept(tmp_path: Path) -> None:
    """What else is in its place is as good as none."""
    store = Results(tmp_path / "results", wheels=1 << 20, logs=0)
    path = tmp_path / DEMO.wheel.filename
    path.write_bytes(b"")
    key = "1" * 64
    store.keep_proof(key, DEMO.builds)
    assert store.proof(key) == ()
    store.wheels.keep(path, DEMO.wheel.sha256)
    assert store.proof(key) == DEMO.builds
    store.keep_proof(key, DEMO.builds[:1])
    assert store.proof(key) == ()
