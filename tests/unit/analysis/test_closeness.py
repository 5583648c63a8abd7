"""How near a build comes to a published wheel: tampered wheels differ, and only backends' own lines are metadata."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.analysis.closeness import closeness
from orchestrator.model import Failure, Limits, Reason, Severity, WheelFile
from orchestrator.model.verification import ArchiveField, Closeness, Outcome
from orchestrator.sources import reading
from tests.wheel_builder import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAME = "pkg-1.0-py3-none-any.whl"
INFO = "pkg-1.0.dist-info/"
METADATA = b"""Metadata-Version: 2.1
Name: pkg
Version: 1.0
Summary: A package
Home-page: https://example.org
Author: A. Person
Author-email: a@example.org
Requires-Python: >=3.8
Requires-Dist: requests (>=2,!=3.0)
Provides-Extra: test
Requires-Dist: pytest ; extra == 'test'

# pkg

It works.
"""
WHEEL = b"Wheel-Version: 1.0\nGenerator: setuptools (80.9.0)\nRoot-Is-Purelib: true\nTag: py3-none-any\n\n"
ENTRIES = b"[console_scripts]\npkg = pkg:main\n\n[pkg.plugins]\nown = pkg.own\n"
FILES: dict[str, bytes] = {
    "pkg/__init__.py": b"def main():\n    return 1\n"
    + b"".join(b"value_%d = %d\n" % (one, one * one) for one in range(300)),
    "pkg/native.so": b"\x7fELF" + bytes(range(256)),
    "pkg-1.0.data/data/share/pkg.json": b'{"a": 1}\n',
    INFO + "licenses/LICENSE": b"Free\n",
    INFO + "METADATA": METADATA,
    INFO + "WHEEL": WHEEL,
    INFO + "entry_points.txt": ENTRIES,
    INFO + "top_level.txt": b"pkg\n",
}

Files = dict[str, bytes]


def wheel(
    path: Path, files: Mapping[str, bytes], *, level: int | None = None, record: bytes | None = None, **fields: object
) -> Path:
    """Write a wheel, with a RECORD made to fit if none is given."""
    lines = b"".join(recorded(name, content).encode() for name, content in files.items())
    listed = lines + f"{INFO}RECORD,,\n".encode() if record is None else record
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, INFO + "RECORD": listed}.items():
            info = zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6))
            info.external_attr, info.compress_type = 0o100644 << 16, zipfile.ZIP_DEFLATED
            for key, value in fields.items():
                setattr(info, key, value)
            archive.writestr(info, content, compresslevel=level)
    return path


def file(path: Path, name: str = NAME) -> WheelFile:
    """Return what is known of a file."""
    return WheelFile(name, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)


def compared(published: Path, ours: Path, names: tuple[str, str] = (NAME, NAME)) -> Closeness:
    """Compare two wheels."""
    found = closeness(published, file(published, names[0]), ours, file(ours, names[1]), Limits())
    assert isinstance(found, Closeness)
    return found


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Write our wheel."""
    return wheel(tmp_path / "ours.whl", FILES)


def test_equal_bytes_are_identical(tmp_path: Path, ours: Path) -> None:
    """The same bytes are settled by their hash; no file is read."""
    assert compared(wheel(tmp_path / "same.whl", FILES), ours).outcome is Outcome.IDENTICAL
    known = file(ours)
    gone = tmp_path / "gone.whl"
    found = closeness(gone, known, gone, known, Limits())
    assert isinstance(found, Closeness)
    assert found.outcome is Outcome.IDENTICAL


def test_other_archive_fields_are_restamped(tmp_path: Path, ours: Path) -> None:
    """Named fields are taken, and the SHA-256 that comes of it is the published one."""
    published = wheel(tmp_path / "published.whl", FILES, level=1, date_time=(1980, 1, 1, 0, 0, 0))
    found = compared(published, ours)
    assert found.outcome is Outcome.RESTAMPED
    assert found.taken == (ArchiveField.TIMES, ArchiveField.COMPRESSION)
    assert found.sha256 == file(published).sha256
    assert found.severity is Severity.ARCHIVE


