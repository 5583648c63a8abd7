"""Runs of a real farm, each on another date: what an operator hears of, and what monitoring sees."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.cause_cases import PACKAGES, PYPROJECT
from tests.clock import Clock
from tests.docker.farm_fixture import Ended, FarmFixture, farm_on
from tests.loopback_index import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.model import Image

FIRST = datetime(2026, 3, 1, 3, tzinfo=UTC)
SIN = b"import helper\n\ndef commit():\n    return {'sin/made.txt': helper.made()}\n"
CONSTANT = b"def made():\n    return b'always the same'\n"
RANDOM = b"import secrets\n\ndef made():\n    return secrets.token_hex(16).encode()\n"


@pytest.fixture
def farm(tmp_path: Path, bookworm: Image) -> Iterator[FarmFixture]:
    """A separate farm on the available image."""
    assert bookworm.name == "bookworm"
    yield from farm_on(tmp_path)


def helped(name: str) -> bytes:
    """Return the sdist of a project whose wheel has what the build requirement `helper` makes."""
    members = {
        "NAME": name.encode(),
        "pyproject.toml": PYPROJECT.replace(b"requires = []", b'requires = ["helper"]'),
        "backend.py": (PACKAGES / "backend.py").read_bytes(),
        "sin.py": SIN,
    }
    return sdist(name, "1.0", members)


class Nights:
    """A farm that runs once a day, and what its operator's command was given."""

    def __init__(self, farm: FarmFixture) -> None:
        """Track two projects."""
        self._farm = farm
        self._clock = Clock(farm.folder)
        self._heard = farm.folder / "heard.json"
        self._night = -1
        hear = f"import pathlib, sys; pathlib.Path({str(self._heard)!r}).write_text(sys.stdin.read())"
        farm.configure(
            groups={"all": {"packages": ["first", "second"]}},
            **{"on-change": [sys.executable, "-c", hear], "site-url": "https://site.example/"},
            budget={"builds": 0},
        )

    def next(self, status: int = 0) -> Ended:
        """Run on the next day."""
        self._night += 1
        self._heard.unlink(missing_ok=True)
        self._farm.environment |= self._clock.at(FIRST + timedelta(days=self._night))
        ended = self._farm.run("run")
        assert ended.status == status, ended.err
        return ended

    @property
    def heard(self) -> list[str]:
        """What the operator's command was given on this day, in one word each."""
        if not self._heard.exists():
            return []
        return [change["kind"] for change in json.loads(self._heard.read_text())["changes"]]

    def last(self) -> dict[str, Any]:
        """Return what monitoring reads."""
        found: dict[str, Any] = json.loads((self._farm.results / "last_run.json").read_text())
        assert found["started"].startswith(f"{FIRST + timedelta(days=self._night):%Y-%m-%d}")
        return found


def test_an_operator_hears_of_changes_and_of_nothing_else(farm: FarmFixture) -> None:
    """Of a worse build requirement, a dead index and a withdrawn project; what was heard can be had again."""
    for name in ("first", "second"):
        farm.index.publish(f"{name}-1.0.tar.gz", helped(name))
    farm.index.publish("helper-1.0-py3-none-any.whl", wheel("helper", "1.0", {"helper.py": CONSTANT}))
    nights = Nights(farm)

    nights.next()
    assert (nights.heard, nights.last()["judged"]) == ([], 2)
    quiet = nights.next()
    assert (nights.heard, nights.last()["unchanged"]) == ([], 2)
    assert "worse" not in quiet.out
    assert len(list(farm.results.glob("runs/*.json"))) == 1

    farm.index.publish("helper-2.0-py3-none-any.whl", wheel("helper", "2.0", {"helper.py": RANDOM}))
    worse = nights.next()
    assert nights.heard == ["worse", "worse"]
    both = "first 1.0 on bookworm and second 1.0 on bookworm"
    assert f"worse: {both}: reproducible before, now intrinsic (helper 1.0, now 2.0)" in worse.out.splitlines()

    farm.index.answer("/simple/")
    nights.next(status=6)
    assert (nights.heard, nights.last()["status"]) == (["failed"], "failed")
    farm.index.mend()
    farm.index.withdraw("second", "second-1.0.tar.gz")
    gone = nights.next(status=9)
    assert sorted(nights.heard) == ["recovered", "withdrawn"]
    assert "withdrawn: second 1.0 on bookworm: " in gone.out
    assert farm.verdicts() == {"first": "intrinsic", "second": "intrinsic"}, "no verdict comes from the index"

    published = {name: (farm.results / name).read_bytes() for name in ("changes.json", "site/feed.atom")}
    assert b"https://site.example/nights/2026-03-05.html" in published["site/feed.atom"]
    assert [change["run"][:10] for change in json.loads(published["changes.json"])["changes"]] == [
        *["2026-03-05"] * 2,
        "2026-03-04",
        *["2026-03-03"] * 2,
    ]
    shutil.rmtree(farm.results / "site")
    (farm.results / "changes.json").unlink()
    assert farm.run("publish").status == 0
    assert {name: (farm.results / name).read_bytes() for name in published} == published
