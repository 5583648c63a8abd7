"""The site shows exactly the results, has no broken links, and trusts no text."""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
import shlex
import time
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING

import pytest

from orchestrator.farm.exclusions import concluded
from orchestrator.model import (
    Aspect,
    CauseFinding,
    Difference,
    Exclusion,
    Experiment,
    Failure,
    FaultKind,
    LockDrift,
    Missing,
    Mode,
    OpenJob,
    Phase,
    Policy,
    Profile,
    Provided,
    Published,
    Reason,
    Result,
    RunFault,
    RunRecord,
    Sdist,
    Severity,
    TagComparison,
    Tool,
    Tracked,
    Variant,
    Verdict,
    Want,
)
from orchestrator.publish import data, wording
from orchestrator.publish.catalogue import chapters
from orchestrator.publish.comparison import Debian, comparisons
from orchestrator.publish.made import Made
from orchestrator.publish.site import LIST_BOUND, LOG_BOUND, Sources, lasting_pages, page_name, site
from orchestrator.results.summary import Summary, summarize
from tests.sample_results import (
    FIRST,
    HOSTILE,
    IMAGE,
    LOGS,
    SECOND,
    SETUPTOOLS,
    VARIATIONS,
    all_hostile,
    explained,
    log_name,
    sample,
    with_recipe,
)
from tests.sample_runs import run_of
from tests.samples import NOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LATER = NOON + timedelta(days=1)
STORE = {log_name(log): log for log in LOGS}
DAY = f"nights/{NOON:%Y-%m-%d}.html"
CATALOGUES = {f"{chapter.slug}.html" for chapter in chapters()}
ALWAYS = {"index.html", "method.html", "excluded.html", "exclusions.html", "nights/index.html"}
DATA = {"data/index.json", "data/reproducible.json"}  # written each time, as are the pages above
DEBIANS = {"bookworm": Debian("bookworm", "3.11"), "trixie": Debian("trixie", "3.13")}
TRIXIE = replace(IMAGE, name="trixie")
EXCLUSION = Exclusion("scipy", "needs BLAS and LAPACK", date(2026, 11, 1), image="scientific")


def pages(
    *results: Result,
    exclusions: tuple[Exclusion, ...] = (),
    tracked: tuple[str, ...] = (),
    read_log: Callable[[str], bytes | None] = STORE.get,
) -> dict[str, str]:
    """Return all pages of the site, by path."""
    summary = summarize(results, exclusions, LATER, map(Tracked, tracked))
    return html(site(summary, read_log, "0.1.0", sources=Sources(debians=DEBIANS)))


def html(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the pages without the files of data and badges."""
    return {path: text for path, text in found if path.endswith(".html")}


@dataclass
class Page(HTMLParser):
    """What a browser would make of a page, as far as the tests ask."""

    source: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    inline: dict[str, str] = field(default_factory=dict)  # text of scripts and styles
    pieces: list[str] = field(default_factory=list)
    _open: str = ""

    def __post_init__(self) -> None:
        """Parse at once."""
        super().__init__()
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._open = tag
        self.pieces.append(" " if tag in {"td", "th", "dt", "dd", "li", "span"} else "")

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or style."""
        self._open = "" if tag == self._open else self._open

    def handle_data(self, data: str) -> None:
        """Keep text, and scripts and styles apart from it."""
        if self._open in {"script", "style"}:
            self.inline[self._open] = self.inline.get(self._open, "") + data
        else:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        """What a reader sees, white space made even."""
        return " ".join("".join(self.pieces).split())

    @property
    def links(self) -> list[str]:
        """Where the page's links lead."""
        return [attributes["href"] for tag, attributes in self.tags if tag == "a" and "href" in attributes]

    @property
    def anchors(self) -> set[str]:
        """What a fragment may name."""
        return {attributes["id"] for _, attributes in self.tags if "id" in attributes}


def everything() -> tuple[Result, ...]:
    """Return a result of each verdict, two versions, two images, a change and a drifted image."""
    drifted = replace(
        IMAGE, manifest="d" * 64, drift=(LockDrift("tzdata:all", "2025b", None), LockDrift("gcc:amd64", "12.2", "12.3"))
    )
    return (
        sample("six", "1.16.0", Verdict.REPRODUCIBLE, days=-1),
        sample("six", "1.16.0", Verdict.SENSITIVE, pins=(replace(SETUPTOOLS, version="81.0"),)),
        sample("six", "1.15.0", Verdict.REPRODUCIBLE, image=replace(IMAGE, name="trixie")),
        sample("frozenlist", "1.4.1", Verdict.INTRINSIC, image=drifted),
        sample("grpcio", "1.0", Verdict.FTBFS),
        sample("futures", "3.0", Verdict.NO_SDIST),
        replace(sample("pyqt5", "5.0", Verdict.EXCLUDED), reason="Qt is not there"),
        sample("attrs", "23.2.0", Verdict.REPRODUCIBLE, hold=("umask",), remove=("kernel",)),
        explained(),
    )


def hostile() -> Result:
    """Return a result in which every text that a package or an index decides is hostile."""
    result = all_hostile(_hostile())
    failure = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, HOSTILE + "\ud800", HOSTILE, debian_packages=(HOSTILE,))
    return replace(result, builds=(result.builds[0], replace(result.builds[1], wheel=None, failure=failure)))


