"""Ends of line and white space are causes of their own; nothing else is called so."""

from __future__ import annotations

import pytest

from orchestrator.analysis.wheel_side import UNKNOWN
from orchestrator.model import Severity
from tests.wheel_builder import causes, diagnosed, left

STRANGERS = (UNKNOWN, UNKNOWN)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (b"a\nb\n", b"a\r\nb\r\n", ["line-ends"]),
        (b"a\nb\nc\n", b"a\rb\rc\r", ["line-ends"]),
        (b"a\nb\nc\n", b"a\nb\r\nc\n", ["line-ends"]),
        (b"a\nb\n", b"a\nb", ["line-ends"]),
        (b"\n", b"", ["white-space"]),
        (b"a\nb\n", b"a\n\nb\n", ["white-space"]),
        (b"a\nb\n", b"a\n\r\nb\n", ["line-ends", "white-space"]),
        (b"a\nb\n", b"a\nb\n\n", ["white-space"]),
        (b"a\n b\n", b"a\n\tb\n", ["white-space"]),
        (b"a\nb\n", b"a  \nb\n", ["white-space"]),
        (b"a b\n", b"a   b\n", ["white-space"]),
        (b"a\n", b"\xef\xbb\xbfa\n", ["white-space"]),
        (b"x = [\n  1,\n  2,\n]\n", b"x = [\n  1,\n  2\n]\n", ["white-space"]),
        (b"f(x, )\n", b"f(x)\n", ["white-space"]),
        (b"a \nb\n", b"a\r\nb\r\n", ["line-ends", "white-space"]),
    ],
)
def test_a_layout_is_named(first: bytes, second: bytes, expected: list[str]) -> None:
    """In both directions, and nothing is left in a text that nothing runs."""
    for members in ((first, second), (second, first)):
        found = diagnosed({"pkg/a.txt": members[0]}, {"pkg/a.txt": members[1]}, known=STRANGERS)
        assert (causes(found), left(found), found.severity) == (expected, [], Severity.DATA)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"a\nb\n", b"a\r\nc\r\n"),
        (b"ab\n", b"a b\n"),
        (b"x = [\n  'a',\n  'b'\n]\n", b"x = [\n  'a'\n  'b'\n]\n"),  # Python joins these
        (b"a b\n", b"a\nb\n"),
        (b"a, b\n", b"a b\n"),
        (b"a,\nb\n", b"a\nb\n"),
        (b"one\n\xef\xbb\xbftwo\n", b"one\ntwo\n"),
        ("x\n".encode("utf-16"), b"x\n"),
        ("x\n".encode("utf-16-le"), "x\n".encode("utf-16-be")),
    ],
)
def test_what_differs_in_more_is_no_layout(first: bytes, second: bytes) -> None:
    """A place stays unexplained."""
    found = diagnosed({"pkg/a.txt": first}, {"pkg/a.txt": second}, known=STRANGERS)
    assert "white-space" not in causes(found)
    assert left(found)


def test_in_code_a_layout_is_a_difference_of_code() -> None:
    """It is named, and listed."""
    found = diagnosed({"a.py": b"if x:\n    y\n    z\n"}, {"a.py": b"if x:\n    y\nz\n"}, known=STRANGERS)
    assert (causes(found), found.severity) == (["white-space"], Severity.CODE)
    assert [(one.where, one.first, one.second, one.before) for one in found.unexplained] == [
        ("line 3", "    z", "z", "    y")
    ]


def test_an_empty_line_is_not_lost_beside_another_change() -> None:
    """Both are there."""
    found = diagnosed({"a.txt": b"a\nb\nc\nd\n"}, {"a.txt": b"a\n\nb\nc\nx\n"}, known=STRANGERS)
    assert causes(found) == ["white-space"]
    assert left(found) == [("a.txt", "content", "line 4 | 5")]
