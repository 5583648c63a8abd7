"""Measure what commands cost with a history of many nights: the start of a run, publish and show.

    .venv/bin/python scripts/bench_records.py [--projects 100] [--nights 1 100 1000]

A temporary folder gets one real record for each project and night; they are copies of a record of tests/records with
another name, time and job. Each figure is the least of three, in seconds of real time, of the whole process. `index` is
the first command, which makes the index; `first` is the first site; `again` is publish when nothing is new, by a
process that knows nothing; `one more` is publish after one more record.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TRIES = 3
STAMP = "%Y%m%dT%H%M%S.%fZ"
START = """
from pathlib import Path
from orchestrator.results.store import Results
store = Results(Path({folder!r}), wheels=0, logs=0)
assert store.latest("project-1", "bookworm") and not store.find("project-1", "f" * 64)
"""


def main() -> None:
    """Print a line for each number of nights."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--projects", type=int, default=100)
    options.add_argument("--nights", type=int, nargs="+", default=[1, 100, 1000])
    given = options.parse_args()
    print(f"{'records':>9}{'index':>9}{'start':>9}{'first':>9}{'again':>9}{'one more':>9}{'show':>9}{'index, MB':>11}")
    for nights in given.nights:
        with tempfile.TemporaryDirectory() as folder:
            print(_line(Path(folder), given.projects, nights), flush=True)


def _line(folder: Path, projects: int, nights: int) -> str:
    record = json.loads(next((ROOT / "tests" / "records" / "5" / "records" / "six").glob("*.json")).read_bytes())
    (folder / "config.yaml").write_text("image: bookworm\nresults: .\n")
    for night in range(nights):
        for project in range(projects):
            _write(folder, record, f"project-{project}", night)
    start = [sys.executable, "-c", START.format(folder=str(folder))]
    publish = [sys.executable, "-m", "orchestrator", "publish", "--config", str(folder / "config.yaml")]
    show = [sys.executable, "-m", "orchestrator", "show", "project-1", "--config", str(folder / "config.yaml")]
    figures = [_timed(start), _least(start), _timed(publish), _least(publish)]
    _write(folder, record, "project-1", nights)
    figures += [_timed(publish), _least(show)]
    size = (folder / ".index.sqlite3").stat().st_size / 1e6
    return f"{projects * nights:9}{''.join(f'{figure:9.2f}' for figure in figures)}{size:11.1f}"


def _write(folder: Path, record: dict[str, Any], project: str, night: int) -> None:
    begun = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=night)
    job = f"{night:064x}"
    moved = {
        **record,
        "project": project,
        "job": job,
        "started": begun.isoformat(),
        "finished": (begun + timedelta(seconds=9)).isoformat(),
        "inputs": {**record["inputs"], "project": project},
    }
    place = folder / "records" / project
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{begun:{STAMP}}-{job[:16]}.json").write_text(json.dumps(moved))


def _least(command: list[str]) -> float:
    return min(_timed(command) for _ in range(TRIES))


def _timed(command: list[str]) -> float:
    begun = time.monotonic()
    subprocess.run(  # noqa: S603 - ours
        command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
