"""Looking at a release's past, with an index and builds that are tables: which moments, which turn, which culprits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import PackageIndexError, TransientIndexError
from orchestrator.farm.since import Explored, PastEffects, explore, sdist_uploaded, uploads
from orchestrator.model import Failure, Phase, Pin, Reason, Release, Sdist, Target, Verdict
from orchestrator.results.bisect import Step, Upload
from orchestrator.sources.index_pages import Listed
from tests.sample_results import sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DAY = datetime(2024, 3, 1, tzinfo=UTC)
TARGET = Target("3.11", "x86_64-manylinux_2_36")
SENSITIVE, REPRODUCIBLE, FTBFS = Verdict.SENSITIVE, Verdict.REPRODUCIBLE, Verdict.FTBFS
Versions = dict[str, int]


def at(days: int) -> datetime:
    """Return a moment."""
    return DAY + timedelta(days=days)


@dataclass
class World:
    """An index on which project X has the version N from the day N of its list on, and builds that follow a rule."""

    released: Mapping[str, tuple[int, ...]]  # the days of the versions 1, 2, ...
    rule: Callable[[Versions], tuple[Verdict, str]]
    requires: Callable[[Versions], set[str]] = set
    judged: list[int] = field(default_factory=list)
    swapped: list[tuple[str, ...]] = field(default_factory=list)
    again: Callable[[Step], Step] = lambda step: step

    def lock(self, moment: datetime) -> Versions:
        """Return the newest versions at a moment."""
        newest = {name: sum(at(day) < moment for day in days) for name, days in self.released.items()}
        wanted = self.requires(newest)
        return {name: version for name, version in newest.items() if name in wanted and version}

    def build(self, moment: datetime, versions: Versions) -> Step:
        """Return what the rule says of a lock."""
        verdict, compared = self.rule(versions)
        failure = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "") if verdict is FTBFS else None
        pins = tuple(
            Pin(name, str(version), f"{version}".rjust(64, "0"), f"{name}-{version}-py3-none-any.whl", "")
            for name, version in sorted(versions.items())
        )
        return Step(moment, sample(verdict=verdict, pins=pins, failure=failure), compared)

    def judge(self, moment: datetime) -> Step:
        """Build the lock of a moment."""
        self.judged.append((moment - DAY).days)
        return self.build(moment, self.lock(moment))

    def swap(self, earlier: Step, later: Step, names: tuple[str, ...]) -> Step:
        """Build the earlier lock with those names as in the later one."""
        self.swapped.append(names)
        before, after = self.lock(earlier.moment), self.lock(later.moment)
        kept = {name: version for name, version in before.items() if name not in names}
        return self.build(later.moment, kept | {name: after[name] for name in names if name in after})

    def uploads(self, name: str) -> tuple[Upload, ...]:
        """Return the uploads of a project."""
        return tuple(
            Upload(name, str(number), f"{name}-{number}-py3-none-any.whl", at(day))
            for number, day in enumerate(self.released[name], 1)
        )

    def explore(self, last: int, *required: str, every: bool = False) -> Explored:
        """Look at its past, from day 0 on."""
        effects = PastEffects(self.judge, lambda moment: self.again(self.judge(moment)), self.swap, self.uploads)
        return explore(at(0), at(last), required, effects, every=every)


def found(explored: Explored) -> list[tuple[int, tuple[tuple[str, ...], ...]]]:
    """Return the day of each turn, and its culprits."""
    return [((turn.later.moment - DAY).days, turn.culprits) for turn in explored.turns]


def test_the_release_that_changed_the_verdict_is_named_by_few_jobs() -> None:
    """Of a hundred releases; nothing is swapped, since the two locks differ in one release."""
    world = World(
        {"setuptools": tuple(range(-1, 99))}, lambda v: (SENSITIVE if v["setuptools"] > 71 else REPRODUCIBLE, "")
    )
    explored = world.explore(100, "setuptools")
    assert found(explored) == [(70, (("setuptools",),))]
    assert world.swapped == []
    assert len(world.judged) <= 9
    (change,) = explored.turns[0].changed
    assert (change.earlier, change.later, change.uploaded) == ("71", "72", at(70))


def test_of_two_releases_at_one_moment_the_one_that_matters_is_named() -> None:
    """Each is swapped alone."""
    world = World({"a": (-1, 3), "b": (-1, 3)}, lambda v: (REPRODUCIBLE, f"{v['b']}"))
    assert found(world.explore(9, "a", "b")) == [(3, (("b",),))]
    assert world.swapped == [("a",), ("b",)]


def test_two_releases_that_change_it_together_are_named_together() -> None:
    """Neither does it alone."""
    world = World({"a": (-1, 3), "b": (-1, 3), "c": (-1, 3)}, lambda v: (REPRODUCIBLE, f"{v['a'] + v['b'] > 3}"))
    assert found(world.explore(9, "a", "b", "c")) == [(3, (("a", "b"),))]


def test_a_requirement_of_a_requirement_is_found() -> None:
    """The sdist requires only one of them; the other is known from the lock."""
    world = World({"hatchling": (-1,), "pluggy": (-1, 4, 6)}, lambda v: (REPRODUCIBLE, f"{v['pluggy'] > 1}"))
    assert found(world.explore(9, "hatchling")) == [(4, (("pluggy",),))]


def test_a_requirement_that_came_and_went_is_looked_at_too() -> None:
    """No lock of the two ends has it: its moments are added once a lock has it."""
    world = World(
        {"a": (-1, 8, 20), "b": (-1, 10, 12)},
        lambda v: (REPRODUCIBLE, f"{v.get('b', 0) > 1 or v['a'] > 2}"),
        lambda v: {"a", "b"} if v["a"] == 2 else {"a"},
    )
    explored = world.explore(30, "a")
    assert found(explored) == [(10, (("b",),))]


def test_equal_ends_end_the_search() -> None:
    """Whatever was in between, unless every change is asked for; then each turn is named."""
    rule = lambda v: (FTBFS if v["a"] == 2 else REPRODUCIBLE, "")  # noqa: E731 - a rule of one line
    world = World({"a": (-1, 3, 5, 7)}, rule)
    assert world.explore(9, "a").turns == ()
    assert world.judged == [9, 0]
    assert found(World({"a": (-1, 3, 5, 7)}, rule).explore(9, "a", every=True)) == [(3, (("a",),)), (5, (("a",),))]


def test_a_failure_in_the_middle_is_an_outcome() -> None:
    """The last change is named: from the failure to what is the verdict now."""
    verdicts = {1: REPRODUCIBLE, 2: FTBFS, 3: FTBFS, 4: SENSITIVE}
    explored = World({"a": (-1, 3, 5, 7)}, lambda v: (verdicts[v["a"]], "")).explore(9, "a")
    assert [(turn.earlier.result.verdict, turn.later.result.verdict) for turn in explored.turns] == [(FTBFS, SENSITIVE)]
    assert found(explored) == [(7, (("a",),))]


def test_bytes_that_follow_the_build_are_blamed_on_no_release() -> None:
    """A sensitive wheel that is another one when its newest lock is built again."""
    world = World(
        {"a": (-1, 3)}, lambda v: (SENSITIVE, f"{v['a']}"), again=lambda step: replace(step, compared="another")
    )
    explored = world.explore(9, "a")
    assert (explored.by_chance, explored.turns) == (True, ())
    stable = World({"a": (-1, 3)}, lambda v: (SENSITIVE, f"{v['a']}")).explore(9, "a")
    assert (stable.by_chance, found(stable)) == (False, [(3, (("a",),))])


def test_an_index_that_fails_ends_the_search() -> None:
    """It is never an outcome."""

    def refuse(_moment: datetime) -> Step:
        msg = "the index does not answer"
        raise TransientIndexError(msg)

    effects = PastEffects(refuse, refuse, World({}, lambda _v: (FTBFS, "")).swap, lambda _name: ())
    with pytest.raises(TransientIndexError):
        explore(at(0), at(9), ("a",), effects)


# --- what the index gives --------------------------------------------------------------------


def listed(filename: str, uploaded: str = "2024-03-01T00:00:00.000000Z", python: str | None = None) -> Listed:
    """Return a file of a page."""
    return Listed(
        filename, f"https://index.example/{filename}", {}, python, yanked=False, uploaded=uploaded, metadata=None
    )


def test_only_wheels_that_the_builds_may_get_count() -> None:
    """Not sdists, those for other systems and Pythons, and those whose upload has no time."""
    files = [
        listed("a-1-py3-none-any.whl"),
        listed("a-1.tar.gz"),
        listed("a-1-cp311-cp311-manylinux_2_17_x86_64.whl"),
        listed("a-1-cp311-cp311-win_amd64.whl"),
        listed("a-1-cp310-cp310-manylinux_2_17_x86_64.whl"),
        listed("a-2-py3-none-any.whl", python=">=3.12"),
        *(
            listed("a-3-py3-none-any.whl", uploaded=when)
            for when in ("", "5-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z")
        ),
        listed("b-1-py3-none-any.whl"),
        listed("../a-4-py3-none-any.whl"),
    ]
    names = [one.filename for one in uploads("a", files, TARGET)]
    assert names == ["a-1-py3-none-any.whl", "a-1-cp311-cp311-manylinux_2_17_x86_64.whl"]


def test_an_index_without_times_of_upload_is_an_error() -> None:
    """Of HTML, for instance; a project without files has none to give."""
    with pytest.raises(PackageIndexError, match="PEP 700"):
        uploads("a", [listed("a-1-py3-none-any.whl", uploaded="")], TARGET)
    assert uploads("a", [], TARGET) == ()
    release = Release("a", "1", Sdist("a-1.tar.gz", "", ""))
    with pytest.raises(PackageIndexError, match=r"a-1\.tar\.gz"):
        sdist_uploaded(release, [listed("a-1.tar.gz", uploaded=""), listed("a-2.tar.gz")])
    assert sdist_uploaded(release, [listed("a-1.tar.gz")]) == DAY
