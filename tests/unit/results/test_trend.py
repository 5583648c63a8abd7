"""The trend counts what was current on each day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from orchestrator.model import Exclusion, Outcome, Verdict
from orchestrator.results import trend
from orchestrator.results.summary import summarize
from orchestrator.results.trend import Tally
from tests.sample_results import IMAGE, explained, sample, with_recipe
from tests.sample_verifications import verified
from tests.samples import NOON

LATER = NOON + timedelta(days=9)
TRIXIE = replace(IMAGE, name="trixie")


def day(days: int) -> date:
    """Return the day so many days after NOON."""
    return (NOON + timedelta(days=days)).date()


def test_each_day_has_what_was_current_then() -> None:
    """A newer version takes the place of an older one from its first result on, on each image."""
    results = (
        sample("six", "1.15.0"),
        sample("six", "1.16.0", Verdict.FTBFS, days=2),
        sample("six", "1.16.0", days=4),
        sample("six", "1.15.0", Verdict.INTRINSIC, days=3),
        sample("six", "1.15.0", days=2, image=TRIXIE),
    )
    assert trend.trend(summarize(results, (), LATER)) == (
        (day(0), Tally(1, 1)),
        (day(2), Tally(2, 1, failing=1)),
        (day(3), Tally(2, 1, failing=1)),
        (day(4), Tally(2, 2)),
    )


def test_a_recipe_counts_from_its_proof_until_it_is_not_needed() -> None:
    """And where a later result has none, not any more."""
    unexplained, proven = explained(), with_recipe(explained())
    results = (
        replace(unexplained, finished=NOON),
        replace(proven, finished=NOON + timedelta(days=1)),
        replace(unexplained, finished=NOON + timedelta(days=2)),
        replace(proven, finished=NOON + timedelta(days=3)),
        sample("markupsafe", "2.1.5", days=4),
    )
    found = trend.trend(summarize(results, (), LATER))
    assert [(of, tally.recipe) for of, tally in found] == [
        (day(0), 0),
        (day(1), 1),
        (day(2), 0),
        (day(3), 1),
        (day(4), 0),
    ]
    named = replace(proven, builds=proven.builds[:3])
    assert trend.trend(summarize([named], (), LATER))[-1][1].recipe == 0


def test_the_last_day_is_what_is_counted_now() -> None:
    """Of all projects together, with an exclusion from its day on and wheels by their strongest outcome."""
    results = (
        sample("six"),
        sample("idna", verdict=Verdict.SENSITIVE, days=1),
        sample("scipy", days=-3),
        replace(sample("qt", verdict=Verdict.EXCLUDED), reason="no"),
        with_recipe(explained()),
    )
    wheels = (verified("six", days=2), verified("six", outcome=Outcome.DIFFERS, image=TRIXIE), verified("idna"))
    exclusions = (Exclusion("scipy", "needs BLAS", day(0)),)
    summary = summarize(results, exclusions, LATER, (), wheels)
    found = dict(trend.trend(summary))
    assert found[day(-3)] == Tally(1, 1)
    assert found[day(0)].judged == 2
    now = Tally()
    for project in summary.projects:
        now = now.plus(trend.tally(project))
    assert found[max(found)] == now == Tally(3, 1, 1, 0, 2)


def test_an_old_exclusion_is_no_start_of_the_trend() -> None:
    """Nothing was judged on the day on which it began, so nothing changed then."""
    exclusions = (Exclusion("scipy", "needs BLAS", day(-400)),)
    found = trend.trend(summarize((sample("six"), sample("scipy")), exclusions, LATER))
    assert found == ((day(0), Tally(1, 1)),)


def test_nothing_has_no_trend() -> None:
    """What is tracked or excluded only was on no day."""
    assert trend.trend(summarize((), (Exclusion("scipy", "no", day(0)),), LATER)) == ()
