"""What becomes of an exclusion follows from two results; when it is checked, from the last check."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.config import Config
from orchestrator.farm import memory
from orchestrator.farm.exclusions import concluded, due, is_repeated, last_made, run_with_checks
from orchestrator.farm.run import RunOutcome
from orchestrator.model import DAY, Exclusion, Fate, Verdict, digest
from orchestrator.results.store import Results
from tests.sample_results import IMAGE, sample
from tests.samples import NOON

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import ExclusionCheck, Result, Task, UsedImage

SCIPY = Exclusion("scipy", "needs BLAS", date(2020, 8, 1), image="trixie")
TRIXIE = replace(IMAGE, name="trixie")
NEVER = replace(SCIPY, image="", never=True)


def came_to(verdict: Verdict, *, custom: bool = False) -> Result:
    """Return scipy's result on the stock image or on the custom one."""
    return sample("scipy", verdict=verdict, image=TRIXIE if custom else IMAGE)


def check(exclusion: Exclusion, stock: Verdict, custom: Verdict | None = None) -> ExclusionCheck:
    """Check an exclusion whose project came to those verdicts."""
    return concluded(exclusion, came_to(stock), came_to(custom, custom=True) if custom else None, NOON)


@pytest.mark.parametrize("built", [Verdict.REPRODUCIBLE, Verdict.SENSITIVE, Verdict.INTRINSIC])
@pytest.mark.parametrize("failed", [Verdict.FTBFS, Verdict.NO_SDIST])
def test_an_exclusion_is_what_its_builds_say(built: Verdict, failed: Verdict) -> None:
    """Stale before lifted, and never whatever is built."""
    assert check(SCIPY, built, failed).outcome is Fate.STALE
    assert check(SCIPY, built, built).outcome is Fate.STALE
    assert check(SCIPY, failed, built).outcome is Fate.LIFTED
    assert check(SCIPY, failed, failed).outcome is Fate.STILL_NEEDED
    assert check(replace(SCIPY, image=""), failed).outcome is Fate.STILL_NEEDED
    assert check(NEVER, built).outcome is check(NEVER, failed).outcome is Fate.NEVER


def test_a_check_says_why_on_each_image() -> None:
    """With the verdict where it was built, the reason where it was not, and the jobs with details."""
    found = check(SCIPY, Verdict.FTBFS, Verdict.SENSITIVE)
    assert found.why == (
        f"{found.stock.version} does not build on bookworm: {found.stock.why}; "
        f"{found.stock.version} builds on trixie: sensitive"
    )
    assert found.stock.why
    assert (found.project, found.checked, found.stock.job) == ("scipy", NOON, came_to(Verdict.FTBFS).job)
    assert check(NEVER, Verdict.SENSITIVE).why.startswith("needs BLAS; ")


def test_a_check_is_due_when_there_is_none_or_it_is_too_old(tmp_path: Path) -> None:
    """By the last one; earlier ones stay as they were."""
    store = Results(tmp_path, wheels=1, logs=1)
    assert due((SCIPY,), store.checks(), 30 * DAY, NOON) == (SCIPY,)
    first = check(SCIPY, Verdict.FTBFS, Verdict.SENSITIVE)
    second = replace(first, checked=NOON + timedelta(days=20), outcome=Fate.STALE)
    for one in (second, first):
        store.write_check(one)
    assert store.checks() == {"scipy": second}
    assert len(list((tmp_path / "exclusions" / "scipy").iterdir())) == 2
    assert due((SCIPY,), store.checks(), 30 * DAY, NOON + timedelta(days=50)) == ()
    assert due((SCIPY,), store.checks(), 30 * DAY, NOON + timedelta(days=51)) == (SCIPY,)


def test_a_check_that_changes_nothing_is_not_recorded_again(tmp_path: Path) -> None:
    """Another time or another release of wheelproof is no change; a job of other inputs is."""
    first = check(SCIPY, Verdict.FTBFS, Verdict.SENSITIVE)
    later = replace(first, checked=NOON + timedelta(days=31), wheelproof="9.9")
    assert is_repeated(later, first)
    assert not is_repeated(replace(later, stock=replace(first.stock, job="1" * 64)), first)
    assert not is_repeated(replace(later, outcome=Fate.STALE), first)
    memory.remember(tmp_path, digest(("exclusion", "scipy", first.checked)), (later.checked.isoformat(),))
    assert last_made(tmp_path, {"scipy": first})["scipy"].checked == later.checked
    assert last_made(tmp_path, {"scipy": later})["scipy"] == later
    assert due((SCIPY,), last_made(tmp_path, {"scipy": first}), 30 * DAY, NOON + timedelta(days=60)) == ()


def test_a_damaged_check_is_none(tmp_path: Path) -> None:
    """It is passed over, and the exclusion is checked again."""
    store = Results(tmp_path, wheels=1, logs=1)
    store.write_check(check(SCIPY, Verdict.FTBFS)).write_text("{")
    assert store.checks() == {}


@pytest.mark.parametrize("stock", [IMAGE, TRIXIE])
def test_a_stock_image_may_be_chosen_by_the_release(tmp_path: Path, stock: UsedImage) -> None:
    """Whichever `auto` chose, its verdict is that of the stock image."""
    exclusion = replace(SCIPY, image="scientific")
    settings = Config(images=("auto",), exclusions=(exclusion,))
    store = Results(tmp_path, wheels=1, logs=1)

    def carry_out(tasks: tuple[Task, ...]) -> RunOutcome:
        (task,) = tasks
        is_stock = task.image == "auto"
        verdict, image = (Verdict.FTBFS, stock) if is_stock else (Verdict.SENSITIVE, replace(IMAGE, name=task.image))
        return RunOutcome((store.write(sample("scipy", verdict=verdict, image=image)),), ())

    _, (check,) = run_with_checks(settings, store, (), (exclusion,), carry_out)
    assert check.outcome is Fate.LIFTED
    assert (check.stock.image, check.custom and check.custom.image) == (stock.name, "scientific")
