"""Diagnosis claims nothing of equal wheels, always something of unequal ones, and never breaks."""

from __future__ import annotations

import gzip
import json
import os
import random
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.analysis import contents
from orchestrator.analysis.contents import Opened
from orchestrator.analysis.diagnose import EVIDENCE, PLACES
from orchestrator.analysis.excerpts import SHOWN, excerpt, printable
from orchestrator.analysis.formats.text import hunks
from orchestrator.analysis.parts import TAKEN_APART
from orchestrator.analysis.wheel_side import UNKNOWN
from orchestrator.model import Aspect, Difference, Failure, Grounds, Proof, Reason, Severity, WheelFile
from tests import samples
from tests.samples import FIRST, SECOND
from tests.unit.analysis.causes.test_causes import packed_tar, packed_zip, pyc
from tests.wheel_builder import NAME, OURS, THEIRS, causes, diagnosed, diagnosed_files, guessed, left, recorded

INFO = "pkg-1.0.dist-info"
NOISE = random.Random  # which is the same every time


def test_equal_wheels_have_an_empty_diagnosis() -> None:
    """Neither cause nor severity."""
    found = diagnosed({"a.py": b"x"}, {"a.py": b"x"})
    assert (found.severity, found.causes, found.unexplained, found.differences) == (Severity.NONE, (), (), ())


def test_a_cause_that_shares_a_file_with_an_unknown_difference_is_named() -> None:
    """By line; the unexplained rest is named by line too."""
    first = f"one\nhost {FIRST.hostname}\ntwo\nx = 1\n".encode()
    second = f"one\nhost {SECOND.hostname}\ntwo\nx = 2\n".encode()
    found = diagnosed({"a.txt": first}, {"a.txt": second})
    assert (causes(found), left(found)) == (["host-name"], [("a.txt", "content", "line 4")])


def test_a_cause_that_shares_a_line_with_an_unknown_difference_is_named() -> None:
    """If its trace is unmistakable on both sides."""
    found = diagnosed({"a": f"{FIRST.hostname} one".encode()}, {"a": f"{SECOND.hostname} two".encode()})
    assert (causes(found), left(found)) == (["host-name"], [("a", "content", "line 1")])


def test_consecutive_lines_are_one_place() -> None:
    """With equal lines before and after."""
    found = diagnosed({"a": b"x\n1\n2\n3\ny\nz\n1\n"}, {"a": b"x\n4\n5\n6\ny\nz\n7\n"})
    assert [where for _, _, where in left(found)] == ["lines 2 to 4", "line 7"]


def test_several_causes_can_share_a_line() -> None:
    """All of them are needed, and no others."""
    first = f"built by {FIRST.user} on {FIRST.hostname} in {FIRST.build_path}, id 1b4e28ba-2fa1-4d2e-883f-0016d3cca427"
    second = (
        f"built by {SECOND.user} on {SECOND.hostname} in {SECOND.build_path}, id 6fa459ea-ee8a-4ca4-894e-db77e160355e"
    )
    found = diagnosed({"a": first.encode()}, {"a": second.encode()})
    assert (causes(found), left(found)) == (["build-path", "host-name", "user-name", "random-id"], [])


def test_record_is_no_cause_where_it_follows() -> None:
    """Its lines of members that differ themselves."""
    wheels = [
        {"a.txt": host, f"{INFO}/RECORD": f"{recorded('a.txt', host)}b.txt,sha256=0,1\n".encode()}
        for host in (FIRST.hostname.encode(), SECOND.hostname.encode())
    ]
    found = diagnosed(*wheels)
    assert (causes(found), left(found)) == (["host-name"], [])
    assert (
        Difference(f"{INFO}/RECORD", Aspect.CONTENT, consequence=True, severity=Severity.METADATA) in found.differences
    )