def _hostile() -> Result:
    result = sample(
        "six" + HOSTILE,
        "1" + HOSTILE,
        Verdict.SENSITIVE,
        image=replace(IMAGE, name="image" + HOSTILE, base=HOSTILE, drift=(LockDrift(HOSTILE, HOSTILE, HOSTILE),)),
        pins=(replace(SETUPTOOLS, name=HOSTILE, version=HOSTILE),),
        logs=(HOSTILE.encode() + b"\xff\x00", LOGS[1], LOGS[2]),
    )
    return replace(
        result,
        holds=(HOSTILE,),
        variations=(Variant(HOSTILE, Mode.HELD, acted=False), *result.variations),
        differences=(Difference(HOSTILE, Aspect.CONTENT), Difference("../" + HOSTILE, Aspect.MODE, consequence=True)),
        sdist=Sdist(HOSTILE, "javascript:alert(1)", HOSTILE),
        requirement=HOSTILE,
    )


def hostile_site(*, every: bool = False) -> dict[str, str]:
    """Return a site of hostile text alone: judged, failed, excluded and open; with `every`, all of its files."""
    result = hostile()
    failed = replace(
        result,
        project="failed" + HOSTILE,
        verdict=Verdict.FTBFS,
        failure=Failure(Reason.BUILD_ERROR, Phase.UNPACK, HOSTILE, HOSTILE, debian_packages=(HOSTILE, HOSTILE)),
    )
    refused = replace(sample("no" + HOSTILE, verdict=Verdict.NO_SDIST), reason=HOSTILE)
    logs = {**STORE, log_name(HOSTILE.encode() + b"\xff\x00"): HOSTILE.encode() + b"\xff\x00"}
    earlier = replace(result, verdict=Verdict.REPRODUCIBLE, finished=NOON - timedelta(days=1), build_requirements=())
    results = (
        result,
        earlier,
        failed,
        refused,
        replace(result, image=replace(result.image, name=HOSTILE), verdict=Verdict.REPRODUCIBLE),
    )
    exclusions = (Exclusion("../../etc/passwd" + HOSTILE, HOSTILE, date(2026, 11, 1), image=HOSTILE),)
    tracked = ("../" + HOSTILE, "..", "/", "a/b", "index\x00", "\ud800", "index", "reproducible")
    sources = Sources(
        debians=DEBIANS,
        runs=(hostile_run(),),
        having=lambda _: (HOSTILE,),
        records=lambda _: unread(results),
    )
    found = site(summarize(results, exclusions, LATER, map(Tracked, tracked)), logs.get, "0.1.0", sources=sources)
    return dict(found) if every else html(found)


def unread(results: tuple[Result, ...]) -> list[data.Unread]:
    """Return results as if they were still to be read."""
    return [(f"{number}.json", partial(dict(enumerate(results)).get, number)) for number in range(len(results))]


def hostile_run() -> RunRecord:
    """Return a run in which every text of a package or an index is hostile."""
    job = OpenJob(HOSTILE, HOSTILE, FaultKind.INDEX, HOSTILE, NOON)
    fault = RunFault(FaultKind.INDEX, HOSTILE, NOON)
    return run_of(open=(job,), failure=fault)


# --- the pages that there are ----------------------------------------------------------------


def test_each_project_has_a_page_and_each_kept_log() -> None:
    """Excluded and open projects too."""
    site_pages = pages(*everything(), exclusions=(EXCLUSION,), tracked=("six", "later"))
    assert {path for path in site_pages if not path.startswith("logs/")} == {
        "index.html",
        "method.html",
        "excluded.html",
        "exclusions.html",
        "changes.html",
        "changes-2026.html",
        "nights/index.html",
        *(f"nights/{NOON + timedelta(days=days):%Y-%m-%d}.html" for days in (-1, 0)),
        *CATALOGUES,
        *(
            f"packages/{name}.html"
            for name in ("six", "frozenlist", "grpcio", "futures", "pyqt5", "attrs", "scipy", "markupsafe")
        ),
        "packages/later.html",
    }
    assert {path for path in site_pages if path.startswith("logs/")} == {f"logs/{sha256}.html" for sha256 in STORE}


def test_a_page_that_cannot_be_made_keeps_no_other_from_being_made() -> None:
    """The fault is reported with the project's name; the former page stays."""
    broken = replace(sample("broken"), builds=tuple(replace(one, log="b" * 64) for one in sample("broken").builds))
    summary = summarize([sample("six"), broken, sample("idna")], (), LATER)
    failed: list[tuple[str, str]] = []

    def read_log(sha256: str) -> bytes:
        if sha256 == "b" * 64:
            raise ZeroDivisionError
        return b"a log"

    found = dict(site(summary, read_log, "0.1.0", failed=lambda name, error: failed.append((name, repr(error)))))
    assert failed == [("broken", "ZeroDivisionError()")]
    assert {"index.html", "packages/six.html", "packages/idna.html"} <= found.keys()
    assert "packages/broken.html" not in found
    with pytest.raises(ZeroDivisionError):
        dict(site(summary, read_log, "0.1.0"))


def test_every_link_leads_somewhere() -> None:
    """To a page that is there and, with a fragment, to a place on it."""
    summary = summarize(everything(), (EXCLUSION,), LATER)
    sources = Sources(debians=DEBIANS, feed="feed.atom")
    files = dict(site(summary, STORE.get, "0.1.0", sources=sources)) | {"feed.atom": ""}
    parsed = {path: Page(text) for path, text in files.items()}
    followed = 0
    for path, page in parsed.items():
        for link in page.links:
            if link.startswith("https://"):
                continue
            target, _, fragment = link.partition("#")
            found = parsed[normpath(join(dirname(path), target)) if target else path]
            assert not fragment or fragment in found.anchors, (path, link)
            followed += 1
    assert followed > 100