def test_modes_that_make_a_file_executable_are_named(tmp_path: Path, ours: Path) -> None:
    """A mode is taken, but what it does to users is part of the reason."""
    published = wheel(tmp_path / "published.whl", FILES, external_attr=0o100755 << 16)
    found = compared(published, ours)
    assert (found.outcome, found.taken) == (Outcome.RESTAMPED, (ArchiveField.MODES,))
    assert "executable: pkg-1.0.data/data/share/pkg.json" in found.reason
    assert "executable" not in compared(wheel(published, FILES, external_attr=0o100600 << 16), ours).reason


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"external_attr": 0o755 << 16}, "executable"),  # pip asks for the type of a file
        ({"external_attr": 0o100755 << 16, "create_system": 0}, "executable"),  # others for Unix
        ({"external_attr": 0o104644 << 16}, "setuid"),
    ],
)
def test_modes_that_only_some_readers_follow_are_named(tmp_path: Path, fields: dict[str, Any], named: str) -> None:
    """A mode that is taken does not make a file executable for one installer alone without a word, nor setuid."""
    plain = 0o100755 if named == "executable" else 0o100644
    ours = wheel(tmp_path / "ours.whl", FILES, external_attr=plain << 16)
    found = compared(wheel(tmp_path / "published.whl", FILES, **fields), ours)
    assert found.outcome is Outcome.RESTAMPED
    assert named in found.reason
    files = {**FILES, INFO + "WHEEL": WHEEL.replace(b"80.9.0", b"80.9.1")}
    found = compared(wheel(tmp_path / "published.whl", files, **fields), ours)
    assert found.outcome is Outcome.METADATA
    assert named in found.reason


def test_a_mode_that_makes_a_file_a_folder_is_not_taken(tmp_path: Path, ours: Path) -> None:
    """Unpackers that follow the mode rather than the name give another tree."""
    found = compared(wheel(tmp_path / "published.whl", FILES, external_attr=0o040755 << 16), ours)
    assert found.outcome is Outcome.DIFFERS
    assert "mode" in found.reason


def test_other_archive_fields_that_are_not_named_differ(tmp_path: Path, ours: Path) -> None:
    """A comment or an extra field is never taken."""
    odd: tuple[dict[str, Any], ...] = ({"comment": b"c"}, {"extra": b"\xfe\xca\1\0a"})
    for number, fields in enumerate(odd):
        found = compared(wheel(tmp_path / f"{number}.whl", FILES, **fields), ours)
        assert (found.outcome, found.severity, found.sha256) == (Outcome.DIFFERS, Severity.ARCHIVE, "")
        assert found.reason.startswith("the archive differs: ")


# --- tampering -----------------------------------------------------------------------------------


def with_(path: str, content: bytes) -> Files:
    """Return the files with one more, or another."""
    return {**FILES, path: content}


def edited(path: str, old: bytes, new: bytes) -> Files:
    """Return the files with a text of one of them replaced."""
    assert old in FILES[path]
    return with_(path, FILES[path].replace(old, new, 1))


def without(path: str) -> Files:
    """Return the files without one of them."""
    return {name: content for name, content in FILES.items() if name != path}


