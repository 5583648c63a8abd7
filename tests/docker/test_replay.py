"""Former builds made again by a stranger, and farms that agree, on real engines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.cause_cases import PACKAGES, PYPROJECT
from tests.docker.farm_fixture import FarmFixture, farm_on
from tests.faults.second_engine import second_engine
from tests.loopback_index import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.model import Image

STAMPED = {
    "NAME": b"stamped",
    "pyproject.toml": PYPROJECT.replace(b"requires = []", b'requires = ["helper"]'),
    "backend.py": (PACKAGES / "backend.py").read_bytes(),
    "sin.py": b"from importlib import metadata\n\n\n"
    b'def commit():\n    return {"stamped/__init__.py": metadata.version("helper").encode()}\n',
}
"""A project whose wheel has the version of its build requirement."""


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmFixture]:
    """Give a farm with statements of three packages: one reproducible, one sensitive, one random."""
    for one in farm_on(tmp_path_factory.mktemp("first")):
        one.configure(budget={"builds": 0})
        one.publish("umask", "random")
        one.index.publish("stamped-1.0.tar.gz", sdist("stamped", "1.0", STAMPED))
        one.index.publish("helper-1.0-py3-none-any.whl", wheel("helper", "1.0"))
        assert one.run("run", "stamped", "umask", "random").status == 0
        assert one.run("attest").status == 0
        yield one


@pytest.fixture
def stranger(farm: FarmFixture, tmp_path: Path) -> FarmFixture:
    """Give a farm of somebody else, with an empty cache and without results, on the same index."""
    return FarmFixture(tmp_path, farm.index)


def replayed(stranger: FarmFixture, *arguments: object) -> tuple[int, dict[str, dict[str, Any]]]:
    """Replay; return the exit status and the rows by project."""
    ended = stranger.run("replay", "--json", *map(str, arguments))
    assert ended.out, ended.err
    return ended.status, {row["project"]: row for row in json.loads(ended.out)}


def test_records_are_replayed_by_a_stranger(farm: FarmFixture, stranger: FarmFixture) -> None:
    """Equal bytes come out, in another environment too; a random wheel does not, and the former one shows why."""
    status, rows = replayed(stranger, farm.results)

    assert status == 10
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "stamped": "comes-out",
        "umask": "comes-out",
        "random": "differs",
    }
    assert rows["stamped"]["varied"] == rows["stamped"]["recorded"]
    assert rows["umask"]["varied"] == ""
    assert rows["random"]["severity"]
    assert "intrinsic" in rows["random"]["because"]
    assert not list(stranger.results.glob("records/*"))


def test_statements_are_replayed_as_they_claim(farm: FarmFixture, stranger: FarmFixture) -> None:
    """By the lock of that time; a statement that names another sdist, or a newer helper, makes no difference."""
    farm.index.publish("helper-2.0-py3-none-any.whl", wheel("helper", "2.0"))
    (stamped,) = farm.results.glob("statements/stamped/*/verdict.*")
    other = stranger.folder / "other.statement.json"
    text = stamped.read_text()
    was = farm.index.sha256("stamped", "stamped-1.0.tar.gz")
    other.write_text(text.replace(was, "0" * 64))

    status, rows = replayed(stranger, stamped)
    gone, unfit = replayed(stranger, other)
    farm.index.withdraw("helper", "helper-2.0-py3-none-any.whl")

    assert (status, rows["stamped"]["outcome"]) == (0, "comes-out")
    assert (gone, unfit["stamped"]["outcome"]) == (9, "not-replayed")
    assert "does not have the sdist" in unfit["stamped"]["because"]


def test_what_the_index_withholds_is_no_disagreement(farm: FarmFixture, stranger: FarmFixture) -> None:
    """It stays open: a withdrawn build requirement, and an index that does not answer."""
    record = farm.records("stamped")[-1]
    helper = wheel("helper", "1.0")
    farm.index.withdraw("helper", "helper-1.0-py3-none-any.whl")
    status, rows = replayed(stranger, record)
    farm.index.publish("helper-1.0-py3-none-any.whl", helper)
    farm.index.answer("/simple/stamped/", status=403)
    shutil.rmtree(stranger.folder / ".cache" / "sdists")
    silent, unheard = replayed(stranger, record)
    farm.index.mend()

    assert (status, rows["stamped"]["outcome"]) == (9, "not-replayed")
    assert (silent, unheard["stamped"]["outcome"]) == (9, "not-replayed")
    assert "helper" in rows["stamped"]["because"]


def test_two_farms_on_two_engines_agree_until_an_input_differs(
    farm: FarmFixture, stranger: FarmFixture, bookworm: Image
) -> None:
    """Pip then installs what both built, and nothing else; the build requirement that differs is named."""
    for one in (farm, stranger):
        assert one.run("attest", "--new-key", "key").status == 0
    assert farm.run("attest", "--key", "key").status == 0
    stranger.configure(budget={"builds": 0})
    keys = ("--key", f"a={farm.folder / 'key.pub'}", "--key", f"b={stranger.folder / 'key.pub'}")
    both = (str(farm.results / "statements"), "results/statements", *keys)
    with second_engine([bookworm.id]) as engine:
        stranger.environment["DOCKER_HOST"] = engine.address
        assert stranger.run("run", "stamped", "umask").status == 0
        stranger.run("attest", "--key", "key")
        agreed = stranger.run("agree", *both, "--json")
        file = stranger.run("agree", *both, "--output", "requirements").out
        farm.index.publish("helper-2.0-py3-none-any.whl", wheel("helper", "2.0"))
        stranger.configure(cache="of-another-day")  # a lock is kept for a day
        assert stranger.run("run", "stamped").status == 0
    stranger.run("attest", "--key", "key")
    torn = stranger.run("agree", *both, "--json")
    alone = stranger.run("agree", *both[:2], *keys[:2], "--threshold", "1", "--json")

    rows = {row["project"]: row for row in json.loads(agreed.out)}
    assert agreed.status == 15  # nobody but the first farm has built `random`
    assert {name: [one["farms"] for one in row["agreed"]] for name, row in rows.items()} == {
        "random": [],
        "stamped": [["a", "b"]],
        "umask": [["a", "b"]],
    }
    assert "random" not in file
    assert _installs(stranger.folder, file, farm.results / "wheels", rows["stamped"]["agreed"][0])
    (stamped,) = (row for row in json.loads(torn.out) if row["project"] == "stamped")
    assert (torn.status, stamped["agreed"]) == (15, [])
    assert "build requirement helper: 1.0 " in stamped["differing"][0]
    assert {len(row["agreed"]) for row in json.loads(alone.out)} == {1}
    assert "not counted" in alone.err


def _installs(folder: Path, file: str, wheels: Path, agreed: dict[str, str]) -> bool:
    """Return whether pip installs the agreed wheel by the requirements file, and not another of the same name."""
    requirements = folder / "agreed.txt"
    requirements.write_text(file[file.index("stamped") : file.index("umask")])
    links = folder / "links"
    links.mkdir()
    place = links / agreed["wheel"]
    command = [
        *(sys.executable, "-m", "uv", "--no-config", "pip", "install", "--no-cache", "--require-hashes", "--no-index"),
        *("--find-links", str(links), "--target", str(folder / "there"), "-r", str(requirements)),
    ]
    place.write_bytes(wheel("stamped", "1.0"))
    refused = subprocess.run(command, check=False, capture_output=True).returncode != 0
    shutil.copy(wheels / agreed["sha256"], place)
    return refused and subprocess.run(command, check=False, capture_output=True).returncode == 0
