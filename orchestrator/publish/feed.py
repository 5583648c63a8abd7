"""Records of runs -> feed.atom (RFC 4287): an entry for each run that changed something, the newest first. Pure."""

from __future__ import annotations

import html
import uuid
from itertools import islice
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from orchestrator.publish import news
from orchestrator.util import escapes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from orchestrator.model import RunRecord

NAME = "feed.atom"
"""The feed's name on the site."""

MOST = 50
"""How many entries the feed has."""

_ATOM = "http://www.w3.org/2005/Atom"
_NAMESPACE = uuid.UUID("8f2b1c52-6d0f-5e0a-9d3e-2f6f3a7c4b11")
"""Of the ids of feeds and entries (RFC 9562, version 5)."""

_EPOCH = "1970-01-01T00:00:00Z"  # of a feed without entries, whose `updated` must not be left out


def feed(runs: Iterable[RunRecord], site_url: str = "") -> str:
    """Return the feed of records of runs, which are given newest first.

    `site_url` is the address at which the site is published; without it, links are relative to the feed's own
    address. An entry's id and time follow from its run alone, so that a feed that is written again has the same.
    """
    several = list(islice((run for run in runs if run.changes), MOST))
    ET.register_namespace("", _ATOM)
    root = ET.Element(f"{{{_ATOM}}}feed")
    _text(root, "id", _id(site_url or "feed"))
    _text(root, "title", "wheelproof: what changed")
    _text(root, "updated", _moment(several[0].finished) if several else _EPOCH)
    _text(ET.SubElement(root, f"{{{_ATOM}}}author"), "name", "wheelproof")
    _link(root, "self", f"{site_url}{NAME}")
    _link(root, "alternate", f"{site_url}index.html")
    for run in several:
        _entry(root, run, site_url)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _entry(root: ET.Element, run: RunRecord, site_url: str) -> None:
    entry = ET.SubElement(root, f"{{{_ATOM}}}entry")
    _text(entry, "id", _id(run.started.isoformat()))  # by which its record is named; other fields may be added to it
    _text(entry, "title", f"{run.started:%Y-%m-%d}: {news.headline(run)}")
    _text(entry, "updated", _moment(run.finished))
    _link(entry, "alternate", f"{site_url}nights/{run.started:%Y-%m-%d}.html")
    items = "".join(f"<li>{html.escape(line)}</li>" for line in news.lines(run))
    _text(entry, "content", f"<ul>{items}</ul>").set("type", "html")


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    """Add an element with a text; XML has no form for control characters, which are spelt out."""
    element = ET.SubElement(parent, f"{{{_ATOM}}}{name}")
    element.text = escapes.visible(text)
    return element


def _link(parent: ET.Element, relation: str, target: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}link", {"rel": relation, "href": target})


def _id(text: str) -> str:
    return uuid.uuid5(_NAMESPACE, text).urn


def _moment(moment: datetime) -> str:
    """Return a moment as RFC 3339 has it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