def test_record_that_differs_by_itself_is_not_explained() -> None:
    """A hash of a member that is the same in both."""
    wheels = [{"a": b"", f"{INFO}/RECORD": f"a,sha256={number},0\n".encode()} for number in range(2)]
    found = diagnosed(*wheels)
    assert (causes(found), left(found)) == ([], [(f"{INFO}/RECORD", "content", "line 1")])


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        ("pkg/a.py", Severity.CODE),
        ("pkg/a.so", Severity.CODE),
        ("pkg.pth", Severity.CODE),
        ("pkg-1.0.data/scripts/run", Severity.CODE),
        ("pkg/a.txt", Severity.DATA),
        ("pkg/a.json", Severity.DATA),
        (f"{INFO}/entry_points.txt", Severity.METADATA),
        (f"{INFO}/licenses/LICENSE", Severity.METADATA),
    ],
)
def test_severity_depends_on_the_kind_of_content(path: str, severity: Severity) -> None:
    """The highest severity of the members counts."""
    found = diagnosed({path: b"one", "z.txt": b"1"}, {path: b"two", "z.txt": b"1"})
    assert found.severity is severity
    assert [difference.severity for difference in found.differences] == [severity]


def test_the_highest_severity_counts() -> None:
    """Regardless of the number of other differences."""
    found = diagnosed({"a.py": b"1", f"{INFO}/WHEEL": b"1"}, {"a.py": b"2", f"{INFO}/WHEEL": b"2"})
    assert {difference.path: difference.severity for difference in found.differences} == {
        "a.py": Severity.CODE,
        f"{INFO}/WHEEL": Severity.METADATA,
    }
    assert found.severity is Severity.CODE


def test_a_difference_outside_members_is_unexplained(tmp_path: Path) -> None:
    """For example, bytes before the first member."""
    plain = samples.wheel(tmp_path / "plain", {"a.txt": b""})
    longer = write(tmp_path / "longer", b"#!junk\n" + plain.read_bytes())
    found = diagnosed_files(plain, longer, names=(NAME, NAME))
    assert (causes(found), left(found)) == ([], [("", "archive", "between its members")])
    assert found.severity is Severity.ARCHIVE


def test_members_whose_names_differ_in_planted_values_are_paired() -> None:
    """The name has its cause, and so do the contents."""
    found = diagnosed(
        {f"pkg/{FIRST.hostname}.txt": FIRST.user.encode()}, {f"pkg/{SECOND.hostname}.txt": SECOND.user.encode()}
    )
    assert (causes(found), left(found), found.severity) == (["host-name", "user-name"], [], Severity.MEMBERS)
    assert {cause.members for cause in found.causes} == {(f"pkg/{FIRST.hostname}.txt",)}


def test_evidence_is_short_printable_and_shows_where_it_differs() -> None:
    """For any content of a package."""
    lines = [f"\x1b[31m\u202e{'x' * 5000}%s{'y' * 5000}\n" % name for name in (FIRST.hostname, SECOND.hostname)]
    found = diagnosed(
        {f"{n}.txt": lines[0].encode() for n in range(9)}, {f"{n}.txt": lines[1].encode() for n in range(9)}
    )
    shown = found.causes[0].evidence
    assert len(shown) == EVIDENCE
    assert all(one.first.isprintable() and len(one.first) <= SHOWN for one in shown)
    assert all(FIRST.hostname in one.first and SECOND.hostname in one.second for one in shown)
    assert len(found.causes[0].members) == 9


@given(st.binary(max_size=600), st.binary(max_size=600))
def test_printable_text_is_safe_for_a_terminal(first: bytes, second: bytes) -> None:
    """No control characters, and none that reverse the text."""
    for text in (*excerpt(first, second, SHOWN), printable(first)):
        assert text.isprintable()
    assert all(len(text) <= SHOWN + 2 for text in excerpt(first, second, SHOWN))