@pytest.mark.parametrize(
    ("files", "severity", "reason"),
    [
        (edited("pkg/__init__.py", b"1", b"2"), Severity.CODE, "pkg/__init__.py differs"),
        (edited("pkg/native.so", b"\x01", b"\x02"), Severity.CODE, "pkg/native.so differs"),
        (edited("pkg-1.0.data/data/share/pkg.json", b"1", b"2"), Severity.DATA, "pkg-1.0.data/data/share/pkg.json"),
        (with_("pkg/more.py", b"1\n"), Severity.MEMBERS, "1 member is not in our build: pkg/more.py"),
        (with_("x.pth", b"import os\n"), Severity.MEMBERS, "1 member is not in our build: x.pth"),
        (with_("pkg/", b""), Severity.MEMBERS, "1 member is not in our build: pkg/"),
        (with_(INFO + "licenses/NOTICE", b"1\n"), Severity.MEMBERS, "licenses/NOTICE"),
        (with_("other-1.0.dist-info/METADATA", METADATA), Severity.MEMBERS, "other-1.0.dist-info/METADATA"),
        (with_("pkg-1.0.DIST-INFO/METADATA", METADATA), Severity.MEMBERS, "pkg-1.0.DIST-INFO/METADATA"),
        (without("pkg/__init__.py"), Severity.MEMBERS, "1 member is only in our build: pkg/__init__.py"),
        (without(INFO + "entry_points.txt"), Severity.MEMBERS, "entry_points.txt"),
        (edited(INFO + "licenses/LICENSE", b"Free", b"Mine"), Severity.METADATA, "licenses/LICENSE differs"),
        (edited(INFO + "entry_points.txt", b":main", b":evil"), Severity.METADATA, "entry_points.txt differs without"),
        (edited(INFO + "entry_points.txt", b"own =", b"new = pkg.x\nown ="), Severity.METADATA, "`new = pkg.x`"),
        (edited(INFO + "top_level.txt", b"pkg", b"pkg\nother"), Severity.METADATA, "top_level.txt differs without"),
        (edited(INFO + "METADATA", b">=2", b">=1"), Severity.METADATA, "METADATA differs without a known cause"),
        (edited(INFO + "METADATA", b"requests", b"request"), Severity.METADATA, "METADATA differs without"),
        (edited(INFO + "METADATA", b"Home-page: https://example.org", b"Home-page: https://example.com"),
         Severity.METADATA, "METADATA differs without"),
        (edited(INFO + "METADATA", b"It works", b"It fails"), Severity.METADATA, "METADATA differs without"),
        (edited(INFO + "METADATA", b"\n\n# pkg", b"\nRequires-Dist: evil\n\n# pkg"), Severity.METADATA, "evil"),
        (edited(INFO + "METADATA", b"Requires-Python", b"\nRequires-Python"), Severity.METADATA, "METADATA differs"),
        (edited(INFO + "WHEEL", b"true", b"false"), Severity.METADATA, "WHEEL differs without"),
        (edited(INFO + "WHEEL", b"py3-none", b"py2-none"), Severity.METADATA, "WHEEL differs without"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("generator", [b"setuptools (80.9.0)", b"bdist_wheel (0.45.1)"])
def test_a_tampered_wheel_differs(
    tmp_path: Path, ours: Path, files: Files, severity: Severity, reason: str, generator: bytes
) -> None:
    """RECORD fits each time; another generator excuses nothing."""
    wheeled = files[INFO + "WHEEL"].replace(b"setuptools (80.9.0)", generator)
    found = compared(wheel(tmp_path / "published.whl", {**files, INFO + "WHEEL": wheeled}), ours)
    assert (found.outcome, found.severity) == (Outcome.DIFFERS, severity)
    assert reason in found.reason
    assert not found.sha256


def test_what_differs_is_listed(tmp_path: Path, ours: Path) -> None:
    """All members that differ are named, and the archive's fields that differ beside them."""
    files = {**without("pkg/native.so"), "a.pth": b"1\n", "b.py": b"1\n", "pkg/__init__.py": b"2\n"}
    found = compared(wheel(tmp_path / "published.whl", files, date_time=(2001, 1, 1, 0, 0, 0)), ours)
    assert found.changed == (INFO + "RECORD", "pkg/__init__.py")
    assert found.missing == ("a.pth", "b.py")
    assert found.added == ("pkg/native.so",)
    assert found.reason == "2 members are not in our build: a.pth, b.py"
    assert found.taken == (ArchiveField.TIMES,)


def test_texts_of_the_package_are_printable_and_cut(tmp_path: Path, ours: Path) -> None:
    """Names with control characters, of any length, are shown so that they change no terminal."""
    found = compared(wheel(tmp_path / "published.whl", with_("\x1b[2J" + "x" * 5000 + ".py", b"")), ours)
    assert "\x1b" not in found.reason + "".join(found.missing)
    assert len(found.reason) < 500


# --- metadata ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"WHEEL": WHEEL.replace(b"setuptools (80.9.0)", b"bdist_wheel (0.45.1)")},
        {"METADATA": METADATA.replace(b"requests (>=2,!=3.0)", b"requests!=3.0,>=2")},
        {"METADATA": METADATA.replace(b"It works.\n", b"It works.\n\n\n")},
        {"entry_points.txt": b"[pkg.plugins]\nown = pkg.own\n\n[console_scripts]\npkg = pkg:main\n"},
    ],
    ids=["generator", "requirement", "blank lines", "order"],
)
def test_lines_with_a_cause_are_metadata(tmp_path: Path, ours: Path, change: Files) -> None:
    """Lines of known files with the same information are metadata, and RECORD follows from them."""
    files = {**FILES, **{INFO + name: content for name, content in change.items()}}
    found = compared(wheel(tmp_path / "published.whl", files, level=1), ours)
    assert found.outcome is Outcome.METADATA, found.reason
    assert found.severity is Severity.METADATA
    assert found.lines
    assert all(line.cause for line in found.lines)
    assert ArchiveField.COMPRESSION in found.taken


OTHER = {INFO + "WHEEL": WHEEL.replace(b"80.9.0", b"80.8.0")}


@pytest.mark.parametrize(
    "change",
    [
        {INFO + "WHEEL": WHEEL.replace(b"80.9.0)", b"80.8.0)\rRoot-Is-Purelib: false")},
        {**OTHER, INFO + "METADATA": METADATA.replace(b"Summary", b"Dynamic: x\rRequires-Dist: evil\nSummary")},
        {INFO + "METADATA": METADATA.replace(b"Author: A. Person", b"Author: A.\rPerson")},
        {INFO + "METADATA": METADATA.replace(b"Home-page: ", b"Project-URL: Home Page,\r")},
        {INFO + "METADATA": METADATA.replace(b"requests (", b"requests\n (")},
        {**OTHER, INFO + "METADATA": METADATA.replace(b"Summary", b"Dynamic: license\n file\nSummary")},
    ],
    ids=["generator", "dynamic", "author", "address", "folded requirement", "folded dynamic"],
)
def test_a_line_within_a_line_has_no_cause(tmp_path: Path, ours: Path, change: Files) -> None:
    """Python's email package ends a line at a lone carriage return: what follows is another header, or the body."""
    found = compared(wheel(tmp_path / "published.whl", {**FILES, **change}), ours)
    assert found.outcome is Outcome.DIFFERS


@pytest.mark.parametrize(
    "change",
    [
        {INFO + "WHEEL": WHEEL.replace(b"Root-Is-Purelib: true", b"Root-Is-Purelib: True")},
        {INFO + "METADATA": METADATA.replace(b"Metadata-Version: 2.1", b"Metadata-Version: 9.1")},
    ],
    ids=["the folder of all files", "a format of the future"],
)
def test_what_only_some_installers_read_alike_has_no_cause(tmp_path: Path, ours: Path, change: Files) -> None:
    """The library `installer` takes no other spelling of `true`."""
    assert compared(wheel(tmp_path / "published.whl", {**FILES, **change}), ours).outcome is Outcome.DIFFERS


def test_metadata_proves_the_archive_too(tmp_path: Path, ours: Path) -> None:
    """Lines with a cause excuse no hidden bytes."""
    files = {**FILES, INFO + "WHEEL": WHEEL.replace(b"80.9.0", b"80.9.1")}
    assert compared(wheel(tmp_path / "1.whl", files), ours).outcome is Outcome.METADATA
    assert compared(wheel(tmp_path / "2.whl", files, comment=b"x"), ours).outcome is Outcome.DIFFERS
    path = wheel(tmp_path / "3.whl", files)
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())
    assert compared(path, ours).outcome is Outcome.DIFFERS


