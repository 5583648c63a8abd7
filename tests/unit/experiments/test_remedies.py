"""The catalogue of remedies, the order in which they are tried, and how they are written for users."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.build import variations
from orchestrator.build.container import variables
from orchestrator.experiments import remedies
from orchestrator.experiments.search import choices_of, plan
from orchestrator.model import (
    Aspect,
    CauseFinding,
    Evidence,
    Proof,
    Remedied,
    RemedyOutcome,
    Severity,
    Unexplained,
    Verdict,
)
from orchestrator.publish import recipes
from tests.sample_results import sample
from tests.samples import FIRST, SECOND

if TYPE_CHECKING:
    from orchestrator.model import Environment, Result

HOSTILE = "`$(touch /tmp/hostile)`|'\"; rm -rf ~ </script>\n# not a heading\x1b[31m"
"""What a package may be called, or say of itself."""


def changed(environment: Environment, name: str) -> set[str]:
    """Name what a remedy changes in an environment."""
    after = remedies.remedied(environment, [name], "1.0")
    return {field for field in FIRST.__slots__ if getattr(environment, field) != getattr(after, field)}


def test_there_is_a_remedy_that_holds_each_variation() -> None:
    """And its name is the variation's."""
    assert remedies.NAMES[: len(variations.NAMES)] == tuple(f"fix-{name}" for name in variations.NAMES)
    assert remedies.held_by(["fix-umask", "set-epoch", "fix-build-path"]) == ("build-path", "umask")
    assert remedies.fixes(("umask",)) == ("fix-umask",)


@pytest.mark.parametrize("remedy", remedies.REMEDIES, ids=lambda remedy: remedy.name)
def test_every_remedy_does_something_or_holds_a_variation(remedy: remedies.Remedy) -> None:
    """Nothing of it is there in the first builds, and it has the texts of the docs."""
    plain = replace(FIRST, source_date_epoch=None)
    assert bool(changed(plain, remedy.name)) is not bool(remedy.variation)
    assert remedy.summary.endswith(".")
    assert remedy.why.endswith(".")
    assert remedy.use.endswith(".")
    written = remedy.written
    assert any(getattr(written, field) for field in written.__slots__), "nobody could use it"


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_every_cause_names_remedies_that_there_are(cause: object) -> None:
    """By their slugs in the catalogue, and variations likewise."""
    assert set(cause.remedies) <= set(remedies.NAMES)  # type: ignore[attr-defined]
    assert set(cause.variations) <= set(variations.NAMES)  # type: ignore[attr-defined]


def test_a_map_of_paths_is_each_build_s_own() -> None:
    """The flags have the very folder of the build; they reach C and C++ alike."""
    for environment in (FIRST, SECOND):
        named = variables(remedies.remedied(environment, ["prefix-map-source", "no-debug-info"], "1.0"), 1)
        assert named["CFLAGS"] == named["CXXFLAGS"] == f"-ffile-prefix-map={environment.build_path}=. -g0"
    assert "CFLAGS" not in variables(FIRST, 1)
    assert variables(remedies.remedied(FIRST, ["pretend-version"], "1.2"), 1)["SETUPTOOLS_SCM_PRETEND_VERSION"] == "1.2"


def test_paths_are_made_equally_long() -> None:
    """However different they are."""
    both = [remedies.remedied(one, ["same-length-path"], "1.0").build_path for one in (FIRST, SECOND)]
    assert len(both[0]) == len(both[1]) == remedies.SAME_LENGTH
    assert both[0] != both[1]


def test_compilers_are_wrapped_only_where_that_is_asked_for() -> None:
    """By a folder first in PATH."""
    wrapped = variables(remedies.remedied(FIRST, ["prefix-map-folder"], "1.0"), 1)["PATH"]
    assert wrapped.split(":")[0].endswith("/compilers")
    assert "compilers" not in variables(FIRST, 1)["PATH"]


# --- which are tried -------------------------------------------------------------------------


def test_remedies_that_hold_variations_are_one_choice() -> None:
    """Only those of variations that were isolated; where the cause names none, at the end."""
    order = CauseFinding("archive-order", (), ("fileordering", "hash-seed"), Proof.ISOLATED)
    cures = ("fix-fileordering", "fix-hash-seed", "fix-locales", "canonical-archive")
    assert choices_of(order, cures) == (("fix-fileordering", "fix-hash-seed"), ("canonical-archive",))
    path = CauseFinding("debug-path", (), ("build-path",), Proof.ISOLATED)
    assert choices_of(path, ("prefix-map-source",)) == (("prefix-map-source",), ("fix-build-path",))
    assert choices_of(CauseFinding("random-id", ()), ("no-such-remedy", "no-sbom")) == (("no-sbom",),)


