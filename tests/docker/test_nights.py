"""Thirty nights of a real farm: what its operator hears, what everyone can read afterwards, and what it costs."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import feedparser  # type: ignore[import-untyped]
import pytest

from orchestrator.model import ChangeKind
from tests.cause_cases import PACKAGES, PYPROJECT
from tests.clock import Clock
from tests.docker.farm_fixture import Ended, FarmFixture, farm_on
from tests.installed import ROOT
from tests.loopback_index import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orchestrator.model import Image

FIRST = datetime(2026, 3, 1, 3, tzinfo=UTC)
NIGHTS = 30
CONSTANT, RANDOM = (
    b"def made():\n    return b'always the same'\n",
    b"import os\n\ndef made():\n    return os.urandom(16)\n",
)
USES_HELPER = b"import helper\n\ndef commit():\n    return {'sin/made.txt': helper.made().hex().encode()}\n"
USES_IMAGE = b"""import pathlib
exec(pathlib.Path('/opt/helper.py').read_text())

def commit():
    return {'sin/made.txt': made().hex().encode()}
"""
DOCKERFILE = """ARG BASE
FROM ${{BASE}}
RUN printf '{}' > /opt/helper.py
"""


def project(name: str, version: str, sin: bytes, requires: bytes = b"") -> bytes:
    """Return the sdist of a project whose wheel has what its `sin` makes."""
    members = {
        "NAME": name.encode(),
        "pyproject.toml": PYPROJECT.replace(b"requires = []", b"requires = [" + requires + b"]"),
        "backend.py": (PACKAGES / "backend.py").read_bytes(),
        "sin.py": sin + f"\n\ndef version():\n    return {version!r}\n".encode(),
    }
    return sdist(name, version, members)


class Nights:
    """A farm that runs once a day, and what its operator's command is given."""

    def __init__(self, farm: FarmFixture) -> None:
        """Track six projects, one of them on an image of the farm's own, beside a copy of the program."""
        self.farm = farm
        self._clock = Clock(farm.folder)
        self._heard = farm.folder / "heard.json"
        self._images = farm.folder / "program" / "images"
        for name in ("orchestrator", "images", "profiles"):
            shutil.copytree(ROOT / name, farm.folder / "program" / name, ignore=shutil.ignore_patterns("__pycache__"))
        farm.environment["PYTHONPATH"] = str(farm.folder / "program")
        hear = f"import pathlib, sys; pathlib.Path({str(self._heard)!r}).write_text(sys.stdin.read())"
        farm.configure(
            groups={"all": {"packages": ["steady", "helped", "also-helped", "moving", "imaged", "leaving"]}},
            packages={"imaged": {"image": "own"}},
            **{"on-change": [sys.executable, "-c", hear], "site-url": "https://site.example/"},
            budget={"builds": 0},
        )

    def publish(self, day: int, filename: str, content: bytes) -> None:
        """Publish a file an hour before the run of a day."""
        uploaded = FIRST + timedelta(days=day, hours=-1)
        self.farm.index.publish(filename, content, uploaded=f"{uploaded:%Y-%m-%dT%H:%M:%SZ}")

    def make_image(self, helper: bytes) -> None:
        """Write the recipe of the image `own`."""
        folder = self._images / "own"
        folder.mkdir(exist_ok=True)
        (folder / "image.toml").write_text('base = "bookworm"\n')
        (folder / "Dockerfile").write_text(DOCKERFILE.format(helper.decode().replace("\n", "\\n").replace("'", '"')))
        shutil.copy(self._images / "bookworm" / "packages.lock", folder)

    def run(self, day: int) -> tuple[Ended, list[str]]:
        """Run on a day; return how it ended, and what changed, as the operator's command reads it."""
        self._heard.unlink(missing_ok=True)
        self.farm.environment |= self._clock.at(FIRST + timedelta(days=day))
        ended = self.farm.run("run")
        heard = json.loads(self._heard.read_text()) if self._heard.exists() else {"lines": [], "changes": []}
        assert all(line in ended.out for line in heard["lines"]), ended.out
        return ended, sorted(" ".join(filter(None, (one["kind"], one["project"]))) for one in heard["changes"])

    def read(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Read a JSON file of the results."""
        return json.loads((self.farm.results / path).read_text())


@pytest.fixture
def nights(tmp_path: Path, bookworm: Image) -> Iterator[Nights]:
    """A farm on the available image, with what its six projects are made of."""
    assert bookworm.name == "bookworm"
    for farm in farm_on(tmp_path):
        nights = Nights(farm)
        nights.make_image(CONSTANT)
        nights.publish(0, "helper-1.0-py3-none-any.whl", wheel("helper", "1.0", {"helper.py": CONSTANT}))
        for name in ("helped", "also-helped"):
            nights.publish(0, f"{name}-1.0.tar.gz", project(name, "1.0", USES_HELPER, b'"helper"'))
        for name, sin in (("steady", CONSTANT), ("moving", CONSTANT), ("leaving", CONSTANT)):
            made = sin + b"\ndef commit():\n    return {'sin/made.txt': made()}\n"
            nights.publish(0, f"{name}-1.0.tar.gz", project(name, "1.0", made))
        nights.publish(0, "imaged-1.0.tar.gz", project("imaged", "1.0", USES_IMAGE))
        yield nights


def helper(nights: Nights, day: int, version: str, content: bytes) -> None:
    """Publish a release of the build requirement."""
    name = f"helper-{version}-py3-none-any.whl"
    nights.publish(day, name, wheel("helper", version, {"helper.py": content}))


def events(nights: Nights) -> dict[int, tuple[Callable[[int], object], list[str]]]:
    """Return what happens on which day, and what the operator hears of it; on all other days, nothing."""
    index = nights.farm.index
    random = RANDOM + b"\ndef commit():\n    return {'sin/made.txt': made()}\n"
    return {
        5: (lambda day: helper(nights, day, "2.0", RANDOM), ["worse also-helped", "worse helped"]),
        9: (lambda day: nights.publish(day, "moving-1.1.tar.gz", project("moving", "1.1", random)), ["worse moving"]),
        13: (lambda _: nights.make_image(RANDOM), ["worse imaged"]),
        16: (lambda _: index.withdraw("leaving", "leaving-1.0.tar.gz"), ["withdrawn leaving"]),
        20: (lambda _: index.answer("/simple/"), ["failed"]),
        22: (lambda _: index.mend(), ["recovered"]),
        24: (lambda day: helper(nights, day, "3.0", CONSTANT), ["better also-helped", "better helped"]),
        27: (lambda _: nights.make_image(CONSTANT), ["better imaged"]),
    }


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_thirty_nights(nights: Nights) -> None:
    """An operator hears of each change once; unchanged nights leave nothing; the past can be read and explained."""
    farm, happens = nights.farm, events(nights)
    heard, statuses, evidence, cache = {}, {}, {}, {}
    for day in range(NIGHTS):
        act, _ = happens.get(day, (lambda _: None, []))
        act(day)
        ended, changes = nights.run(day)
        assert "Traceback" not in ended.err
        heard[day], statuses[day] = changes, ended.status
        evidence[day] = len([*farm.results.glob("records/*/*.json"), *farm.results.glob("runs/*.json")])
        cache[day] = size(farm.folder / ".cache")
        assert changes or not any(f"\n{kind}: " in ended.out for kind in ChangeKind), ended.out

    assert heard == {day: happens[day][1] if day in happens else [] for day in range(NIGHTS)}
    assert statuses == {day: 0 if day < 16 else 6 if day in {20, 21} else 9 for day in range(NIGHTS)}
    grew = [day for day in range(1, NIGHTS) if evidence[day] != evidence[day - 1]]
    assert grew == [5, 9, 13, 16, 20, 21, 22, 24, 27]
    assert cache[4] < 1.01 * cache[0], "notes of what is in use are all that may grow"
    assert cache[NIGHTS - 1] < 2 * cache[0]
    assert farm.verdicts() == {
        "steady": "reproducible",
        "helped": "reproducible",
        "also-helped": "reproducible",
        "moving": "intrinsic",
        "imaged": "reproducible",
        "leaving": "reproducible",
    }
    _check_what_everyone_can_read(nights)
    _check_what_is_found_backwards(nights)


def _check_what_everyone_can_read(nights: Nights) -> None:
    results = nights.farm.results
    feed = feedparser.parse((results / "site" / "feed.atom").read_bytes())
    assert not feed.bozo
    assert [entry.updated[:10] for entry in feed.entries] == [
        f"{FIRST + timedelta(days=day):%Y-%m-%d}" for day in (27, 24, 22, 20, 16, 13, 9, 5)
    ]
    kinds = [(one["kind"], one["project"]) for one in nights.read("changes.json")["changes"]]
    assert kinds.count(("worse", "helped")) == 1
    culprits = {
        one["project"]: one["culprit"] for one in nights.read("changes.json")["changes"] if one["kind"] == "worse"
    }
    assert "helper 1.0, now 2.0" in culprits["helped"]
    assert "image" in culprits["imaged"]
    front = (results / "site" / "index.html").read_text()
    assert "<svg" in front
    for day in (5, 9, 13, 16, 20, 24, 27):
        assert (results / "site" / "nights" / f"{FIRST + timedelta(days=day):%Y-%m-%d}.html").is_file(), day
    badge = nights.read("site/badge/helped.json")
    assert (badge["schemaVersion"], badge["message"]) == (1, "reproducible")
    assert nights.read("site/badge/moving.json")["message"] != "reproducible"


def _check_what_is_found_backwards(nights: Nights) -> None:
    listed = nights.farm.run("list", "--not-reproducible", "--json")
    assert [(row["project"], row["verdict"]) for row in json.loads(listed.out)] == [("moving", "intrinsic")]
    since = nights.farm.run("since", "helped==1.0", "--from", f"{FIRST:%Y-%m-%d}", "--every", "--json")
    assert since.status == 0, since.err
    assert "2.0" in since.out
    assert "3.0" in since.out


def test_soaking_proves_more_every_night(nights: Nights) -> None:
    """Each night builds it twice more; the bound on chance shrinks, and nobody is called for that."""
    nights.farm.configure(groups={"all": {"packages": ["steady"]}}, soak="1m")
    bounds = []
    for day in range(5):
        ended, heard = nights.run(day)
        assert (ended.status, heard) == (0, []), ended.err
        newest = nights.farm.records("steady")[-1].relative_to(nights.farm.results)
        bounds.append(nights.read(str(newest))["flake_bound"])
    assert bounds[:3] == [None, None, None]
    assert bounds[3:] == sorted(bounds[3:], reverse=True)
    assert bounds[4] < 0.3
    assert len(nights.farm.records("steady")) == 6
    assert nights.read("last_run.json")["open"] == 0
