"""Pairs by which a malicious publisher hides a difference that matters; no cause explains it, and its text is shown."""

from __future__ import annotations

import io
import marshal
import tarfile
import time
import zipfile
from importlib.util import MAGIC_NUMBER
from typing import IO, TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.analysis.excerpts import LONGEST, excerpt
from orchestrator.analysis.outside import outside
from orchestrator.analysis.wheel_side import UNKNOWN
from orchestrator.model import Proof
from tests.wheel_builder import NAME, OURS, THEIRS, diagnosed, diagnosed_files, recorded

if TYPE_CHECKING:
    from pathlib import Path

STRANGERS = (UNKNOWN, UNKNOWN)
INFO = "pkg-1.0.dist-info"
HEADERS = "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n"


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        pytest.param(
            f"{INFO}/METADATA",
            f"{HEADERS}Summary: x\rRequires-Dist: evil\r y\n\n",
            f"{HEADERS}Summary: x Requires-Dist: evil\r y\n\n",
            id="a carriage return ends a header for the email package",
        ),
        pytest.param(
            f"{INFO}/METADATA",
            f"{HEADERS}Requires-Dist: evil\njunk\n\n",
            f"{HEADERS}junk\nRequires-Dist: evil\n\n",
            id="a line that is no header ends the headers",
        ),
        pytest.param(
            f"{INFO}/METADATA",
            f"{HEADERS}Keywords: a\u2003b\n\n",
            f"{HEADERS}Keywords: a b\n\n",
            id="white space of Unicode is no blank",
        ),
        pytest.param(
            f"{INFO}/METADATA",
            HEADERS + "Classifier: x\n" * 6000 + "Requires-Dist: evil\n\n",
            HEADERS + "Classifier: x\n" * 6000 + " Requires-Dist: evil\n\n",
            id="a blank makes a header a part of the one before",
        ),
        pytest.param(
            f"{INFO}/entry_points.txt",
            "[console_scripts]\na = p:a\n#\x0c[gui_scripts]\nb = evil:b\n",
            "[console_scripts]\na = p:a\nb = evil:b\n#\x0c[gui_scripts]\n",
            id="a form feed ends a line for importlib.metadata",
        ),
        pytest.param(
            f"{INFO}/entry_points.txt",
            "[console_scripts]\na = p:a\nb = evil:b\n",
            "[console_scripts]\na = p:a\n b = evil:b\n",
            id="a blank makes a key a part of the value before",
        ),
        pytest.param("p/a.yaml", "a:\n  b: 1\n  c: 2\n", "a:\n  b: 1\nc: 2\n", id="indentation of YAML"),
        pytest.param("p/Makefile", "a:\n\trm x\n", "a:\n    rm x\n", id="a tab of a makefile"),
        pytest.param("p/a.tsv", "a\t\tb\n", "a\tb\n", id="an empty field"),
        pytest.param(
            "p/a.ini", "[s]\nKey = safe\nkey = evil\n", "[s]\nkey = evil\nKey = safe\n", id="one key in two cases"
        ),
        pytest.param(
            "p/a.ini", "[s]\na = 1\r[t]\nb = 2\n", "[s]\nb = 2\na = 1\r[t]\n", id="a carriage return ends a line of INI"
        ),
        pytest.param(
            "p/a.ini", "[s]\n; ab\na = 1\nb = 2\n", "[s]\n; ba\nb = 2\na = 1\n", id="a comment beside another order"
        ),
        pytest.param("p/a.yaml", "1: safe\n0x1: evil\n", "0x1: evil\n1: safe\n", id="one number in two spellings"),
        pytest.param("p/a.yaml", "true: safe\nyes: evil\n", "yes: evil\ntrue: safe\n", id="one truth in two spellings"),
    ],
)
def test_a_difference_with_a_meaning_is_no_cause(path: str, first: str, second: str) -> None:
    """It stays unexplained, and looks like nothing."""
    for members in ((first, second), (second, first)):
        found = diagnosed({path: members[0].encode()}, {path: members[1].encode()}, known=STRANGERS)
        assert not found.causes
        assert all(one.first != one.second and not one.looks_like for one in found.unexplained)
        assert found.unexplained


@pytest.mark.parametrize("name", ["entry_points.txt", "direct_url.json", "METADATA"])
def test_a_file_that_is_read_is_no_license(name: str) -> None:
    """Moving it out of the folder of licenses makes it count."""
    content = b"[console_scripts]\na = p:a\n"
    found = diagnosed({f"{INFO}/licenses/{name}": content}, {f"{INFO}/{name}": content}, known=STRANGERS)
    assert not [cause for cause in found.causes if cause.proof is Proof.TRACE]
    assert {one.path for one in found.unexplained} == {f"{INFO}/licenses/{name}", f"{INFO}/{name}"}