def test_pages_load_nothing_from_elsewhere() -> None:
    """No page names another file to be loaded, and the policy would forbid it."""
    for path, text in pages(*everything()).items():
        page = Page(text)
        assert not [tag for tag, attributes in page.tags if "src" in attributes or "style" in attributes]
        assert [attributes["href"][:5] for tag, attributes in page.tags if tag == "link"] == ["data:"]
        policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'; ")
        assert f"style-src '{_csp_hash(page.inline['style'])}'" in policy
        script = f"'{_csp_hash(page.inline['script'])}'" if path == "index.html" else "'none'"
        assert f"script-src {script};" in policy


def _csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# --- their texts -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            sample(),
            "Two builds in deliberately different environments gave the same bytes.",
        ),
        (
            sample(hold=("umask", "home"), remove=("kernel",)),
            (
                "Two builds in deliberately different environments gave the same bytes. "
                "Held the same in both, as configured: umask and home. "
                "Neither varied nor watched, as configured: kernel."
            ),
        ),
        (
            sample(hold=tuple(name for name, _ in VARIATIONS[1:]), remove=(VARIATIONS[0][0],)),
            "Two builds gave the same bytes, in environments that were not made different.",
        ),
        (
            sample(verdict=Verdict.SENSITIVE),
            (
                "Two builds in deliberately different environments gave different bytes. "
                "A third build, in the environment of the first, gave the first one's bytes again. "
                "Which of the variations does it is not known: isolation was not done."
            ),
        ),
        (
            replace(
                sample(verdict=Verdict.SENSITIVE),
                holds=("umask", "build-path"),
                experiments=(Experiment("second-holding", "first", ("build-path", "umask"), (), equal=True),),
            ),
            "The bytes are the same when umask and build-path are held.",
        ),
        (sample(verdict=Verdict.INTRINSIC), "Even two builds in the same environment gave different bytes."),
        (sample(verdict=Verdict.FTBFS), "It fails to build from source: its build needs the network"),
        (sample(verdict=Verdict.NO_SDIST), "The release was published without a source distribution"),
        (replace(sample(verdict=Verdict.EXCLUDED), reason="Qt is not there"), "It was not built: Qt is not there"),
    ],
)
def test_the_sentences_are_true_of_the_verdict(result: Result, expected: str) -> None:
    """On the project's own page."""
    assert expected in Page(pages(result)["packages/six.html"]).text


def test_a_sentence_claims_no_third_build_that_was_not() -> None:
    """Without the control build there is no word of it."""
    result = sample(verdict=Verdict.SENSITIVE)
    assert not [said for said in wording.sentences(replace(result, builds=result.builds[:2])) if "third" in said]


def test_a_build_that_fails_only_in_the_second_environment_is_described() -> None:
    """It is no failure to build from source, nor a difference of bytes."""
    result = sample(verdict=Verdict.SENSITIVE)
    first, second, _ = result.builds
    failed = replace(second, wheel=None, failure=Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "no home"))
    told = Page(pages(replace(result, builds=(first, failed)))["packages/six.html"]).text
    assert "It builds in the first environment and fails in the second" in told
    assert "no wheel: build-error, in the phase build-wheel no home" in told


def test_a_variation_that_did_not_act_is_never_passed_over() -> None:
    """Neither in the sentence nor in the table."""
    result = sample()
    idle = tuple(replace(one, acted=one.name != "time") for one in result.variations)
    told = Page(pages(replace(result, variations=idle))["packages/six.html"]).text
    assert "Asked for, but not seen to act: time." in told
    assert f"{len(idle) - 1} of {len(idle)} variations were seen to take effect" in told


def test_every_verdict_and_every_reason_has_words() -> None:
    """A new one cannot be forgotten."""
    assert set(wording.LABELS) == {*Verdict, wording.OPEN}
    assert set(wording.REASONS) == set(Reason)


def test_a_line_of_a_failure_that_is_its_whole_detail_is_shown_once() -> None:
    """The page has it as the line that shows the reason."""
    failure = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "use_2to3 is invalid", "use_2to3 is invalid")
    text = Page(pages(sample(verdict=Verdict.FTBFS, failure=failure))["packages/six.html"]).text
    assert text.count("use_2to3 is invalid") == 1


def test_a_package_page_shows_all_evidence_of_the_verdict() -> None:
    """Hashes, differences, environments, requirements, image and the way to repeat it."""
    result = sample(verdict=Verdict.SENSITIVE)
    text = Page(pages(result)["packages/six.html"]).text
    hashes = {build.wheel.sha256 for build in result.builds if build.wheel}
    assert len(hashes) == 2
    for expected in (
        *hashes,
        "six.py mode",
        "six-1.16.0.dist-info/RECORD content follows from the others",
        "umask 0022 0002 yes",
        "400 days, 7:23:13 ahead seen: 2027-12-25 19:23:13 UTC",
        f"setuptools 80.9.0 {SETUPTOOLS.sha256}",
        IMAGE.id,
        IMAGE.manifest,
        "SOURCE_DATE_EPOCH was 1596163658",
        "wheelproof run 'six==1.16.0' --image bookworm --again",
    ):
        assert expected in text


TOOL = Tool("setuptools", "80.9.0", "d" * 64, "setuptools-80.9.0-py3-none-any.whl", "a" * 64, "a" * 64)
FLAKY = replace(TOOL, name="wheel", version="0.45", second="b" * 64, requires=("setuptools==80.9.0",))
PINNED = replace(TOOL, name="flit-core", version="3.9", expected=("e" * 64,), from_index=("flit-core==3.9",))


