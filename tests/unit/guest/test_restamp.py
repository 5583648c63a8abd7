"""Fields of a published wheel's archive, given to one of the same members: by functions, and by the program."""

from __future__ import annotations

import hashlib
import io
import random
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.guest import restamp
from orchestrator.recipes import embedding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LINES = b"".join(b"line %d of %d\n" % (one, one * one) for one in range(2000))
ALL = restamp.NAMES


class Pipe(io.RawIOBase):
    """A file on which zipfile cannot go back."""

    def __init__(self, out: io.BytesIO) -> None:
        """Write to that buffer."""
        self.out = out

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:  # noqa: ANN401 - bytes of any kind
        return self.out.write(content)


@dataclass(frozen=True)
class Written:
    """How a test's wheel is written."""

    members: tuple[tuple[str, bytes], ...] = (
        ("pkg/__init__.py", LINES),
        ("pkg/a.py", b"a = 1\n"),
        ("pkg-1.dist-info/RECORD", b"x,,\n"),
    )
    when: tuple[int, int, int, int, int, int] = (2024, 5, 6, 7, 8, 10)
    mode: int = 0o100644
    system: int = 3
    level: int = 6
    method: int = zipfile.ZIP_DEFLATED
    streamed: bool = False  # the sizes follow the packed bytes

    def wheel(self) -> bytes:
        """Return the file."""
        out = io.BytesIO()
        with zipfile.ZipFile(Pipe(out) if self.streamed else out, "w") as archive:
            for name, content in self.members:
                info = zipfile.ZipInfo(name, self.when)
                info.create_system, info.external_attr = self.system, self.mode << 16
                archive.writestr(info, content, self.method, self.level)
        return out.getvalue()


OURS = Written()
OTHER_TIME = replace(OURS, when=(2021, 1, 2, 3, 4, 6))


def odd_zlib(content: bytes) -> bytes:
    """Pack as no level of the usual settings does."""
    stream = zlib.compressobj(6, zlib.DEFLATED, -15, 1)
    return stream.compress(content) + stream.flush()


def by_another_zlib(wheel: bytes) -> bytes:
    """Return the same wheel with other packed bytes."""
    archive = restamp.read(wheel)
    found = restamp.contents(archive, archive)
    members = {name: restamp.repacked(one, odd_zlib(found[name])) for name, one in archive.by_name.items()}
    return restamp.written(archive, *restamp.orders(archive), members)


@pytest.mark.parametrize(
    ("published", "fields"),
    [
        (OTHER_TIME, ("times",)),
        (replace(OURS, mode=0o100664), ("modes",)),
        (replace(OURS, mode=0o644, system=0), ("modes",)),
        (replace(OURS, members=OURS.members[::-1]), ("order",)),
        (replace(OURS, level=9), ("compression",)),
        (replace(OURS, level=1), ("compression",)),
        (replace(OURS, method=zipfile.ZIP_STORED), ("compression",)),
        (replace(OTHER_TIME, mode=0o100600, level=9, members=OURS.members[::-1]), ALL),
    ],
    ids=["times", "umask", "windows", "order", "level-9", "level-1", "stored", "all"],
)
def test_each_field_is_taken_and_nothing_else(published: Written, fields: tuple[str, ...]) -> None:
    """With the named fields the file is the published one; with one less it is not, and it has our own values."""
    ours, theirs = OURS.wheel(), published.wheel()
    assert restamp.differing(restamp.read(ours), restamp.read(theirs)) == fields
    done = restamp.restamp(ours, theirs, fields)
    assert done.content == theirs
    assert not done.other_zlib
    for left_out in fields:
        less = restamp.restamp(ours, theirs, [name for name in fields if name != left_out])
        assert less.content != theirs
        assert not less.other_zlib
    assert restamp.restamp(ours, theirs, ()).content == ours


def test_sizes_that_follow_the_packed_bytes_are_changed_too() -> None:
    """As a writer leaves them that cannot go back."""
    ours, theirs = replace(OURS, streamed=True), replace(OTHER_TIME, streamed=True, level=9)
    assert restamp.restamp(ours.wheel(), theirs.wheel(), ("times", "compression")).content == theirs.wheel()
    mixed = restamp.restamp(OURS.wheel(), theirs.wheel(), ALL)
    assert mixed.content != theirs.wheel(), "where the sizes are is no field that is taken"
    assert not mixed.other_zlib


def test_another_zlib_is_named_where_all_else_is_proven() -> None:
    """The packed bytes are not copied; with one more difference nothing is claimed."""
    theirs = by_another_zlib(OTHER_TIME.wheel())
    done = restamp.restamp(OURS.wheel(), theirs, ("times", "compression"))
    assert done.other_zlib
    assert done.content == OTHER_TIME.wheel()
    assert not restamp.restamp(OURS.wheel(), theirs, ("compression",)).other_zlib
    assert not restamp.restamp(OURS.wheel(), theirs, ("times",)).other_zlib


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ((("pkg/__init__.py", LINES[:-1] + b"!"), *OURS.members[1:]), "pkg/__init__.py: its bytes differ"),
        ((("pkg/__init__.py", LINES + b"!"), *OURS.members[1:]), "pkg/__init__.py: its bytes differ"),
        (OURS.members[1:], "pkg/__init__.py: only one wheel has it"),
        ((*OURS.members, ("\x1b[31m", b"")), r"\\x1b[31m: only one wheel has it"),
    ],
)
def test_members_that_differ_are_refused(members: tuple[tuple[str, bytes], ...], why: str) -> None:
    """By name, and without a control character."""
    theirs = replace(OURS, members=members).wheel()
    for pair in ((OURS.wheel(), theirs), (theirs, OURS.wheel())):
        with pytest.raises(restamp.Refusal) as refused:
            restamp.restamp(*pair, ALL)
        assert why.replace(r"\\", "\\") in str(refused.value)