# --- properties ----------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [FIRST.hostname, SECOND.hostname, FIRST.build_path, SECOND.build_path, "2026-11-20", "2027-12-25", "1111", "2222",
     "x", "y", " ", ", ", "\n", "\n", "'", "0", "{'a', 'b'}", "{'b', 'a'}", "/x/tmpab12cd34", "0x7f2c8c0a4d30", "é"]
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=12).map(lambda words: "".join(words).encode())
JSONS = st.dictionaries(st.sampled_from(["serialNumber", "timestamp", "a"]), st.integers() | st.text(max_size=3)).map(
    lambda found: json.dumps(found).encode()
)
BLOBS = st.one_of(
    TEXTS,
    JSONS,
    st.binary(max_size=60),
    TEXTS.map(lambda text: text.decode().encode("utf-16")),
    TEXTS.map(lambda text: gzip.compress(text, mtime=0)),
    TEXTS.map(packed_tar),
    TEXTS.map(packed_zip),
    TEXTS.map(lambda text: pyc(f"x = {text!r}\ndef f(): return {text!r}")),
    st.binary(max_size=40).map(lambda data: pyc("x = 1")[:16] + data),
    st.binary(max_size=60).map(lambda data: b"\x7fELF\x02\x01\x01" + data),
    st.binary(max_size=60).map(lambda data: b"!<arch>\n" + data),
    st.binary(max_size=60).map(lambda data: b"PK\x03\x04" + data),
    st.binary(max_size=60).map(lambda data: b"\x1f\x8b\x08" + data),
)
PATHS = st.sampled_from(
    ["a.txt", "a.py", "a.pyc", "a.so", "a.tar.gz", "d/b.bin", f"{INFO}/RECORD", f"{INFO}/METADATA", f"{INFO}/WHEEL",
     f"{INFO}/sboms/a.json", f"{INFO}/direct_url.json", f"pkg/{FIRST.hostname}", f"pkg/{SECOND.hostname}",
     "pkg-1.0.dev1+gabcdef.dist-info/METADATA"]
)  # fmt: skip
HEADERS = st.tuples(
    st.sampled_from([(2020, 1, 1, 0, 0, 0), (2026, 11, 20, 12, 0, 0)]), st.sampled_from([0o100644, 0o100664])
)
WHEELS = st.dictionaries(PATHS, st.tuples(HEADERS, BLOBS), max_size=4)
FILENAMES = st.sampled_from(
    [
        NAME,
        NAME,
        NAME,
        "pkg-1.0-py2-none-any.whl",
        "pkg-1.0.dev1+gabcdef-py3-none-any.whl",
        "pkg-1.0-1-py3-none-any.whl",
    ]
)
KNOWN = st.sampled_from([(OURS, THEIRS), (UNKNOWN, UNKNOWN)])


def members(wheel: dict[str, tuple[tuple[tuple[int, ...], int], bytes]]) -> list[tuple[zipfile.ZipInfo, bytes]]:
    """Return a drawn wheel's members."""
    found = []
    for path, ((when, mode), content) in wheel.items():
        info = zipfile.ZipInfo(path, when)  # type: ignore[arg-type] # six numbers
        info.external_attr = mode << 16
        found.append((info, content))
    return found


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=200)
@given(WHEELS, WHEELS, FILENAMES, FILENAMES, KNOWN)
def test_diagnosis_keeps_its_contract(first: dict, second: dict, ours: str, theirs: str, known: tuple) -> None:  # type: ignore[type-arg]
    """No claim for equal bytes, always one for unequal ones, in both orders, for any members."""
    keeps_its_contract(first, second, ours, theirs, known)


def keeps_its_contract(first: dict, second: dict, ours: str, theirs: str, known: tuple) -> None:  # type: ignore[type-arg]
    """Diagnose two drawn wheels, in both orders."""
    before, after = members(first), members(second)
    found = diagnosed(before, after, known=known, names=(ours, theirs))
    if found.differences:
        assert found.causes or found.unexplained
        assert found.severity is not Severity.NONE
    else:
        assert (found.causes, found.unexplained, found.severity) == ((), (), Severity.NONE)
    turned = diagnosed(after, before, known=known[::-1], names=(theirs, ours))
    assert causes(turned) == causes(found)
    assert turned.severity == found.severity
    assert {unexplained.aspect for unexplained in turned.unexplained} == {
        unexplained.aspect for unexplained in found.unexplained
    }
    assert len(turned.unexplained) == len(found.unexplained)
    assert [(before.second, before.first) for cause_finding in turned.causes for before in cause_finding.evidence] == [
        (before.first, before.second) for cause_finding in found.causes for before in cause_finding.evidence
    ]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(WHEELS, KNOWN)
def test_a_wheel_has_nothing_to_explain_against_itself(wheel: dict, known: tuple) -> None:  # type: ignore[type-arg]
    """For any contents."""
    found = diagnosed(members(wheel), members(wheel), known=known)
    assert (found.causes, found.unexplained) == ((), ())


@given(st.lists(st.sampled_from([b"a", b"b", b"c", b"d"])), st.lists(st.sampled_from([b"a", b"b", b"c", b"d"])))
@example([b"a", b"b"], [b"b", b"a", b"b"])
def test_hunks_cover_all_differences_of_two_sequences(first: list[bytes], second: list[bytes]) -> None:
    """With each hunk replaced, the first becomes the second."""
    made, at = [], 0
    for begin, end, other, stop in hunks(first, second):
        assert first[begin:end] != second[other:stop]
        made += [*first[at:begin], *second[other:stop]]
        at = end
    assert [*made, *first[at:]] == second


