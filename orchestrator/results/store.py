"""Stores results: one JSON file per job and run, written once; wheels and logs by their hash.

results/records/<project>/<started>-<job>.json
results/exclusions/<project>/<checked>.json
results/verifications/<project>/<started>-<id>.json
results/wheelhouses/<id>.json, results/wheelhouses/proofs/<digest>.json: the two builds of one release
results/runs/<started>.json, results/last_run.json, results/.unheard while the operator's command is to be called
results/wheels/<sha256>, results/logs/<sha256>
results/statements/<project>/<started>-<id>/
results/site/, results/site_data.json, results/site_files.json, results/site_made.json
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic_core import from_json, to_json

from orchestrator.errors import BusyError, ResultsError
from orchestrator.model import (
    SCHEMA,
    VERIFICATION_SCHEMA,
    WHEELHOUSE_SCHEMA,
    Build,
    ExclusionCheck,
    LastRun,
    Reason,
    Result,
    RunRecord,
    Verification,
    Wheelhouse,
)
from orchestrator.results import history, manifest, summary
from orchestrator.results.coding import decoded, encoded
from orchestrator.results.files import TEMPORARY, Store, disk_errors, inside, temporary_folder, write_file
from orchestrator.results.index import RESULTS, VERIFICATIONS, RecordIndex, Unfit
from orchestrator.results.places import (
    STAMP,
    TRIALS,
    after,
    misplaced,
    misplaced_run,
    misplaced_verification,
    name_of,
    name_of_result,
    name_of_run,
    stem,
)
from orchestrator.util import escapes, logs
from orchestrator.util.forms import form
from orchestrator.util.room import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.model import Image, Inputs

_T = TypeVar("_T")
_PAIR = 2  # builds of a proof
_UNHEARD = ".unheard"
_LATELY = 10  # records of runs among which one is that was not reported
_PAGES = ("logs", "packages", "badge", "data", "nights", "diffoscope")  # folders whose files follow from records
_HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


class Results:
    """The results folder: append-only records, and bounded stores of wheels and logs."""

    def __init__(
        self, folder: Path, *, wheels: int, logs: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Use that folder; `wheels` and `logs` are the bounds of the stores, in bytes."""
        self._now = now
        self.folder = folder
        self._left_out: set[Path] = set()
        self._unreadable: set[Path] = set()
        self._counted = 1
        self.index = RecordIndex(folder, self._entry)
        self.wheels = Store(folder / "wheels", wheels)
        self.logs = Store(folder / "logs", logs)

    def prune(self) -> None:
        """Keep the stores within their bounds."""
        self.wheels.prune()
        self.logs.prune()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock these results for this run; raises BusyError if another run uses them."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            stream = (self.folder / ".lock").open("w")
        except OSError as error:
            doing, advice = f"opening the results in {self.folder}", "name a folder that can be written with --results"
            raise refused(doing, self.folder, error, advice) from error
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                msg = f"opening the results in {self.folder}: another run uses them; wait for it, or stop it"
                raise BusyError(msg) from error
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove the unfinished files of a killed run."""
        for left in self.folder.glob(f"**/{TEMPORARY}*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    @contextmanager
    def bench(self) -> Iterator[Path]:
        """Give a folder for the files of one build, on the file system of the stores."""
        with ExitStack() as stack:
            with disk_errors(f"making a folder in {self.folder}", self.folder):
                folder = stack.enter_context(temporary_folder(self.folder))
            yield folder

    @property
    def left_out(self) -> int:
        """How many of the records that were looked at so far could not be read, or are not where they belong."""
        return len(self._left_out | self._unreadable)

    @property
    def _records(self) -> Path:
        return self.folder / "records"

    def _entry(self, path: Path) -> history.Entry | summary.Verified | Unfit:
        """Read what the index keeps of a record."""
        if path.parent.parent == self._verifications:
            found = self.verification(path)
            return summary.verified(found, path.name) if found else Unfit("left out")
        result = self._placed(path)
        return history.entry_of(result, path.name) if result else Unfit("left out")

    def find(self, project: str, job: str) -> Path | None:
        """Return the record that answers a job, if it has one: the latest of its release, image and way of building.

        Where inputs are again as they were before the latest result, the job is built again, so that the release
        has the verdict of its present inputs. A record that cannot be read, or is misplaced, settles nothing. Nor
        does one of a build that lost a process to a signal each time: whoever sent it may be gone by the next run.
        """
        pasts = (past for past in self.index.pasts(RESULTS, project) if past.job == job)
        paths = (self._records / project / past.name for past in pasts)
        return next((path for path in paths if self._settles(path, job)), None)

    def answers(self, project: str) -> tuple[str, ...]:
        """Return the ids of all jobs of a project that `find` finds a record of."""
        pasts = self.index.pasts(RESULTS, project)
        return tuple(past.job for past in pasts if self._settles(self._records / project / past.name, past.job))

    def find_any(self, project: str, job: str) -> Path | None:
        """Return the newest record of a job, as `find`, but whatever the release was built with since."""
        return next((path for path in self.index.with_id(project, job) if self._settles(path, job)), None)

    def newest(self, inputs: Inputs) -> Result | None:
        """Return the newest result of the same question: of inputs that differ in their build requirements at most."""
        question = replace(inputs, build_requirements="")

        def is_alike(result: Result) -> bool:
            return result.inputs is not None and replace(result.inputs, build_requirements="") == question

        return next(filter(is_alike, self.of(inputs.project)), None)

    def repeated(self, result: Result, *, again: bool = False) -> Path | None:
        """Return the record that a failed result adds nothing to: the newest of its question, if that failed alike.

        Such a failure is tried in each run, since what caused it may pass: a requirement that the index lacks,
        a signal. It is recorded again only where another result came between, or where somebody asked for it `again`.
        A build that was killed settles nothing, and so it adds nothing to a result with equal inputs that is settled.
        """
        former = self.newest(result.inputs) if result.inputs and result.failure else None
        if former is None:
            return None
        is_repeated = not again and _failed_alike(former, result)
        return self._path(former) if is_repeated or _is_settled_by(former, result) else None

    def _path(self, result: Result) -> Path:
        return self._records / result.project / name_of_result(result)

    def _settles(self, path: Path, job: str) -> bool:
        result = self._placed(path)
        if result is None or result.job != job:
            return False
        return not _is_killed(result)

    def _placed(self, path: Path) -> Result | None:
        """Read a record; None if it cannot be read, or does not belong to its path."""
        result = read(path)
        if result is None:
            self._unreadable.add(path)
        elif why := misplaced(path, result, self._now()):
            self._leave_out(path, why)
            return None
        return result

    def _leave_out(self, path: Path, why: str) -> None:
        """Name the first record that is left out; the others are counted."""
        if not self._left_out:
            logs.warning("a record is not where it belongs, and is left out", path=str(path), fault=why)
        self._left_out.add(path)

    def write(self, result: Result) -> Path:
        """Write one record atomically; an existing record is never overwritten."""
        path = self._path(result)
        write_file(path, encoded(form(Result), result, indent=1) + b"\n")
        self.index.learn(RESULTS, path)
        return path

    def projects(self) -> Iterator[str]:
        """Yield the name of every project that has a record."""
        return (folder.name for folder in inside(self._records))

    def of(self, project: str) -> Iterator[Result]:
        """Read a project's results, newest first; what cannot be read, or is misplaced, is left out."""
        for path in sorted(inside(self._records / project), reverse=True):
            if path.suffix == ".json" and (result := self._placed(path)) is not None:
                yield result

    def latest(self, project: str, image: str, version: str = "") -> Result | None:
        """Return a project's newest result on an image, of a version if one is given, if there is one."""
        found = map(self._placed, self.index.on_image(project, image, version))
        return next(filter(None, found), None)

    def heads(self, project: str) -> Iterator[Result]:
        """Read the latest result of each version, image and way of building, newest first."""
        pasts = sorted(self.index.pasts(RESULTS, project), key=lambda past: past.name, reverse=True)
        return filter(None, (self._placed(self._records / project / past.name) for past in pasts))

    def standings(self, project: str | None = None) -> Iterator[summary.Standing]:
        """Yield the standing of each release on each image, of a project or of all; results are read when needed."""
        for past in self.index.pasts(RESULTS, project):
            read = partial(self._latest, past)
            yield summary.standing(past, read, partial(self._events, past))

    def standings_until(self, project: str, moment: datetime) -> Iterator[summary.Standing]:
        """Yield the standings of a project by the results that were started until a moment."""
        pasts: dict[object, list[history.Entry]] = {}
        for entry in self.index.entries_of(project):
            if entry.started <= moment:
                pasts.setdefault(entry.key, []).append(entry)
        for entries in pasts.values():
            past = history.past_of(entries)
            yield summary.standing(past, partial(self._latest, past), partial(history.events, entries))

    def entries(self, project: str) -> tuple[history.Entry, ...]:
        """Return what histories and lists need of each result of a project, newest first."""
        return self.index.entries_of(project)

    def result(self, entry: history.Entry) -> Result | None:
        """Read the result of an entry; None if it is gone."""
        return self._placed(self._records / entry.project / entry.name)

    def _latest(self, past: history.Past) -> Result:
        """Read the latest result of a past; raises ResultsError if it is gone since the index was refreshed."""
        if (result := self._placed(self._records / past.project / past.name)) is None:
            msg = (
                f"reading {self._records / past.project / past.name}: it was changed or removed; run the command again"
            )
            raise ResultsError(msg)
        return result

    def _events(self, past: history.Past) -> tuple[history.Event, ...]:
        return history.events(self.index.entries(past))

    def verified(self, project: str | None = None) -> Iterator[summary.Verified]:
        """Yield in short the last verification of each published wheel on each image: of a project, or of all."""
        return self.index.pasts(VERIFICATIONS, project)

    def every(self) -> Iterator[Result]:
        """Read all results, project by project."""
        for project in sorted(self.projects()):
            yield from self.of(project)
        if len(self._left_out) > self._counted:
            self._counted = len(self._left_out)
            first = str(min(self._left_out))
            logs.warning("records are not where they belong, and are left out", count=self._counted, first=first)

    def keep_image(self, image: Image) -> None:
        """Record the packages of an image, once for each manifest, so that a later run can find what changed."""
        path = self.folder / "images" / f"{image.manifest}.json"
        if not path.is_file():
            write_file(path, json.dumps(dict(image.packages), indent=1).encode() + b"\n")

    def packages(self, manifest: str) -> dict[str, str] | None:
        """Return the Debian packages of an image, name:architecture to version; None if they are not recorded."""
        try:
            found = json.loads((self.folder / "images" / f"{manifest}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return {str(name): str(version) for name, version in found.items()} if isinstance(found, dict) else None

    def write_check(self, check: ExclusionCheck) -> Path:
        """Write the record of one check of an exclusion, as `write` does."""
        path = self.folder / "exclusions" / check.project / f"{check.checked:{STAMP}}.json"
        write_file(path, encoded(form(ExclusionCheck), check, indent=1) + b"\n")
        return path

    def checks(self) -> dict[str, ExclusionCheck]:
        """Return the last check of every exclusion that has one that can be read, by project."""
        found: dict[str, ExclusionCheck] = {}
        for path in sorted(file for folder in inside(self.folder / "exclusions") for file in inside(folder)):
            if path.suffix == ".json":
                if (check := _read(path, ExclusionCheck)) is None:
                    self._unreadable.add(path)
                elif (path.parent.name, path.name) == (check.project, f"{check.checked:{STAMP}}.json"):
                    found[path.parent.name] = check
                else:
                    self._leave_out(path, "it is of another project or time")
        return found

    def write_verification(self, verification: Verification) -> Path:
        """Write the record of one verification, as `write` does."""
        path = self._verifications / verification.project / name_of(verification)
        write_file(path, encoded(form(Verification), verification, indent=1) + b"\n")
        self.index.learn(VERIFICATIONS, path)
        return path

    def find_verification(self, project: str, id_: str) -> Path | None:
        """Return the record that answers a verification, if it is the last of its wheel and settles it; see `find`."""
        pasts = (past for past in self.index.pasts(VERIFICATIONS, project) if past.id == id_)
        paths = (self._verifications / project / past.name for past in pasts)
        return next((path for path in paths if self._settles_verification(path, id_)), None)

    def verification_answers(self, project: str) -> tuple[str, ...]:
        """Return the ids of all verifications of a project that `find_verification` finds a record of."""
        pasts = self.index.pasts(VERIFICATIONS, project)
        folder = self._verifications / project
        return tuple(past.id for past in pasts if self._settles_verification(folder / past.name, past.id))

    def _settles_verification(self, path: Path, id_: str) -> bool:
        one = self.verification(path)
        if one is None or one.id != id_:
            return False
        return not any(build.failure and build.failure.reason is Reason.KILLED for build in one.builds)

    def repeated_verification(self, verification: Verification) -> Path | None:
        """Return the record that a verification adds nothing to: the newest of its wheel, if it ended alike.

        Only builds that were killed are repeated for the same inputs.
        """
        for former in self.verifications(verification.project):
            if _wheel_on_image(former) == _wheel_on_image(verification):
                same = (former.id, former.outcome) == (verification.id, verification.outcome)
                return self._verifications / former.project / name_of(former) if same else None
        return None

    def verification(self, path: Path) -> Verification | None:
        """Read the record of a verification; None if it cannot be read, or does not belong to its path."""
        found = _read(path, Verification)
        if found is None:
            self._unreadable.add(path)
            return None
        if why := misplaced_verification(path, found, self._now()):
            self._leave_out(path, why)
            return None
        return found

    def verifications(self, project: str | None = None, until: datetime | None = None) -> Iterator[Verification]:
        """Yield the last verification of each published wheel on each image: of a project, or of all.

        With `until`, those that were started later are left out.
        A wheel is known by its name and its SHA-256: a file may list a hash that the index does not have.
        """
        folders = [self._verifications / project] if project else sorted(inside(self._verifications))
        for folder in folders:
            seen: set[tuple[str, str, str, str]] = set()
            for path in sorted(inside(folder), reverse=True):
                if path.suffix != ".json" or (until and path.name > after(until)):
                    continue
                if (found := self.verification(path)) is None:
                    continue
                key = _wheel_on_image(found)
                if key not in seen:
                    seen.add(key)
                    yield found

    def every_verification(self, project: str) -> Iterator[Verification]:
        """Yield all verifications of a project, newest first; what cannot be read, or is misplaced, is left out."""
        for path in sorted(inside(self._verifications / project), reverse=True):
            if path.suffix == ".json" and (found := self.verification(path)) is not None:
                yield found

    def verified_projects(self) -> Iterator[str]:
        """Yield the name of every project with a verification."""
        return (folder.name for folder in inside(self._verifications))

    def result_at(self, project: str, started: datetime, job: str) -> Result | None:
        """Return the record of that job and time, if there is one here; `project` is a normalized name."""
        path = self._records / project / f"{stem(started, job)}.json"
        return self._placed(path) if path.is_file() else None

    def verification_at(self, project: str, started: datetime, id_: str) -> Verification | None:
        """Return the record of the verification of that id and time, as `result_at` does."""
        path = self._verifications / project / f"{stem(started, id_)}.json"
        return self.verification(path) if path.is_file() else None

    @property
    def _verifications(self) -> Path:
        return self.folder / "verifications"

    def write_wheelhouse(self, house: Wheelhouse) -> Path:
        """Write the record of a wheelhouse, as `write` does."""
        path = self._wheelhouses / f"{house.id}.json"
        write_file(path, encoded(form(Wheelhouse), house, indent=1) + b"\n")
        return path

    def wheelhouse(self, id_: str) -> Wheelhouse | None:
        """Return the wheelhouse of that id; None if there is no record of it, or it cannot be read."""
        path = self._wheelhouses / f"{id_}.json"
        found = _read(path, Wheelhouse) if path.is_file() else None
        return found if found and found.id == id_ and 1 <= found.schema <= WHEELHOUSE_SCHEMA else None

    def keep_proof(self, key: str, builds: tuple[Build, ...]) -> None:
        """Keep the builds of one release under a common recipe, under the digest of what decides them."""
        write_file(
            self._wheelhouses / "proofs" / f"{key}.json", encoded(form(tuple[Build, ...]), builds, indent=1) + b"\n"
        )

    def proof(self, key: str) -> tuple[Build, ...]:
        """Return those builds; nothing where there are none, or where the store has one of their wheels no more."""
        path = self._wheelhouses / "proofs" / f"{key}.json"
        builds = (_read(path, tuple[Build, ...]) if path.is_file() else None) or ()
        kept = len(builds) == _PAIR and all(
            build.wheel is None or self.wheels.find(build.wheel.sha256) for build in builds
        )
        return builds if kept else ()

    @property
    def _wheelhouses(self) -> Path:
        return self.folder / "wheelhouses"

    def write_run(self, run: RunRecord) -> Path:
        """Write the record of one run, as `write` does."""
        path = self.folder / "runs" / name_of_run(run)
        write_file(path, encoded(form(RunRecord), run, indent=1) + b"\n")
        return path

    def runs(self) -> Iterator[RunRecord]:
        """Read the records of runs, newest first; what cannot be read, or is misplaced, is left out."""
        for path in sorted(inside(self.folder / "runs"), reverse=True):
            if path.suffix != ".json":
                continue
            if (found := _read(path, RunRecord)) is None:
                self._unreadable.add(path)
            elif why := misplaced_run(path, found, self._now()):
                self._leave_out(path, why)
            else:
                yield found

    def note_unheard(self, run: RunRecord) -> None:
        """Note, before a run's record is written, that the operator's command is to be called for its changes."""
        write_file(self.folder / _UNHEARD, name_of_run(run).encode())

    def note_heard(self) -> None:
        """Note that the operator's command was called."""
        with disk_errors(f"removing {self.folder / _UNHEARD}", self.folder):
            (self.folder / _UNHEARD).unlink(missing_ok=True)

    def unheard(self) -> RunRecord | None:
        """Return the run for whose changes the operator's command is still to be called, since a process was killed."""
        with suppress(OSError):
            name = (self.folder / _UNHEARD).read_text(encoding="ascii", errors="replace")
            return next((run for run in islice(self.runs(), _LATELY) if name_of_run(run) == name), None)
        return None

    def note_last_run(self, run: LastRun) -> None:
        """Write last_run.json, for monitoring; a former one is overwritten."""
        write_file(self.folder / "last_run.json", encoded(form(LastRun), run, indent=1) + b"\n")

    def last_run(self) -> LastRun | None:
        """Read last_run.json; None if there is none, or it cannot be read."""
        path = self.folder / "last_run.json"
        return _read(path, LastRun) if path.is_file() else None

    def names_since(self, moment: datetime) -> tuple[str, ...]:
        """Return the records that were started after a moment, as <project>/<file name>."""
        return tuple(f"{project}/{name}" for project, name in self.index.since(RESULTS, after(moment)))

    def verified_since(self, moment: datetime) -> tuple[str, ...]:
        """Return the records of verifications that were started after a moment, as <project>/<file name>."""
        return tuple(f"{project}/{name}" for project, name in self.index.since(VERIFICATIONS, after(moment)))

    def unreferenced(self, age: float) -> tuple[Path, ...]:
        """List wheels and logs that no record or statement names, and that are older than `age` seconds."""
        known = self._hashes()
        before = self._now().timestamp() - age
        stored = (*inside(self.folder / "wheels"), *inside(self.folder / "logs"))
        return tuple(path for path in stored if path.name not in known and path.lstat().st_mtime < before)

    def _hashes(self) -> set[str]:
        """Return every SHA-256 in a file of the results; not of the site, the stores, and what pip printed."""
        found: set[str] = set()
        for place, folders, names in os.walk(self.folder):
            if Path(place) == self.folder:
                folders[:] = [name for name in folders if name not in {"site", "wheels", "logs", TRIALS}]
            for name in names:
                with suppress(OSError):
                    found.update(one.decode() for one in _HASH.findall(Path(place, name).read_bytes()))
        return found

    def pages(self) -> dict[str, Path]:
        """Return the pages of the site that follow from records, by their path in the results: site/logs/NAME.html."""
        folders = (self.folder / "site" / kind for kind in _PAGES)
        files = (path for folder in folders for path in inside(folder) if path.suffix in {".html", ".json", ".svg"})
        return {path.relative_to(self.folder).as_posix(): path for path in files}

    def remove_pages(self, names: Iterable[str]) -> tuple[Path, ...]:
        """Remove the pages of the site that follow from records and are not among `names`; return them."""
        kept = set(names)
        gone = tuple(path for name, path in self.pages().items() if name not in kept)
        for path in gone:
            path.unlink(missing_ok=True)
        return gone

    def publish(self, files: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """Write files of the site and its kin, each atomically, where they changed; return the names of all."""
        names = []
        for name, text in files:
            path = self.folder / name
            data = text.encode("utf-8", "replace")
            if not path.is_file() or path.read_bytes() != data:
                write_file(path, data, lasting=False)
            names.append(name)
        return tuple(names)

    def note_site(self, made_from: str, names: Iterable[str], made: str, asked: str = "") -> None:
        """Record all files of the site, and what they were made from; call it after all of them are written."""
        write_file(self.folder / manifest.MADE, made.encode(), lasting=False)
        write_file(self.folder / manifest.NAME, manifest.taken(self.folder, made_from, names, asked).encode())

    def made(self) -> bytes:
        """Return what the pages of the site were made from, as `note_site` wrote it; empty if it cannot be read."""
        try:
            return (self.folder / manifest.MADE).read_bytes()
        except OSError:
            return b""


def _failed_alike(former: Result, result: Result) -> bool:
    """Whether two results have equal inputs and failed for the same reason in the same phase."""
    if former.failure is None or result.failure is None:
        return False
    kinds = [(one.job, one.verdict, one.failure.reason, one.failure.phase) for one in (former, result) if one.failure]
    return kinds[0] == kinds[1]


def _is_settled_by(former: Result, result: Result) -> bool:
    """Whether a former result with equal inputs has a verdict, and this one has none: a build was killed each time."""
    return _is_killed(result) and not _is_killed(former) and former.job == result.job


def _is_killed(result: Result) -> bool:
    return result.failure is not None and result.failure.reason is Reason.KILLED


def _wheel_on_image(verification: Verification) -> tuple[str, str, str, str]:
    image = verification.image.name if verification.image else ""
    return verification.version, verification.wheel, verification.sha256, image


def read_any(path: Path) -> Result | Verification | None:
    """Read a record of a result or of a verification; None, and a warning in the log, if it is neither."""
    try:
        keys = from_json(path.read_bytes())
    except (ValueError, OSError) as error:
        logs.warning("a record cannot be read", path=str(path), fault=str(error)[:500])
        return None
    is_verification = isinstance(keys, dict) and "outcome" in keys
    found: Result | Verification | None = _read(path, Verification) if is_verification else read(path)
    known = VERIFICATION_SCHEMA if is_verification else SCHEMA
    return found if found is not None and 1 <= found.schema <= known else None


def read(path: Path) -> Result | None:
    """Read one record; None, and a warning in the log, if it cannot be read."""
    return _read(path, Result)


def _read(path: Path, kind: type[_T]) -> _T | None:
    try:
        return decoded(form(kind), path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:  # ValidationError is a ValueError
        logs.warning("a record cannot be read", path=str(path), fault=str(error)[:500])
        return None


def checks_as_json(checks: Iterable[ExclusionCheck], left_open: Iterable[tuple[str, str]] = ()) -> bytes:
    """Return checks of exclusions as one JSON array, with an object for each job that was left open, as `as_json`."""
    values = [*form(tuple[ExclusionCheck, ...]).dump_python(tuple(checks), mode="json"), *map(_open_job, left_open)]
    return to_json(escapes.all_escaped(values), indent=1) + b"\n"


def as_json(results: Iterable[Result], left_open: Iterable[tuple[str, str]] = ()) -> Iterator[bytes]:
    """Yield results as one JSON array, piece by piece, and after them an object for each job that was left open.

    `left_open` has requirements, each with the reason why it has no verdict.
    """
    yield b"["
    written = (encoded(form(Result), result) for result in results)
    unwritten = (to_json(escapes.all_escaped(_open_job(job))) for job in left_open)
    for number, text in enumerate(chain(written, unwritten)):
        yield (b",\n " if number else b"") + text
    yield b"]\n"


def _open_job(job: tuple[str, str]) -> dict[str, str]:
    return {"requirement": job[0], "open": job[1]}


def verification_value(verification: Verification) -> dict[str, object]:
    """Return a verification as values of JSON."""
    value: dict[str, object] = form(Verification).dump_python(verification, mode="json")
    return value


def wheelhouse_as_json(house: Wheelhouse) -> bytes:
    """Return the record of a wheelhouse as JSON."""
    return encoded(form(Wheelhouse), house, indent=1) + b"\n"


def schema() -> dict[str, object]:
    """Return the JSON Schema of a result."""
    return form(Result).json_schema(mode="serialization")
