"""What an image is decided from its recipe and its packages alone; making one needs no engine here."""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from orchestrator.build.engine import LocalImage
from orchestrator.errors import EngineError, ImageError
from orchestrator.images.bootstrap import find_snapshots, snapshot_sources
from orchestrator.images.build import BASE_LABEL, FOUND, PACKAGES_LABEL, ensure, find, relock
from orchestrator.images.recipe import (
    as_locked,
    bases_first,
    drift,
    format_lock,
    load,
    manifest,
    names,
    parse_lock,
    snapshot_time,
    target,
)
from orchestrator.model import Image, LockDrift, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

IMAGES = Path(__file__).parents[3] / "images"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NO_ARCHIVE = 'snapshots = "http://127.0.0.1:1/archive"\n'

BOOKWORM = (("libc6:amd64", "2.36-9+deb12u14"), ("make:amd64", "4.3-4.1"), ("python3:amd64", "3.11.2-1+b1"))


@dataclass
class FakeEngine:
    """An engine that has, pulls and builds what the test sets; it records what it was asked."""

    packages: str
    pulls: bool = True
    refuses: bool = False
    images: dict[str, dict[str, str]] = field(default_factory=dict)
    built: list[tuple[str, Mapping[str, str], tuple[str, ...]]] = field(default_factory=list)

    def image(self, reference: str) -> LocalImage | None:
        labels = self.images.get(reference)
        return None if labels is None else LocalImage(f"sha256:{reference}", labels)

    def pull(self, reference: str) -> bool:
        assert "@sha256:" in reference
        return self.pulls

    def import_root(self, archive: Path, tag: str) -> str:
        msg = f"{tag}: no root file system is made in this test ({archive})"
        raise AssertionError(msg)

    def build_image(
        self,
        context: IO[bytes],
        tag: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        log: Callable[[str], None],
    ) -> str:
        if self.refuses:
            msg = "the engine says no"
            raise EngineError(msg)
        with tarfile.open(fileobj=context) as archive:
            self.built.append((tag, arguments, tuple(archive.getnames())))
        self.images[tag] = dict(labels)
        log(f"built {tag}")
        return f"sha256:{tag}"

    def remove_image(self, reference: str) -> None:
        del self.images[reference]

    def read_file(self, image: str, path: str) -> bytes:
        return self.packages.encode() if path == FOUND else b"# nothing of use, of " + image.encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one image, small, whose lock fits BOOKWORM."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (tmp_path / "small/image.toml").write_text(f'suite = "bookworm"\nbase = "debian:x@sha256:12"\n{NO_ARCHIVE}')
    (tmp_path / "small/packages.lock").write_text(format_lock(BOOKWORM, NOON))
    for shared in ("clock.c", "provision"):
        shutil.copy(IMAGES / shared, tmp_path)
    return tmp_path


def made(engine: FakeEngine, folder: Path, *, strict: bool = False) -> tuple[Image, list[str]]:
    """Ensure the small image; return it, and the log."""
    told: list[str] = []
    return ensure(engine, "small", folder, folder / "cache", strict=strict, log=told.append), told


def listed(packages: tuple[tuple[str, str], ...]) -> str:
    """Write packages as an image lists them."""
    return "".join(f"{name}={version}\n" for name, version in packages)


def test_a_lock_is_read_as_it_was_written() -> None:
    """Packages sorted, one a line, and the time of the archive that has them."""
    text = format_lock(tuple(reversed(BOOKWORM)), NOON)
    assert parse_lock(text) == BOOKWORM
    assert snapshot_time(text) == NOON
    assert text.splitlines()[1] == "libc6:amd64=2.36-9+deb12u14"


@pytest.mark.parametrize("line", ["make", "make=4.3", "make:amd64"])
def test_a_lock_that_is_none_is_told(folder: Path, line: str) -> None:
    """A line that names no architecture or no version is an error of the image, with the line."""
    (folder / "small/packages.lock").write_text(f"{line}\n")
    with pytest.raises(ImageError, match=f"small.*'{line}'"):
        load(folder, "small")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (BOOKWORM, ()),
        (BOOKWORM[:2], (LockDrift("python3:amd64", "3.11.2-1+b1", None),)),
        ((*BOOKWORM, ("vim:amd64", "9")), (LockDrift("vim:amd64", None, "9"),)),
        ((*BOOKWORM[::2], ("make:amd64", "5")), (LockDrift("make:amd64", "4.3-4.1", "5"),)),
    ],
)
def test_drift_is_every_package_that_differs(
    found: tuple[tuple[str, str], ...], expected: tuple[LockDrift, ...]
) -> None:
    """Another version, one too many, one too few: each is named, with both sides."""
    assert drift(BOOKWORM, found) == expected