# --- hostile wheels -------------------------------------------------------------------------------------


def write(path: Path, data: bytes) -> Path:
    """Write a file."""
    path.write_bytes(data)
    return path


def test_a_wheel_that_cannot_be_opened_is_a_failure(tmp_path: Path) -> None:
    """Not an exception."""
    path = write(tmp_path / NAME, b"PK\x03\x04 no archive at all")
    with contents.opened(path, WheelFile(NAME, "0", 10), 1 << 20, 10) as found:
        assert isinstance(found, Failure)
        assert found.reason is Reason.BROKEN_WHEEL


def test_a_member_that_cannot_be_unpacked_is_unexplained(tmp_path: Path) -> None:
    """Its compressed bytes are broken; the rest is diagnosed."""
    path = samples.wheel(tmp_path / NAME, {"a.txt": os.urandom(100)})
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("a.txt").header_offset
    data = bytearray(path.read_bytes())
    data[offset + 30 + 5 + 3 : offset + 30 + 5 + 20] = b"\xff" * 17
    path.write_bytes(data)
    with contents.opened(path, WheelFile(NAME, "0", len(data)), 1 << 20, 10) as opened:
        assert isinstance(opened, Opened)
        with opened.content("a.txt") as content:
            assert content is None
        with opened.content("no such") as content:
            assert content is None


def test_a_large_member_is_not_kept_in_memory(tmp_path: Path) -> None:
    """It is in a file without a name."""
    data = bytes(contents.SMALL) + b"the end"
    path = samples.wheel(tmp_path / NAME, {"a.bin": data})
    with contents.opened(path, WheelFile(NAME, "0", 1), 1 << 30, 10) as opened:
        assert isinstance(opened, Opened)
        with opened.content("a.bin") as content:
            assert content is not None
            assert (content.size, content.read(contents.SMALL, 100)) == (len(data), b"the end")
            assert isinstance(content, contents.Spooled)


def deep(kind: str, levels: int) -> bytes:
    """Return a value with too many nested levels."""
    data = b"x"
    for _ in range(levels):
        data = gzip.compress(data, mtime=0) if kind == "gzip" else packed_zip(data)
    return data