@pytest.mark.parametrize(
    ("tools", "policy", "expected"),
    [
        ((TOOL,), Policy.SOURCE, "source distribution. 1 tool was built here, twice each, to the same bytes."),
        ((TOOL, FLAKY), Policy.SOURCE, "2 tools were built here, twice each; two builds of wheel did not agree."),
        (
            (replace(FLAKY, bootstrap=True), TOOL),
            Policy.SOURCE,
            "1 tool was built here, twice each, to the same bytes.",
        ),
        ((TOOL, PINNED), Policy.PINNED, "These do not have the hash in the file: flit-core."),
        ((replace(PINNED, expected=("a" * 64,)),), Policy.PINNED, "Each has the hash in the file."),
        ((), Policy.DEBIAN, "tools of the image's Debian were allowed."),
    ],
)
def test_the_source_of_build_tools_is_described(tools: tuple[Tool, ...], policy: Policy, expected: str) -> None:
    """Where the tools come from, and which of those that were built here can be trusted to be the same again."""
    usual = sample()
    assert usual.inputs is not None
    result = replace(usual, tools=tools, inputs=replace(usual.inputs, policy=policy))
    assert expected in " ".join(wording.built_with(result))
    assert expected in Page(pages(result)["packages/six.html"]).text
    assert wording.built_with(usual) == ()


def test_the_whole_closure_of_tools_is_on_the_page() -> None:
    """Each with its two builds, the file's hash, its requirements, and the links of a circle; Debian's too."""
    provided = (Provided("wheel", "0.38.4", "python3-wheel", "0.38.4-2"),)
    text = Page(pages(replace(sample(), tools=(FLAKY, PINNED), provided=provided))["packages/six.html"]).text
    for expected in (
        "How 2 were built here",
        f"wheel 0.45 other bytes {'a' * 64} setuptools==80.9.0",
        f"flit-core 3.9 the same bytes not the hash in the file {'a' * 64} nothing",
        "from the index, because of a cycle: flit-core==3.9",
        "wheel 0.38.4 python3-wheel 0.38.4-2",
    ):
        assert expected in text


def test_an_expected_wheel_is_compared_with_the_first_build() -> None:
    """Where somebody's hash was given; and nothing elsewhere."""
    result = sample()
    assert result.builds[0].wheel is not None
    same = replace(result, expected=("f" * 64, result.builds[0].wheel.sha256))
    other = replace(result, expected=("f" * 64,))
    assert wording.expectation(result) == ""
    assert "bit for bit, the wheel whose hash was given" in Page(pages(same)["packages/six.html"]).text
    assert f"is not the wheel whose hash was given, {'f' * 64}" in Page(pages(other)["packages/six.html"]).text


def test_a_package_page_explains_the_difference() -> None:
    """How deep it goes, each cause with its proof and evidence, the experiments, the remedies, and what is left."""
    page = Page(pages(replace(explained(), schema=4))["packages/markupsafe.html"])
    for expected in (
        "Everything loaded at run time is the same: only debug information differs.",
        "debug-path isolated",
        "Caused by build-path · proved by building, as part of a set: with build-path and umask held together",
        "archive-modes trace",
        "May be caused by umask · its trace is there: each side has what its own environment planted",
        FIRST.build_path,
        SECOND.build_path,
        "mode in markupsafe-2.1.5.dist-info/METADATA",
        "_speedups.cpython-311-x86_64-linux-gnu.so content .note.strange first0x10: 00 1a 2f second0x10: 00 1b 2f",
        "hold-umask umask none first other bytes debug information",
        "prefix-map-source proven, as part of a set: built with fix-umask and prefix-map-source together",
        "no-debug-info rejected: the wheels then differ in code; it changed what is compiled",
        "strip-debug not tried: a gentler one is proven",
        "Left open: whether timezone does it, too",
        "3 builds gave the bytes of the first, itself included",
        "The wheel on the index has other bytes than the first build's. Code that may run differs.",
        "dh $@ --buildsystem=pybuild",
        "pip: not run: nothing is known of the wheel that this text gives; no budget was left",
        "Wheels of markupsafe 2.1.5 are not reproducible",
    ):
        assert expected in page.text
    assert "../variations.html#build-path" in page.links
    differing = re.findall("<mark>(.*?)</mark>", page.source)
    assert differing[:2] == ["1a", "1b"]
    assert differing[-2:] == ["0644", "0664"]


@pytest.mark.parametrize(
    ("severity", "metadata", "same"),
    [
        (Severity.ARCHIVE, False, True),
        (Severity.METADATA, True, False),
        (Severity.DEBUG, False, True),
        (Severity.DEBUG, True, False),
        (Severity.DATA, False, False),
        (Severity.CODE, False, False),
        (Severity.MEMBERS, False, False),
    ],
)
def test_equality_at_run_time_is_claimed_only_if_true(severity: Severity, *, metadata: bool, same: bool) -> None:
    """What a program may ask of its metadata is no less than what it loads; RECORD follows, and is not asked."""
    result = explained()
    more = (Difference("p.dist-info/METADATA", Aspect.CONTENT, severity=Severity.METADATA),) if metadata else ()
    result = replace(result, severity=severity, differences=(*result.differences, *more), published=None)
    assert ("Everything loaded at run time is the same" in Page(pages(result)["packages/markupsafe.html"]).text) is same


def test_no_severity_is_shown_if_it_is_unknown() -> None:
    """Records of former methods have no severity."""
    assert "loaded at run time" not in Page(pages(sample(verdict=Verdict.SENSITIVE))["packages/six.html"]).text