@pytest.mark.parametrize(
    ("libc", "python", "expected"),
    [
        (("libc6:amd64", "2.36-9"), "3.11.2-1+b1", Target("3.11", "x86_64-manylinux_2_36")),
        (("libc6:amd64", "2.41-12"), "3.13.5-1", Target("3.13", "x86_64-manylinux_2_40")),
        (("libc6:arm64", "2.36-9"), "1:3.11.2-1", Target("3.11", "aarch64-manylinux_2_36")),
        (("libc6:amd64", "2.9-1"), "3.9.2-3", Target("3.9", "x86_64-manylinux_2_9")),
    ],
)
def test_the_target_follows_from_the_packages(libc: tuple[str, str], python: str, expected: Target) -> None:
    """Python's version and glibc's, numbers and not text, and never beyond what uv knows."""
    assert target((libc, ("python3:amd64", python))) == expected


@pytest.mark.parametrize("packages", [(), BOOKWORM[:2], (("libc6:s390x", "2.36"), *BOOKWORM[1:])])
def test_what_has_no_target_is_refused(packages: tuple[tuple[str, str], ...]) -> None:
    """Without a Python or a glibc that wheels are made for, nothing is guessed."""
    with pytest.raises(ValueError, match=r"libc6|python3"):
        target(packages)


def test_the_manifest_is_of_what_is_in_the_image() -> None:
    """Equal packages by an equal method are equal, and nothing else is."""
    assert manifest("method", BOOKWORM) == manifest("method", BOOKWORM)
    assert manifest("method", BOOKWORM) != manifest("other", BOOKWORM)
    assert manifest("method", BOOKWORM) != manifest("method", BOOKWORM[:2])


@pytest.mark.parametrize("file", ["small/Dockerfile", "clock.c", "provision"])
def test_any_change_of_the_method_is_another_image(folder: Path, file: str) -> None:
    """Both the tag and the manifest follow what the image is made with."""
    before = load(folder, "small")
    (folder / file).write_text((folder / file).read_text() + "\n# changed\n")
    after = load(folder, "small")
    assert before.tag != after.tag
    assert before.method != after.method


def test_a_new_lock_is_another_tag_by_the_same_method(folder: Path) -> None:
    """What was locked makes the manifest only through what is found."""
    before = load(folder, "small")
    (folder / "small/packages.lock").write_text(format_lock(BOOKWORM[:2], NOON))
    after = load(folder, "small")
    assert before.tag != after.tag
    assert before.method == after.method


def test_an_unknown_image_gets_the_nearest_name() -> None:
    """A slip of the pen is answered with what was meant."""
    with pytest.raises(ImageError, match="did you mean bookworm"):
        load(IMAGES, "bookwrom")
    assert set(names(IMAGES)) >= {"bookworm", "trixie"}


BASES = ("bookworm", "trixie")


@pytest.mark.parametrize("name", BASES)
def test_our_locks_hold_what_builds_need(name: str) -> None:
    """Python with its headers, a compiler, the libraries; and no build backend of Debian's."""
    recipe = load(IMAGES, name)
    locked = {package.partition(":")[0] for package, _ in recipe.lock}
    assert locked >= {"build-essential", "libffi-dev", "libssl-dev", "libyaml-dev", "python3-dev", "util-linux"}
    assert not locked & {"python3-setuptools", "python3-wheel", "python3-pip"}
    assert recipe.suite == name
    assert target(recipe.lock).platform.startswith("x86_64-manylinux_2_")


@pytest.mark.parametrize("name", [name for name in names(IMAGES) if load(IMAGES, name).below])
def test_our_custom_images_add_what_they_are_for_and_no_backend(name: str) -> None:
    """Each has its base's packages as locked there, and what its Dockerfile asks for; two have Debian's build tools."""
    recipe = load(IMAGES, name)
    assert recipe.below is not None
    locked, steps = {package.partition(":")[0] for package, _ in recipe.lock}, dict(recipe.files)["Dockerfile"].decode()
    asked = [line.strip(" \\") for line in steps.splitlines() if line.startswith("    ")]
    assert asked
    assert locked >= set(asked)
    assert bool(locked & {"python3-setuptools", "python3-wheel", "python3-pip"}) == name.startswith("debian-tools")
    assert set(recipe.below.lock) <= set(recipe.lock)
    assert recipe.suite == recipe.below.name


