"""Published wheels are verified by the command, on the real engine: each outcome, and ten tampered copies.

All projects are on one index on loopback, and one command verifies them; the tests look at its rows. The publisher
builds by real backends; the index has a newer version of each, which was uploaded after the wheels.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.docker.farm_fixture import Ended, FarmFixture, farm_on
from tests.docker.publisher import Order, backend_wheels, build, changed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orchestrator.model import Image

EPOCH = 1_700_000_000
MTIME = 1_690_000_000  # of the files in the sdists
SETUPTOOLS, FLIT, HATCHLING = "setuptools.build_meta", "flit_core.buildapi", "hatchling.build"
REQUIRES = {SETUPTOOLS: "setuptools>=61", FLIT: "flit_core>=3.4", HATCHLING: "hatchling"}
USED = (
    "setuptools==80.9.0",
    "flit-core==3.11.0",
    "hatchling==1.26.3",
    "packaging==25.0",
    "pathspec==0.12.1",
    "pluggy==1.6.0",
    "trove-classifiers==2025.5.9.12",
)
NEWER = ("setuptools==80.10.2", "flit-core==3.12.0", "hatchling==1.27.0")
MATCHED = ("identical", "restamped")
FAST = """#include <Python.h>
static struct PyModuleDef fast = {PyModuleDef_HEAD_INIT, "fast"};
PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&fast); }
"""
SETUP = """import os
from setuptools import Extension, setup
compiled = os.environ.get({0}) {1}
setup(ext_modules=[Extension("{2}.fast", ["fast.c"])] if compiled else [])
"""
SWITCHES = {
    "switched": ("SWITCHED_NO_EXTENSION", "1", "is None"),
    "worded": ("WORDED_EXTENSION", "never", '!= "never"'),
    "secret": ("SECRET_WAY", "1", "is None"),  # which nothing tells
}
"""Projects with an extension: the variable that keeps each from compiling, its value, and how setup.py compares it."""


def sdist(name: str, backend: str, setup: str = "") -> bytes:
    """Return the sdist of a project with modules, data, a script and a dependency; `setup` is the text of setup.py."""
    project = f'[project]\nname = "{name}"\nversion = "1"\ndescription = "A sample"\ndependencies = ["six>=1.16"]\n'
    scripts = f'[project.scripts]\n{name} = "{name}:main"\n'
    system = f'[build-system]\nrequires = ["{REQUIRES[backend]}"]\nbuild-backend = "{backend}"\n'
    more = f'[tool.setuptools]\npackages = ["{name}"]\n[tool.setuptools.package-data]\n{name} = ["*.json"]\n'
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        "pyproject.toml": project + scripts + system + (more if backend == SETUPTOOLS else ""),
        **({"setup.py": setup, "fast.c": FAST} if setup else {}),
        f"{name}/__init__.py": f'"""A sample."""\n\ndef main():\n    print("{name}")\n' + "# filling\n" * 40,
        f"{name}/second.py": "VALUE = 1\n",
        f"{name}/table.json": '{"one": 1}\n',
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-1/{path}")
            member.size, member.mtime = len(text), MTIME
            archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


def members(wheel: bytes) -> dict[str, bytes]:
    """Return the members of a wheel."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def edited(name: str, old: str, new: str) -> Mapping[str, Any]:
    """Return how `changed` edits the text of a member of a tampered project."""
    return {"member": name, "old": old, "new": new}


INFO = "{name}-1.dist-info"
TAMPERED: dict[str, Mapping[str, Any]] = {
    "byte": edited("{name}/second.py", "1", "2"),
    "added": {"add": "{name}/third.py", "text": "VALUE = 3\n"},
    "removed": {"remove": "{name}/second.py"},
    "entry": edited(f"{INFO}/entry_points.txt", ":main", ":other"),
    "dependency": edited(f"{INFO}/METADATA", "six>=1.16", "sixx>=1.16"),
    "pth": {"add": "{name}.pth", "text": "import os\n"},
    "library": {"add": "{name}/_fast.cpython-311-x86_64-linux-gnu.so", "text": "\x7fELF"},
    "data": edited("{name}/table.json", "1", "2"),
    "record": edited(f"{INFO}/RECORD", "sha256=", "sha256=A"),
    "stream": {},
}
"""How the wheels of ten projects are tampered with. RECORD is made to fit, unless it is the member in question."""


