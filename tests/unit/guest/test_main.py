"""The guest unpacks safe archives as requested, and refuses all others."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.guest.archive import CHUNK, Unfit, directory_of_zip, opened, survey, unpack
from orchestrator.guest.main import (
    LONGEST_DETAIL,
    LONGEST_REQUIREMENT,
    MOST_REQUIREMENTS,
    answered,
    hidden,
    lists_oldest_first,
    members_of_zip,
    produced,
    requirements,
    satisfied,
    short_of_memory,
    shown,
    turned,
)
from tests.samples import EPOCH, special, tar

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = (("pkg-1.0/PKG-INFO", b"Name: pkg"), ("pkg-1.0/src/b.py", b"b"), ("pkg-1.0/src/a.py", b"a"))
ROOM = 1 << 20


def unpacked(path: Path, root: Path, *, reverse: bool = False) -> Path:
    """Unpack an archive as the guest does."""
    with closing(opened(str(path))) as archive:
        unpack(archive, survey(archive, ROOM, 100), str(root), reverse=reverse)
    return root


def test_the_top_folder_is_removed(tmp_path: Path) -> None:
    """Contents, times and the umask's modes are kept; the archive's modes are not."""
    odd = tarfile.TarInfo("pkg-1.0/script.sh")
    odd.mode = 0o4777
    before = os.umask(0o027)
    try:
        root = unpacked(tar(tmp_path / "pkg-1.0.tar.gz", (*GOOD, odd)), tmp_path / "root")
    finally:
        os.umask(before)
    assert (root / "src/a.py").read_bytes() == b"a"
    assert (root / "src/a.py").stat().st_mtime == EPOCH
    assert (root / "src/a.py").stat().st_mode & 0o7777 == 0o640
    assert (root / "script.sh").stat().st_mode & 0o7777 == 0o750


def test_the_order_of_creation_is_as_requested(tmp_path: Path) -> None:
    """On a tmpfs, which lists by creation, one order is the reverse of the other."""
    shared = Path("/dev/shm")  # noqa: S108 - a tmpfs
    path = tar(tmp_path / "pkg-1.0.tar.gz", GOOD)
    with_order = {}
    for reverse in (False, True):
        root = shared / f"{tmp_path.name}-{os.getpid()}-{reverse}"
        try:
            with_order[reverse] = os.listdir(unpacked(path, root, reverse=reverse))  # noqa: PTH208 - in its order
        finally:
            for left in sorted(root.rglob("*"), reverse=True):
                left.rmdir() if left.is_dir() else left.unlink()
            root.rmdir()
    assert with_order[True] == with_order[False][::-1]
    assert len(with_order[True]) == 2


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (("../evil", b""), "unsafe-sdist"),
        (("pkg-1.0/../../evil", b""), "unsafe-sdist"),
        (("/etc/evil", b""), "unsafe-sdist"),
        (special("pkg-1.0/dev", tarfile.CHRTYPE), "unsafe-sdist"),
        (special("pkg-1.0/fifo", tarfile.FIFOTYPE), "unsafe-sdist"),
        (special("pkg-1.0/link", tarfile.SYMTYPE, "/etc/passwd"), "unsafe-sdist"),
        (special("pkg-1.0/link", tarfile.SYMTYPE, "../../x"), "unsafe-sdist"),
        (special("pkg-1.0/hard", tarfile.LNKTYPE, "../x"), "unsafe-sdist"),
        (special("pkg-1.0/hard", tarfile.LNKTYPE, "pkg-1.0/absent"), "broken-sdist"),
        (("pkg-1.0/bomb", b"\0" * (ROOM + 1)), "sdist-too-large"),
    ],
)
def test_an_archive_that_leads_out_or_is_too_large_is_refused(
    tmp_path: Path, member: tarfile.TarInfo | tuple[str, bytes], reason: str
) -> None:
    """Nothing is written outside."""
    path = tar(tmp_path / "pkg-1.0.tar.gz", (*GOOD, member))
    with pytest.raises(Unfit) as refused:
        unpacked(path, tmp_path / "in" / "root")
    assert refused.value.reason == reason
    assert {one.name for one in tmp_path.iterdir()} <= {"in", path.name}


def test_a_link_is_no_way_to_write_elsewhere(tmp_path: Path) -> None:
    """A member behind a link is refused, even where the link itself would stay inside."""
    link = special("pkg-1.0/link", tarfile.SYMTYPE, "src")
    path = tar(tmp_path / "pkg-1.0.tar.gz", (*GOOD, link, ("pkg-1.0/link/a.py", b"x")))
    with pytest.raises(Unfit, match="behind a link"):
        unpacked(path, tmp_path / "root")


def test_links_that_stay_inside_are_kept(tmp_path: Path) -> None:
    """PEP 721 allows them in an sdist."""
    links = (
        special("pkg-1.0/soft.py", tarfile.SYMTYPE, "src/a.py"),
        special("pkg-1.0/hard.py", tarfile.LNKTYPE, "pkg-1.0/src/b.py"),
    )
    root = unpacked(tar(tmp_path / "pkg-1.0.tar.gz", (*GOOD, *links)), tmp_path / "root")
    assert (root / "soft.py").is_symlink()
    assert (root / "soft.py").read_bytes() == b"a"
    assert (root / "hard.py").read_bytes() == b"b"


def test_a_chain_of_links_that_leads_out_is_refused(tmp_path: Path) -> None:
    """Each link alone is harmless."""
    links = (
        special("pkg-1.0/a/b/up", tarfile.SYMTYPE, ".."),
        special("pkg-1.0/out", tarfile.SYMTYPE, "a/b/up/../../.."),
    )
    with pytest.raises(Unfit):
        unpacked(tar(tmp_path / "pkg-1.0.tar.gz", (*GOOD, *links)), tmp_path / "deep" / "root")


def test_a_zip_may_be_an_sdist_and_may_be_hostile(tmp_path: Path) -> None:
    """Old projects published zips, which may contain links out of the tree too."""
    path = tmp_path / "pkg-1.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pkg-1.0/setup.py", b"setup")
        archive.writestr("pkg-1.0/PKG-INFO", b"info")
    assert (unpacked(path, tmp_path / "root") / "setup.py").read_bytes() == b"setup"
    link = zipfile.ZipInfo("pkg-1.0/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, b"/etc/passwd")
    with pytest.raises(Unfit, match="links to /etc/passwd"):
        unpacked(path, tmp_path / "again")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00garbage"])
def test_an_invalid_archive_is_reported_as_broken(tmp_path: Path, content: bytes) -> None:
    """It is a finding, never an exception of a library."""
    path = tmp_path / "pkg-1.0.tar.gz"
    path.write_bytes(content)
    with pytest.raises(Unfit) as refused:
        unpacked(path, tmp_path / "root")
    assert refused.value.reason == "broken-sdist"


@pytest.mark.parametrize(
    ("answer", "enough"),
    [([], True), (["wheel"], True), (["Wheel"], True), (["wheel>=0.40"], False), (["cython"], False), ([1], False)],
)
def test_only_bare_names_of_installed_requirements_satisfy(answer: list[object], enough: bool) -> None:  # noqa: FBT001
    """A specifier may not match the installed version, so it is resolved again."""
    assert satisfied(answer, ("setuptools", "wheel")) is enough


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    """A pax header is read whole; compressed, it is small on disk and huge in memory."""
    header = tarfile.TarInfo("./PaxHeaders/x")
    header.type = tarfile.XHDTYPE
    header.size = 1 << 32
    path = tmp_path / "pkg-1.0.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf() + b"\0" * (1 << 20)))
    with pytest.raises(Unfit) as refused:
        unpacked(path, tmp_path / "root")
    assert refused.value.reason == "broken-sdist"
    assert "header of 4294967296 bytes" in str(refused.value)


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress, bytes], ids=["bz2", "xz", "none"])
def test_any_compression_of_a_tar_is_read(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    """By what is in the file, not by its name."""
    path = tar(tmp_path / "pkg-1.0.tar.gz", GOOD)
    path.write_bytes(compress(gzip.decompress(path.read_bytes())))
    assert (unpacked(path, tmp_path / "root") / "src/a.py").read_bytes() == b"a"


def test_the_size_of_a_list_of_members_is_known_first(tmp_path: Path) -> None:
    """In the old form and in that of large archives, which precedes it."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"")
    honest = path.read_bytes()
    assert directory_of_zip(str(path))[0] == 47
    end = honest.rfind(b"PK\5\6")
    path.write_bytes(honest[: end + 12] + (1 << 30).to_bytes(4, "little") + honest[end + 16 :])
    with pytest.raises(Unfit, match="too long"):
        opened(str(path))
    large = b"PK\6\6" + bytes(36) + (1 << 40).to_bytes(8, "little") + bytes(8)
    locator = b"PK\6\7" + bytes(4) + end.to_bytes(8, "little") + bytes(4)
    path.write_bytes(honest[:end] + large + locator + honest[end:])
    assert directory_of_zip(str(path))[0] == 1 << 40


