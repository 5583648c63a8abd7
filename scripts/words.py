"""Count the words of private language in docstrings, README.md and --help, per 1,000 words of each folder.

    .venv/bin/python scripts/words.py [--limit NUMBER] [--where] [TREE]

TREE is a checkout of wheelproof; the default is this one. With --limit, the exit status is 1 if the total
exceeds NUMBER. With --where, each occurrence is printed too.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("orchestrator", "scripts", "tests")
GENERATED = "tests/packages"  # small broken projects, which are data

# Plain technical English has a more exact word for each of these: report, be, contain, again, different, must.
WORDS = (
    r"tells?|told|telling",
    r"says?|said|saying",
    r"stands?|stood|standing",
    r"lies?|lay|lain|lying",
    r"bears?|bore|borne|bearing",
    r"holds?|held|holding",
    r"shall",
    r"anew",
    r"(?:is|are|was|were|be|been|not|\w+ed) otherwise",  # as an adjective, and "listed otherwise"
    r"of (?:its|their|his|one's) own",
    r"to be had",
    r"sees? to|seen to|seeing to",
    r"nights?|nightly",
    r"sins?|sinners?",
)
_LISTED = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
_CODE = re.compile(r"``[^`]*``|`[^`]*`|^```.*?^```", re.MULTILINE | re.DOTALL)  # names, such as the setting `hold`
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")

_HELP = """
import click
from orchestrator.cli import cli
for command in (cli, *cli.commands.values()):
    print(command.get_help(click.Context(command, info_name=command.name)))
"""


@dataclass(frozen=True, slots=True)
class Text:
    """Prose of one file: the folder it is counted for, where it begins, and the prose."""

    folder: str
    place: str
    prose: str


@dataclass(frozen=True, slots=True)
class Count:
    """The words of a folder's prose, and those of them that are listed."""

    words: int = 0
    listed: int = 0

    def __add__(self, other: Count) -> Count:
        """Add two counts."""
        return Count(self.words + other.words, self.listed + other.listed)

    @property
    def rate(self) -> float:
        """Listed words per 1,000 words."""
        return 1000 * self.listed / self.words if self.words else 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("tree", type=Path, nargs="?", default=ROOT, help="a checkout of wheelproof")
    parser.add_argument("--limit", type=float, help="exit with 1 if there are more per 1,000 words than this")
    parser.add_argument("--where", action="store_true", help="print each occurrence")
    options = parser.parse_args(arguments)
    texts = list(prose(options.tree))
    if options.where:
        sys.stdout.writelines(f"{place}: {word}\n" for text in texts for place, word in occurrences(text))
    counts = count(texts)
    total = sum(counts.values(), Count())
    sys.stdout.write(table({**counts, "total": total}))
    return int(options.limit is not None and total.rate > options.limit)


def prose(tree: Path) -> Iterator[Text]:
    """Yield the docstrings of a checkout, its README.md, and the help of each command."""
    for folder in FOLDERS:
        for path in sorted((tree / folder).rglob("*.py")):
            name = path.relative_to(tree)
            if not name.is_relative_to(GENERATED):
                parent = "/".join(name.parts[: min(2, len(name.parts) - 1)])
                for line, docstring in docstrings(path.read_text(encoding="utf-8")):
                    yield Text(parent, f"{name}:{line}", docstring)
    yield Text("README.md", "README.md:1", (tree / "README.md").read_text(encoding="utf-8"))
    yield Text("--help", "--help:1", _help(tree))


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield each string that is a statement: docstrings, and those below an attribute; with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def count(texts: Iterable[Text]) -> dict[str, Count]:
    """Count the words of each folder."""
    counts: defaultdict[str, Count] = defaultdict(Count)
    for text in texts:
        plain = _CODE.sub("", text.prose)
        counts[text.folder] += Count(len(_WORD.findall(plain)), len(_LISTED.findall(plain)))
    return dict(counts)


def occurrences(text: Text) -> Iterator[tuple[str, str]]:
    """Yield the place and the listed word of each occurrence in a text."""
    name, _, first = text.place.rpartition(":")
    plain = _CODE.sub(lambda code: "\n" * code[0].count("\n"), text.prose)
    for match in _LISTED.finditer(plain):
        yield f"{name}:{int(first) + plain.count(chr(10), 0, match.start())}", match[0]


def table(counts: dict[str, Count]) -> str:
    """Return a line for each folder: its words, the listed ones, and their rate."""
    lines = [f"{'folder':34}{'words':>8}{'listed':>8}{'per 1,000':>11}"]
    lines += [f"{name:34}{folder.words:8}{folder.listed:8}{folder.rate:11.1f}" for name, folder in counts.items()]
    return "\n".join(lines) + "\n"


def _help(tree: Path) -> str:
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _HELP], cwd=tree, capture_output=True, text=True, check=True
    ).stdout


if __name__ == "__main__":
    sys.exit(main())
