"""The feed is valid Atom whatever a package or an index wrote, and has the same text when it is written again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import feedparser  # type: ignore[import-untyped]

from orchestrator.model import ChangeKind, FaultKind
from orchestrator.publish import news
from orchestrator.publish.feed import MOST, feed
from tests.sample_runs import run_of, worse
from tests.samples import NOON

HOSTILE = "</content><script>alert(1)</script>]]>&amp;\x00\x1b[31m\ud800\ufffe\N{RIGHT-TO-LEFT OVERRIDE}\n<b>"
SITE = "https://site.example/wheels/"
ATOM = "{http://www.w3.org/2005/Atom}"


def parsed(text: str) -> Any:  # noqa: ANN401 - what feedparser gives
    """Read a feed as a reader of feeds does, which must find no fault."""
    found = feedparser.parse(text.encode(), response_headers={"content-type": "application/atom+xml; charset=utf-8"})
    assert not found.bozo, found.bozo_exception
    assert found.version == "atom10"
    return found


def test_a_run_with_changes_is_an_entry() -> None:
    """The newest first; a run without changes is none."""
    runs = [run_of(3), run_of(2, changes=()), run_of(1, changes=(worse(1), worse(1, project="foo", later="ftbfs")))]
    found = parsed(feed(runs, SITE))
    assert [entry.title for entry in found.entries] == ["2026-11-23: 1 worse", "2026-11-21: 2 worse"]
    newest = found.entries[0]
    assert newest.updated == found.feed.updated == "2026-11-23T13:00:00Z"
    assert newest.link == f"{SITE}nights/2026-11-23.html"
    assert [one.href for one in found.feed.links if one.rel == "self"] == [f"{SITE}feed.atom"]
    assert newest.content[0].value == f"<ul><li>{news.lines(runs[0])[0]}</li></ul>"


def test_every_element_that_atom_requires_is_there() -> None:
    """RFC 4287, 4.1.1 and 4.1.2: once each; a feed without entries has them too."""
    for runs in ([], [run_of(1)]):
        root = ET.fromstring(feed(runs))  # noqa: S314 - ours
        assert root.tag == f"{ATOM}feed"
        for name in ("id", "title", "updated", "author"):
            assert len(root.findall(f"{ATOM}{name}")) == 1
        for entry in root.findall(f"{ATOM}entry"):
            for name in ("id", "title", "updated", "content"):
                assert len(entry.findall(f"{ATOM}{name}")) == 1


def test_ids_stay_and_differ() -> None:
    """An entry's id follows from its run: not from the site's address, later runs, or what a later release records."""
    before, after = parsed(feed([run_of(1)])), parsed(feed([run_of(2), run_of(1)], SITE))
    assert before.entries[0].id == after.entries[1].id
    assert len({entry.id for entry in after.entries} | {after.feed.id}) == 3
    assert all(entry.id.startswith("urn:uuid:") for entry in after.entries)
    assert feed([run_of(1)]) == feed([run_of(1)])
    upgraded = parsed(feed([run_of(1, schema=99, verifications=("foo/later.json",))]))
    assert upgraded.entries[0].id == before.entries[0].id


def test_hostile_texts_are_shown_as_text() -> None:
    """Of a package, of the index, and in every field."""
    names = ("project", "version", "image", "earlier", "later", "culprit", "reason", "requirement", "wheel")
    fields: dict[str, Any] = dict.fromkeys(names, HOSTILE)
    hostile = worse(1, **fields)
    changes = tuple(worse(1, **fields, kind=kind, fault=FaultKind.INDEX) for kind in ChangeKind)
    text = feed([run_of(1, changes=(hostile, *changes))])
    (entry,) = parsed(text).entries
    root = ET.fromstring(text)  # noqa: S314 - ours
    content = root.find(f"{ATOM}entry/{ATOM}content")
    assert content is not None
    html = ET.fromstring(content.text or "")  # noqa: S314 - ours
    assert {element.tag for element in html.iter()} == {"ul", "li"}
    assert "\x1b" not in text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    assert entry.title


def test_the_feed_is_bounded() -> None:
    """It reads no more runs than it shows."""
    asked = []

    def runs() -> Any:  # noqa: ANN401 - an iterator
        for day in range(1000, 0, -1):
            asked.append(day)
            yield run_of(day)

    assert len(parsed(feed(runs())).entries) == MOST
    assert len(asked) <= MOST + 1


# --- the lines ---------------------------------------------------------------------------------


def test_releases_with_the_same_change_are_one_line() -> None:
    """Of many, some are listed."""
    many = tuple(worse(project=f"p{number}") for number in range(7))
    other = worse(project="foo", version="2.0", earlier_version="1.0", culprit="", later="ftbfs (missing-module)")
    names = ", ".join(f"p{number} 1.16.0 on bookworm" for number in range(5))
    assert news.lines(run_of(1, changes=(*many, other))) == (
        f"worse: {names} and 2 more: reproducible before, now sensitive (setuptools 80.9.0, now 81.0.0)",
        "worse: foo 2.0 on bookworm: ftbfs (missing-module); 1.0 was reproducible",
    )


def test_each_kind_of_change_has_its_words() -> None:
    """The most urgent are first."""
    index: dict[str, Any] = {
        "kind": ChangeKind.OPENED,
        "fault": FaultKind.INDEX,
        "subject": "",
        "project": "",
        "version": "",
    }
    changes = (
        worse(kind=ChangeKind.CHANGED, subject="bytes", culprit="gcc 12, now 13"),
        worse(**index, requirement="a", reason="it is silent\nmore"),
        worse(**index, requirement="b", reason="another"),
        worse(**(index | {"kind": ChangeKind.CLOSED}), requirement="c"),
        worse(kind=ChangeKind.WITHDRAWN, subject="", reason="gone"),
        worse(kind=ChangeKind.RETURNED, subject=""),
        worse(kind=ChangeKind.RECOVERED, fault=FaultKind.ENGINE, reason="it was absent"),
    )
    run = run_of(1, changes=changes)
    assert news.lines(run) == (
        "the farm gives verdicts again; it did not (engine): it was absent",
        "withdrawn: six 1.16.0 on bookworm: gone",
        "no verdict (index): a on bookworm and b on bookworm: it is silent",
        "offered again: six 1.16.0 on bookworm",
        "no longer open: c on bookworm",
        "changed: six 1.16.0 on bookworm: the same verdict, other bytes than before (gcc 12, now 13)",
    )
    assert news.headline(run) == (
        "the farm works again, 1 withdrawn, 2 without a verdict, 1 offered again, 1 no longer open, 1 changed"
    )


def test_a_line_is_one_line_and_bounded() -> None:
    """Whatever the message of an error is."""
    (line,) = news.lines(
        run_of(1, changes=(worse(kind=ChangeKind.FAILED, reason="x" * 10_000, fault=FaultKind.INDEX),))
    )
    assert len(line) < 500
    assert "\n" not in line


def test_the_lead_time_of_the_samples() -> None:
    """They take an hour."""
    assert run_of(1).finished == NOON + timedelta(days=1, hours=1)
