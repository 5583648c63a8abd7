"""What readers meet: wide and narrow, light and dark, with and without scripts, from a server and from a disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name
from selenium.webdriver.common.by import By

from orchestrator.model import (
    Aspect,
    Difference,
    Exclusion,
    Failure,
    LockDrift,
    Outcome,
    Phase,
    Reason,
    Result,
    Tracked,
    Verdict,
    Verification,
)
from orchestrator.publish.catalogue import chapters
from orchestrator.publish.site import Sources, page_name, site
from orchestrator.results.summary import summarize
from tests.sample_results import HOSTILE, IMAGE, LOGS, SETUPTOOLS, all_hostile, explained, log_name, sample
from tests.sample_verifications import hostile_verification, verified
from tests.samples import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

WIDE, NARROW = 1280, 390
HOSTILE_LOG = (HOSTILE + "x" * 3000).encode()
STORE = {log_name(log): log for log in (*LOGS, HOSTILE_LOG)}
EVIL = f"evil{HOSTILE}"
DRIFTED = replace(IMAGE, drift=(LockDrift("a-package-with-a-very-long-name:amd64", "1:2.36-9+deb12u10", None),))

PAGES = (
    "index.html",
    "changes.html",
    "nights/index.html",
    f"nights/{NOON:%Y-%m-%d}.html",
    "method.html",
    "excluded.html",
    *(f"{chapter.slug}.html" for chapter in chapters()),
    "packages/six.html",
    "packages/markupsafe.html",
    "packages/grpcio.html",
    "packages/scipy.html",
    "packages/later.html",
    f"packages/{page_name(canonicalize_name(EVIL))}",
    f"logs/{log_name(HOSTILE_LOG)}.html",
)


def results() -> Iterator[Result]:
    """Yield one result of each kind, and one that is hostile and long everywhere."""
    failure = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, HOSTILE + "error" * 400)
    evil = sample(EVIL, HOSTILE, Verdict.SENSITIVE, image=DRIFTED, logs=(HOSTILE_LOG, *LOGS[1:]))
    long_path = "package/" + "deep/" * 80 + HOSTILE
    yield sample("six", "1.16.0", Verdict.REPRODUCIBLE, days=-1)
    yield sample("six", "1.16.0", Verdict.SENSITIVE, pins=(replace(SETUPTOOLS, version="81.0"),))
    yield sample("six", "1.15.0", Verdict.REPRODUCIBLE)
    yield sample("attrs", "23.2.0", hold=("umask",))
    yield replace(sample("cffi", "1.16.0", Verdict.SENSITIVE), holds=("umask", "build-path"))
    yield sample("frozenlist", "1.4.1", Verdict.INTRINSIC)
    yield sample("futures", "3.4.0", Verdict.NO_SDIST)
    yield sample("grpcio", "1.80.0", Verdict.FTBFS, failure=failure)
    yield explained()
    yield sample("markupsafe", "2.1.5", Verdict.FTBFS, image=replace(IMAGE, name="trixie"), failure=failure)
    yield replace(all_hostile(evil), differences=(Difference(long_path, Aspect.CONTENT),))


def verifications() -> tuple[Verification, ...]:
    """Return a published wheel that differs, one that is rebuilt, and one that is hostile and long everywhere."""
    evil = hostile_verification(EVIL)
    long = tuple(replace(one, published="x" * 3000) for one in evil.lines)
    return (
        verified("six", "1.16.0", Outcome.DIFFERS),
        verified("attrs", "23.2.0"),
        replace(evil, version=HOSTILE, lines=long, wheel=HOSTILE + "wheel" * 400),
    )


@pytest.fixture(scope="module", autouse=True)
def _site(folder: Path) -> None:
    exclusion = Exclusion("scipy", f"needs BLAS{HOSTILE}", date(2026, 11, 1))
    summary = summarize(
        results(),
        (exclusion,),
        NOON + timedelta(days=1),
        (Tracked("later"),),
        verifications(),
    )
    for path, text in site(
        summary,
        STORE.get,
        "0.1.0",
        sources=Sources(
            verifications=lambda name: [one for one in verifications() if canonicalize_name(one.project) == name],
            feed="feed.atom",
        ),
    ):
        file = folder / path
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
def _plain(browser: Chrome) -> None:
    """Begin each test wide, light, with scripts, and with nothing on the console."""
    _show(browser, WIDE)
    _scripts(browser, on=True)
    browser.get_log("browser")  # type: ignore[no-untyped-call]


def _show(browser: Chrome, width: int, scheme: str = "light") -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == NARROW}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def _scripts(browser: Chrome, *, on: bool) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not on})


def _console(browser: Chrome) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]  # type: ignore[no-untyped-call]


def _shown(browser: Chrome) -> list[str]:
    """Return the packages that the first page shows, by the begin of their names."""
    rows = browser.find_elements(By.CSS_SELECTOR, "table.packages tbody th")
    return [row.text.partition("<")[0] for row in rows if row.is_displayed()]


def _button(browser: Chrome, word: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f"#controls button[value={word}]")


EVERY = ["attrs", "cffi", "evil", "frozenlist", "grpcio", "markupsafe", "markupsafe", "six"]
NEVER_BUILT = ["futures", "later", "scipy"]  # folded below


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path[:18])
def test_no_page_scrolls_sideways_or_complains(browser: Chrome, address: str, path: str, width: int) -> None:
    """Whatever the length of names, paths and logs; folded parts unfolded, too."""
    _show(browser, width)
    browser.get(f"{address}/{path}")
    for details in browser.find_elements(By.CSS_SELECTOR, "details > summary"):
        details.click()
    needed = browser.execute_script("return document.documentElement.scrollWidth")
    assert needed <= width
    assert browser.title.endswith("· wheelproof")
    assert _console(browser) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path[:18])
def test_hostile_text_is_text(browser: Chrome, address: str, path: str) -> None:
    """It makes no image, sets no title and asks no question."""
    browser.get(f"{address}/{path}")
    assert browser.find_elements(By.TAG_NAME, "img") == []
    assert browser.title.endswith("· wheelproof")
    assert browser.execute_script("return document.scripts.length") == (path == "index.html")


def test_search_narrows_the_list_as_one_types(browser: Chrome, address: str) -> None:
    """By name, by variation, by several words; a message appears when nothing is left."""
    browser.get(f"{address}/index.html")
    assert _shown(browser) == EVERY
    search = browser.find_element(By.ID, "search")
    for typed, expected in (
        ("SIX", ["six"]),
        ("umask", ["attrs", "cffi", "markupsafe"]),
        ("umask  build-path", ["cffi", "markupsafe"]),
        ("debug-path", ["markupsafe"]),
        ("no such package", []),
    ):
        search.clear()
        search.send_keys(typed)
        assert _shown(browser) == expected
        assert browser.find_element(By.ID, "shown").text == f"{len(expected)} of 11 shown"
        assert browser.find_element(By.ID, "nothing").is_displayed() is (not expected)


def test_buttons_show_only_what_they_name(browser: Chrome, address: str) -> None:
    """One, or several at once, or, when none is pressed, everything; together with the search."""
    browser.get(f"{address}/index.html")
    _button(browser, "sensitive").click()
    assert _shown(browser) == ["cffi", "evil", "markupsafe", "six"]
    assert _button(browser, "sensitive").get_attribute("aria-pressed") == "true"
    _button(browser, "excluded").click()
    assert _shown(browser) == ["cffi", "evil", "markupsafe", "six", "scipy"]
    browser.find_element(By.ID, "search").send_keys("blas")
    assert _shown(browser) == ["scipy"]
    browser.find_element(By.ID, "search").clear()
    _button(browser, "sensitive").click()
    _button(browser, "excluded").click()
    assert _shown(browser) == EVERY


def test_the_list_narrows_to_what_differs_and_why(browser: Chrome, address: str) -> None:
    """By severity and by cause, each together with the verdicts."""
    browser.get(f"{address}/index.html")
    browser.find_element(By.CSS_SELECTOR, ".more-filters summary").click()
    _button(browser, "debug-path").click()
    assert _shown(browser) == ["markupsafe"]
    _button(browser, "intrinsic").click()
    assert _shown(browser) == []
    _button(browser, "intrinsic").click()
    _button(browser, "debug-path").click()
    _button(browser, "code").click()
    assert _shown(browser) == ["evil"]


def test_a_view_of_the_list_has_an_address(browser: Chrome, address: str) -> None:
    """What is shown, and in which order; back and forward go from view to view."""
    browser.get(f"{address}/index.html#word=sensitive+open&q=i&sort=-project")
    assert _shown(browser) == ["six", "markupsafe", "evil", "cffi"]
    assert browser.find_element(By.ID, "search").get_attribute("value") == "i"
    browser.get(f"{address}/index.html")
    _button(browser, "open").click()
    assert browser.current_url == f"{address}/index.html#word=open"
    assert _shown(browser) == ["later"]
    _button(browser, "intrinsic").click()
    heading = browser.find_element(By.CSS_SELECTOR, "#packages th[data-sort=project]")
    heading.find_element(By.TAG_NAME, "button").click()
    heading.find_element(By.TAG_NAME, "button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert browser.current_url == f"{address}/index.html#word=intrinsic+open&sort=-project"
    for _ in range(3):
        browser.back()
    assert _shown(browser) == ["later"]
    browser.back()
    assert _shown(browser) == EVERY
    browser.forward()
    assert _shown(browser) == ["later"]


@pytest.mark.parametrize(("width", "shape"), [(WIDE, "wide"), (NARROW, "narrow")])
def test_the_trend_fits_the_screen(browser: Chrome, address: str, width: int, shape: str) -> None:
    """One of two drawings is shown, whose text is legible and within it; its numbers are a table, too."""
    _show(browser, width)
    browser.get(f"{address}/index.html")
    (plot,) = [one for one in browser.find_elements(By.CSS_SELECTOR, "svg.plot") if one.is_displayed()]
    assert shape in str(plot.get_attribute("class"))
    box = plot.rect
    for text in plot.find_elements(By.TAG_NAME, "text"):
        assert text.rect["x"] >= box["x"] - 1
        assert text.rect["x"] + text.rect["width"] <= box["x"] + box["width"] + 1
        assert text.rect["height"] >= 11
    browser.find_element(By.CSS_SELECTOR, ".trend summary").click()
    rows = browser.find_elements(By.CSS_SELECTOR, ".trend tbody tr")
    assert len([row for row in rows if row.is_displayed()]) > 1


@pytest.mark.parametrize(("width", "beside"), [(WIDE, True), (NARROW, False)])
def test_evidence_stands_side_by_side_where_there_is_room(
    browser: Chrome, address: str, width: int, *, beside: bool
) -> None:
    """And one below the other where there is none; what differs is marked."""
    _show(browser, width)
    browser.get(f"{address}/packages/markupsafe.html")
    first, second = browser.find_elements(By.CSS_SELECTOR, ".evidence:first-of-type .sides > div")[:2]
    assert (first.location["y"] == second.location["y"]) is beside
    assert [mark.text for mark in browser.find_elements(By.CSS_SELECTOR, ".cause mark")][-2:] == ["0644", "0664"]


def test_a_slug_leads_to_what_is_known_of_it(browser: Chrome, address: str) -> None:
    """On a page of the same site, at its place."""
    browser.get(f"{address}/packages/markupsafe.html")
    browser.find_element(By.LINK_TEXT, "archive-modes").click()
    assert browser.current_url == f"{address}/causes.html#archive-modes"
    assert browser.find_element(By.CSS_SELECTOR, ":target h2").text == "archive-modes"


def test_without_scripts_everything_is_there_and_nothing_is_offered_that_needs_them(
    browser: Chrome, address: str
) -> None:
    """The list is whole, the counts are shown, and the controls are not."""
    _scripts(browser, on=False)
    browser.get(f"{address}/index.html")
    assert _shown(browser) == EVERY
    browser.find_element(By.CSS_SELECTOR, "#folded summary").click()
    assert _shown(browser) == [*EVERY, *NEVER_BUILT]
    assert browser.find_element(By.CSS_SELECTOR, "svg.plot.wide").is_displayed()
    assert not browser.find_element(By.ID, "controls").is_displayed()
    assert browser.find_element(By.ID, "legend").is_displayed()


def test_from_a_disk_it_looks_and_works_the_same(browser: Chrome, folder: Path) -> None:
    """Style and script work without a server."""
    browser.get(f"file://{folder}/index.html")
    mark = browser.find_element(By.CLASS_NAME, "mark")
    assert mark.value_of_css_property("display") in {"flex", "inline-flex"}
    browser.find_element(By.ID, "search").send_keys("six")
    assert _shown(browser) == ["six"]
    browser.find_element(By.LINK_TEXT, "six").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "six"
    browser.find_element(By.LINK_TEXT, "first build").click()
    assert browser.find_element(By.CLASS_NAME, "log").text == "first"
    assert _console(browser) == []


def test_an_older_version_opens_by_its_address(browser: Chrome, address: str) -> None:
    """It is folded, since the newest is what most readers want."""
    browser.get(f"{address}/packages/six.html")
    older = browser.find_element(By.CSS_SELECTOR, "details.older article")
    assert not older.is_displayed()
    browser.find_element(By.CSS_SELECTOR, "details.older summary").click()
    assert older.is_displayed()


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_images_stand_side_by_side_or_one_below_the_other(browser: Chrome, address: str, width: int) -> None:
    """Each fact is within the screen beside or below the image's name, which a narrow screen repeats."""
    _show(browser, width)
    _scripts(browser, on=False)
    browser.get(f"{address}/packages/markupsafe.html")
    rows = browser.find_elements(By.CSS_SELECTOR, ".comparison tbody tr")
    verdict = next(row for row in rows if row.text.startswith("Verdict"))
    first, second = (cell.rect for cell in verdict.find_elements(By.TAG_NAME, "td"))
    assert (first["x"] < second["x"]) is (width == WIDE)
    assert (first["y"] < second["y"]) is (width == NARROW)
    assert max(cell["x"] + cell["width"] for cell in (first, second)) <= width
    assert "differs" in verdict.text
    assert browser.find_element(By.CSS_SELECTOR, ".comparison thead").is_displayed() is (width == WIDE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "index.html",
        "packages/six.html",
        "packages/markupsafe.html",
        "packages/grpcio.html",
        "method.html",
        "causes.html",
    ],
)
def test_every_text_stands_out_from_its_ground(browser: Chrome, address: str, path: str, scheme: str) -> None:
    """At 4.5 to 1 or better, in either scheme (WCAG 2.2, 1.4.3)."""
    _show(browser, WIDE, scheme)
    browser.get(f"{address}/{path}")
    assert browser.execute_script(_FAINT) == []


