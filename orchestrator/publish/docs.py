"""The catalogues as Markdown pages of docs/, with each slug as an anchor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.publish.catalogue import chapters
from orchestrator.publish.findings.rules import RULES
from orchestrator.publish.wording import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.publish.catalogue import Chapter, Entry, See

_MARKS = re.compile(r"[\\*_<>\[\]]")

_GENERATED = "<!-- Written by `make docs` from the catalogues in orchestrator/; edit those. -->"


def docs() -> Iterator[tuple[str, str]]:
    """Yield each generated page of docs/ as (file name, text)."""
    catalogue = chapters()
    known = frozenset((chapter.slug, entry.slug) for chapter in catalogue for entry in chapter.entries)
    for chapter in catalogue:
        yield f"{chapter.slug}.md", _page(chapter, known)
    yield "reasons.md", _reasons()
    yield "findings.md", _findings()


def _page(chapter: Chapter, known: frozenset[tuple[str, str]]) -> str:
    parts = (part for entry in chapter.entries for part in _entry(entry, known))
    return _joined(_GENERATED, f"# {chapter.title}", _text(chapter.intro), _contents(chapter), *parts)


def _contents(chapter: Chapter) -> str:
    rows = (f"| [{entry.slug}](#{entry.slug}) | {_cell(entry.what)} |" for entry in chapter.entries)
    return "\n".join(("| | |", "|---|---|", *rows))


def _entry(entry: Entry, known: frozenset[tuple[str, str]]) -> Iterator[str]:
    yield f"## {entry.slug}"
    yield _text(entry.what)
    for heading, text in entry.sections:
        yield f"**{heading}.** {_text(text)}"
    for see in entry.see:
        yield f"**{see.how}:** {', '.join(_links(see, known))}."


def _links(see: See, known: frozenset[tuple[str, str]]) -> Iterator[str]:
    for slug in see.slugs:
        yield f"[{slug}]({see.chapter}.md#{slug})" if (see.chapter, slug) in known else f"`{slug}`"


def _reasons() -> str:
    rows = (f'| <a id="{slug}"></a>`{slug}` | {_cell(words)} |' for slug, words in REASONS.items())
    table = "\n".join(("| reason | meaning |", "|---|---|", *rows))
    intro = "Why a release fails to build from source: the `reason` of an `ftbfs` verdict."
    return _joined(_GENERATED, "# Reasons of failure", intro, table)


def _findings() -> str:
    rows = (f"| [{rule.slug}](#{rule.slug}) | {rule.level} | {_cell(rule.summary)} |" for rule in RULES)
    table = "\n".join(("| finding | level | |", "|---|---|---|", *rows))
    intro = (
        "What `wheelproof run` finds, in text, GitHub annotations, JUnit XML and SARIF. A finding that fails a gate is "
        "an error, whatever its level here; [usage](usage.md) has the options."
    )
    entries = (part for rule in RULES for part in (f"## {rule.slug}", _text(rule.summary), _text(rule.fix)))
    return _joined(_GENERATED, "# Findings", intro, table, *entries)


def _text(text: str) -> str:
    """Return a text escaped for Markdown: `code` in back-ticks is kept, other markup is escaped."""
    pieces = text.split("`")
    return "`".join(piece if odd % 2 else _MARKS.sub(r"\\\g<0>", piece) for odd, piece in enumerate(pieces))


def _cell(text: str) -> str:
    """Return a text escaped for a cell of a Markdown table."""
    return _text(text).replace("|", "\\|").replace("\n", " ")


def _joined(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"
