"""Two texts side by side: each token that differs is marked, and nothing is lost of either."""

from __future__ import annotations

import time
from itertools import product

import pytest

from orchestrator.publish.side_by_side import ALIGNED, Marked, carets, is_wholly_other, sides, window


def differing(text: Marked) -> list[str]:
    """Return the parts that are marked."""
    return [piece.text for piece in text if piece.differs]


def whole(text: Marked) -> str:
    """Return the text without marks."""
    return "".join(piece.text for piece in text)


@pytest.mark.parametrize(
    ("first", "second", "marks"),
    [
        ("if x < 1 and y:", "if x > 2 and y:", (["<", "1"], [">", "2"])),
        ("return True", "return False", (["True"], ["False"])),
        ("f(a, b)", "f(a b)", ([","], [])),
        ("    return x", "        return x", (["    "], ["        "])),
        ("mode 0644", "mode 0664", (["0644"], ["0664"])),
        ("48 8b 05 1a", "48 8c 05 1b", (["8b", "1a"], ["8c", "1b"])),
        ("a\tb", "a b", (["\t"], [" "])),
        ("same", "same", ([], [])),
        ("", "new", ([], ["new"])),
    ],
)
def test_each_token_that_differs_is_marked(first: str, second: str, marks: tuple[list[str], list[str]]) -> None:
    """Alone, not with what is between two of them."""
    one, other = sides(first, second)
    assert (differing(one), differing(other)) == marks
    assert (whole(one), whole(other)) == (first, second)


def test_nothing_is_lost_and_what_is_not_marked_is_the_same() -> None:
    """Whatever the texts are."""
    words = ("", "a", "a b", "(a, a)", "b\n\n", "\u202e)", "e\u0301 漢", "((((", "a,b,a")
    for first, second in product(words, repeat=2):
        one, other = sides(first, second)
        assert (whole(one), whole(other)) == (first, second)
        assert [p.text for p in one if not p.differs] == [p.text for p in other if not p.differs]
        assert bool(differing(one) or differing(other)) is (first != second)


def test_crafted_texts_are_aligned_in_no_time() -> None:
    """Beyond a bound, all from the first to the last difference is marked."""
    start = time.process_time()
    for size in (ALIGNED, 50 * ALIGNED):
        first, second = "x" + "(" * size + "y", "z" + ")(" * size + "w"
        one, other = sides(first, second)
        assert (whole(one), whole(other)) == (first, second)
    assert differing(one) == [first]
    assert time.process_time() - start < 2


def test_a_cut_keeps_the_first_place_that_differs() -> None:
    """However far it is from the begin."""
    first, second = window("a" * 1000 + "X" + "b" * 1000, "a" * 1000 + "Y" + "b" * 1000, 30)
    assert first == f"[... 990 characters left out] {'a' * 10}X{'b' * 19} [... 981 characters left out]"
    assert second == first.replace("X", "Y")
    assert window("a", "b", 30) == ("a", "b")
    short, long = window("a" * 1000, "a" * 1001, 30)
    assert (short.count("a"), long.count("a")) == (12, 13)  # two of them are of the sentence


def test_marks_are_below_what_they_mark_whatever_its_width() -> None:
    """Wide characters take two columns, and those that combine with others none; long texts have several rows."""
    one, other = sides("漢 e\u0301 x", "漢 e\u0301 y")
    assert list(carets(one, 80)) == [("漢 e\u0301 x", "     ^")]
    assert list(carets(other, 80)) == [("漢 e\u0301 y", "     ^")]
    one, _ = sides("a" * 30 + " b", "a" * 30 + " c")
    assert list(carets(one, 25)) == [("a" * 25, ""), ("a" * 5 + " b", "      ^")]


def test_texts_without_a_common_token_have_nothing_to_mark() -> None:
    """White space is nothing in common."""
    assert is_wholly_other(*sides("a b", "c d"))
    assert not is_wholly_other(*sides("a b", "a d"))