def test_an_image_that_is_there_is_used_as_it_is(folder: Path) -> None:
    """Nothing is pulled, read or built when the engine has the recipe's image."""
    tag = load(folder, "small").tag
    engine = FakeEngine("", images={tag: {BASE_LABEL: "snapshot", PACKAGES_LABEL: listed(BOOKWORM)}})
    image, told = made(engine, folder)
    assert (image.id, image.base, image.drift, engine.built) == (f"sha256:{tag}", "snapshot", (), [])
    assert image.target == Target("3.11", "x86_64-manylinux_2_36")
    assert image.manifest == manifest(load(folder, "small").method, BOOKWORM)
    assert told == []


def test_an_image_is_made_on_what_the_registry_gives(folder: Path) -> None:
    """The official base by its digest, and the recipe's whole context; half-made images have no name."""
    engine = FakeEngine(listed(BOOKWORM))
    image, _ = made(engine, folder)
    (_, arguments, context), (tag, _, _) = engine.built
    assert arguments == {"BASE": "debian:x@sha256:12", "SOURCES": ""}
    assert context == ("Dockerfile", "clock.c", "image.toml", "packages.lock", "provision")
    assert list(engine.images) == [tag] == [load(folder, "small").tag]
    assert (image.base, image.packages, image.drift) == ("registry", BOOKWORM, ())


def test_drift_is_told_and_recorded(folder: Path) -> None:
    """A drifted image is used, and its drift is logged each time."""
    engine = FakeEngine(listed(BOOKWORM[::2]))
    first, told = made(engine, folder)
    again, told_again = made(engine, folder)
    expected = (LockDrift("make:amd64", "4.3-4.1", None),)
    for image, lines in ((first, told), (again, told_again)):
        assert image.drift == expected
        assert "the image small drifted from its lock: make:amd64 absent (locked: 4.3-4.1)" in lines


def test_strict_refuses_drift(folder: Path) -> None:
    """The error names the packages and what to do, whether the image is new or was there."""
    engine = FakeEngine(listed((*BOOKWORM[::2], ("make:amd64", "5"))))
    for _ in range(2):
        with pytest.raises(ImageError, match=r"make:amd64 5 \(locked: 4\.3-4\.1\).*wheelproof images --lock"):
            made(engine, folder, strict=True)


def test_a_recipe_that_fails_is_an_error_of_the_image(folder: Path) -> None:
    """The engine's message for a failed step is in the error."""
    with pytest.raises(ImageError, match="making the image small: the engine says no"):
        made(FakeEngine("", refuses=True), folder)


def test_an_image_without_python_is_an_error(folder: Path) -> None:
    """An image that cannot build a wheel is refused; the error names what to add."""
    with pytest.raises(ImageError, match=r"python3 is absent.*Dockerfile"):
        made(FakeEngine(listed(BOOKWORM[:2])), folder)


@pytest.mark.parametrize(
    "text",
    [
        'Acquire::Snapshots::URI::Origin::Debian "https://past.example/archive/debian/@SNAPSHOTID@/";',
        "Types: deb\n# http://past.example/archive/debian/20260918T000000Z\nURIs: http://now.example/debian",
    ],
)
def test_the_snapshot_archive_is_found_where_debian_names_it(text: str) -> None:
    """In the settings of apt 3, or in the comment that Debian's images have beside their sources."""
    assert find_snapshots(text) == "http://past.example/archive"
    assert find_snapshots(text.replace("archive", "elsewhere")) == ""


def test_snapshot_sources_are_of_one_time() -> None:
    """The suite, its updates and its security updates, each at the lock's time."""
    lines = snapshot_sources("http://past.example/archive", "trixie", NOON)
    assert [line.split()[2:4] for line in lines] == [
        ["http://past.example/archive/debian/20261122T120000Z", "trixie"],
        ["http://past.example/archive/debian/20261122T120000Z", "trixie-updates"],
        ["http://past.example/archive/debian-security/20261122T120000Z", "trixie-security"],
    ]


# --- custom images ---------------------------------------------------------------------------

VIM = ("vim:amd64", "9")


