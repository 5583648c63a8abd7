"""Measure wheelproof on this machine: against the method of 2020, against the floor, and its memory.

All is measured in turn, several times, on the same releases; each figure is a median, with the least and the
greatest. First the method of 2020 runs in a container of the same image, then wheelproof as a separate command: with
only the images made (cold), with all downloads at hand (warm), and with nothing changed, all for the verdict alone,
since the method of 2020 has nothing comparable to experiments; then warm with isolation and remedies, with the recipe's
proof, and `wheelproof verify`. With --other, each run of this checkout has one of another checkout beside it.

The floor is the processor time of the build backends alone for the two builds of each verdict, spread over the cores.
The container bound is what a farm takes that does nothing but run one container for each build: the time of the
builds' own processes, and that of as many empty containers. Releases that the method of 2020 cannot build are left
out on both sides.
"""

from __future__ import annotations

import argparse
import compileall
import json
import math
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_figures import BY_NAME, PHASES, USUAL, Measured, builds_table, last_line, memory_table, notes, table
from bench_runs import IMAGE, ROOT, Checkout, both, container_alone, cores, fresh_folder, log, memory, method_of_2020
from container_cost import layers
from slow_index import SlowIndex

from orchestrator import __version__
from orchestrator.build import engine
from orchestrator.images import build as images
from orchestrator.images.with_pip import with_pip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench_figures import Phase, Run

PURE = (
    # setuptools, with nothing but a setup.py
    "six==1.16.0",
    "certifi==2024.2.2",
    "decorator==5.1.1",
    "mccabe==0.7.0",
    "wcwidth==0.2.13",
    "click==8.1.7",
    "pycparser==2.21",
    "jmespath==1.0.1",
    "pytz==2024.1",
    "itsdangerous==2.1.2",
    # setuptools, as their pyproject.toml asks for it
    "chardet==5.2.0",
    "pyasn1==0.5.1",
    # flit-core
    "idna==3.7",
    "packaging==24.0",
    "typing-extensions==4.11.0",
    "pyparsing==3.1.2",
    "wheel==0.43.0",
    # poetry-core
    "tomlkit==0.12.4",
    "rsa==4.9",
    # No hatchling: by the method of 2020, a single release took 220 s, for all that hatchling itself is
    # built from; one such release would outweigh all others, and flatter us.
    # pdm-backend
    "dep-logic==0.2.0",
)
NATIVE = (
    "markupsafe==2.1.5",
    "wrapt==1.16.0",
    "simplejson==3.19.2",
    "websockets==12.0",
    "setproctitle==1.3.3",
    "xxhash==3.4.1",
    "multidict==6.0.5",
    "psutil==5.9.8",
    "pyrsistent==0.20.0",
    "greenlet==3.0.3",
    "cffi==1.16.0",
    "tornado==6.4",
    "regex==2023.12.25",
)
LISTS = {"pure": PURE, "native": NATIVE}
QUICK = {"pure": ("six==1.16.0", "idna==3.7", "certifi==2024.2.2"), "native": ("markupsafe==2.1.5", "wrapt==1.16.0")}
JOBS = (10, 100, 1000)
EMPTY_QUICK = 10
"""The number of empty containers that are run in a quick try."""


# --- one list --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured of a list."""

    phases: tuple[str, ...] = USUAL
    repeat: int = 3
    of_2020: str = "each"  # repetition; or once, or never


@dataclass(frozen=True, slots=True)
class Machine:
    """What measuring does; each function returns when it is done."""

    method_2020: Callable[[Sequence[str]], list[dict[str, Any]]]  # of each release, what `bench_runs.timed` returns
    empty_container: Callable[[], float]  # `bench_runs.container_alone`
    run: Callable[[Checkout, Phase, Sequence[str], int], Run]  # of a phase, in that repetition


def turns(phases: Sequence[str], checkouts: Sequence[Checkout], repetition: int) -> Iterator[tuple[Phase, Checkout]]:
    """Yield the runs of a repetition in their order: those that are compared follow each other, in turn first."""
    order = checkouts if repetition % 2 == 0 else checkouts[::-1]
    for phase in PHASES:
        if phase.name in phases:
            yield from ((phase, checkout) for checkout in order)


def preparing(phases: Sequence[str]) -> tuple[Phase, ...]:
    """Return what is run once without being measured, so that later runs have all that they download at hand."""
    warm = [BY_NAME[name] for name in phases if not BY_NAME[name].fresh]
    runs = [phase.config for phase in warm if phase.command == "run"]
    most = next((name for name in ("proof", "remedies", "warm") if BY_NAME[name].config in runs), None)
    verify = [phase for phase in warm if phase.command == "verify"]
    return (*((BY_NAME[most],) if most else ()), *verify)