def place(name: str, how: Mapping[str, Any]) -> str:
    """Return the path of the member that is tampered with; empty: none is."""
    return next((str(how[key]).format(name=name) for key in ("member", "add", "remove") if key in how), "")


def tampered(name: str, how: Mapping[str, Any], wheel: bytes) -> bytes:
    """Return a tampered copy of a wheel."""
    path = place(name, how)
    if "member" in how:
        text = members(wheel)[path].decode()
        assert how["old"] in text
        return changed(wheel, {path: text.replace(how["old"], how["new"], 1).encode()}, fit="RECORD" not in path)
    if "add" in how:
        return changed(wheel, {path: how["text"].encode()})
    return changed(wheel, {path: None}) if path else changed(wheel, {}, level=1)


ORDERS = {
    "dated": Order(SETUPTOOLS, "", epoch=EPOCH),
    "group": Order(SETUPTOOLS, "", epoch=EPOCH, umask=0o002, by_umask=True),
    "tarred": Order(SETUPTOOLS, "", epoch=EPOCH, umask=0o002),
    "constant": Order(HATCHLING, ""),
    "flits": Order(FLIT, "", timezone="Europe/Berlin"),
    "clock": Order(SETUPTOOLS, "", timezone="Asia/Tokyo"),
    "zlib": Order(SETUPTOOLS, "", epoch=EPOCH),
    "lost": Order(SETUPTOOLS, "", epoch=EPOCH),
    **{
        name: Order(SETUPTOOLS, "", epoch=EPOCH, variables=((variable, value),))
        for name, (variable, value, _) in SWITCHES.items()
    },
    **{name: Order(FLIT, "", epoch=EPOCH) for name in TAMPERED},
}
"""How the publisher builds each project."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The command's end, its rows by project, and the farm."""

    farm: FarmFixture
    ended: Ended
    rows: Mapping[str, Mapping[str, Any]]
    wheels: Mapping[str, bytes]


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory, bookworm: Image, cache: Path) -> Iterator[Verified]:
    """Publish all projects, and verify them by one command."""
    wheels = published(tmp_path_factory.mktemp("publisher"), bookworm, cache)
    now = datetime.now(UTC)
    for farm in farm_on(tmp_path_factory.mktemp("farm")):
        for requirements, day in ((USED, now - timedelta(days=30)), (NEWER, now + timedelta(days=1))):
            for filename, content in backend_wheels(cache, requirements).items():
                farm.index.publish(filename, content, uploaded=f"{day:%Y-%m-%dT%H:%M:%SZ}")
        uploaded = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        for filename, content in (*wheels.items(), *others().items()):
            farm.index.publish(filename, content, uploaded=uploaded)
        farm.configure(image="bookworm")
        names = sorted({filename.partition("-")[0] for filename in (*wheels, *others())})
        ended = farm.run("verify", "--json", *(f"{name}==1" for name in names))
        assert ended.status == 11, ended.err
        rows = {row["project"]: row for row in json.loads(ended.out)}
        yield Verified(farm, ended, rows, wheels)


def published(folder: Path, image: Image, cache: Path) -> dict[str, bytes]:
    """Return the files of the projects that are built."""
    files, orders = {}, []
    for name, order in ORDERS.items():
        filename = f"{name}-1.tar.gz"
        files[filename] = sdist(name, order.backend, setup_of(name))
        (folder / filename).write_bytes(files[filename])
        orders.append(replace(order, sdist=filename))
    built = build(image.id, folder, backend_wheels(cache, USED).values(), orders)
    for name, (filename, wheel) in zip(ORDERS, built, strict=True):
        files[filename] = wheel
        if name in TAMPERED:
            files[filename] = tampered(name, TAMPERED[name], wheel)
    files["zlib-1-py3-none-any.whl"] = changed(files["zlib-1-py3-none-any.whl"], {}, level=1)
    text = members(files["lost-1-py3-none-any.whl"])["lost-1.dist-info/WHEEL"]
    edit = {"lost-1.dist-info/WHEEL": text.replace(b"80.9.0", b"80.8.7")}  # which the index has not
    files["lost-1-py3-none-any.whl"] = changed(files["lost-1-py3-none-any.whl"], edit)
    return files


