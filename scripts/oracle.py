"""Judge packages that nobody wrote, and compare what two versions of the program find.

    scripts/oracle.py run --count N --seed S --json FILE
    scripts/oracle.py compare --other CHECKOUT --count N --seed S [--show N] [--json FILE]

`run` judges N packages, each defined by its seed and number, and writes what was found, and where that is wrong by the
package's own definition. `compare` does so with this checkout and with another, and prints in how many packages both
agree, each kind of disagreement, how often each of them is wrong, and how many builds they made. The exit status of
`compare` is 1 where any verdict, hold set or recipe differs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import made_up
from made_up_farm import Farm
from made_up_truth import has_recipe, is_minimal, is_sound, truth_of

import orchestrator
from orchestrator.errors import WheelproofError
from orchestrator.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from made_up import Package
    from made_up_truth import Truth

    from orchestrator.model import Result

    Record = dict[str, Any]

SAME = ("verdict", "holds", "recipe")
"""The fields in which two versions have to agree."""

ROOT = Path(__file__).resolve().parent.parent
_AT_ONCE = 100  # packages of one task of a process


def record(seed: int, number: int) -> Record:
    """Judge one package; return what was found, and what of it is wrong."""
    package = made_up.package(seed, number)
    try:
        result = Farm(package).judge()
    except WheelproofError as error:
        return {
            "number": number,
            "kind": package.kind,
            "verdict": "error",
            "holds": [],
            "recipe": [],
            "reason": str(error),
            "proofs": [],
            "open": "",
            "hooks": 0,
            "texts": 0,
            "wrong": ["error"],
            "weak": [],
        }
    texts = sum(bool(build.environment.recipe) for build in result.builds)
    wrong, weak = judged(package, result, truth_of(package))
    return {
        "number": number,
        "kind": package.kind,
        "verdict": result.verdict.value,
        "holds": list(result.holds),
        "recipe": list(result.recipe),
        "reason": result.reason,
        "proofs": [one.proof.value for one in result.recipes if one.form.value == "sh"],
        "open": result.left_open,
        "hooks": len(result.builds) - texts,
        "texts": texts,
        "wrong": wrong,
        "weak": weak,
    }


def judged(package: Package, result: Result, truth: Truth) -> tuple[list[str], list[str]]:
    """Return what of a result is wrong by the package's definition, and what is true and could be stronger."""
    wrong = list(_wrong(package, result, truth))
    weak = [] if wrong else list(_weak(package, result, truth))
    return wrong, weak


def _wrong(package: Package, result: Result, truth: Truth) -> Iterator[str]:
    by = " by luck" if truth.chance else ""  # a few builds cannot exclude chance
    if result.verdict.value not in truth.verdicts:
        yield f"verdict {result.verdict.value} instead of {truth.verdicts[0]}{by}"
    elif result.holds and tuple(sorted(result.holds)) not in truth.holds:
        enough = any({*one} < {*result.holds} for one in truth.holds)
        yield f"holds {'more than needed' if enough else 'that are not enough'}{by}"
    if result.recipe and not is_sound(package, result.recipe):
        yield f"recipe that does not always give the wheel{by}"


def _weak(package: Package, result: Result, truth: Truth) -> Iterator[str]:
    if result.verdict.value != truth.verdicts[0] and result.verdict is not Verdict.FTBFS:
        yield f"verdict {result.verdict.value} where {truth.verdicts[0]} is true too"
    if result.verdict is Verdict.SENSITIVE and not result.holds and truth.holds:
        yield "no holds"
    explained = result.verdict in (Verdict.SENSITIVE, Verdict.INTRINSIC)
    if result.recipe and not is_minimal(package, result.recipe):
        yield "recipe with more than needed"
    if explained and not result.recipe and has_recipe(package):
        yield "no recipe"


def run(count: int, seed: int) -> list[Record]:
    """Judge that many packages, with all processors."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(partial(record, seed), range(count), chunksize=_AT_ONCE))


def run_in(checkout: Path, count: int, seed: int) -> list[Record]:
    """Do the same with the program of another checkout; this script and the packages are those from here."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        command = [sys.executable, __file__, "run", "--count", str(count), "--seed", str(seed), "--json", str(file)]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        subprocess.run(command, check=True, env=environment, cwd=folder, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
        found = json.loads(file.read_text())
    if Path(found["program"]).resolve() != checkout.resolve():
        msg = f"running the packages in {checkout}: {found['program']} was imported instead"
        raise SystemExit(msg)
    records: list[Record] = found["packages"]
    return records