def measure(
    name: str,
    releases: Sequence[str],
    plan: Plan,
    checkouts: Sequence[Checkout],
    machine: Machine,
    save: Callable[[Measured], None],
) -> Measured:
    """Measure one list; `save` gets what is measured so far after each repetition.

    Raises
    ------
    SystemExit
        The method of 2020 built none of the releases, or a run ended without results.

    """
    measured = Measured(name, cores(), list(releases))
    for repetition in range(plan.repeat):
        if plan.of_2020 == "each" or (plan.of_2020 == "once" and not measured.trials):
            measured.trials.append(trial(machine.method_2020(measured.releases), measured.releases))
            if not repetition:
                measured.releases = [one["requirement"] for one in measured.trials[0] if "failure" not in one]
        if not repetition:
            for phase in preparing(plan.phases):
                for checkout in checkouts:
                    machine.run(checkout, phase, measured.releases, repetition)
                    log(f"{name}: {checkout.name}: prepared for {phase.name}")
        measured.containers.append(machine.empty_container())
        log(f"{name}: an empty container: {measured.containers[-1]:.3f} s")
        for phase, checkout in turns(plan.phases, checkouts, repetition):
            run = machine.run(checkout, phase, measured.releases, repetition)
            measured.runs.append(run)
            log(f"{name} {repetition + 1}/{plan.repeat}: {checkout.name}: {phase.name}: {run.wall:.2f} s")
        save(measured)
    return measured


def trial(of_2020: list[dict[str, Any]], releases: Sequence[str]) -> list[dict[str, Any]]:
    """Return what was timed of the method of 2020.

    Raises
    ------
    SystemExit
        It did not come to all of the releases, or built none of them.

    """
    if not any("failure" not in one for one in of_2020):
        why = last_line(of_2020[0]["failure"]) if of_2020 else "its container said nothing"
        msg = f"timing the method of 2020: it built none of {len(releases)} releases: {why}; check the network"
        raise SystemExit(msg)
    if len(of_2020) < len(releases):
        msg = f"timing the method of 2020: its container ended after {len(of_2020)} of {len(releases)} releases"
        raise SystemExit(msg)
    return of_2020


# --- the program -----------------------------------------------------------------------------


def this_machine(farm: engine.Engine, homes: dict[str, Path], index: str, *, quick: bool) -> Machine:
    """Return what measures on this machine; `homes` are the folders of the warm runs of each checkout."""
    image = images.ensure(farm, IMAGE, ROOT / "images", ROOT / ".cache", strict=False, log=log)

    def method_2020(releases: Sequence[str]) -> list[dict[str, Any]]:
        timed: list[dict[str, Any]] = []

        def reported(one: dict[str, Any]) -> None:
            timed.append(one)
            log(f"the method of 2020: {one['requirement']}: {one.get('seconds', 'failed')}")

        method_of_2020(farm, with_pip(farm, image, ROOT / ".cache", log), releases, reported)
        return timed

    def run(checkout: Checkout, phase: Phase, releases: Sequence[str], repetition: int) -> Run:
        if phase.fresh:
            with fresh_folder(index) as home:
                return checkout.run(phase, home, releases, repetition)
        home = homes[checkout.name]
        if phase.name == "unchanged":  # the former run may have been of another configuration
            checkout.run(phase, home, releases, repetition)
        return checkout.run(phase, home, releases, repetition)

    def empty_container() -> float:
        return container_alone(farm, image.id, EMPTY_QUICK) if quick else container_alone(farm, image.id)

    return Machine(method_2020, empty_container, run)