def setup_of(name: str) -> str:
    """Return the setup.py of a project with an extension that a variable keeps from being compiled; empty: none."""
    if name not in SWITCHES:
        return ""
    variable, _, comparison = SWITCHES[name]
    return SETUP.format(repr(variable), comparison, name)


def others() -> dict[str, bytes]:
    """Return the files of the projects that cannot be built, or whose wheels have no image."""
    wheel = changed(_any_wheel(), {})
    return {
        "broken-1.tar.gz": sdist("broken", SETUPTOOLS, "raise SystemExit('no compiler')\n"),
        "broken-1-py3-none-any.whl": wheel,
        "wheelonly-1-py3-none-any.whl": wheel,
        "windows-1.tar.gz": sdist("windows", FLIT),
        "windows-1-cp311-cp311-win_amd64.whl": wheel,
        "manylinux-1.tar.gz": sdist("manylinux", FLIT),
        "manylinux-1-cp311-cp311-manylinux_2_28_x86_64.whl": wheel,
    }


def _any_wheel() -> bytes:
    """Return the wheel of a project that cannot be built; what is in it does not matter."""
    packed = io.BytesIO()
    info = "broken-1.dist-info"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: setuptools (80.9.0)\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return packed.getvalue()


@pytest.mark.parametrize("name", ["dated", "group", "constant"])
def test_a_wheel_whose_settings_show_is_identical(verified: Verified, name: str) -> None:
    """In two builds: the epoch, the umask and the backend's exact version are read from it."""
    row = verified.rows[name]
    assert (row["outcome"], row["rebuilt_sha256"], row["taken"]) == ("identical", row["sha256"], []), row["reason"]
    assert [build["wheel"]["sha256"] for build in row["builds"]] == [row["sha256"]] * 2


@pytest.mark.parametrize("name", ["switched", "worded"])
def test_an_extension_that_its_publisher_left_out_is_left_out(verified: Verified, name: str) -> None:
    """By the variable that setup.py reads, once a build has shown that the extension is compiled without it."""
    row = verified.rows[name]
    variable, value, _ = SWITCHES[name]
    assert (row["outcome"], row["rebuilt_sha256"]) == ("identical", row["sha256"]), row["reason"]
    assert row["recreation"]["variables"] == [[variable, value]]
    assert [attempt["wheel"].rpartition("-")[2] for attempt in row["attempts"]] == ["linux_x86_64.whl", "any.whl"]
    clue = next(one for one in row["clues"] if one["name"] == "extension-switch")
    assert (clue["value"], clue["used"]) == (f"{variable}={value}", True)


@pytest.mark.parametrize("name", ["flits", "clock"])
def test_without_an_epoch_at_most_times_are_taken(verified: Verified, name: str) -> None:
    """Whatever the publisher's time zone and clock."""
    row = verified.rows[name]
    assert row["outcome"] in MATCHED, row["reason"]
    assert row["rebuilt_sha256"] == row["sha256"]
    assert set(row["taken"]) <= {"times"}


def test_modes_that_were_unpacked_are_at_most_taken(verified: Verified) -> None:
    """Tools unpack the modes of an sdist, or leave them to the umask; a wheel need not show which."""
    row = verified.rows["tarred"]
    assert row["outcome"] in MATCHED, row["reason"]
    assert set(row["taken"]) <= {"modes"}


@pytest.mark.parametrize("name", ["zlib", "stream"])
def test_another_compressed_stream_alone_is_restamped(verified: Verified, name: str) -> None:
    """Every member has the published bytes."""
    row = verified.rows[name]
    assert (row["outcome"], row["taken"]) == ("restamped", ["compression"]), row["reason"]


