"""The pages of docs/ that come from the catalogues are as the catalogues are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.publish.docs import docs

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = dict(docs())


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_fresh(name: str) -> None:
    """A changed catalogue needs a new page."""
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name], "run `make docs`"


def test_every_link_between_the_pages_leads_somewhere() -> None:
    """To a page that there is, and an entry on it."""
    anchors = {name: set(re.findall(r"^## (\S+)$", text, re.MULTILINE)) for name, text in PAGES.items()}
    links = [
        (target or name, anchor)
        for name, text in PAGES.items()
        for target, anchor in re.findall(r"\]\(([a-z]*(?:\.md)?)#([a-z0-9-]+)\)", text)
    ]
    assert len(links) >= 17
    assert not [(target, anchor) for target, anchor in links if anchor not in anchors[target]]


def test_no_entry_is_left_without_its_words() -> None:
    """Every heading has a text after it, and every slug is one."""
    for text in PAGES.values():
        assert not re.findall(r"^\*\*[^*]+\*\*\.?\s*$", text, re.MULTILINE)
        assert all(re.fullmatch(r"[a-z0-9-]+", slug) for slug in re.findall(r"^## (.*)$", text, re.MULTILINE))