_FAINT = """
const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const painted = (...colours) => {
  for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const luminance = (rgb) => rgb.map((part) => part / 255)
  .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
  .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
const faint = [];
for (const element of document.querySelectorAll("body *")) {
  const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!says || !element.checkVisibility()) continue;
  const grounds = [];
  let opacity = 1;
  for (let one = element; one; one = one.parentElement) {
    grounds.unshift(getComputedStyle(one).backgroundColor);
    opacity *= getComputedStyle(one).opacity;
  }
  const ground = painted(...grounds);
  const ink = painted(...grounds, getComputedStyle(element).color)
    .map((part, place) => part * opacity + ground[place] * (1 - opacity));
  const [darker, lighter] = [luminance(ink), luminance(ground)].sort((first, second) => first - second);
  const contrast = (lighter + 0.05) / (darker + 0.05);
  if (contrast < 4.5) faint.push(`${element.className} ${element.textContent.trim().slice(0, 30)} ${contrast}`);
}
return faint;
"""


def test_the_list_narrows_to_outcomes_of_published_wheels(browser: Chrome, address: str) -> None:
    """What differs is linked above the table, and its link leads to the part of the page."""
    browser.get(f"{address}/index.html")
    browser.find_element(By.CSS_SELECTOR, ".more-filters summary").click()
    _button(browser, "identical").click()
    assert _shown(browser) == ["attrs"]
    _button(browser, "differs").click()
    assert _shown(browser) == ["attrs", "evil", "six"]
    browser.find_element(By.CSS_SELECTOR, ".lately a[href*='six.html#published-']").click()
    assert browser.find_element(By.CSS_SELECTOR, "article:target h2").text == "1.16.0 on the index, rebuilt on bookworm"
