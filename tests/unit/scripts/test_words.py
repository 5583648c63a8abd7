"""Counting the words of private language is pure, but for reading the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import words

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = '''"""Tell what lies there."""
LIMIT = 1
"""Seconds; see `hold`."""
def run() -> str:
    """Return the result."""
    return "told"
'''


@pytest.mark.parametrize(
    ("prose", "expected"),
    [
        ("Report the difference.", []),
        ("Tell the difference.", ["Tell"]),
        ("It holds what the index said.", ["holds", "said"]),
        ("Set `hold`, or raise otherwise.", []),
        ("The bytes are otherwise.", ["are otherwise"]),
        ("A process of its own.", ["of its own"]),
        ("Standard understanding; outstanding.", []),
    ],
)
def test_each_listed_word_is_counted(prose: str, expected: list[str]) -> None:
    """Each listed word counts once; code and longer words do not."""
    text = words.Text("folder", "file.py:1", prose)
    assert [word for _, word in words.occurrences(text)] == expected
    assert words.count([text])["folder"].listed == len(expected)


def test_only_docstrings_are_read() -> None:
    """The strings below attributes are docstrings too; a string that is a value is not."""
    assert sorted(words.docstrings(SOURCE)) == [
        (1, "Tell what lies there."),
        (3, "Seconds; see `hold`."),
        (5, "Return the result."),
    ]


def test_an_occurrence_has_its_line() -> None:
    """The line is that of the word, not of the docstring's beginning."""
    text = words.Text("folder", "file.py:7", "Summary.\n\nIt shall end.")
    assert list(words.occurrences(text)) == [("file.py:9", "shall")]


def test_rates_are_per_thousand_words() -> None:
    """Counts of folders add up to that of the tree."""
    total = words.Count(900, 1) + words.Count(100, 1)
    assert total == words.Count(1000, 2)
    assert words.table({"total": total}).splitlines()[1].split() == ["total", "1000", "2", "2.0"]


@pytest.mark.parametrize(("limit", "status"), [([], 0), (["--limit", "1000"], 0), (["--limit", "0"], 1)])
def test_only_a_limit_makes_it_fail(
    tmp_path: Path, limit: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 1 only if a limit was asked for and exceeded."""
    package = tmp_path / "orchestrator"
    package.mkdir()
    (package / "__init__.py").write_text(SOURCE, encoding="utf-8")
    (package / "cli.py").write_text("import click\ncli = click.Group(help='Build wheels.')\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("# A tree\n", encoding="utf-8")
    assert words.main([*limit, str(tmp_path)]) == status
    assert "orchestrator" in capsys.readouterr().out
