"""Reports for upstream: one for each party, with what it changes, in Markdown that hostile text cannot leave."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.analysis.causes.model import Cause, Party, UpstreamAdvice
from orchestrator.build.variations import NAMES
from orchestrator.experiments.explain import FRAGILE
from orchestrator.model import CauseFinding, Evidence, Pin, Proof, Provided, Result, Verdict
from orchestrator.publish import advice
from orchestrator.publish.report import BACKENDS, advice_of, backend_of
from tests.sample_results import HOSTILE, all_hostile, explained, sample
from tests.samples import failed

KNOWN_ISSUE = re.compile(r"[\w.-]+/[\w.-]+#\d+")


def found(name: str, *variations: str, first: str = "a", second: str = "b") -> CauseFinding:
    """Return a cause that was found."""
    return CauseFinding(name, ("a.py",), variations, Proof.TRACE, (Evidence("a.py", "line 1", first, second),))


def built_by(*names: str) -> Result:
    """Return a result whose build requirements have those names."""
    return sample(pins=tuple(Pin(name, "1.0", "a" * 64, f"{name}-1.0-py3-none-any.whl", "") for name in names))


def reports(*causes: CauseFinding, backend: str = "setuptools") -> list[str]:
    """Return the reports about those causes."""
    pins = built_by(backend).build_requirements
    text = advice.report(replace(sample(verdict=Verdict.SENSITIVE), causes=causes, build_requirements=pins))
    return text.split("\n---\n\n")


def section(text: str, heading: str) -> str:
    """Return what a report has below one of its headings."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_each_cause_has_advice_for_every_backend_and_variation(cause: Cause) -> None:
    """Whose last entry has no condition; a tool is named, and issues are named by repository and number."""
    last = cause.upstream[-1]
    assert (last.backends, last.variations, last.shown) == ((), (), ())
    for one in cause.upstream:
        assert one.change.endswith(".")
        assert set(one.backends) <= set(BACKENDS)
        assert set(one.variations) <= set(NAMES)
        assert bool(one.tool) is (one.party is Party.TOOL)
        assert all(KNOWN_ISSUE.fullmatch(issue) for issue in one.known)
        assert not re.search(r"\bfix-", one.change)  # a remedy is for builders


def test_a_condition_that_is_not_met_excludes_the_advice() -> None:
    """Each alone."""
    one = UpstreamAdvice(Party.PROJECT, "x.", backends=("a",), variations=("umask",), shown=("b",))
    assert one.applies("a", ("umask", "home"), "abc")
    assert not one.applies("c", ("umask",), "abc")
    assert not one.applies("a", ("home",), "abc")
    assert not one.applies("a", ("umask",), "xyz")


@pytest.mark.parametrize(
    ("finding", "backend", "party", "change"),
    [
        (found("metadata-order", "hash-seed"), "setuptools", Party.PROJECT, "keywords=sorted(KEYWORDS)"),
        (found("metadata-order", "fileordering"), "setuptools", Party.PROJECT, "sorted(glob.glob(...))"),
        (found("archive-modes", "umask"), "setuptools", Party.BACKEND, "zinfo.external_attr"),
        (found("archive-modes", "umask"), "scikit-build-core", Party.PROJECT, "wheel.reproducible = true"),
        (found("archive-times", "time"), "setuptools", Party.BACKEND, "SOURCE_DATE_EPOCH"),
        (found("random-folder", first="/x/.mesonpy-abcdefgh/a"), "meson-python", Party.BACKEND, "build-dir"),
        (found("random-folder", first="/t/.tmp-pkg-pep517-abcdefgh"), "setuptools", Party.PROJECT, "own backend"),
        (found("random-folder", first="/t/pip-req-build-abcdefgh"), "setuptools", Party.TOOL, "pip wheel"),
        (found("object-order", "fileordering"), "setuptools", Party.PROJECT, "sources=sorted(glob.glob("),
        (found("nested-archive", "time"), "setuptools", Party.PROJECT, "mtime=0"),
        (found("nested-archive", "umask"), "setuptools", Party.PROJECT, "--owner=0"),
        (found("bytecode-order", "hash-seed"), "setuptools", Party.TOOL, "reference counts"),
        (found(FRAGILE, "home"), "setuptools", Party.PROJECT, "both environments"),
        (found("of-an-earlier-release"), "setuptools", Party.PROJECT, "evidence"),
    ],
)
def test_each_cause_is_reported_to_who_can_remove_it(
    finding: CauseFinding, backend: str, party: Party, change: str
) -> None:
    """With what that party changes."""
    one = advice_of(finding, backend)
    assert (one.party, change in one.change) == (party, True)


@pytest.mark.parametrize(
    ("names", "backend"),
    [
        (("setuptools", "wheel"), "setuptools"),
        (("hatch-vcs", "hatchling", "setuptools", "setuptools-scm"), "hatchling"),
        (("meson-python", "numpy", "setuptools"), "meson-python"),
        (("cython", "in-tree"), ""),
        ((), ""),
    ],
)
def test_the_backend_is_inferred_from_the_build_requirements(names: tuple[str, ...], backend: str) -> None:
    """Plugins bring setuptools too; Debian's distributions count as well."""
    assert backend_of(built_by(*names)) == backend
    provided = tuple(Provided(name, "1", f"python3-{name}", "1-1") for name in names)
    assert backend_of(replace(built_by(), provided=provided)) == backend


