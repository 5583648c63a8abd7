"""Measure what one container costs, layer by layer: the engine's calls, its processes, the guest, the hook, and ours.

    .venv/bin/python scripts/container_cost.py [--image bookworm] [--containers 10] [--repetitions 3] [--group FOLDER]

prints a table; times are per container. Containers of five kinds, each with more in it than the one before, run in
turns; a layer is the difference of two kinds. Processor time is that of the whole machine, so nothing else may run; or
that of the control group in which the engine and its containers run alone, which `--group` names.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import statistics
import tarfile
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.build import builder, container
from orchestrator.build.engine import Container, connect
from orchestrator.build.environment import first_environment
from orchestrator.images.build import find
from orchestrator.model import Limits
from orchestrator.sources import reading
from orchestrator.sources.sdist import Source
from orchestrator.util.cache import keep, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import requests

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image

IMAGES = Path(__file__).parent.parent / "images"
GROUPS = Path("/sys/fs/cgroup")
LABEL = "wheelproof-container-cost"
NAME, WHEEL = "small-1.0", "small-1.0-py3-none-any.whl"
USER = "1111:1111"
BACKEND = f"""\
import os, zipfile

INFO = "small-1.0.dist-info"
FILES = {{
    "small.py": "",
    INFO + "/METADATA": "Metadata-Version: 2.1\\nName: small\\nVersion: 1.0\\n",
    INFO + "/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    INFO + "/RECORD": "",
}}

def build_wheel(folder, settings=None, metadata=None):
    with zipfile.ZipFile(os.path.join(folder, "{WHEEL}"), "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
    return "{WHEEL}"
"""
"""A build backend that does as little as one can."""

EMPTY, PYTHON, GUEST, BUILD, ASKED = "empty", "python", "guest", "build", "asked"


@dataclass(frozen=True, slots=True)
class Sample:
    """What one container of a kind took, on average over some of them, in seconds."""

    wall: float
    cpu: float  # of the engine and the container; of the whole machine but ours, where no control group is named
    ours: float  # processor time of this process
    dockerd: float = 0.0
    containerd: float = 0.0  # with the shims' starts, whose parent it is
    hook: float = 0.0  # processor time of the hook, by what the guest says
    calls: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # (number, wall) by name
    reading: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # (CPU, wall) of what follows a build


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a container; None where it is not known."""

    name: str
    count: float | None = None
    cpu: tuple[float, ...] = ()  # seconds, of each repetition
    wall: tuple[float, ...] = ()  # likewise


def layers(engine: Engine, image: Image, cache: Path) -> list[tuple[str, float]]:
    """Return each layer's CPU seconds per container, the median of three repetitions."""
    found = layers_of(measure(engine, image, cache, containers=10, repetitions=3))
    return [(layer.name, statistics.median(layer.cpu)) for layer in found if layer.cpu]


def layers_of(repetitions: Sequence[Mapping[str, Sample]]) -> tuple[Layer, ...]:
    """Split the samples of each kind into layers: a kind less the one before it. A difference may be noise, below 0."""
    rows: list[Layer] = []

    def add(name: str, cpu: Callable[[Mapping[str, Sample]], float], wall: Callable[..., float] | None = None) -> None:
        rows.append(Layer(name, 1, tuple(map(cpu, repetitions)), tuple(map(wall, repetitions)) if wall else ()))

    for call in dict.fromkeys(name for one in repetitions for name in one[BUILD].calls):
        found = [one[BUILD].calls.get(call, (0.0, 0.0)) for one in repetitions]
        count = statistics.median(number for number, _ in found)
        rows.append(Layer(f"call: {call}", count, wall=tuple(wall for _, wall in found)))
    add("calls and frames, ours", lambda one: one[BUILD].ours)
    add("dockerd", lambda one: one[EMPTY].dockerd)
    add("containerd, shim starts", lambda one: one[EMPTY].containerd)
    add("shim, runc, kernel", lambda one: one[EMPTY].cpu - one[EMPTY].dockerd - one[EMPTY].containerd)
    add("an empty container", lambda one: one[EMPTY].cpu + one[EMPTY].ours, lambda one: one[EMPTY].wall)
    for name, more, less in (("start of Python", PYTHON, EMPTY), ("imports of the guest", GUEST, PYTHON)):
        add(name, _less(more, less, "cpu"), _less(more, less, "wall"))
    add("mounts, unpack, probe, hand over", lambda one: one[BUILD].cpu - one[GUEST].cpu - one[BUILD].hook)
    add("hook", lambda one: one[BUILD].hook)
    add("asking for requirements", _less(ASKED, BUILD, "cpu"), _less(ASKED, BUILD, "wall"))
    for step in dict.fromkeys(name for one in repetitions for name in one[BUILD].reading):
        found = [one[BUILD].reading.get(step, (0.0, 0.0)) for one in repetitions]
        rows.append(Layer(step, 1, tuple(cpu for cpu, _ in found), tuple(wall for _, wall in found)))
    add("a build that asks, in all", _whole, lambda one: one[ASKED].wall)
    return tuple(rows)


def _less(more: str, less: str, what: str) -> Callable[[Mapping[str, Sample]], float]:
    return lambda one: float(getattr(one[more], what)) - float(getattr(one[less], what))


def _whole(one: Mapping[str, Sample]) -> float:
    return one[ASKED].cpu + one[ASKED].ours + sum(cpu for cpu, _ in one[ASKED].reading.values())


def table(found: Iterable[Layer]) -> str:
    """Return layers as a table: medians in milliseconds, and the least and the most of all repetitions."""
    lines = [f"{'layer':34}{'count':>6}{'CPU ms':>9}  {'(min to max)':18}{'wall ms':>9}  (min to max)".rstrip()]
    for layer in found:
        count = "" if layer.count is None else f"{layer.count:g}"
        lines.append(f"{layer.name:34}{count:>6}{_spread(layer.cpu)}{_spread(layer.wall)}".rstrip())
    return "\n".join(lines)


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return f"{'':29}"
    least, most = 1000 * min(seconds), 1000 * max(seconds)
    return f"{1000 * statistics.median(seconds):9.1f}  {f'({least:.1f} to {most:.1f})':18}"


# --- measuring -------------------------------------------------------------------------------


def measure(
    engine: Engine, image: Image, cache: Path, *, containers: int, repetitions: int, group: Path | None = None
) -> list[dict[str, Sample]]:
    """Run containers of all kinds in turns; return a sample of each kind for each repetition.

    `group` is a folder of control groups that the engine and its containers have to themselves.
    """
    calls: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))

    def note(answer: requests.Response, **_: object) -> None:
        name = _call(answer.request.method or "", answer.request.path_url)
        number, wall = calls[name]
        calls[name] = (number + 1, wall + answer.elapsed.total_seconds())

    engine._client.hooks["response"].append(note)  # noqa: SLF001 - its calls are what is measured
    try:
        with tempfile.TemporaryDirectory(prefix="wheelproof-cost-") as folder:
            kinds = _kinds(engine, image, cache, Path(folder))
            for run in kinds.values():
                run()  # what only the first one does
            found = []
            for _ in range(repetitions):
                samples = {}
                for kind, run in kinds.items():
                    calls.clear()
                    samples[kind] = _sample(engine, run, containers, calls, group)
                found.append(samples)
            return found
    finally:
        engine._client.hooks["response"].remove(note)  # noqa: SLF001 - as above