def test_a_fallback_to_a_pure_wheel_is_shown_beside_the_verdict() -> None:
    """The wheel that was judged is not the one on the index."""
    kind = TagComparison(("py3-none-any",), ("cp311-cp311-manylinux_2_28_x86_64",), fallback=True)
    assert "Its build fell back" in Page(pages(replace(sample(), kind=kind))["packages/six.html"]).text
    assert (
        "fell back" not in Page(pages(replace(sample(), kind=replace(kind, fallback=False)))["packages/six.html"]).text
    )


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        (Published("", "", same=False), "The index has no wheel for the same Python, ABI and kind of machine."),
        (Published("six-1.16.0-py3-none-any.whl", "a" * 64, same=True), "is the same bytes as the first build's."),
        (Published("six-1.16.0-py3-none-any.whl", "a" * 64, same=False), "has other bytes than the first build's. six"),
    ],
)
def test_the_published_wheel_is_a_third_party(published: Published, expected: str) -> None:
    """None, the same, or other bytes; and nothing of it where nobody asked."""
    assert expected in Page(pages(replace(sample(), published=published))["packages/six.html"]).text
    assert "On the index" not in Page(pages(sample())["packages/six.html"]).text


def test_the_line_that_shows_why_a_build_failed_is_there_with_what_would_help() -> None:
    """The Debian packages that have what is missing."""
    helping = ("libffi-dev", "ffi-other")
    failure = Failure(
        Reason.MISSING_HEADER, Phase.BUILD_WHEEL, "log", "fatal error: ffi.h", (Missing(Want.HEADER, "ffi.h"),), helping
    )
    text = Page(pages(sample(verdict=Verdict.FTBFS, failure=failure))["packages/six.html"]).text
    assert "fatal error: ffi.h" in text
    assert "did not find the header ffi.h. On the image's Debian, that is in libffi-dev and ffi-other." in text


def test_every_catalogue_has_its_page_and_every_slug_its_place() -> None:
    """With all that is to be known of it; a slug that no catalogue has is no link."""
    site_pages = pages(explained())
    for chapter in chapters():
        page = Page(site_pages[f"{chapter.slug}.html"])
        assert {entry.slug for entry in chapter.entries} <= page.anchors
        for entry in chapter.entries:
            assert all(text.replace("`", "").split("  ")[0] in page.text for _, text in entry.sections)
    strange = replace(explained(), holds=("no-such-variation",))
    assert "no-such-variation" not in "".join(Page(pages(strange)["packages/markupsafe.html"]).links)


def test_a_cause_that_is_called_like_a_variation_is_not_taken_for_it() -> None:
    """Each catalogue has its own sentence for that slug."""
    result = replace(explained(), causes=(CauseFinding("build-path", ("a.py",), ("build-path",)),), published=None)
    text = Page(pages(result)["packages/markupsafe.html"]).text
    what = {
        chapter.slug: entry.what for chapter in chapters() for entry in chapter.entries if entry.slug == "build-path"
    }
    assert what["causes"] in text
    assert what["variations"] not in text


def test_the_first_page_can_be_narrowed_by_what_differs_and_why() -> None:
    """Each row knows its severity and its causes, and each choice how many there are."""
    page = Page(pages(*everything())["index.html"])
    row = next(attributes for tag, attributes in page.tags if tag == "tr" and "data-severity" in attributes)
    assert (row["data-severity"], row["data-causes"]) == ("debug-only", "debug-path archive-modes")
    values = {attributes["value"] for tag, attributes in page.tags if tag == "button"}
    assert {"debug-only", "debug-path", "archive-modes"} <= values
    assert "debug information 1 archive-modes 1 debug-path 1" in page.text
    blamed = replace(explained(), holds=(), verdict=Verdict.INTRINSIC)
    assert "intrinsic debug-path and archive-modes debug information" in Page(pages(blamed)["index.html"]).text


def test_the_first_page_shows_what_a_package_is_sensitive_to() -> None:
    """Or that nobody knows yet, and what was not varied."""
    isolated = replace(sample("isolated", verdict=Verdict.SENSITIVE), holds=("build-path",))
    site_pages = pages(isolated, sample("unknown", verdict=Verdict.SENSITIVE), sample("held", hold=("umask",)))
    text = Page(site_pages["index.html"]).text
    assert "isolated 1.16.0 sensitive build-path bookworm" in text
    assert "unknown 1.16.0 sensitive mode of 1 file bookworm" in text
    assert "held 1.16.0 reproducible umask held bookworm" in text
    assert "Of those that rebuild, 1 did so with a variation held or removed" in text


def test_the_first_page_counts_what_it_lists() -> None:
    """The headline, the bar and the rows agree."""
    page = Page(pages(*everything(), exclusions=(EXCLUSION,), tracked=("later",))["index.html"])
    rows = [attributes["data-word"] for tag, attributes in page.tags if tag == "tr" and "data-word" in attributes]
    bar = next(attributes["aria-label"] for _, attributes in page.tags if attributes.get("class") == "bar")
    counts = {word: rows.count(slug) for slug, word in wording.LABELS.items()}
    assert bar == ", ".join(f"{count} {word}" for word, count in counts.items())
    assert (
        "2 of 7 rebuild bit for bit as they are 0 more with a proven recipe · 0 published wheels verified · 1 fails"
        in page.text
    )
    proven = Page(pages(with_recipe(explained()), sample("six"))["index.html"])
    assert "1 of 2 rebuild bit for bit as they are 1 more with a proven recipe" in proven.text
    assert [one["data-recipe"] for tag, one in proven.tags if "data-recipe" in one] == ["recipe"]


def test_what_changed_lately_and_why_is_on_the_first_page() -> None:
    """With the inputs that changed with the verdict."""
    text = Page(pages(*everything())["index.html"]).text
    assert "six 1.16.0 on bookworm reproducible → sensitive build requirement setuptools 80.9.0 → 81.0" in text