LONG = "x = 1; " * 300


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        (f"v1 {LONG}safe() {LONG}", f"v2 {LONG}evil() {LONG}", ("safe()", "evil()")),
        (f"v1 {LONG * 33}safe() {LONG}", f"v2 {LONG * 33}evil() {LONG}", ("safe()", "evil()")),
        (f"v1 {LONG}", f"v2 {LONG}evil()", ("1", "evil()")),
        (f"{LONG}a{LONG}b{LONG}c", f"{LONG}1{LONG}2{LONG}3", ("c", "3")),
        ("from p\u0430ypal import x", "from paypal import x", ("p\\u0430y", "pay")),
        ("s = '\u00e9'", "s = 'e\u0301'", ("\\u00e9", "e\\u0301")),
        ("s = '\ufb01'", "s = 'fi'", ("\\ufb01", "fi")),
        ("s = ''", "s = '\U000e0101\U000e0121'", ("''", "\\ue0101\\ue0121")),
        ("s = ''", "s = '\u3164\u200b\u202e'", ("''", "\\u3164\\u200b\\u202e")),
    ],
)
def test_the_texts_contain_the_difference(first: str, second: str, shown: tuple[str, str]) -> None:
    """The second of two that are far apart too, and characters that are invisible or look like others."""
    found = diagnosed({"a.py": first.encode()}, {"a.py": second.encode()}, known=STRANGERS)
    (place,) = found.unexplained
    texts = {place.first, place.second}
    assert [one for one in shown if any(one in text for text in texts)] == list(shown)
    assert all(len(text) <= LONGEST and text.isprintable() for text in texts)


def test_stretches_without_room_are_counted() -> None:
    """Of a text in which every word differs between equal ones."""
    sides = ["".join(f"{word}{number} " + "same " * 20 for number in range(90)) for word in ("a", "b")]
    found = diagnosed({"a.py": sides[0].encode()}, {"a.py": sides[1].encode()}, known=STRANGERS)
    assert [one.first.rpartition("…")[2] for one in found.unexplained] == [" (and 80 more)"]


def test_long_texts_are_shown_in_time() -> None:
    """Many lines that are as long as those that are compared word by word."""
    lines = ["".join(f"{word}{number}" + "," * 40 for number in range(1400)) for word in "ab"]
    began = time.process_time()
    for _ in range(20):
        excerpt(lines[0].encode(), lines[1].encode(), LONGEST)
    assert time.process_time() - began < 5


@given(st.text(max_size=80), st.text(max_size=80), st.text("\\nu02e\n\u202e\u0430a", max_size=3))
@example("a\\nb", "", "a\nb")
def test_unequal_texts_are_shown_unequal(first: str, second: str, middle: str) -> None:
    """Whatever they are made of."""
    ours, theirs = (text.encode() for text in (f"{first}{middle}{second}", f"{first}{second}"))
    for pair in ((ours, theirs), (first.encode(), middle.encode())):
        shown = excerpt(*pair, LONGEST)
        assert (shown[0] == shown[1]) is (pair[0] == pair[1])


def packed(path: Path, head: bytes = b"", tail: bytes = b"", hour: int = 1) -> Path:
    """Write a wheel with bytes before its members and after them."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("pkg/a.py", (2020, 1, 1, hour, 0, 0)), b"x = 1\n")
        wheel.fp.write(tail)  # type: ignore[union-attr] # is open
        wheel.start_dir = wheel.fp.tell()  # type: ignore[union-attr]
    path.write_bytes(head + archive.getvalue())
    return path


@pytest.mark.parametrize(("head", "tail"), [(b"#!/bin/sh\nevil\n", b""), (b"", b"evil"), (b"PK\3\4 evil", b"")])
@pytest.mark.parametrize("hour", [1, 2])
def test_bytes_outside_of_members_are_shown(tmp_path: Path, head: bytes, tail: bytes, hour: int) -> None:
    """Also if a member's time differs, which has a cause."""
    first, second = packed(tmp_path / "1.whl"), packed(tmp_path / "2.whl", head, tail, hour)
    found = diagnosed_files(first, second, names=(NAME, NAME))
    assert [one.where for one in found.unexplained if "evil" in one.first + one.second] == ["between its members"]


def test_a_local_header_that_contradicts_the_list_is_shown(tmp_path: Path) -> None:
    """Its method, which only programs that read the archive from its beginning see."""
    first, second = packed(tmp_path / "1.whl"), packed(tmp_path / "2.whl", hour=2)
    data = bytearray(second.read_bytes())
    data[8] = 8
    second.write_bytes(data)
    found = diagnosed_files(first, second, names=(NAME, NAME))
    shown = [text for one in found.unexplained for text in (one.first, one.second)]
    assert any("local header of pkg/a.py" in text for text in shown)