@pytest.fixture
def custom(folder: Path) -> Path:
    """The folder, with one more image that is based on the small one and adds a package."""
    (folder / "editor").mkdir()
    (folder / "editor/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n# adds vim\n")
    (folder / "editor/image.toml").write_text('base = "small"\n')
    (folder / "editor/packages.lock").write_text(format_lock((VIM,), NOON))
    return folder


def test_a_custom_image_has_its_bases_packages_and_its_own(custom: Path) -> None:
    """Its lock names what it adds or changes; suite and snapshots are the base's; the build gets the whole lock."""
    newer = ("make:amd64", "5")
    (custom / "editor/packages.lock").write_text(format_lock((VIM, newer), NOON))
    recipe = load(custom, "editor")
    expected = (BOOKWORM[0], newer, BOOKWORM[2], VIM)
    assert recipe.lock == parse_lock(dict(recipe.files)["packages.lock"].decode()) == expected
    assert (recipe.suite, recipe.snapshots) == ("bookworm", "http://127.0.0.1:1/archive")
    assert bases_first(custom, ("editor", "small")) == ("small", "editor")


@pytest.fixture
def siblings(custom: Path) -> Path:
    """The folder, with one more that describes an image for each of two bases."""
    shutil.copytree(custom / "small", custom / "large")
    (custom / "viewer").mkdir()
    (custom / "viewer/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n# adds vim\n")
    (custom / "viewer/Dockerfile.large").write_text("ARG BASE\nFROM ${BASE}\n# adds gvim\n")
    (custom / "viewer/image.toml").write_text(f'base = ["small", "large"]\n{NO_ARCHIVE}')
    (custom / "viewer/packages.lock.small").write_text(format_lock((VIM,), NOON))
    (custom / "viewer/packages.lock.large").write_text(format_lock((("gvim:amd64", "9"),), NOON))
    return custom


def test_one_folder_describes_an_image_for_each_base(siblings: Path) -> None:
    """Each has its base's lock and its base's form of a file; neither sees a file of the other."""
    assert set(names(siblings)) == {"small", "large", "editor", "viewer", "viewer-large"}
    first, second = load(siblings, "viewer"), load(siblings, "viewer-large")
    assert (first.base, second.base) == ("small", "large")
    assert VIM in first.lock
    assert ("gvim:amd64", "9") in second.lock
    assert dict(first.files).keys() == dict(second.files).keys() == dict(load(siblings, "editor").files).keys()
    assert b"# adds vim" in dict(first.files)["Dockerfile"]
    assert b"# adds gvim" in dict(second.files)["Dockerfile"]


def test_a_folder_for_several_bases_is_the_same_image_as_one_of_its_own(siblings: Path) -> None:
    """The tag is the digest of the files that a folder for that base alone would have."""
    alone = siblings / "viewer-alone"
    alone.mkdir()
    (alone / "Dockerfile").write_bytes((siblings / "viewer/Dockerfile.large").read_bytes())
    (alone / "packages.lock").write_bytes((siblings / "viewer/packages.lock.large").read_bytes())
    (alone / "image.toml").write_text(f'base = "large"\n{NO_ARCHIVE}')
    tags = [load(siblings, name).tag.partition(":")[2] for name in ("viewer-large", "viewer-alone")]
    assert tags[0] == tags[1]


def test_two_folders_that_describe_one_image_are_an_error(siblings: Path) -> None:
    """Neither is taken silently."""
    shutil.copytree(siblings / "editor", siblings / "viewer-large")
    with pytest.raises(ImageError, match=r"viewer-large: .*/viewer and .*/viewer-large both describe it"):
        names(siblings)


def test_each_sibling_is_locked_in_its_own_file(siblings: Path) -> None:
    """The other one's lock stays as it was."""
    before = (siblings / "viewer/packages.lock.small").read_text()
    base = load(siblings, "large")
    labels = {BASE_LABEL: "archive", PACKAGES_LABEL: listed(BOOKWORM)}
    engine = FakeEngine(listed((*BOOKWORM, VIM)), images={base.tag: labels})
    relock(engine, "viewer-large", siblings, siblings / "cache", log=print)
    assert parse_lock((siblings / "viewer/packages.lock.large").read_text()) == (VIM,)
    assert (siblings / "viewer/packages.lock.small").read_text() == before