@pytest.mark.parametrize("number", [0, 1, 300, 70_000])  # the last has the larger records
@pytest.mark.parametrize(("before", "comment"), [(b"", b""), (b"before", b""), (b"", b"PK after")])
def test_members_of_a_zip_are_counted_as_zipfile_finds_them(
    tmp_path: Path, number: int, before: bytes, comment: bytes
) -> None:
    """Without storing any, and not beyond the limit."""
    path = tmp_path / "x.zip"
    with path.open("wb") as stream:
        stream.write(before)
        with zipfile.ZipFile(stream, "w") as archive:
            archive.comment = comment
            for one in range(number):
                archive.writestr(zipfile.ZipInfo(f"{one}.py"), b"")
    with zipfile.ZipFile(path) as archive:
        assert members_of_zip(str(path), 100_000) == len(archive.infolist()) == number
    assert members_of_zip(str(path), 200) == min(number, 201)


def test_a_file_that_is_no_zip_has_no_members(tmp_path: Path) -> None:
    """Opening it reports the error."""
    for content in (b"", b"PK\5\6", b"PK\1\2" * 30 + b"PK\5\6" + b"\xff" * 16 + b"\0\0", bytes(1000)):
        (tmp_path / "x.zip").write_bytes(content)
        assert members_of_zip(str(tmp_path / "x.zip"), 10) <= 3