# --- comparing -------------------------------------------------------------------------------


def differing(ours: Record, theirs: Record) -> tuple[str, ...]:
    """Name the fields in which two records of one package disagree, of those that have to agree."""
    return tuple(name for name in SAME if ours[name] != theirs[name])


def compared(before: Sequence[Record], after: Sequence[Record], seed: int, show: int) -> Iterator[str]:
    """Yield the lines of a comparison."""
    pairs = list(zip(before, after, strict=True))
    yield f"packages: {len(pairs)}"
    for name in (*SAME, "reason", "proofs"):
        yield f"same {name}: {sum(one[name] == two[name] for one, two in pairs)}"
    yield f"same {', '.join(SAME)}: {sum(not differing(*pair) for pair in pairs)}"
    yield from _differences([pair for pair in pairs if differing(*pair)], seed, show)
    yield from _mistakes("before", before)
    yield from _mistakes("after", after)
    for what in ("hooks", "texts", "all"):
        yield f"builds, {what}: before {_spread(before, what)}; after {_spread(after, what)}"


def _differences(pairs: Iterable[tuple[Record, Record]], seed: int, show: int) -> Iterator[str]:
    groups: dict[tuple[str, ...], list[tuple[Record, Record]]] = {}
    for pair in pairs:
        groups.setdefault((pair[0]["kind"], *differing(*pair)), []).append(pair)
    for group, members in sorted(groups.items(), key=lambda one: -len(one[1])):
        yield f"differ in {', '.join(group[1:])}, {group[0]}: {len(members)}"
        for one, two in members[:show]:
            package = made_up.package(seed, one["number"])
            yield f"  package {one['number']}: {truth_of(package)}"
            yield f"    {_trait_lines(package)}"
            for name, found in (("before", one), ("after", two)):
                yield f"    {name}: {_line(found)}"


def _trait_lines(package: Package) -> str:
    budget = package.task.budget
    settings = f"builds {budget.builds}, seconds {budget.seconds}, remedies {budget.remedies}, {package.seconds} s each"
    odd = f"by pip {package.by_pip}, unreadable {package.unreadable}, hold {package.task.unvaried}"
    return f"{settings}, {odd}, costly {sorted(package.costly)}\n    " + "\n    ".join(
        map(str, (*package.traits, *package.faults))
    )


def _line(found: Record) -> str:
    names = ("verdict", "holds", "recipe", "proofs", "reason", "open", "wrong", "weak", "hooks", "texts")
    return ", ".join(f"{name} {found[name]}" for name in names)


def _mistakes(name: str, records: Sequence[Record]) -> Iterator[str]:
    for kind in ("wrong", "weak"):
        counts = Counter(one for found in records for one in found[kind])
        yield f"{name}, {kind}: {sum(bool(found[kind]) for found in records)} packages"
        for what, count in counts.most_common():
            kinds = Counter(found["kind"] for found in records if what in found[kind])
            where = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common(5))
            yield f"  {count} {what} ({where})"


def _spread(records: Sequence[Record], what: str) -> str:
    counts = [found["hooks"] + found["texts"] if what == "all" else found[what] for found in records]
    tenths = statistics.quantiles(counts, n=10) if len(counts) > 1 else [0] * 9
    return f"{sum(counts)}, median {statistics.median(counts):g}, p90 {tenths[8]:g}"


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", choices=("run", "compare"))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--other", type=Path, help="the checkout of the state before")
    parser.add_argument("--show", type=int, default=3, help="packages that are printed of each kind of disagreement")
    given = parser.parse_args()
    if given.command == "compare" and given.other is None:
        parser.error("compare needs --other")
    records = run(given.count, given.seed) if given.command == "run" else run_in(ROOT, given.count, given.seed)
    if given.json:
        program = Path(orchestrator.__file__).parent.parent
        given.json.write_text(json.dumps({"program": str(program), "packages": records}, indent=1))
    if given.command == "run":
        print("\n".join(_mistakes("found", records)))
        return 0
    before = run_in(given.other, given.count, given.seed)
    print("\n".join(compared(before, records, given.seed, given.show)))
    return int(any(differing(*pair) for pair in zip(before, records, strict=True)))


if __name__ == "__main__":
    raise SystemExit(main())