def test_the_base_is_made_first_and_once(custom: Path) -> None:
    """A custom image is built on the id of its base, and has the base's kind."""
    engine = FakeEngine(listed((*BOOKWORM, VIM)))
    for _ in range(2):
        image = ensure(engine, "editor", custom, custom / "cache", strict=True, log=print)
    small, editor = load(custom, "small"), load(custom, "editor")
    assert [tag for tag, _, _ in engine.built] == [
        f"{small.tag}-unfinished",
        small.tag,
        f"{editor.tag}-unfinished",
        editor.tag,
    ]
    assert engine.built[2][1] == {"BASE": f"sha256:{small.tag}", "SOURCES": ""}
    assert (image.name, image.base, image.packages, image.drift) == ("editor", "registry", (*BOOKWORM, VIM), ())


@pytest.mark.parametrize("file", ["small/Dockerfile", "provision"])
def test_a_change_of_the_base_is_another_custom_image(custom: Path, file: str) -> None:
    """Its tag, so that it is built again, and its method, so that all that was built on it is."""
    before = load(custom, "editor")
    (custom / file).write_text((custom / file).read_text() + "\n# changed\n")
    after = load(custom, "editor")
    assert before.tag != after.tag
    assert before.method != after.method


def test_a_new_lock_of_the_base_is_another_custom_image_by_the_same_method(custom: Path) -> None:
    """What was locked makes the manifest only through what is found."""
    before = load(custom, "editor")
    (custom / "small/packages.lock").write_text(format_lock(BOOKWORM[:2], NOON))
    after = load(custom, "editor")
    assert before.tag != after.tag
    assert before.method == after.method


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("smal", "the image smal, the base of editor: .*did you mean small"),
        ("editor", "is based on itself, by way of editor"),
    ],
)
def test_a_base_that_cannot_be_is_told(custom: Path, base: str, expected: str) -> None:
    """One that is not there, with the nearest name, and one that leads back to the image itself."""
    (custom / "editor/image.toml").write_text(f'base = "{base}"\n')
    with pytest.raises(ImageError, match=expected):
        load(custom, "editor")


def test_a_custom_lock_lists_only_what_is_not_as_in_the_base(custom: Path) -> None:
    """Also where the base drifted: what it has is its own affair."""
    small = load(custom, "small")
    there = (*BOOKWORM[::2], ("make:amd64", "5"))
    engine = FakeEngine(
        listed((*there, VIM)), images={small.tag: {BASE_LABEL: "archive", PACKAGES_LABEL: listed(there)}}
    )
    (custom / "editor/packages.lock").unlink()
    assert relock(engine, "editor", custom, custom / "cache", log=print) == (LockDrift("vim:amd64", None, "9"),)
    assert parse_lock((custom / "editor/packages.lock").read_text()) == (VIM,)


def test_a_custom_image_takes_nothing_away(custom: Path) -> None:
    """A lock cannot express that: it is refused, and the error names the package."""
    small = load(custom, "small")
    labels = {BASE_LABEL: "archive", PACKAGES_LABEL: listed(BOOKWORM)}
    engine = FakeEngine(listed((*BOOKWORM[::2], VIM)), images={small.tag: labels})
    with pytest.raises(ImageError, match="editor: it takes make:amd64 from its base"):
        relock(engine, "editor", custom, custom / "cache", log=print)


def test_an_image_is_known_from_its_lock_before_it_is_built(folder: Path) -> None:
    """Its manifest, its target and its packages are those of the built image."""
    locked = as_locked(load(folder, "small"))
    built, _ = made(FakeEngine(listed(BOOKWORM)), folder)
    assert (locked.manifest, locked.target, locked.packages) == (built.manifest, built.target, built.packages)
    assert (locked.id, built.drift) == ("", ())


def test_a_lock_without_python_gives_no_image(folder: Path) -> None:
    """The message names the image and what its lock lacks."""
    (folder / "small/packages.lock").write_text(format_lock(BOOKWORM[:2], NOON))
    with pytest.raises(ImageError, match="small: by its lock, python3 is absent"):
        as_locked(load(folder, "small"))


def test_an_image_is_looked_for_without_building_it(folder: Path) -> None:
    """None where the engine does not have it; else the same image as `ensure` returns."""
    engine = FakeEngine(listed(BOOKWORM))
    assert find(engine, "small", folder) is None
    assert engine.built == []
    built, _ = made(engine, folder)
    assert find(engine, "small", folder) == built