HOSTILE = {
    "a bomb": ("a.gz", gzip.compress(bytes(200 << 20), mtime=0), gzip.compress(bytes(200 << 20), mtime=1)),
    "nested gzip": ("a.gz", deep("gzip", 50), deep("gzip", 51)),
    "nested zip": ("a.zip", deep("zip", 20), deep("zip", 21)),
    "deep JSON": (f"{INFO}/sboms/a.json", b"[" * 100_000, b"[" * 100_001),
    "wide JSON": (f"{INFO}/sboms/a.json", b'{"a":' * 500 + b"1" + b"}" * 500, b'{"a":' * 500 + b"2" + b"}" * 500),
    "deep marshal": ("a.pyc", pyc("1")[:16] + b"(\1\0\0\0" * 50_000, pyc("1")[:16] + b"(\1\0\0\0" * 50_001),
    "wide marshal": ("a.pyc", pyc("1")[:16] + b"(\xff\xff\xff\x7f", pyc("1")[:16] + b"(\xff\xff\xff\x7e"),
    "self-referring marshal": ("a.pyc", pyc("1")[:16] + b"\xa9\2r\0\0\0\0N", pyc("1")[:16] + b"\xa9\2r\0\0\0\0T"),
    "many short lines": ("a.txt", b"a\n" * 900_000, b"b\n" * 900_001),
    "one long line": ("a.txt", b"a," * 400_000 + b"x", b"b," * 400_000),
    "many hex digits": ("a.txt", b"ab" * 400_000, b"ba" * 400_000),
    "many letters of base64": ("a.txt", b"aB/" * 300_000, b"bA/" * 300_000),
    "many slashes": ("a.txt", b"/a" * 400_000, b"/b" * 400_000),
    "many dates": ("a.txt", b"2026-11-20 " * 60_000, b"2027-12-25 " * 60_000),
    "many spaces": ("a.txt", b"Nov " + b" " * 800_000, b"Dec " + b" " * 800_000),
    "noise": ("a.bin", NOISE(1).randbytes(2 << 20), NOISE(2).randbytes(2 << 20)),
    "noise of another length": (
        "a.bin",
        NOISE(1).randbytes(2 << 20),
        NOISE(2).randbytes((2 << 20) - 9),
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_content_of_a_member_takes_long_or_breaks(what: str) -> None:
    """At worst it is unexplained."""
    path, first, second = HOSTILE[what]
    for known in ((OURS, THEIRS), (UNKNOWN, UNKNOWN)):
        begun = time.process_time()
        found = diagnosed({path: first}, {path: second}, known=known)
        assert time.process_time() - begun < 20, "seconds of processor time"
        assert found.causes or found.unexplained


def test_of_very_many_places_some_are_named_and_the_rest_counted() -> None:
    """So a record has a bounded size."""
    first, second = ("".join(f"{number} {side}\nsame {number}\n" for number in range(9000)) for side in ("q", "w"))
    found = diagnosed({"a.txt": first.encode()}, {"a.txt": second.encode()})
    assert len(found.unexplained) == PLACES + 1
    assert "more" in found.unexplained[-1].where


MEASURED = """
import re, sys, time
from pathlib import Path
from tests.wheel_builder import diagnosed_files, NAME
begun = time.monotonic()
found = diagnosed_files(Path(sys.argv[1]), Path(sys.argv[2]), names=(NAME, NAME))
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(len(found.unexplained), time.monotonic() - begun, int(peak[1]) >> 10)
"""


def test_two_wheels_of_a_hundred_megabytes_fit_into_two_hundred(tmp_path: Path) -> None:
    """With one member of that size that differs in a few places."""
    noise = NOISE(1).randbytes(100 << 20)
    paths = []
    for number in range(2):
        changed = bytearray(noise)
        for at in range(0, len(changed), 1 << 20):
            changed[at : at + 4] = struct.pack("<I", number)
        path = tmp_path / f"{number}.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo("pkg/a.bin"), changed)
        paths.append(str(path))
        del changed
    command = [sys.executable, "-c", MEASURED, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    unexplained, seconds, megabytes = (float(word) for word in done.stdout.split())
    assert unexplained == PLACES + 1
    assert megabytes < 200
    assert seconds < 60


def test_a_license_that_moved_is_the_same_member() -> None:
    """Another content, or two files of one content, are not paired."""
    old, new = f"{INFO}/LICENSE", f"{INFO}/licenses/LICENSE"
    moved = diagnosed({old: b"MIT"}, {new: b"MIT"})
    assert [one.path for one in moved.differences if not one.consequence] == [old]
    assert moved.severity is Severity.METADATA
    changed = diagnosed({old: b"MIT"}, {new: b"GPL"})
    assert {one.path for one in changed.differences} == {old, new}
    assert {member for one in changed.causes for member in one.members} == {old, new}


def test_an_order_in_code_is_named_only_where_builds_may_show_it() -> None:
    """Two files alone never do; what builds have disproved is no cause."""
    pair = {"a.py": b"x = {'a', 'b', 'c'}\n"}, {"a.py": b"x = {'b', 'c', 'a'}\n"}
    alone = diagnosed(*pair, known=(UNKNOWN, UNKNOWN))
    assert (causes(alone), left(alone)) == ([], [("a.py", "content", "line 1")])
    assert (alone.unexplained[0].first, alone.unexplained[0].second) == ("x = {'a', 'b', 'c'}", "x = {'b', 'c', 'a'}")
    suspected = diagnosed(*pair)
    assert (causes(suspected), guessed(suspected)) == (["hash-order"], [("a.py", "hash-order")])
    isolated = diagnosed(*pair, grounds=Grounds(("fileordering",), ("hash-seed", "locales")))
    assert [(one.name, one.variations) for one in isolated.causes] == [("hash-order", ("fileordering",))]
    disproved = diagnosed(*pair, grounds=Grounds(("umask",), ("hash-seed", "locales", "fileordering")))
    assert (causes(disproved), left(disproved)) == ([], [("a.py", "content", "line 1")])


def test_builds_of_one_member_disprove_a_cause_there_alone() -> None:
    """Another member has it."""
    grounds = Grounds(("domain-host", "time"), by_member=(("a.txt", ("time",)), ("b.txt", ("domain-host",))))
    sides = [{path: one.hostname.encode() for path in ("a.txt", "b.txt")} for one in (FIRST, SECOND)]
    found = diagnosed(*sides, grounds=grounds)
    assert [(one.name, one.members) for one in found.causes] == [("host-name", ("b.txt",))]
    assert left(found) == [("a.txt", "content", "line 1")]


def test_builds_of_the_archive_disprove_nothing_of_its_members() -> None:
    """Its order, or the wheel's file name, follows other variations than the modes of the members."""
    paths = [zipfile.ZipInfo(name) for name in ("a.py", "b.py")]
    modes = [(0o100644, paths), (0o100664, paths[::-1])]
    sides = [members({one.filename: ((one.date_time, mode), b"") for one in names}) for mode, names in modes]
    by_member = (("", ("fileordering",)), ("a.py", ("umask",)), ("b.py", ("umask",)))
    found = diagnosed(*sides, grounds=Grounds(("umask", "fileordering", "hash-seed"), by_member=by_member))
    assert [(one.name, one.variations) for one in found.causes] == [
        ("archive-modes", ("umask",)),
        ("archive-order", ("fileordering",)),
    ]
    assert left(found) == []


def test_a_guess_explains_nothing_that_is_installed() -> None:
    """It is named, and its place is listed with both sides; two environments that are known are needed for more."""
    pair = {"a.py": b"d = '2024-01-02 03:04:05'\n"}, {"a.py": b"d = '2025-02-03 04:05:06'\n"}
    found = diagnosed(*pair, known=(UNKNOWN, UNKNOWN))
    assert all(one.proof is Proof.POSSIBLE for one in found.causes)
    assert [(one.path, one.first, one.second) for one in found.unexplained] == [
        ("a.py", "d = '2024-01-02 03:04:05'", "d = '2025-02-03 04:05:06'")
    ]


def test_white_space_in_code_stays_listed_until_builds_have_shown_what_does_it() -> None:
    """Also between two builds of known environments, which say nothing of white space."""
    pair = {"a.py": b"if x:\n    y()\n    z()\n"}, {"a.py": b"if x:\n    y()\nz()\n"}
    for known in ((UNKNOWN, UNKNOWN), (OURS, THEIRS)):
        found = diagnosed(*pair, known=known)
        assert [(one.name, one.proof) for one in found.causes] == [("white-space", Proof.POSSIBLE)]
        assert guessed(found) == [("a.py", "white-space")]


def test_bytes_that_are_no_text_are_shown_in_hex() -> None:
    """From a few bytes before the first that differs."""
    found = diagnosed({"a.bin": bytes(range(256))}, {"a.bin": bytes(range(255)) + b"\x01"})
    assert "fe ff |" in found.unexplained[0].first
    assert "fe 01 |" in found.unexplained[0].second


def test_of_every_member_that_differs_something_is_listed() -> None:
    """Also of the last of very many, and of one after texts that fill their room."""
    sides = [{f"{number:04}.py": f"{side}{number}\n".encode() * 40 for number in range(2100)} for side in "ab"]
    found = diagnosed(*sides, known=(UNKNOWN, UNKNOWN))
    assert {one.path for one in found.unexplained} == set(sides[0])
    assert {one.path for one in found.unexplained if one.first != one.second} == set(list(sides[0])[:TAKEN_APART])


def test_a_value_that_both_builds_planted_does_not_make_them_differ() -> None:
    """As between two builds in one environment: what differs beside the path is the path's no more."""
    sides = [{"a.txt": f"{FIRST.build_path} {word}".encode()} for word in ("one", "two")]
    found = diagnosed(*sides, known=(OURS, OURS))
    assert (causes(found), left(found)) == ([], [("a.txt", "content", "line 1")])


@pytest.mark.parametrize("end", ["\r\n", ""])
def test_the_ends_of_lines_in_record_are_seen(end: str) -> None:
    """Also where its members differ."""
    record = "a.txt,sha256=0,1\nb.txt,,\n"
    other = record.replace("\n", end) if end else record.removesuffix("\n")
    sides = [{"a.txt": text, f"{INFO}/RECORD": lines.encode()} for text, lines in ((b"1", record), (b"2", other))]
    found = diagnosed(*sides)
    assert causes(found) == ["line-ends"]
    assert [path for path, _, _ in left(found)] == ["a.txt"]