@pytest.mark.parametrize(
    ("files", "fate"),
    [
        ({"memory.events": "low 0\nmax 9\noom 1\noom_kill 1\n"}, "limit"),
        ({"memory.events": "low 0\nmax 0\noom 0\noom_kill 1\n"}, "host"),
        ({"memory.events": "low 0\nmax 9\noom 0\noom_kill 0\n"}, ""),
        ({"memory/memory.oom_control": "oom_kill 1\n", "memory/memory.max_usage_in_bytes": "134213632\n"}, "limit"),
        ({"memory/memory.oom_control": "oom_kill 1\n", "memory/memory.max_usage_in_bytes": "120000000\n"}, "host"),
        ({"memory/memory.oom_control": "oom_kill 0\n", "memory/memory.max_usage_in_bytes": "134217728\n"}, ""),
        ({}, ""),
    ],
)
def test_counters_show_the_cause_of_an_out_of_memory_kill(tmp_path: Path, files: dict[str, str], fate: str) -> None:
    """In both versions of control groups: the container's limit, or the host."""
    (tmp_path / "memory").mkdir()
    for name, content in ({"memory/memory.limit_in_bytes": "134217728\n"} | files).items():
        (tmp_path / name).write_text(content)
    assert short_of_memory(str(tmp_path)) == fate


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[" * CHUNK,
        b"9" * 5000,
        b"\xff",
        b'"' + b"x" * CHUNK + b'"',
    ],
    ids=["nothing", "half", "deep", "digits", "bytes", "long"],
)
def test_an_answer_that_cannot_be_read_is_none(text: bytes) -> None:
    """A hook may write anything as its value; the guest continues."""
    assert answered(text) is None
    assert answered(b'["wheel"]') == ["wheel"]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "setuptools",
        {"setuptools": 1},
        [1],
        [["setuptools"]],
        ["\ud800"],
        ["x" * (LONGEST_REQUIREMENT + 1)],
        ["x"] * (MOST_REQUIREMENTS + 1),
    ],
    ids=["none", "text", "dict", "number", "list", "surrogate", "long", "many"],
)
def test_an_invalid_list_of_requirements_is_a_finding(answer: object) -> None:
    """It is not passed on, and its text is safe to show."""
    with pytest.raises(Unfit) as refused:
        requirements(answer)
    assert refused.value.reason == "missing-build-requirement"
    str(refused.value).encode()
    assert requirements(["setuptools>=1; python_version<'3'"]) == ["setuptools>=1; python_version<'3'"]


