"""A place names the line or the byte that really differs, on both sides; no difference is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.formats.text import Plain, raw, text
from orchestrator.model import Severity


def tokens(first: bytes, second: bytes) -> list[tuple[str, bytes, bytes, bytes]]:
    """Return the places of two texts: (place, first, second, line before)."""
    ours, theirs = text("a", "text", first, second, Severity.DATA)
    return [(place, ours.tokens[place], theirs.tokens[place], ours.before.get(place, b"")) for place in ours.tokens]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (b"a\nb\nc\n", b"a\nx\nc\n", [("line 2", b"b", b"x", b"a")]),
        (b"a\nb\n", b"a\n\nb\n", [("line 2", b"", b"\n", b"a")]),
        (b"a\nb\nc\n", b"0\na\nb\nx\n", [("line 1", b"", b"0\n", b""), ("line 3 | 4", b"c", b"x", b"b")]),
        (b"a\n", b"a", [("last newline", b"\n", b"", b"")]),
        (b"", b"\n", [("line 1", b"", b"\n", b"")]),
        (b"a", b"a\nb\n", [("line 2", b"", b"b\n", b"a"), ("last newline", b"", b"\n", b"")]),
        (b"[\n 1,\n]\n", b"[\n 1\n]\n", [("line 2", b" 1,\n]", b" 1\n]", b"[")]),
    ],
)
def test_a_line_is_named_on_both_sides(
    first: bytes, second: bytes, expected: list[tuple[str, bytes, bytes, bytes]]
) -> None:
    """With the line before, where it is equal."""
    assert tokens(first, second) == expected


TEXTS = st.lists(st.sampled_from([b"a", b"b", b"", b"c\r", b" ]", b"d,"]), max_size=8).map(b"\n".join)


@given(TEXTS, TEXTS)
def test_two_texts_are_never_without_a_difference(first: bytes, second: bytes) -> None:
    """Whatever lines they have."""
    assert bool(tokens(first, second)) == (first != second)


@given(st.binary(max_size=400), st.integers(0, 399), st.binary(min_size=1, max_size=3))
def test_the_first_byte_that_differs_is_named(data: bytes, at: int, other: bytes) -> None:
    """Of contents of equal and of unequal size."""
    at = min(at, len(data))
    for changed in (data[:at] + other + data[at + len(other) :], data[:at] + other + data[at:]):
        ours, _ = raw("a", "raw", Plain(data), Plain(changed), Severity.DATA)
        assert bool(ours.tokens) == (data != changed)
        for place in list(ours.tokens)[:1]:
            begins = [int(number, 16) for number in place.removeprefix("byte ").split(" | ")]
            common = next((n for n, both in enumerate(zip(data, changed, strict=False)) if both[0] != both[1]), None)
            common = min(len(data), len(changed)) if common is None else common
            assert begins == [common] or len(data) != len(changed)
            assert data[: begins[0]] == changed[: begins[-1]] or len(begins) > 1 or len(data) != len(changed)
