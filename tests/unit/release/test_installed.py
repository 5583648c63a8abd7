"""What users install: the wheel and the sdist have all that they need, and work outside any checkout."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orchestrator.build.variations import NAMES
from orchestrator.config import Config, example, parse, tasks
from orchestrator.images import recipe
from orchestrator.model import Policy, ToolPin
from orchestrator.util import shipped
from tests.installed import ROOT, Installed, build, checkout, install, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from packaging.utils import NormalizedName


@dataclass(frozen=True, slots=True)
class Built:
    """What a release consists of, and where it is installed."""

    sdist: Path
    wheel: Path
    installed: Installed


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist of this checkout, the wheel that the sdist builds, and an environment with that wheel."""
    folder = tmp_path_factory.mktemp("release")
    sdist = build("sdist", checkout(folder / "checkout"), folder / "sdist")
    wheel = build("wheel", unpack(sdist, folder / "unpacked"), folder / "wheel", umask=0o077)
    return Built(sdist, wheel, install(wheel, folder / "environment"))


def files(folder: Path) -> Iterator[str]:
    """List the files below a folder, as the wheel has them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield str(path.relative_to(ROOT))


# --- the files -------------------------------------------------------------------------------


def test_the_wheel_has_every_file_of_the_package_and_both_folders(built: Built) -> None:
    """Nothing is left behind in the checkout, and nothing else comes along."""
    with zipfile.ZipFile(built.wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    data = [*files(ROOT / "images"), *files(ROOT / "profiles")]
    assert set(content) == {*files(ROOT / "orchestrator"), *(f"orchestrator/data/{name}" for name in data)}
    for name in data:
        assert content[f"orchestrator/data/{name}"] == (ROOT / name).read_bytes()


def test_the_sdist_has_the_tests_the_documents_and_the_lock(built: Built) -> None:
    """Whoever builds a distribution's package from it can run all of the tests."""
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        *(name for folder in ("docs", "images", "profiles", "scripts", "tests") for name in files(ROOT / folder)),
        *("config.yaml", "requirements.lock", "setup.py", "LICENSE", "CHANGELOG.md", "SECURITY.md", "Makefile"),
    }
    assert wanted <= names


def test_the_checkout_and_the_sdist_build_the_same_wheel(built: Built, tmp_path: Path) -> None:
    """Bit for bit, also under another umask."""
    wheel = build("wheel", checkout(tmp_path / "checkout"), tmp_path / "wheel")
    assert wheel.name == built.wheel.name
    assert hashlib.sha256(wheel.read_bytes()).digest() == hashlib.sha256(built.wheel.read_bytes()).digest()


# --- the command -----------------------------------------------------------------------------


def test_the_first_steps_of_a_user(built: Built, tmp_path: Path) -> None:
    """The help, a configuration, and a command that reads it and writes beside it."""
    run = built.installed.run
    assert "init" in run(tmp_path, "--help").out
    missing = run(tmp_path, "publish")
    assert (missing.status, "wheelproof init" in missing.err) == (3, True)
    written = run(tmp_path, "init")
    assert (written.status, written.err) == (0, "")
    assert "wheelproof run" in written.out
    published = run(tmp_path, "publish")
    assert (published.status, published.err) == (0, "")
    assert (tmp_path / "results" / "site" / "index.html").is_file()


def test_commands_work_from_any_folder(built: Built, tmp_path: Path) -> None:
    """Results are beside the configuration, wherever the command is run."""
    farm, other = tmp_path / "farm", tmp_path / "other"
    other.mkdir()
    assert built.installed.run(tmp_path, "init", "farm").out.startswith("written: farm/config.yaml\n")
    ended = built.installed.run(other, "publish", "--config", "../farm/config.yaml")
    assert (ended.status, ended.err) == (0, "")
    assert (farm / "results" / "site_data.json").is_file()
    assert list(other.iterdir()) == []


def test_init_never_overwrites(built: Built, tmp_path: Path) -> None:
    """A configuration that exists stays as it is, and the message names it."""
    (tmp_path / "config.yaml").write_text("jobs: 3\n")
    ended = built.installed.run(tmp_path, "init")
    assert (ended.status, ended.out) == (2, "")
    assert "config.yaml: it exists already" in ended.err
    assert (tmp_path / "config.yaml").read_text() == "jobs: 3\n"