def listing(files: Files) -> list[str]:
    """Return the lines of RECORD."""
    return [*(recorded(name, content) for name, content in files.items()), f"{INFO}RECORD,,\n"]


def unlisted(lines: list[str]) -> list[str]:
    """Leave a member out of RECORD."""
    return lines[1:]


def false(lines: list[str]) -> list[str]:
    """Give a member another hash."""
    return [lines[0].replace("sha256=", "sha256=A", 1), *lines[1:]]


def unhashed(lines: list[str]) -> list[str]:
    """Give a member no hash."""
    return [lines[0].split(",")[0] + ",,\n", *lines[1:]]


def more(lines: list[str]) -> list[str]:
    """List a file that is not there."""
    return [*lines, "gone.py,,\n"]


def twice(lines: list[str]) -> list[str]:
    """List a file twice."""
    return [lines[0], *lines]


def quoted(lines: list[str]) -> list[str]:
    """Write a path in quotes."""
    return [f'"pkg/__init__.py"{lines[0].removeprefix("pkg/__init__.py")}', *lines[1:]]


@pytest.mark.parametrize("change", [unlisted, false, unhashed, more, twice, quoted])
@pytest.mark.parametrize("files", [FILES, edited(INFO + "WHEEL", b"80.9.0", b"80.9.1")], ids=["alone", "with WHEEL"])
def test_a_record_that_is_no_consequence_differs(
    tmp_path: Path, ours: Path, files: Files, change: Callable[[list[str]], list[str]]
) -> None:
    """RECORD has to fit its own members, and may differ in the lines of members that differ alone."""
    record = "".join(change(listing(files))).encode()
    found = compared(wheel(tmp_path / "published.whl", files, record=record), ours)
    assert found.outcome is Outcome.DIFFERS
    assert "RECORD" in found.reason