def test_a_drifted_image_is_shown_on_each_page_that_uses_it() -> None:
    """On the first page, the method's, and that of each package that was judged on it."""
    site_pages = {path: Page(text).text for path, text in pages(*everything()).items()}
    assert "The image bookworm is not as its lock says. 2 Debian packages differ" in site_pages["index.html"]
    assert "no, 2 differ" in site_pages["method.html"]
    assert "tzdata:all 2025b none" in site_pages["packages/frozenlist.html"]
    assert "lock says" not in site_pages["packages/grpcio.html"]


def test_what_was_not_built_has_its_reason() -> None:
    """Excluded, failed, and without a source."""
    text = Page(pages(*everything(), exclusions=(EXCLUSION,))["excluded.html"]).text
    assert "scipy needs BLAS and LAPACK The image scientific may lift this. 2026-11-01" in text
    assert "grpcio 1.0 its build needs the network, and builds have none in the phase build-wheel bookworm" in text
    assert "futures 3.0 no source distribution was published" in text
    assert "pyqt5 5.0 Qt is not there" in text


def test_each_exclusion_has_its_last_check_and_what_came_of_it() -> None:
    """Reason, since when, image, day and outcome; and what was never checked is marked."""
    stock, lifting = (
        sample("scipy", verdict=Verdict.FTBFS),
        sample("scipy", verdict=Verdict.SENSITIVE, image=replace(IMAGE, name="scientific")),
    )
    check = concluded(EXCLUSION, stock, lifting, NOON)
    summary = summarize((), (EXCLUSION, replace(EXCLUSION, project="enum34", image="")), LATER)
    found = dict(site(summary, STORE.get, "0.1.0", sources=Sources(checks={"scipy": check})))
    text = Page(found["exclusions.html"]).text
    assert f"scipy needs BLAS and LAPACK 2026-11-01 scientific 2026-11-20 lifted {check.why}" in text
    assert "enum34 needs BLAS and LAPACK 2026-11-01 none never not checked yet" in text


def test_the_method_lists_every_variation_and_every_verdict() -> None:
    """Each can be linked to by its name."""
    page = Page(pages(*everything())["method.html"])
    assert {name for name, _ in VARIATIONS} | {*Verdict} <= page.anchors
    assert all(summary in page.text for _, summary in VARIATIONS)
    assert "given with 1596163658" in page.text


def test_a_path_is_repeated_as_the_path_that_was_asked_for() -> None:
    """A release on nobody's index cannot be asked for by name."""
    text = Page(pages(replace(sample(), requirement="./my project/"))["packages/six.html"]).text
    assert "wheelproof run './my project/' --image bookworm --again" in text


def test_what_was_built_as_a_profile_has_it_is_repeated_so() -> None:
    """Or it would be another verdict."""
    usual = sample()
    assert usual.inputs is not None
    result = replace(usual, inputs=replace(usual.inputs, profile=Profile("their tools")))
    text = Page(pages(result)["packages/six.html"]).text
    assert "--image bookworm --profile 'their tools' --again" in text
    assert "It was built as the profile their tools has it." in text


# --- images side by side ---------------------------------------------------------------------


def comparison_of(page: Page) -> str:
    """Return the text of a page up to the first standing: the comparison, if there is one."""
    return page.text.partition("Judged ")[0]


def test_a_release_on_two_images_is_compared_at_the_top() -> None:
    """One column for each image, and differences are marked; so for each such version."""
    failed = sample("markupsafe", "2.1.5", Verdict.FTBFS, image=TRIXIE)
    page = Page(pages(explained(), failed, sample("markupsafe", "2.0"))["packages/markupsafe.html"])
    told = comparison_of(page)
    assert told.index("2.1.5 on 2 images") < told.index("Debian bookworm trixie")
    sha256 = explained().builds[0].wheel
    assert sha256 is not None
    for line in (
        "The verdicts are not the same.",
        "Python 3.11 3.13",
        "Version 2.1.5 2.1.5",
        "Verdict differs sensitive fails to build",
        "Sensitive to build-path umask -",
        "Severity debug information -",
        "Causes debug-path archive-modes -",
        "Recipe fix-umask prefix-map-source -",
        "Reason differs - its build needs the network, and builds have none",
        f"First build {sha256.sha256} -",
        "Built with setuptools 80.9.0 setuptools 80.9.0",
    ):
        assert line in told
    assert "on 2 images" not in Page(pages(explained())["packages/markupsafe.html"]).text
    labels = [attributes["data-label"] for tag, attributes in page.tags if tag == "td" and "data-label" in attributes]
    assert labels[:4] == ["bookworm", "trixie", "bookworm", "trixie"]
    assert {"#2.1.5-bookworm", "#2.1.5-trixie", "#2.0-bookworm"} <= set(page.links)


def test_what_one_image_is_not_sensitive_to_differs_as_long_as_it_was_built() -> None:
    """A failed build has unknown facts, so only the failure is marked as different."""
    told = comparison_of(
        Page(pages(explained(), sample("markupsafe", "2.1.5", image=TRIXIE))["packages/markupsafe.html"])
    )
    assert "Sensitive to differs build-path umask -" in told
    assert "Verdict differs sensitive reproducible" in told


def test_images_that_agree_are_described_as_equal() -> None:
    """The same bytes are worth a word; other bytes are no difference of the verdict."""
    page = Page(pages(sample(), sample(image=TRIXIE))["packages/six.html"])
    assert "The verdict is the same. The first builds gave the same bytes." in page.text
    assert "differs" not in comparison_of(page)
    other = sample(image=TRIXIE)
    first = other.builds[0]
    assert first.wheel is not None
    wheel = replace(first.wheel, sha256="0" * 64)
    other = replace(other, builds=(replace(first, wheel=wheel), *other.builds[1:]))
    told = Page(pages(sample(), other)["packages/six.html"]).text
    assert "The verdict is the same. The first builds did not give the same bytes." in told
    assert "First build differs" in told


