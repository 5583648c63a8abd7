"""Looking at a release's past on the real engine: a build backend with releases on an index that gives their times."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.docker.farm_fixture import FarmFixture, farm_on
from tests.loopback_index import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BACKEND = b"""
import base64, hashlib, os, zipfile
import palette

VALUE = {value}

def build_wheel(folder, config_settings=None, metadata_directory=None):
    info = "painted-1.0.dist-info"
    files = {{
        "painted.py": repr((VALUE, palette.COLOUR)).encode(),
        info + "/METADATA": b"Metadata-Version: 2.1\\nName: painted\\nVersion: 1.0\\n",
        info + "/WHEEL": b"Wheel-Version: 1.0\\nGenerator: brush {version}\\nTag: py3-none-any\\n",
        info + "/RECORD": b"",
    }}
    with zipfile.ZipFile(os.path.join(folder, "painted-1.0-py3-none-any.whl"), "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), content)
    return "painted-1.0-py3-none-any.whl"
"""
PYPROJECT = b'[build-system]\nrequires = ["brush"]\nbuild-backend = "brush"\n'
RELEASES = {  # of the backend: (upload, what it writes)
    "1": ("2024-01-01T10:00:00Z", "'plain'"),
    "2": ("2024-02-01T10:00:00.500000Z", "'plain'"),
    "3": ("2024-03-01T10:00:00Z", "os.urandom(8)"),
    "4": ("2024-04-01T10:00:00Z", "os.urandom(8)"),
}


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[FarmFixture]:
    """Give a farm whose index has the backend brush, its requirement palette, and the sdist painted."""
    for farm in farm_on(tmp_path):
        for version, (uploaded, value) in RELEASES.items():
            code = BACKEND.replace(b"{value}", value.encode()).replace(b"{version}", version.encode())
            code = code.replace(b"{{", b"{").replace(b"}}", b"}")
            content = wheel("brush", version, {"brush.py": code}, requires=("palette",))
            farm.index.publish(f"brush-{version}-py3-none-any.whl", content, uploaded=uploaded)
        for version, uploaded in (("1", "2024-01-01T09:00:00Z"), ("2", "2024-02-15T10:00:00Z")):
            content = wheel("palette", version, {"palette.py": f"COLOUR = {version}".encode()})
            farm.index.publish(f"palette-{version}-py3-none-any.whl", content, uploaded=uploaded)
        painted = sdist("painted", "1.0", {"pyproject.toml": PYPROJECT})
        farm.index.publish("painted-1.0.tar.gz", painted, uploaded="2024-01-10T00:00:00Z")
        yield farm


def since(farm: FarmFixture, *arguments: str) -> dict[str, Any]:
    """Return what the command prints as JSON."""
    ended = farm.run("since", "painted", "--json", *arguments)
    assert ended.status == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_the_release_that_changed_a_wheel_is_found_and_proven(farm: FarmFixture) -> None:
    """Of the verdict, of the bytes and of the contents; nothing of it is a verdict of today."""
    verdict = since(farm)
    (turn,) = verdict["turns"]
    assert turn["sentence"] == (
        "since 2024-03-01: brush 2 -> 3 (uploaded 2024-03-01 10:00 UTC) changes the verdict from reproducible to "
        "intrinsic (proven: with nothing else swapped)"
    )
    assert turn["proven"] is True
    assert verdict["builds"] <= 3 * verdict["jobs"] <= 3 * 5
    assert not farm.records()
    again = since(farm)
    assert (again["jobs"], again["turns"]) == (0, verdict["turns"])

    farm.configure(**{"as-of": "2024-02-20"})
    bytes_ = since(farm)
    (turn,) = bytes_["turns"]
    assert (turn["what"], turn["culprits"]) == ("bytes", [["palette"]])
    farm.configure(**{"as-of": "2024-02-10"})
    (turn,) = since(farm)["turns"]
    assert (turn["since"], turn["culprits"]) == ("2024-02-01T10:00:00.501000+00:00", [["brush"]])
    assert since(farm, "--content")["turns"] == []  # only the name of the backend's version changed

    farm.index.upload_times = False
    ended = farm.run("since", "painted")
    assert (ended.status, "PEP 700" in ended.err) == (6, True), ended.err
    assert not farm.containers()