def test_a_record_left_as_it_was_differs(tmp_path: Path, ours: Path) -> None:
    """A member that differs makes RECORD differ."""
    files = edited(INFO + "WHEEL", b"80.9.0", b"80.9.1")
    found = compared(wheel(tmp_path / "published.whl", files, record="".join(listing(FILES)).encode()), ours)
    assert (found.outcome, found.reason) == (Outcome.DIFFERS, "1 member differs, and RECORD does not: it cannot fit")


def test_the_order_of_record_has_a_cause(tmp_path: Path, ours: Path) -> None:
    """The same lines in another order are metadata."""
    record = "".join(reversed(listing(FILES))).encode()
    found = compared(wheel(tmp_path / "published.whl", FILES, record=record), ours)
    assert found.outcome is Outcome.METADATA
    assert [line.cause for line in found.lines] == ["record-order"]


# --- files that are no wheels ----------------------------------------------------------------------


def test_a_published_file_with_two_members_of_a_name_differs(tmp_path: Path, ours: Path) -> None:
    """Which of them is installed depends on the installer."""
    published = wheel(tmp_path / "published.whl", FILES)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(published, "a") as archive:
        archive.writestr("pkg/__init__.py", b"2\n")
    found = compared(published, ours)
    assert found.outcome is Outcome.DIFFERS
    assert "occurs twice" in found.reason


@pytest.mark.parametrize("at", [0, 6, 14, 30], ids=["signature", "encrypted", "checksum", "name"])
def test_a_published_file_that_is_damaged_differs(tmp_path: Path, ours: Path, at: int) -> None:
    """A local header that contradicts the list never passes."""
    published = wheel(tmp_path / "published.whl", FILES)
    data = bytearray(published.read_bytes())
    data[at] ^= 1
    published.write_bytes(data)
    assert compared(published, ours).outcome is Outcome.DIFFERS


def test_our_own_broken_file_is_a_failure(tmp_path: Path, ours: Path) -> None:
    """Nothing follows from a build that gave no wheel."""
    broken = tmp_path / "broken.whl"
    broken.write_bytes(b"no archive")
    found = closeness(ours, file(ours), broken, file(broken), Limits())
    assert isinstance(found, Failure)
    assert found.reason is Reason.BROKEN_WHEEL


def test_a_limit_is_a_failure(tmp_path: Path, ours: Path) -> None:
    """A file beyond a limit is not judged."""
    published = wheel(tmp_path / "published.whl", with_("large", bytes(100_000)))
    found = closeness(published, file(published), ours, file(ours), replace(Limits(), wheel=50_000))
    assert isinstance(found, Failure)
    assert found.reason is Reason.WHEEL_TOO_LARGE


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        (NAME, Outcome.IDENTICAL),
        ("Pkg-1.0.0-py3-none-any.whl", Outcome.IDENTICAL),
        ("pkg-1.0-py2-none-any.whl", Outcome.DIFFERS),
        ("pkg-1.0-1-py3-none-any.whl", Outcome.DIFFERS),
    ],
)
def test_names_are_compared_by_their_meaning(ours: Path, name: str, outcome: Outcome) -> None:
    """The same bytes under other tags are installed elsewhere."""
    assert compared(ours, ours, (name, NAME)).outcome is outcome


def test_the_limited_call_gives_the_same(tmp_path: Path, ours: Path) -> None:
    """The answer passes the border unchanged."""
    published = wheel(tmp_path / "published.whl", edited("pkg/__init__.py", b"1", b"2"))
    arguments = (published, file(published), ours, file(ours), Limits())
    assert reading.closeness(*arguments) == closeness(*arguments)