def test_a_published_wheel_that_lies_about_its_contents_is_refused() -> None:
    """A member's declared CRC is no proof: its bytes are unpacked, and no more of them than ours has."""
    changed = bytearray(replace(OURS, method=zipfile.ZIP_STORED).wheel())
    changed[changed.index(b"line 5 of")] ^= 1  # the CRC stays
    with pytest.raises(restamp.Refusal, match="its bytes differ"):
        restamp.restamp(OURS.wheel(), bytes(changed), ALL)
    bomb = replace(OURS, members=(("pkg/__init__.py", bytes(50 << 20)), *OURS.members[1:])).wheel()
    with pytest.raises(restamp.Refusal, match="its bytes differ"):
        restamp.restamp(OURS.wheel(), bomb, ALL)


@pytest.mark.parametrize("mutate", ["byte", "cut", "swap"])
def test_whatever_is_published_gives_the_bytes_or_a_refusal(mutate: str) -> None:
    """No other exception; and never a false claim that only the zlib is another."""
    source = random.Random(mutate)  # noqa: S311 - the same in every run
    ours, theirs = OURS.wheel(), by_another_zlib(OTHER_TIME.wheel())
    for _ in range(300):
        odd = bytearray(theirs)
        place = source.randrange(len(odd)) if source.random() < 0.5 else -source.randrange(1, 300)
        if mutate == "byte":
            odd[place] = source.randrange(256)
        elif mutate == "cut":
            del odd[place : place + source.randrange(1, 50)]
        else:
            odd[place:] = odd[:place]
        try:
            done = restamp.restamp(ours, bytes(odd), ALL)
        except restamp.Refusal:
            continue
        if done.other_zlib:
            assert zipfile.ZipFile(io.BytesIO(odd)).testzip() is None
            with zipfile.ZipFile(io.BytesIO(odd)) as archive:
                assert {name: archive.read(name) for name in archive.namelist()} == dict(OURS.members)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_plain_zip_is_refused(content: bytes) -> None:
    """An empty archive has no members, which differ from ours."""
    with pytest.raises(restamp.Refusal):
        restamp.restamp(OURS.wheel(), content, ALL)
    with pytest.raises(restamp.Refusal):
        restamp.restamp(content, OURS.wheel(), ALL)


def run(folder: Path, published: bytes, *arguments: str, sha256: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program as recipes have it, on a wheel in that folder."""
    (folder / "ours.whl").write_bytes(OURS.wheel())
    (folder / "theirs.whl").write_bytes(published)
    expected = sha256 or hashlib.sha256(published).hexdigest()
    given: Sequence[str] = arguments or ("times", str(folder / "theirs.whl"), "")
    return subprocess.run(
        [sys.executable, "-I", "-", str(folder / "ours.whl"), *given, expected],
        input=embedding.restamp(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_of_a_recipe_ends_with_what_it_found(tmp_path: Path) -> None:
    """0, 10, 11, or 2 without a published wheel; the wheel is replaced only where all members are equal."""
    wheel = tmp_path / "ours.whl"
    assert run(tmp_path, OTHER_TIME.wheel()).returncode == 0
    assert wheel.read_bytes() == OTHER_TIME.wheel()
    done = run(tmp_path, OTHER_TIME.wheel(), "times", "", (tmp_path / "theirs.whl").as_uri())
    assert done.returncode == 0, done.stderr
    done = run(tmp_path, replace(OTHER_TIME, mode=0o100600).wheel())
    assert (done.returncode, "besides times" in done.stderr) == (10, True)
    changed = replace(OURS, members=(*OURS.members[:2], ("pkg-1.dist-info/RECORD", b"y,,\n")))
    done = run(tmp_path, changed.wheel())
    assert (done.returncode, "pkg-1.dist-info/RECORD: its bytes differ" in done.stderr) == (10, True)
    assert wheel.read_bytes() == OURS.wheel()
    theirs = str(tmp_path / "theirs.whl")
    done = run(tmp_path, by_another_zlib(OTHER_TIME.wheel()), "times,compression", theirs, "")
    assert (done.returncode, "the zlib here" in done.stderr) == (11, True)
    for arguments in (("times", "/nonexistent", ""), ("times", "", "")):
        assert run(tmp_path, OTHER_TIME.wheel(), *arguments).returncode == 2
    done = run(tmp_path, OTHER_TIME.wheel(), sha256="0" * 64)
    assert (done.returncode, "not the published wheel" in done.stderr) == (2, True)
