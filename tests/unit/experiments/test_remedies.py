"""The catalogue of remedies, and the order in which they are tried."""

from __future__ import annotations

import pytest

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.build import variations
from orchestrator.experiments import remedies
from orchestrator.experiments.runner import kept_equal
from orchestrator.experiments.search import Choosing, choices_of, plan
from orchestrator.model import CauseFinding, Proof
from tests.samples import FIRST, SECOND


def test_there_is_a_remedy_that_holds_each_variation() -> None:
    """And its name is the variation's."""
    assert remedies.NAMES[: len(variations.NAMES)] == tuple(f"fix-{name}" for name in variations.NAMES)
    assert remedies.fixes(("umask",)) == ("fix-umask",)


@pytest.mark.parametrize("remedy", remedies.REMEDIES, ids=lambda remedy: remedy.name)
def test_every_remedy_has_its_texts(remedy: remedies.Remedy) -> None:
    """And says how it is written."""
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


@pytest.mark.parametrize("remedy", remedies.REMEDIES, ids=lambda remedy: remedy.name)
def test_only_what_no_script_can_do_is_the_same_in_both_environments(remedy: remedies.Remedy) -> None:
    """All else, the text does."""
    kept = kept_equal([remedy.name])
    assert kept == ((remedy.variation,) if remedy.variation and (remedy.written.check or remedy.written.note) else ())
    if not kept:
        assert remedies.remedied(FIRST, [remedy.name], "1.0") == FIRST
        assert remedies.remedied(SECOND, [remedy.name], "1.0") == SECOND


def test_a_remedy_may_be_for_some_backends() -> None:
    """By the beginning of the backend's name; without any, it is for all."""
    assert remedies.applies(remedies.named("meson-build-dir"), "mesonpy")
    assert not remedies.applies(remedies.named("meson-build-dir"), "setuptools.build_meta")
    assert remedies.applies(remedies.named("fix-umask"), "")


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
    choosing = Choosing({"archive-modes": ("fix-umask",)})
    found = plan([CauseFinding("archive-modes", (), ("umask",))], ("umask", "time"), choosing)
    assert found.current == ("fix-time", "fix-umask")


def test_each_cause_has_its_own_first_choice() -> None:
    """Whatever another cause has taken; what is not needed is left out later."""
    folder = CauseFinding("random-folder", (), ())
    path = CauseFinding("debug-path", (), ())
    cures = {
        "random-folder": ("meson-build-dir", "prefix-map-folder"),
        "debug-path": ("prefix-map-source", "prefix-map-folder"),
    }
    first = plan([folder, path], (), Choosing(cures))
    assert first.current == ("prefix-map-source", "meson-build-dir")
    assert first.advanced(["debug-path"]).current == ("prefix-map-folder", "meson-build-dir")


def test_what_does_nothing_is_no_choice() -> None:
    """A fixed value does nothing against what differs in one environment; a choice of several loses just that part."""
    choosing = Choosing(
        {"random-id": ("fix-umask", "fix-time", "no-sbom")}, {"no-sbom": "why"}, frozenset({"fix-time"})
    )
    assert choosing.against(CauseFinding("random-id", ())) == (("fix-time",),)
    varied = CauseFinding("random-id", (), ("umask", "fileordering"))
    only = Choosing({}, {"fix-fileordering": "why"})
    assert only.against(varied) == (("fix-umask",),)
