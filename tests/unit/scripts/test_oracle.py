"""Two versions of the program are compared on packages that nobody wrote; what is printed of it is pure."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import made_up
import oracle
from made_up_farm import Farm, luck_of
from made_up_truth import is_sound, truth_of

from orchestrator.build import variations
from orchestrator.model import Verdict
from tests.samples import FIRST

if TYPE_CHECKING:
    from made_up import Package

ROOT = Path(oracle.__file__).parent.parent


def of_kind(kind: str) -> Package:
    """Return a package of a kind, without anything odd."""
    found = (made_up.package(1, number) for number in range(5000))
    return next(made_up.telling(one) for one in found if one.kind == kind and not one.task.unvaried)


def test_a_package_is_always_the_same() -> None:
    """And so is what is found of it: its builds' luck follows from their names, not from their order."""
    assert [oracle.record(1, number) for number in range(40)] == [oracle.record(1, number) for number in range(40)]
    one, two = (luck_of("1/1", "control") for _ in range(2))
    assert [one("chance 0", 0.5, 9), one("chance 1", 0.5, 9)] == [two("chance 0", 0.5, 9), two("chance 1", 0.5, 9)]
    drawn = [luck_of("1/1", str(number))("chance 0", 0.3, 3) for number in range(1000)]
    assert 200 < sum(map(bool, drawn)) < 400
    assert set(drawn) == {0, 1, 2}


def test_a_package_sees_each_variation() -> None:
    """By one field, which nothing else changes."""
    assert tuple(made_up.FIELDS) == variations.NAMES
    for name, field in made_up.FIELDS.items():
        alone = variations.second_environment(FIRST, tuple(one for one in variations.NAMES if one != name), spread=True)
        others = variations.second_environment(FIRST, (name,), spread=True)
        assert getattr(alone, field) != getattr(FIRST, field) == getattr(others, field), name


def test_what_is_wrong_is_named() -> None:
    """By the package's definition: a verdict, a hold set, a recipe."""
    package = of_kind("modes")
    truth, result = truth_of(package), Farm(package).judge()
    assert (truth.verdicts, truth.holds) == (("sensitive",), (("umask",),))
    assert oracle.judged(package, result, truth) == ([], [])
    changed = {
        "verdict intrinsic instead of sensitive": replace(result, verdict=Verdict.INTRINSIC),
        "holds that are not enough": replace(result, holds=("tmpdir",)),
        "holds more than needed": replace(result, holds=("umask", "tmpdir")),
        "recipe that does not always give the wheel": replace(result, recipe=("fix-tmpdir",)),
    }
    assert {name: oracle.judged(package, other, truth)[0] for name, other in changed.items()} == {
        name: [name] for name in changed
    }
    weaker = {
        "no holds": replace(result, holds=()),
        "no recipe": replace(result, recipe=()),
        "recipe with more than needed": replace(result, recipe=("fix-tmpdir", "fix-umask")),
    }
    assert {name: oracle.judged(package, other, truth) for name, other in weaker.items()} == {
        name: ([], [name]) for name in weaker
    }


def test_the_truth_is_by_definition() -> None:
    """A race shows only with all processors; a clock that stands still removes what follows it."""
    race = made_up.Trait("a.so", rate=0.5, needs="num-cpus")
    package = replace(of_kind("constant"), traits=(race,))
    assert truth_of(package).verdicts == ("sensitive",)
    assert truth_of(package).holds == (("num-cpus",),)
    coin = replace(package, traits=(replace(race, needs=""),))
    assert truth_of(coin).verdicts == ("intrinsic",)
    assert not is_sound(coin, ("fix-time",))
    clock = replace(package, traits=(made_up.Trait("a.py", "build-date", ("time",), ticks=1.0),))
    assert truth_of(clock).verdicts == ("sensitive", "intrinsic")
    assert (truth_of(clock).holds, is_sound(clock, ("fix-time",))) == ((("time",),), True)


def test_a_comparison_names_each_difference() -> None:
    """And counts the builds."""
    before = [oracle.record(1, number) for number in range(20)]
    same = "\n".join(oracle.compared(before, before, 1, 3))
    assert "same verdict, holds, recipe: 20\n" in same
    assert "differ in" not in same
    after = [{**before[0], "holds": ["shell"], "hooks": 1}, *before[1:]]
    lines = list(oracle.compared(before, after, 1, 3))
    assert f"differ in holds, {before[0]['kind']}: 1" in lines
    assert any("after: " in line and "holds ['shell']" in line for line in lines)
    hooks = sum(found["hooks"] for found in before)
    assert any(f"before {hooks}," in line and f"after {hooks - before[0]['hooks'] + 1}," in line for line in lines)


def test_a_checkout_agrees_with_itself() -> None:
    """The other program runs in a process of its own; there, the folder's own program must be imported."""
    command = [sys.executable, str(ROOT / "scripts" / "oracle.py"), "compare", "--other", str(ROOT), "--count", "30"]
    completed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert completed.returncode == 0, completed.stderr
    assert "same verdict, holds, recipe: 30\n" in completed.stdout