def test_images_without_a_version_in_common_are_compared_by_their_newest() -> None:
    """As one's Python may be too old for the other's; and the versions are described as different."""
    page = Page(pages(sample("six", "1.16"), sample("six", "1.17", image=TRIXIE))["packages/six.html"])
    assert "The newest on 2 images The images do not have the same version." in page.text
    assert "Version differs 1.16 1.17" in page.text


def test_a_difference_beyond_what_a_cell_lists_is_none_the_less_one() -> None:
    """A package may name as many causes as it likes, and as long."""
    many = tuple(CauseFinding(f"{'x' * 400}{number}", ()) for number in range(40))
    (found,) = comparisons(
        summarize((replace(sample(), causes=many), replace(sample(image=TRIXIE), causes=many[:-1])), (), LATER)
        .projects[0]
        .standings,
        (),
    )
    line = next(line for line in found.lines if line.name == "Causes")
    assert line.differs
    assert max(len(text) for cell in line.cells for text in cell) < 400
    assert [cell[-1] for cell in line.cells] == ["and 16 more", "and 15 more"]


def test_an_image_that_the_repository_does_not_have_any_more_is_none_the_less_shown() -> None:
    """Only which Debian and which Python it has is not known."""
    told = comparison_of(Page(pages(sample(), sample(image=replace(IMAGE, name="gone")))["packages/six.html"]))
    assert "Python 3.11 -" in told


def test_the_first_page_shows_both_verdicts() -> None:
    """On the lines of both images; another version's verdict is not shown there."""
    failed = sample(verdict=Verdict.FTBFS, image=TRIXIE)
    text = Page(pages(sample(), failed, sample("six", "1.15", Verdict.INTRINSIC))["index.html"]).text
    assert "six 1.16.0 reproducible on trixie fails to build bookworm" in text
    assert "on bookworm reproducible trixie" in text
    assert "on trixie" not in Page(pages(sample(), sample(image=TRIXIE))["index.html"]).text


def test_what_is_open_on_one_image_is_listed_with_it() -> None:
    """On the first page, and on its own."""
    wanted = (Tracked("six", "1.16.0", "bookworm"), Tracked("six", "1.16.0", "trixie"))
    found = dict(site(summarize((sample(),), (), LATER, wanted), STORE.get, "0.1.0"))
    assert "six 1.16.0 open trixie" in Page(found["index.html"]).text
    assert "open 1.16.0 is tracked on trixie, and has no verdict there yet." in Page(found["packages/six.html"]).text


# --- logs ------------------------------------------------------------------------------------


def test_a_log_is_cut_without_colours_and_names_its_builds() -> None:
    """Begin and end are kept: failures are at the end."""
    log = b"\x1b[1;31mbegin\x1b[0m\r\n" + b"x" * 2 * LOG_BOUND + b"\nend"
    text = pages(sample(logs=(log, log)), read_log={log_name(log): log}.get)[f"logs/{log_name(log)}.html"]
    page = Page(text)
    assert len(text) < LOG_BOUND + 30_000
    assert "begin x" in page.text
    assert "bytes left out" in page.text
    assert page.text.count("end") >= 1
    assert "\x1b" not in text
    assert "[1;31m" not in text
    assert "six 1.16.0, bookworm, first build six 1.16.0, bookworm, second build" in page.text


def test_no_page_that_the_site_has_or_links_to_is_removed() -> None:
    """Neither after a round that writes all of it, nor after one that writes nothing; what is gone does not last."""
    made, tracked = Made(), tuple(map(Tracked, ("six", "later")))
    summary = summarize(everything(), (EXCLUSION,), LATER, tracked)
    written = dict(site(summary, STORE.get, "0.1.0", made=made))
    lasting = set(lasting_pages(made))
    linked = {one for text in written.values() for one in re.findall(r"logs/[0-9a-f]{64}\.html", text)}
    assert linked
    assert {path for path in written if path.startswith(("logs/", "packages/", "badge/"))} | linked <= lasting
    list(site(summary, lambda _: None, "0.1.0", made=made))
    assert set(lasting_pages(made)) == lasting
    list(site(summarize((), (), LATER, tracked), STORE.get, "0.1.0", made=made))
    assert "packages/later.html" in lasting_pages(made)
    assert not any(path.startswith("logs/") for path in lasting_pages(made))


def test_a_log_that_is_no_longer_kept_is_marked() -> None:
    """And no link leads to it."""
    site_pages = pages(sample(), read_log=lambda _: None)
    page = Page(site_pages["packages/six.html"])
    assert "first build is no longer kept" in page.text
    assert not [link for link in page.links if "logs/" in link]


def test_only_a_hash_names_a_log() -> None:
    """A record that names a log otherwise makes nobody read, or write, another file."""
    result = sample()
    strange = replace(result, builds=(replace(result.builds[0], log="../../etc/passwd"),))

    def read(sha256: str) -> bytes:
        raise AssertionError(sha256)

    assert len(pages(strange, read_log=read)) == len({*ALWAYS, *CATALOGUES, DAY, "changes.html", "packages/six.html"})


# --- hostile text ----------------------------------------------------------------------------


def test_hostile_text_makes_no_element_and_no_script() -> None:
    """Not in any page: names, versions, paths, details, reasons, addresses, logs."""
    ours = pages(*everything())["index.html"]
    for path, text in hostile_site().items():
        page = Page(text)
        assert not [tag for tag, _ in page.tags if tag in {"img", "iframe", "object", "form", "base"}]
        assert [tag for tag, _ in page.tags].count("script") == (path == "index.html")
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
        assert not [link for link in page.links if re.match(r"\s*[a-z]+:", link)]
        assert page.inline.get("script", Page(ours).inline["script"]) == Page(ours).inline["script"]