def test_each_party_gets_a_report_that_is_complete_by_itself() -> None:
    """With its own causes only, its own commands, and the known issues about them."""
    project, backend = reports(found("hash-order", "hash-seed"), found("archive-modes", "umask"))
    assert project.startswith("# Wheels of six 1.16.0 are not reproducible\n")
    assert backend.startswith("# Wheels are not reproducible because of setuptools: six 1.16.0, for example\n")
    assert "**Whose it is:** the project." in section(project, "`hash-order`")
    assert "archive-modes" not in project
    assert "hash-order" not in backend
    assert "pypa/wheel#362" in section(backend, "Known issues about this")
    assert "pypa/wheel" not in project
    assert "PYTHONHASHSEED=1" in section(project, "How to see it")
    assert "umask 022" in section(backend, "How to see it")
    for one in (project, backend):
        assert len(re.findall(r"(?m)^\(|^cmp ", section(one, "How to see it"))) == 3
        assert "wheelproof" not in one
        assert "have reports of their own" in one
    (alone,) = reports(found("hash-order", "hash-seed"))
    assert "reports of their own" not in alone


def test_the_names_of_extras_are_sorted_where_they_are_used() -> None:
    """Not in the keywords, which other reports name."""
    extras = found("metadata-order", "hash-seed", first="Provides-Extra: b", second="Provides-Extra: a")
    (text,) = reports(extras)
    assert "for name in sorted(EXTRAS)" in text
    (text,) = reports(replace(extras, evidence=(Evidence("METADATA", "line 2", "Keywords: b", "Keywords: a"),)))
    assert "keywords=sorted(KEYWORDS)" in text


def test_a_report_counts_the_files_and_explains_remedies() -> None:
    """A record has only some places of a cause, so that these are no count."""
    cause = replace(found("archive-modes", "umask"), members=("a.py", "b.py", "c.py"))
    (text,) = reports(replace(cause, evidence=cause.evidence * 5))
    assert "It is in 3 files of the wheel. Examples:" in text
    assert "more places" not in text
    assert "That is: build with the same umask every time" in advice.report(explained())


def test_the_lines_that_differ_are_shown() -> None:
    """As a difference, with their place and marks below the tokens that differ."""
    (text,) = reports(found("hash-order", "hash-seed", first="Keywords: b", second="Keywords: a"))
    marks = " " * 11 + "^"
    assert f"In `a.py` `line 1`:\n\n```diff\n-Keywords: b\n{marks}\n+Keywords: a\n{marks}\n```\n" in text


def test_a_build_that_failed_gave_no_different_wheel() -> None:
    """The report says which one failed."""
    result = sample(verdict=Verdict.SENSITIVE)
    first, second, control = result.builds
    broken = replace(result, builds=(first, failed("second", second.environment), control))
    text = advice.report(replace(broken, causes=(found(FRAGILE, "home"),)))
    assert "did not both give a wheel: the second one failed." in text
    assert "gave different wheels" not in text
    assert "The build fails in one of the two environments" in section(text, "`fragile`")


def test_a_title_is_plain_text() -> None:
    """Names and versions need no escapes."""
    text = advice.report(explained(project="zope-interface", version="1!2.0.post1+local.1"))
    assert text.startswith("# Wheels of zope-interface 1!2.0.post1+local.1 are not reproducible\n")
    assert "\\" not in re.sub(r"`[^`]*`", "", text)


def test_what_is_unexplained_goes_to_the_project() -> None:
    """Even if all causes belong to others; a long list is cut."""
    result = replace(explained(), causes=(found("archive-modes", "umask"),))
    project, backend = advice.report(result).split("\n---\n\n")
    assert ".note.strange" in section(project, "Not explained")
    assert ".note.strange" not in backend
    (left,) = result.unexplained
    many = replace(result, unexplained=tuple(replace(left, path=f"{number}.so") for number in range(50)))
    assert "And 20 more, which are not listed here." in advice.report(many)
    assert "And 48 more in it." in advice.report(replace(result, unexplained=result.unexplained * 50))
    assert advice.report(sample()) == ""


def test_hostile_text_stays_in_code() -> None:
    """Without the code, nothing of it is left, and no block of code ends before its end."""
    fences = "`` ``` ````\n```\n# owned"
    for hostile in (HOSTILE, fences, "a|b", "`", ""):
        cause = found("hash-order", "hash-seed", first=hostile, second=hostile)
        result = all_hostile(explained())
        result = replace(result, causes=(*result.causes, replace(cause, evidence=(Evidence(*(hostile,) * 4),))))
        text = advice.report(result)
        assert "\x1b" not in text
        prose, fence = [], ""
        for line in text.splitlines():
            if opened := re.match(r"(`{3,})(diff|sh)?$", line):
                if not fence:
                    fence = opened[1]
                    continue
                if len(opened[1]) >= len(fence) and not opened[2]:
                    fence = ""
                    continue
            if not fence:
                prose.append(re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", line))
        assert not fence
        assert not [line for line in prose if "<script" in line or "owned" in line or "onerror" in line]