_Ran = tuple[float, dict[str, tuple[float, float]]]  # processor time of the hook, and of what follows the build


def _kinds(engine: Engine, image: Image, cache: Path, folder: Path) -> dict[str, Callable[[], _Ran]]:
    environment = first_environment(source=NAME, salt="0" * 12, source_date_epoch=1_700_000_000)
    guest = container.guest_folder(cache, environment)

    def plain(*command: str) -> Callable[[], _Ran]:
        mounts = ((str(guest), container.GUEST),)
        variables = {"PYTHONPATH": container.GUEST, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
        spec = Container(image.id, command, variables, user=USER, mounts=mounts, label=LABEL)

        def run() -> _Ran:
            completed = engine.run(spec, lambda _stream, _piece: True)
            if completed.exit_code:
                msg = f"{' '.join(command)} ended with status {completed.exit_code}"
                raise RuntimeError(msg)
            return 0.0, {}

        return run

    def building(*, ask: bool) -> Callable[[], _Ran]:
        source = Source(sdist(folder), (), "backend", (".",))
        (folder / "requirements/lib").mkdir(parents=True, exist_ok=True)
        order = container.Order(
            "first", source, environment, folder / "requirements", image, Limits(), ask=ask, project="small"
        )
        return lambda: _built(engine, order, guest, folder)

    return {
        EMPTY: plain("/usr/bin/true"),
        PYTHON: plain("/usr/bin/python3", "-c", "pass"),
        GUEST: plain("/usr/bin/python3", "-c", "import orchestrator.guest.main"),
        BUILD: building(ask=False),
        ASKED: building(ask=True),
    }


def _built(engine: Engine, order: container.Order, guest: Path, folder: Path) -> _Ran:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        spec = container.container(order, guest, 0, os.cpu_count() or 1, LABEL)
        output = builder.build(order, spec, Path(place), engine.run, lambda _: None)
        if output.file is None or output.build.wheel is None:
            msg = f"the sample was not built: {output.build.failure}"
            raise RuntimeError(msg)
        file, wheel = output.file, output.build.wheel
        steps: dict[str, Callable[[], object]] = {
            "sha256 of the log": lambda: sha256_of(output.log),
            "survey of the wheel, ours": lambda: reading.survey(file, wheel, order.limits),
            "keeping the wheel": lambda: keep(file, Path(place) / "wheels" / "sha256" / wheel.filename),
            "keeping the log": lambda: keep(output.log, Path(place) / "logs" / "sha256" / "log"),
        }
        taken = {}
        for name, step in steps.items():
            cpu, wall = time.process_time(), time.perf_counter()
            step()
            taken[name] = (time.process_time() - cpu, time.perf_counter() - wall)
        return output.build.cpu_seconds, taken


def _sample(
    engine: Engine,
    run: Callable[[], _Ran],
    containers: int,
    calls: Mapping[str, tuple[float, float]],
    group: Path | None,
) -> Sample:
    engine.sweep(LABEL)
    before = _used(group)
    begun = time.perf_counter()
    ran = [run() for _ in range(containers)]
    wall = time.perf_counter() - begun
    engine.sweep(LABEL)  # waits for removals
    after = _used(group)
    cpu, ours, dockerd, containerd = ((more - less) / containers for more, less in zip(after, before, strict=True))
    reading_ = {
        name: (
            statistics.mean(steps[name][0] for _, steps in ran),
            statistics.mean(steps[name][1] for _, steps in ran),
        )
        for name in ran[0][1]
    }
    return Sample(
        wall=wall / containers - sum(more for _, more in reading_.values()),
        cpu=cpu if group else cpu - ours,
        ours=ours - sum(more for more, _ in reading_.values()),
        dockerd=dockerd,
        containerd=containerd,
        hook=statistics.mean(seconds for seconds, _ in ran),
        calls={
            name: (number / containers, taken / containers) for name, (number, taken) in calls.items() if name != "list"
        },
        reading=reading_,
    )


def _used(group: Path | None) -> tuple[float, float, float, float]:
    """Return the processor time so far of the engine's group or of the machine, of this process, and of daemons."""
    daemons: dict[str, float] = defaultdict(float)
    for place in Path("/proc").glob("[0-9]*"):
        try:
            name, seconds = process((place / "stat").read_text())
        except OSError:
            continue  # it has ended
        if group is None or _is_in(place, group):
            daemons[name] += seconds
    return group_seconds(group or GROUPS), time.process_time(), daemons["dockerd"], daemons["containerd"]


def _is_in(place: Path, group: Path) -> bool:
    try:
        lines = (place / "cgroup").read_text().splitlines()
    except OSError:
        return False
    return any(line.rpartition(":")[2].startswith(f"/{group.name}") for line in lines)


def process(stat: str) -> tuple[str, float]:
    """Return the name of a process and its processor time, with that of its ended children, by its stat (proc(5))."""
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return name, sum(map(int, rest.split()[11:15])) / os.sysconf("SC_CLK_TCK")


def group_seconds(group: Path) -> float:
    """Return the processor time of a control group of either version; the top one is the whole machine."""
    for file, pattern, unit in (
        (group / "cpu.stat", r"usage_usec (\d+)", 1e6),
        (group / "cpuacct.usage", r"(\d+)", 1e9),
        (group / "cpuacct/cpuacct.usage", r"(\d+)", 1e9),
    ):
        if file.is_file() and (found := re.match(pattern, file.read_text())):
            return int(found[1]) / unit
    msg = f"{group} has no processor time of control groups"
    raise RuntimeError(msg)


def _call(method: str, path: str) -> str:
    """Return a short name of a call of the engine's API."""
    last = path.partition("?")[0].rpartition("/")[2]
    if method == "DELETE":
        return "remove"
    return {"json": "list" if "?" in path else "inspect"}.get(last, last)


def sdist(folder: Path) -> Path:
    """Write an sdist whose build does as little as one can."""
    path = folder / f"{NAME}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (("PKG-INFO", "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n"), ("backend.py", BACKEND)):
            entry = tarfile.TarInfo(f"{NAME}/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="bookworm")
    parser.add_argument("--containers", type=int, default=10, help="of each kind, in each repetition")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--group", type=Path, help="folder of the engine's own control group")
    parser.add_argument("--json", action="store_true", help="print medians in seconds as JSON")
    options = parser.parse_args()
    engine = connect()
    image = find(engine, options.image, IMAGES)
    if image is None:
        msg = f"the engine has no image {options.image}; make it: wheelproof images"
        raise SystemExit(msg)
    with tempfile.TemporaryDirectory() as cache:
        samples = measure(
            engine,
            image,
            Path(cache),
            containers=options.containers,
            repetitions=options.repetitions,
            group=options.group,
        )
    found = layers_of(samples)
    medians = {layer.name: statistics.median(layer.cpu) for layer in found if layer.cpu}
    print(json.dumps(medians, indent=1) if options.json else table(found))


if __name__ == "__main__":
    main()