def test_a_generator_that_the_index_has_not_is_metadata(verified: Verified) -> None:
    """Its line differs, and has its cause; nothing that is imported differs."""
    row = verified.rows["lost"]
    assert row["outcome"] == "metadata", row["reason"]
    assert [(line["path"], bool(line["cause"])) for line in row["lines"]] == [("lost-1.dist-info/WHEEL", True)]


@pytest.mark.parametrize("name", sorted(TAMPERED.keys() - {"stream"}))
def test_a_tampered_wheel_differs(verified: Verified, name: str) -> None:
    """Although its RECORD fits, and only one thing was changed."""
    row = verified.rows[name]
    assert row["outcome"] == "differs", row["reason"]
    assert place(name, TAMPERED[name]).rpartition("/")[2] in row["reason"]


def test_what_differs_comes_first(verified: Verified) -> None:
    """It is what an auditor looks for."""
    outcomes = [row["outcome"] for row in json.loads(verified.ended.out)]
    assert outcomes[:9] == ["differs"] * 9
    assert "differs" not in outcomes[9:]


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("broken", "unbuildable", "no compiler"),
        ("wheelonly", "no-sdist", "no sdist"),
        ("windows", "no-counterpart", "needs Windows"),
        ("manylinux", "no-counterpart", "needs image manylinux_2_28"),
        ("secret", "no-counterpart", "a wheel of another kind"),
    ],
)
def test_what_cannot_be_built_has_its_reason(verified: Verified, name: str, outcome: str, reason: str) -> None:
    """It is no statement about the wheel."""
    row = verified.rows[name]
    assert row["outcome"] == outcome
    assert row["reason"]
    assert reason in row["reason"]


def test_no_search_takes_more_than_its_builds(verified: Verified) -> None:
    """Six in all, and the last ones are for what the clues do not fix."""
    assert max(len(row["builds"]) for row in verified.rows.values()) <= 6


@pytest.mark.parametrize(
    ("level", "names", "status"),
    [
        ("identical", ("dated", "zlib"), 11),
        ("restamped", ("dated", "zlib"), 0),
        ("metadata", ("lost", "zlib"), 0),
    ],
)
def test_the_status_is_that_of_the_weakest(verified: Verified, level: str, names: tuple[str, ...], status: int) -> None:
    """Nothing is built again: the records are there."""
    ended = verified.farm.run("verify", "--require", level, *(f"{name}==1" for name in names))
    assert ended.status == status, ended.err


def test_a_file_of_hashes_names_the_wheels(verified: Verified) -> None:
    """A hash that the index does not know is not verified; an sdist's hash is none of a wheel, and no success."""
    dated = hashlib.sha256(verified.wheels["dated-1-py3-none-any.whl"]).hexdigest()
    source = hashlib.sha256(verified.wheels["dated-1.tar.gz"]).hexdigest()
    listed = verified.farm.folder / "requirements.txt"

    listed.write_text(f"dated==1 --hash=sha256:{dated} --hash=sha256:{source}\n")
    known = verified.farm.run("verify", "-r", "requirements.txt", "--json")
    assert known.status == 0, known.err
    assert [(row["sha256"], row["outcome"]) for row in json.loads(known.out)] == [(dated, "identical")]

    listed.write_text(f"dated==1 --hash=sha256:{'0' * 64} --hash=sha256:{dated}\n")
    unknown = verified.farm.run("verify", "-r", "requirements.txt", "--json")
    assert unknown.status == 11
    assert {row["sha256"]: row["outcome"] for row in json.loads(unknown.out)} == {
        dated: "identical",
        "0" * 64: "no-counterpart",
    }

    listed.write_text(f"dated==1 --hash=sha256:{source}\n")
    no_wheel = verified.farm.run("verify", "-r", "requirements.txt", "--json")
    assert no_wheel.status == 11
    assert [row["outcome"] for row in json.loads(no_wheel.out)] == ["no-counterpart"]