def test_a_wheel_that_cannot_be_handed_over_is_a_finding(tmp_path: Path) -> None:
    """For any name and any kind of file."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "large").write_bytes(b"x" * 11)
    odd = b"caf\xe9.whl".decode("utf-8", "surrogateescape")
    (tmp_path / odd).write_bytes(b"x")
    for name, reason in {
        "": "no-wheel",
        "absent": "no-wheel",
        "../x": "no-wheel",
        "x\0": "no-wheel",
        "\ud800": "no-wheel",
        "x" * 10_000: "no-wheel",
        "..": "unsafe-wheel",
        "fifo": "unsafe-wheel",
        "link": "unsafe-wheel",
        odd: "unsafe-wheel",
        "large": "wheel-too-large",
    }.items():
        with pytest.raises(Unfit) as refused:
            produced(str(tmp_path), name, 10)
        assert refused.value.reason == reason, name
    for value in (None, 1, ["x"]):
        with pytest.raises(Unfit, match="as its result"):
            produced(str(tmp_path), value, 10)


def test_a_detail_is_one_line_and_short() -> None:
    """No control characters, none that reverse the text, no invalid characters."""
    assert shown("a\x1b[2J\n\u202e\udcffé") == "a\\x1b[2J\\n\\u202e\\udcffé"
    assert len(shown("\u202e" * LONGEST_DETAIL)) == LONGEST_DETAIL


def test_build_requirements_replace_modules_imported_before() -> None:
    """As if Python had been started with them; but not its start-up modules."""
    modules = ["json", "json.decoder", "jsonschema", "enum", "os"]
    assert hidden(["json", "enum.py", "unused.py", "bin"], modules) == ["json", "json.decoder", "enum"]


@pytest.mark.parametrize("reverse", [False, True])
def test_where_a_kernel_lists_the_oldest_first_files_are_created_the_other_way_round(*, reverse: bool) -> None:
    """By the guest, and by a recipe, which learns it from its environment."""
    environment = {"SDIST_ORDER": "reverse"} if reverse else {}
    found = turned({"reverse": reverse, "recipe": "/recipe/rebuild.sh", "umask": 2}, environment)
    assert found == {"reverse": not reverse, "recipe": "/recipe/rebuild.sh", "umask": 2}
    assert environment == ({} if reverse else {"SDIST_ORDER": "reverse"})
    assert turned({"reverse": reverse, "recipe": ""}, environment)["reverse"] is not reverse


def test_the_order_of_a_folder_is_found_without_a_trace(tmp_path: Path) -> None:
    """Whatever it is."""
    (tmp_path / "b").touch()
    lists_oldest_first(str(tmp_path))
    assert [one.name for one in tmp_path.iterdir()] == ["b"]
