"""Pages of changes and days: what they list, how they are divided, and when they are written again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.model import FaultKind, OpenJob, RunFault, Verdict
from orchestrator.publish import changes
from orchestrator.publish.made import Made, read, written
from orchestrator.publish.site import Sources, site
from orchestrator.results.summary import summarize
from tests.sample_results import HOSTILE, SETUPTOOLS, sample
from tests.sample_runs import run_of
from tests.samples import NOON
from tests.unit.publish.test_site import ALWAYS, DATA, STORE, Page

if TYPE_CHECKING:
    from orchestrator.model import Result, RunRecord

LATER = NOON + timedelta(days=9)
NEWER = replace(SETUPTOOLS, version="81.0")
TURNED = (
    sample("six", days=0),
    sample("six", verdict=Verdict.SENSITIVE, days=1, pins=(NEWER,)),
    sample("six", verdict=Verdict.SENSITIVE, days=2, pins=(NEWER,)),
    sample("six", days=400),
    sample("idna", days=1),
)


def files(*results: Result, runs: tuple[RunRecord, ...] = (), made: Made | None = None) -> dict[str, str]:
    """Return what is written of the site."""
    summary = summarize(results, (), NOON + timedelta(days=401))
    return dict(site(summary, STORE.get, "0.1.0", sources=Sources(runs=runs), made=made))


def night(days: int) -> str:
    """Return the path of the page of the day so many days after NOON."""
    return f"nights/{NOON + timedelta(days=days):%Y-%m-%d}.html"


def test_all_changes_are_listed_by_year_with_what_changed() -> None:
    """The newest year is the first page, which links to the others."""
    found = files(*TURNED)
    newest, year = Page(found["changes.html"]), f"{NOON:%Y}"
    assert "sensitive → reproducible" in newest.text
    assert f"changes-{year}.html" in newest.links
    text = Page(found[f"changes-{year}.html"]).text
    assert "six 1.16.0 on bookworm reproducible → sensitive build requirement setuptools 80.9.0 → 81.0" in text
    assert text.count("→ sensitive") == 1


def test_a_year_is_divided_into_pages_that_stay_once_they_are_full() -> None:
    """Counted from the oldest; a further change is only on the newest page."""
    bound = changes.PAGE_BOUND
    both = (Verdict.REPRODUCIBLE, Verdict.SENSITIVE)
    results = [sample("six", verdict=both[number % 2], days=number / 100) for number in range(2 * bound + 7)]
    divided = changes.pages(changes.turns(summarize(results, (), LATER)))
    assert [(one.path, len(one.turns)) for one in divided] == [
        ("changes-2026-3.html", 6),
        ("changes-2026-2.html", bound),
        ("changes-2026.html", bound),
    ]
    assert divided[0].turns[0].change.when == results[-1].finished
    fewer = changes.pages(changes.turns(summarize(results[:-1], (), LATER)))
    assert [one.made_from for one in fewer][1:] == [one.made_from for one in divided][1:]


def test_a_night_has_what_was_judged_changed_and_left_open() -> None:
    """Of that day alone; a run without a new verdict has a page too."""
    job = OpenJob("orjson", "bookworm", FaultKind.INDEX, "connection refused", NOON)
    failed = run_of(5, failure=RunFault(FaultKind.ENGINE, "no engine", NOON))
    found = files(*TURNED, runs=(failed, run_of(1, open=(job,))))
    text = Page(found[night(1)]).text
    assert "six 1.16.0 on bookworm reproducible → sensitive" in text
    assert "orjson bookworm index: connection refused" in text
    assert "idna 1.16.0 reproducible bookworm" in text
    assert "No verdict changed. Judged" in Page(found[night(2)]).text
    assert "orjson" not in Page(found[night(2)]).text
    assert "A run gave no verdicts. The engine failed: no engine" in Page(found[night(5)]).text
    assert {night(days) for days in (0, 1, 2, 5, 400)} == {path for path in found if "nights/2" in path}
    index = Page(found["nights/index.html"])
    assert index.links[-5:] == [night(days).removeprefix("nights/") for days in (400, 5, 2, 1, 0)]


def test_another_process_writes_only_what_changed() -> None:
    """What was made from what outlives the process, hostile names included."""
    made = Made()
    evil = sample("evil" + HOSTILE, days=2)
    files(*TURNED, evil, made=made)
    later = read(written(made).encode())
    assert files(*TURNED, evil, made=later).keys() == ALWAYS | DATA
    more = sample("idna", days=3)
    expected = {
        "packages/idna.html",
        "data/idna.json",
        "badge/idna.json",
        "badge/idna.svg",
        night(2),
        night(3),
        night(400),
    }
    assert files(*TURNED, evil, more, made=read(written(later).encode())).keys() == ALWAYS | DATA | expected


def test_what_cannot_be_read_is_written_again() -> None:
    """A file of another form, or of no form at all; and a page that is gone."""
    made = Made()
    everything = files(*TURNED, made=made).keys()
    text = written(made)
    for spoilt in ("", "[]", "[[", text[:-20], json.dumps([{}, {"six": ["", {}]}])):
        assert files(*TURNED, made=read(spoilt.encode())).keys() == everything
    later = read(text.encode())
    later.keep(lambda path: path != "packages/six.html")
    assert files(*TURNED, made=later).keys() == ALWAYS | DATA | {"packages/six.html"}
    assert json.loads(text)


def test_a_project_page_has_since_when_and_what_chance_may_hide() -> None:
    """From ten builds on, and where equal inputs gave other bytes, nothing but that."""
    page = Page(files(*TURNED[:3])["packages/six.html"]).text
    assert f"Not reproducible since {NOON + timedelta(days=1):%Y-%m-%d}; the last reproducible result" in page
    assert "by chance" not in page
    five = [replace(sample("six", days=days), builds_compared=2) for days in range(5)]
    assert "differ by chance" not in Page(files(*five[:4])["packages/six.html"]).text
    bounded = Page(files(*five)["packages/six.html"]).text
    assert "10 builds with these inputs gave these bytes; fewer than 30 % differ by chance (95 %)." in bounded
    first = five[0].builds[0]
    assert first.wheel
    other = replace(five[0], builds=(replace(first, wheel=replace(first.wheel, sha256="0" * 64)), *five[0].builds[1:]))
    unlike = Page(files(other, *five[1:], sample("six", days=6))["packages/six.html"]).text
    assert "Equal inputs gave other bytes" in unlike
    assert "differ by chance" not in unlike