def about(farm: engine.Engine, delay: float | None) -> dict[str, object]:
    """Describe the machine of the figures; `delay` is that of the index."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), "unknown")
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    found = {"when": when, "cores": cores(), "processor": model, "engine": farm.version, "wheelproof": __version__}
    return found | ({"seconds to an answer of the index": delay} if delay else {})


def read_releases(text: str) -> list[str]:
    """Return the requirements of a file, one a line; what follows a # is a comment."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def lists_of(asked: argparse.Namespace) -> dict[str, Sequence[str]]:
    """Return the lists of releases that the command line requests, by name."""
    if asked.releases:
        return {asked.releases.stem: read_releases(asked.releases.read_text())}
    return {name: (QUICK if asked.quick else LISTS)[name] for name in asked.names}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--quick", action="store_true", help="a few releases and jobs only, once, to try it out")
    add("--lists", help="measure just these lists: pure, native, or both with a comma between")
    add("--releases", type=Path, metavar="FILE", help="measure the releases of a file instead, NAME==VERSION on a line")
    add("--memory", action="store_true", help="measure just the memory, or it too beside --lists")
    add("--other", type=Path, metavar="DIR", help="measure another checkout in turn with this one")
    add("--repeat", type=int, metavar="N", help="how often all is measured; 3 by default")
    names = ", ".join(BY_NAME)
    add("--phases", help=f"measure just these, with commas between: {names}; all but cold-proof by default")
    add(
        "--method-2020",
        choices=("each", "once", "never"),
        help="in which repetitions the method of 2020, the slowest, is measured; never by default with --releases",
    )
    add("--builds", action="store_true", help="print the builds of each release, too, and what was found")
    add(
        "--delay",
        type=float,
        metavar="SECONDS",
        help="answer each request of wheelproof to its index so much later; the method of 2020 is not delayed",
    )
    add("--json", type=Path, metavar="FILE", help="write all that was measured there, after each repetition")
    asked = parser.parse_args(words)
    default = "" if asked.memory or asked.releases else ",".join(LISTS)
    asked.names = [name for name in (asked.lists or default).split(",") if name]
    asked.memory = asked.memory or (asked.lists is None and asked.releases is None)
    phases = tuple(name for name in (asked.phases or ",".join(USUAL)).split(",") if name)
    wanted = [*((name, tuple(LISTS)) for name in asked.names), *((name, tuple(BY_NAME)) for name in phases)]
    for name, known in wanted:
        if name not in known:
            parser.error(f"there is no {name}; there are {', '.join(known)}")
    if asked.other and not (asked.other / "orchestrator" / "__main__.py").is_file():
        parser.error(f"{asked.other} is no checkout of wheelproof")
    if asked.repeat is not None and asked.repeat < 1:
        parser.error("--repeat is at least 1")
    if asked.delay is not None and not 0 < asked.delay < math.inf:
        parser.error("--delay is a number of seconds above 0")
    usual = "never" if asked.releases else "each"
    asked.plan = Plan(phases, asked.repeat or (1 if asked.quick else 3), asked.method_2020 or usual)
    return asked


def measured_lists(
    asked: argparse.Namespace, farm: engine.Engine, save: Callable[[list[Measured]], None]
) -> list[Measured]:
    """Measure all lists, and then, if there are several, the releases of all in runs in which nothing changed."""
    checkouts, done = both(asked.other), list[Measured]()
    for checkout in checkouts:
        compileall.compile_dir(checkout.folder / "orchestrator", quiet=1)  # as an installed command is
    with ExitStack() as stack:
        index = stack.enter_context(SlowIndex(asked.delay)).url if asked.delay else ""
        homes = {checkout.name: stack.enter_context(fresh_folder(index)) for checkout in checkouts}
        machine = this_machine(farm, homes, index, quick=asked.quick)
        for name, releases in lists_of(asked).items():
            if index:  # afterwards, no measured run waits for the index itself
                machine.run(checkouts[0], BY_NAME["cold"], releases, 0)
            done.append(measure(name, releases, asked.plan, checkouts, machine, lambda some: save([*done, some])))
        if len(done) > 1 and "unchanged" in asked.plan.phases:
            every = [release for one in done for release in one.releases]
            plan = Plan(("unchanged",), asked.plan.repeat, "never")
            done.append(measure("all lists", every, plan, checkouts, machine, lambda some: save([*done, some])))
    return done


def container_layers(farm: engine.Engine) -> str:
    """Measure what a container costs, and return it as lines of text."""
    image = images.ensure(farm, IMAGE, ROOT / "images", ROOT / ".cache", strict=False, log=log)
    return "\n".join(f"{name:40}{1000 * cpu:7.1f} ms" for name, cpu in layers(farm, image, ROOT / ".cache"))


def main() -> None:
    """Measure what the command line requests, and print it."""
    asked = arguments()
    farm = engine.connect()

    def save(lists: Sequence[Measured], peaks: Sequence[object] = ()) -> None:
        if asked.json:
            value = {**about(farm, asked.delay), "lists": [asdict(one) for one in lists], "memory": peaks}
            asked.json.write_text(json.dumps(value, indent=1) + "\n")

    lists = measured_lists(asked, farm, save) if asked.names or asked.releases else []
    peaks = [memory(jobs) for jobs in (JOBS[:2] if asked.quick else JOBS)] if asked.memory else []
    save(lists, peaks)
    print(", ".join(f"{name}: {value}" for name, value in about(farm, asked.delay).items()))
    for one in lists:
        print("", table(one), *notes(one), sep="\n")
        for phase in asked.plan.phases if asked.builds else ():
            if phase != "unchanged" and (text := builds_table(one, phase)):
                print("", text, sep="\n")
    if asked.names:
        print("", "processor time of one container, layer by layer", container_layers(farm), sep="\n")
    if peaks:
        print("", memory_table(peaks), sep="\n")


if __name__ == "__main__":
    main()