def test_what_was_isolated_but_not_explained_is_held() -> None:
    """Besides what the causes need."""
    found = plan([CauseFinding("archive-modes", (), ("umask",))], ("umask", "time"), {"archive-modes": ("fix-umask",)})
    assert found.current == ("fix-time", "fix-umask")


def test_a_remedy_that_another_cause_needs_anyway_is_not_doubled() -> None:
    """A smaller set is the better one."""
    folder = CauseFinding("random-folder", (), ())
    path = CauseFinding("debug-path", (), ())
    cures = {
        "random-folder": ("build-in-place", "prefix-map-folder"),
        "debug-path": ("prefix-map-source", "prefix-map-folder"),
    }
    first = plan([folder, path], (), cures)
    assert first.current == ("prefix-map-source", "build-in-place")
    assert first.advanced(["debug-path"]).current == ("prefix-map-folder",)


# --- how they are written --------------------------------------------------------------------


def with_recipe(*names: str, **changes: object) -> Result:
    """Return a result with that recipe."""
    found = sample("pkg", "1.0", Verdict.SENSITIVE)
    return replace(found, recipe=names, **changes)  # type: ignore[arg-type]


ALL = [(remedy.name,) for remedy in remedies.REMEDIES] + [("fix-umask", "prefix-map-source"), remedies.NAMES, ()]


@pytest.mark.parametrize("names", ALL, ids="+".join)
@pytest.mark.parametrize("write", [recipes.pip, recipes.build])
def test_scripts_are_shell(names: tuple[str, ...], write: object) -> None:
    """The shell reads every one, and a hostile name runs nothing."""
    hostile = with_recipe(*names, project=HOSTILE, version=HOSTILE)
    assert hostile.sdist is not None
    script = write(replace(hostile, sdist=replace(hostile.sdist, filename=HOSTILE)))  # type: ignore[operator]
    subprocess.run(["/bin/sh", "-n"], input=script.encode(), check=True)
    code = [line for line in script.splitlines() if not line.startswith("#")]
    assert not any("$(touch" in line or "rm -rf" in line for line in code)
    assert "\x1b" not in script


def test_a_recipe_for_pip_has_all_that_it_needs() -> None:
    """The umask, the flags, the settings, a fixed folder, the epoch."""
    script = recipes.pip(with_recipe("fix-umask", "prefix-map-source", "meson-build-dir", "canonical-archive"))
    assert "umask 022" in script
    assert "-ffile-prefix-map=$PWD=." in script
    assert "--config-settings=build-dir=build/meson" in script
    assert "orchestrator.guest.postprocess" in script
    assert re.search(r"export SOURCE_DATE_EPOCH=\"\d+\"", script)
    assert shlex.split(script, comments=True)


def test_a_debian_rules_file_is_make(tmp_path: object) -> None:
    """Make reads it, and the recipe's lines are in it, with make's own escapes."""
    rules = recipes.debian_rules(with_recipe("fix-umask", "prefix-map-source", "fix-num-cpus", "meson-build-dir"))
    assert "export DEB_CFLAGS_MAINT_APPEND = -ffile-prefix-map=$(CURDIR)=." in rules
    assert "export PYBUILD_BUILD_ARGS = -Cbuild-dir=build/meson" in rules
    done = subprocess.run(
        ["/usr/bin/make", "--dry-run", "-f", "-", "override_dh_auto_build"],
        input=rules.encode(),
        capture_output=True,
        check=True,
        cwd=str(tmp_path),
    )
    assert b"umask 022; taskset --cpu-list 0 dh_auto_build" in done.stdout


def test_a_report_is_complete_and_escapes_the_texts_of_a_package() -> None:
    """Title, evidence side by side, cause, remedy, figures; no markup of anybody else's."""
    cause_finding = CauseFinding(
        HOSTILE, ("a.py",), ("umask",), Proof.ISOLATED, (Evidence(HOSTILE, HOSTILE, "first | side", "second `side`"),)
    )
    found = with_recipe(
        "fix-umask",
        causes=(cause_finding,),
        holds=("umask",),
        severity=Severity.ARCHIVE,
        unexplained=(Unexplained(HOSTILE, Aspect.CONTENT, HOSTILE),),
        remedies=(Remedied("prefix-map-source", RemedyOutcome.REJECTED, Severity.CODE, "makes it deeper"),),
    )
    report = recipes.report(found)
    assert report.startswith("# Wheels of pkg 1\\.0 are not reproducible")
    assert "the archive alone" in report
    assert "first \\| side" in report
    assert "`` second `side` ``" in report
    assert "- not `prefix-map-source`: makes it deeper" in report
    assert "umask 022" in report
    headings = [line for line in report.splitlines() if line.startswith("#")]
    assert not any("not a heading" in line and line.startswith("# ") for line in headings)
    assert "\x1b" not in report