@pytest.mark.parametrize("streamed", [False, True])
def test_usual_archives_have_nothing_outside(streamed: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """Written to a file or to a stream, with names that are not ASCII, and in the format for large files."""
    path = tmp_path / "a.whl"
    with path.open("wb") as file, zipfile.ZipFile(Unseekable(file) if streamed else file, "w") as archive:
        archive.writestr("é.py", b"x" * 9)
        archive.comment = b"comment"
        with archive.open("large", "w", force_zip64=True) as member:
            member.write(b"y")
    with zipfile.ZipFile(path) as archive:
        assert outside(archive) == b""


class Unseekable(io.RawIOBase):
    """A stream that can only be written."""

    def __init__(self, file: IO[bytes]) -> None:
        """Write to a file."""
        self.file = file

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        """Write data to the file."""
        return self.file.write(data)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (recorded("a.py", b"1"), recorded("a.py", b"3")),
        (recorded("a.py", b"1"), recorded("a.py", b"2").replace(",1\n", ",2\n")),
        (recorded("a.py", b"1"), recorded("a.py", b"2").replace("\n", ",x\n")),
        (recorded("a.py", b"1") + "b.py\x0cc,,\n", recorded("a.py", b"2") + "b.py\x0cd,,\n"),
        (recorded("a.py", b"1"), recorded("a.py", b"2").replace("\n", "\r\n")),
        (recorded("a.py", b"1") + "b.py,,\n", recorded("a.py", b"2") + "b.py,,"),
        (recorded("a.py", b"1").encode() + b"\xff,,\n", recorded("a.py", b"2").encode() + b"\xfe,,\n"),
    ],
)
def test_a_line_of_record_follows_only_if_it_is_true(first: str | bytes, second: str | bytes) -> None:
    """A false hash or size of a member that differs is shown, and so is any byte of another line."""
    lines = [text.encode() if isinstance(text, str) else text for text in (first, second)]
    wheels = [{"a.py": b"%d" % number, f"{INFO}/RECORD": lines[number - 1]} for number in (1, 2)]
    found = diagnosed(wheels[0], wheels[1], known=STRANGERS)
    shown = [(one.first, one.second) for one in found.unexplained if one.path.endswith("RECORD")]
    shown += [(one.first, one.second) for cause in found.causes for one in cause.evidence]
    assert shown
    assert all(one != two for one, two in shown)


def tar(target: str = "a", rest: bytes = b"") -> bytes:
    """Return a tar archive with a link, and bytes after its end."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as writing:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, target
        writing.addfile(link)
    return archive.getvalue() + rest


def inner_zip(rest: bytes) -> bytes:
    """Return a zip archive with bytes after its only member."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writing:
        writing.writestr(zipfile.ZipInfo("a"), b"x")
        writing.fp.write(rest)  # type: ignore[union-attr] # is open
        writing.start_dir = writing.fp.tell()  # type: ignore[union-attr]
    return archive.getvalue()


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("a.tar", tar(), tar("evil")),
        ("a.tar", tar(rest=b"good" * 128), tar(rest=b"evil" * 128)),
        ("a.tar", tar(), tar(rest=b"evil" * 128)),
        ("a.zip", inner_zip(b"good"), inner_zip(b"evil")),
        ("a.zip", inner_zip(b""), inner_zip(b"evil")),
    ],
)
def test_no_environment_changes_what_an_archive_has_besides_headers(name: str, first: bytes, second: bytes) -> None:
    """The target of a link, and the bytes outside of members; also if both environments are known."""
    for known in ((OURS, THEIRS), STRANGERS):
        found = diagnosed({name: first}, {name: second}, known=known)
        assert not found.causes
        assert any("evil" in one.first + one.second for one in found.unexplained)


def test_an_object_with_items_is_no_set() -> None:
    """A pickle may call `add` of any object, for which the order has a meaning."""
    wheels = [
        {"a.pkl": b"\x80\x04cpkg\nQueue\n)\x81(\x8c\x01%b\x8c\x01%b\x90." % items}
        for items in ((b"a", b"b"), (b"b", b"a"))
    ]
    found = diagnosed(wheels[0], wheels[1], known=STRANGERS)
    assert not found.causes
    assert found.unexplained


def test_the_end_of_a_long_constant_is_shown() -> None:
    """Of bytecode, not only its hash."""
    sources = [f"x = {'a' * 30_000 + word!r}" for word in ("safe", "evil")]
    files = [MAGIC_NUMBER + bytes(12) + marshal.dumps(compile(source, "a", "exec")) for source in sources]
    found = diagnosed({"a.pyc": files[0]}, {"a.pyc": files[1]}, known=STRANGERS)
    assert any("evil" in one.first + one.second for one in found.unexplained)