def test_hostile_text_hides_nothing() -> None:
    """No character that turns, hides or commands is left; each is spelt out in its place."""
    site_pages = hostile_site()
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    for text in site_pages.values():
        assert not [one for one in set(text) - {"\n", "\t"} if unicodedata.category(one) in hidden]
        text.encode()
    told = "".join(Page(text).text for text in site_pages.values())
    assert "<script>document.title='owned'</script>" in told
    assert "⟨U+001B⟩[31mred" in told
    assert "⟨U+202E⟩gnp.exe" in told
    assert "⟨U+D800⟩" in told


def test_hostile_names_stay_in_their_folder() -> None:
    """Each page has a unique name that is safe for file systems and shells."""
    paths = list(hostile_site(every=True))
    for path in paths:
        folder, name = posixpath.split(path)
        assert folder in {"", "packages", "logs", "nights", "badge", "data", "data/schema"}
        assert re.fullmatch(r"[a-z0-9_][a-z0-9-]*\.(?:html|json|svg)", name)
    assert len(set(paths)) == len(paths) >= len({*ALWAYS, *CATALOGUES}) + 10


@pytest.mark.parametrize("name", ["six", "zope-event", "a" * 100])
def test_an_ordinary_name_is_its_page(name: str) -> None:
    """Addresses can be guessed."""
    assert page_name(name) == f"{name}.html"


@pytest.mark.parametrize("name", ["..", "a/b", "", "-a", "Six", "six.", "a" * 101, "six\n", "\ud800"])
def test_any_other_name_becomes_a_hash(name: str) -> None:
    """And can never be taken for an ordinary one, which has no underscore."""
    assert re.fullmatch(r"_[0-9a-f]{32}\.html", page_name(name))


def test_the_command_to_repeat_it_is_one_command_whatever_the_name() -> None:
    """A reader may paste it into a shell."""
    name = "six'; rm -rf ~; '"
    text = Page(pages(replace(sample(name), requirement="six"))[f"packages/{page_name(name)}"]).text
    found = re.search(r"wheelproof run .* --again", text)
    assert found is not None
    assert shlex.split(found.group()) == ["wheelproof", "run", f"{name}==1.16.0", "--image", "bookworm", "--again"]


def test_a_package_cannot_make_a_page_without_end() -> None:
    """Lists and details are cut, and the cut is marked."""
    many = tuple(Difference(f"file-{number}", Aspect.CONTENT) for number in range(LIST_BOUND + 7))
    text = pages(replace(sample(verdict=Verdict.SENSITIVE), differences=many))["packages/six.html"]
    assert text.count("file-") == LIST_BOUND
    assert "And 7 more, which are not shown." in text
    failure = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "z" * 100_000)
    text = pages(sample(verdict=Verdict.FTBFS, failure=failure))["packages/six.html"]
    assert text.count("z") < 10_000
    assert "92000 characters left out" in text


# --- while a run goes on ---------------------------------------------------------------------


def _again(summary: Summary, made: Made, read_log: Callable[[str], bytes | None]) -> set[str]:
    return {path for path, _ in site(summary, read_log, "0.1.0", made=made)}


def test_during_a_run_only_what_changed_is_written_again() -> None:
    """Logs least of all: none is read twice."""
    read: list[str] = []

    def read_log(sha256: str) -> bytes | None:
        read.append(sha256)
        return STORE.get(sha256)

    made = Made()
    before = (sample("six"), sample("idna", days=0.1))
    first = _again(summarize(before, (), LATER), made, read_log)
    assert len(first) == len({*ALWAYS, *CATALOGUES, *DATA}) + 2 + 2 + 2 * 4 + 2
    assert _again(summarize(before, (), LATER), made, read_log) == ALWAYS | DATA
    after = (*before, sample("idna", days=0.2))
    assert _again(summarize(after, (), LATER), made, read_log) == {
        *(ALWAYS | DATA | {DAY}),
        *("packages/idna.html", "data/idna.json", "badge/idna.json", "badge/idna.svg"),
    }
    assert sorted(read) == sorted(set(read))


def test_a_page_of_a_catalogue_is_written_again_with_other_links() -> None:
    """All of its other content comes from the program."""
    made = Made()
    summary = summarize((), (), LATER)
    first = {path for path, _ in site(summary, STORE.get, "0", made=made)}
    same = {path for path, _ in site(summary, STORE.get, "0", made=made)}
    linked = {path for path, _ in site(summary, STORE.get, "0", made=made, sources=Sources(feed="feed.atom"))}
    assert [set(CATALOGUES) & paths for paths in (first, same, linked)] == [set(CATALOGUES), set(), set(CATALOGUES)]


def test_pages_are_made_one_at_a_time() -> None:
    """The first page is there before any log was read."""

    def read_log(sha256: str) -> bytes:
        raise AssertionError(sha256)

    path, _ = next(site(summarize((sample(),), (), LATER), read_log, "0.1.0"))
    assert path == "index.html"


def test_a_site_of_150_packages_is_made_in_well_under_two_seconds() -> None:
    """Of processor time, so that a busy machine cannot fail it; the rest of the list changes nothing."""
    logs: Mapping[str, bytes] = {log_name(log): log * 1000 for log in LOGS}
    results = [sample(f"package-{number}", verdict=Verdict.SENSITIVE) for number in range(150)]
    begin = time.process_time()
    made = sum(1 for _ in site(summarize(results, (), LATER), logs.get, "0.1.0"))
    assert made == len({*ALWAYS, *CATALOGUES, *DATA, DAY, "changes.html"}) + 2 + 150 * 4 + 3
    assert time.process_time() - begin < 2