def test_a_folder_that_cannot_be_written_is_an_error(built: Built, tmp_path: Path) -> None:
    """The message names the file, not a traceback."""
    (tmp_path / "file").write_text("")
    ended = built.installed.run(tmp_path, "init", "file/below")
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.startswith("wheelproof: writing file/below/config.yaml: ")


def test_images_beside_the_configuration_come_first(built: Built, tmp_path: Path) -> None:
    """An image of the user's is known; a shipped one is copied before it is changed, and then replaced by its copy."""
    program = f"""
from pathlib import Path
from orchestrator.images import recipe
from orchestrator.util import shipped

folders = recipe.folders(Path({str(tmp_path)!r}))
assert folders == (Path({str(tmp_path)!r}, "images"), shipped.IMAGES), folders
assert shipped.IMAGES.parent.name == "data", shipped.IMAGES
before = recipe.load(folders, "rust").tag
lock = recipe.lock_path(folders, "bookworm")
assert recipe.load(folders, "rust").tag == before
lock.write_text(lock.read_text() + "added:all=1\\n")
assert recipe.load(folders, "rust").tag != before
assert recipe.load(shipped.IMAGES, "rust").tag == before
print(lock)
"""
    done = subprocess.run([built.installed.python, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout) == ("", f"{tmp_path}/images/bookworm/packages.lock\n")


# --- the example -----------------------------------------------------------------------------


def read(text: str, folder: Path) -> Config:
    """Parse a configuration that is in a folder."""
    return parse(text, "config.yaml", folder, variations=NAMES, images=recipe.names(shipped.IMAGES))


def test_the_example_tracks_a_release_and_has_a_profile(tmp_path: Path) -> None:
    """The file of the profile comes with wheelproof, unless there is a file of its name beside the configuration."""
    config = read(example(), tmp_path)
    assert [(task.requirement, task.image) for task in tasks(config)] == [("six==1.16.0", "bookworm")]
    tools = config.profiles["securedrop"].tools
    assert tools is not None
    assert (tools.policy, len(tools.pins) > 1) == (Policy.PINNED, True)
    own = tmp_path / "profiles" / "securedrop" / "build-requirements.txt"
    own.parent.mkdir(parents=True)
    own.write_text("setuptools==80.9.0\n")
    assert [pin.name for pin in read_tools(tmp_path)] == ["setuptools"]


def read_tools(folder: Path) -> list[ToolPin]:
    """Return the pins of the example's profile, read from a folder."""
    tools = read(example(), folder).profiles["securedrop"].tools
    return list(tools.pins) if tools else []


def test_the_lines_that_the_example_comments_out_are_the_defaults(tmp_path: Path) -> None:
    """Removing the # before a key changes nothing, apart from the examples that have no default."""
    shown = [line.removeprefix("# ") for line in example().splitlines() if line.startswith("# ")]
    keys = {"image", "results", "cache", "as-of", "source-date-epoch", "jobs", "limits", "budget", "variations"}
    lines = [line for line in shown if line.partition(":")[0] in keys]
    assert len(lines) == len(keys)
    assert read("\n".join(lines), tmp_path) == read("", tmp_path)


# --- dependencies ----------------------------------------------------------------------------


def test_the_lock_satisfies_the_ranges_of_the_project() -> None:
    """Each direct dependency is locked, within its range; the build backend too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    pins = [line.split()[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line]
    locked = {canonicalize_name(name): version for name, _, version in (pin.partition("==") for pin in pins)}
    wrong = [text for text in declared if not is_locked(Requirement(text), locked)]
    assert wrong == [], "run `make lock`"


def is_locked(requirement: Requirement, locked: Mapping[NormalizedName, str]) -> bool:
    """Return whether the locked version of a project is within its range."""
    version = locked.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version)


def test_every_dependency_has_a_lower_and_an_upper_bound() -> None:
    """A newer major version is taken only after it was tried; exact pins are in the lock alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in project["dependencies"]:
        operators = {clause.operator for clause in Requirement(text).specifier}
        assert operators == {">=", "<"}, text
