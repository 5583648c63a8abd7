"""Files arrive as they are on the other host, in bounded pieces; anything else is an error."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import WorkersError
from orchestrator.farm.cluster.transfer import PIECE, piece, receive
from orchestrator.farm.cluster.values import SentFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def files(folder: Path, contents: Sequence[bytes]) -> list[tuple[Path, int]]:
    """Write files, and return them with their sizes."""
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(contents):
        (folder / str(number)).write_bytes(content)
    return [(folder / str(number), len(content)) for number, content in enumerate(contents)]


def listed(contents: Sequence[bytes]) -> tuple[SentFile, ...]:
    """Return the files as a reply lists them."""
    return tuple(SentFile("wheels", hashlib.sha256(one).hexdigest(), len(one)) for one in contents)


def content(size: int, seed: int = 0) -> bytes:
    """Return bytes that differ from place to place."""
    block = bytes((seed + number * number) % 251 for number in range(4099))
    return (block * (size // len(block) + 1))[:size]


def sent(folder: Path, contents: Sequence[bytes], size: int = PIECE) -> list[bytes]:
    """Send files from one folder to another; return what arrived."""
    here = files(folder / "there", contents)
    (folder / "here").mkdir()
    asked = []

    def ask(offset: int) -> bytes:
        asked.append(offset)
        return piece(here, offset, size)

    received = receive(listed(contents), piece(here, 0, size), ask, folder / "here")
    assert len(asked) <= sum(map(len, contents)) // size  # no byte was asked for twice
    assert [file for file, _ in received] == list(listed(contents))
    return [path.read_bytes() for _, path in received]


@pytest.mark.parametrize(
    "sizes",
    [
        (),
        (0,),
        (1,),
        (0, 0, 0),
        (PIECE - 1,),
        (PIECE,),
        (PIECE + 1,),
        (3 * PIECE,),
        (PIECE - 1, 1, PIECE, 0, 1),
        (0, PIECE + 1, 0, PIECE - 1, 3 * PIECE, 1, 0),
    ],
)
def test_files_of_all_sizes_arrive(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """A piece may end in a file, at its end, or span several."""
    contents = [content(size, number) for number, size in enumerate(sizes)]
    assert sent(tmp_path, contents) == contents


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 13))
def test_files_of_any_content_arrive_in_pieces_of_any_size(contents: list[bytes], size: int) -> None:
    """The size of a piece makes no difference."""
    with tempfile.TemporaryDirectory() as folder:
        assert sent(Path(folder), contents, size) == contents


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=9), max_size=5), st.integers(0, 60), st.integers(1, 9))
def test_a_piece_is_a_part_of_all_bytes(contents: list[bytes], offset: int, size: int) -> None:
    """It is short only at the end."""
    with tempfile.TemporaryDirectory() as folder:
        assert piece(files(Path(folder), contents), offset, size) == b"".join(contents)[offset : offset + size]


def test_a_piece_is_never_larger_than_the_bound(tmp_path: Path) -> None:
    """One MiB at a time passes through the scheduler."""
    assert len(piece(files(tmp_path, [content(5 * PIECE)]), PIECE // 2)) == PIECE


def test_a_file_that_is_gone_or_was_cut_gives_no_piece(tmp_path: Path) -> None:
    """The job is judged again then."""
    one = files(tmp_path, [b"12345"])
    one[0][0].write_bytes(b"1234")
    with pytest.raises(OSError, match="shorter than it was"):
        piece(one, 0)
    one[0][0].unlink()
    with pytest.raises(FileNotFoundError):
        piece(one, 0)


CONTENT = content(3 * PIECE)


def endless(_offset: int) -> bytes:
    """Return another piece of zeros."""
    return bytes(PIECE)


@pytest.mark.parametrize(
    ("first", "ask"),
    [
        (CONTENT[:PIECE], lambda _: b""),
        (b"", lambda _: b""),
        (CONTENT[:PIECE], lambda offset: CONTENT[offset : offset + PIECE - 1] if offset < 2 * PIECE else b""),
        (CONTENT[:PIECE], endless),
        (CONTENT[:PIECE], lambda offset: CONTENT[offset - 1 : offset - 1 + PIECE]),
        (CONTENT, endless),
        (CONTENT[:PIECE], lambda offset: CONTENT[offset:]),
        (CONTENT[:PIECE], lambda offset: CONTENT[offset : offset + PIECE - 1] + b"!"),
        (b"x" + CONTENT[: PIECE - 1], lambda offset: (b"x" + CONTENT)[offset : offset + PIECE]),
    ],
    ids=["ends", "nothing", "short", "endless", "shifted", "all at once", "too much", "wrong", "wrong first"],
)
def test_a_lying_source_is_an_error(tmp_path: Path, first: bytes, ask: Callable[[int], bytes]) -> None:
    """Whatever it sends, reading ends."""
    with pytest.raises(WorkersError):
        receive(listed([CONTENT]), first, ask, tmp_path)


def test_more_than_was_announced_is_an_error(tmp_path: Path) -> None:
    """Bytes after the last file belong to nothing."""
    with pytest.raises(WorkersError, match="more came"):
        receive(listed([b"abc"]), b"abcd", endless, tmp_path)


def test_the_second_file_of_a_lying_source_is_checked_too(tmp_path: Path) -> None:
    """The first one alone is not given."""
    with pytest.raises(WorkersError):
        receive(listed([b"abc", b"def"]), b"abcdeg", endless, tmp_path)
