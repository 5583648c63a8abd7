"""An index of records, so that what a command costs does not grow with the years.

It is a SQLite file in the folder of the results. It has what lists and histories need of each record, and the past of
each release. All of it comes from the records, so it is made again where it is missing, broken, or made by other code.

Records are never changed in place. So a folder is read again only if its time of change is another one, or so late that
it may have changed again at the moment when it was read. That time is the one that no program sets (st_ctime): rsync,
tar and cp give a folder the time of modification of another one. Of each past, the latest record is looked at too, by
size and time.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import finalize

from orchestrator.results.coding import compact, decoded
from orchestrator.results.history import Entry, Past, Settled, past_of
from orchestrator.results.summary import Verified, latest_of
from orchestrator.util import logs
from orchestrator.util.forms import form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

NAME = ".index.sqlite3"
"""The file of the index, in the folder of the results."""

_TICK = 20_000_000  # nanoseconds: two changes of files within it may have one time
_SECOND = 1_000_000_000
_LONGEST = 500  # characters of a fault in the log
_WAIT = 60  # seconds for another process that writes the index
_MADE_BY = ("orchestrator.results", "orchestrator.model")  # packages that decide what it contains

_TABLES = """
CREATE TABLE form (digest TEXT);
CREATE TABLE folders (
    kind TEXT, project TEXT, changed INTEGER, looked INTEGER, names TEXT,
    PRIMARY KEY (kind, project)
) WITHOUT ROWID;
CREATE TABLE records (
    kind TEXT, project TEXT, name TEXT, size INTEGER, changed INTEGER, fault TEXT,
    version TEXT, image TEXT, id TEXT, past TEXT, settled TEXT, value BLOB,
    PRIMARY KEY (kind, project, name)
) WITHOUT ROWID;
CREATE INDEX of_pasts ON records (kind, project, past);
CREATE INDEX of_faults ON records (fault) WHERE fault != '';
CREATE TABLE settled (digest TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE pasts (
    kind TEXT, project TEXT, past TEXT, latest TEXT, value BLOB, PRIMARY KEY (kind, project, past)
) WITHOUT ROWID;
"""

_E = TypeVar("_E", Entry, Verified)
_P = TypeVar("_P", Past, Verified)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[_E, _P]):
    """A kind of records: the folder that has a folder of them for each project, and what is kept of each."""

    folder: str
    packed: Callable[[_E], tuple[bytes, bytes]]  # an entry, and its inputs, which many entries share
    unpacked: Callable[[bytes, bytes], _E]
    past: type[_P]
    past_of: Callable[[Iterable[_E]], _P]


def _pack(entry: Entry) -> tuple[bytes, bytes]:
    return compact(form(Entry), replace(entry, settled=())), compact(form(Settled), entry.settled)


def _unpack(value: bytes, settled: bytes) -> Entry:
    return replace(decoded(form(Entry), value), settled=decoded(form(Settled), settled))


RESULTS: Kind[Entry, Past] = Kind("records", _pack, _unpack, Past, past_of)
VERIFICATIONS: Kind[Verified, Verified] = Kind(
    "verifications",
    lambda one: (compact(form(Verified), one), b""),
    lambda value, _: decoded(form(Verified), value),
    Verified,
    latest_of,
)
_KINDS: tuple[Kind[Any, Any], ...] = (RESULTS, VERIFICATIONS)


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a file is not an entry: it cannot be read, or is not where it belongs."""

    why: str


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: int  # bytes
    changed: int  # nanoseconds


class RecordIndex:
    """The index of the records in a folder of results. Its methods may be called from several threads."""

    def __init__(self, folder: Path, read: Callable[[Path], Entry | Verified | Unfit]) -> None:
        """Index that folder; `read` returns what is kept of a record."""
        self._folder = folder
        self._read = read
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None
        self._in_memory = False

    # --- what it knows ---------------------------------------------------------------------------

    def with_id(self, project: str, id_: str) -> tuple[Path, ...]:
        """Return the records of a project's job, newest first."""
        where = "kind = ? AND project = ? AND fault = '' AND id = ?"
        return self._paths(project, where, RESULTS.folder, project, id_)

    def on_image(self, project: str, image: str, version: str = "") -> tuple[Path, ...]:
        """Return a project's records on an image, of a version if one is given, newest first."""
        where = "kind = ? AND project = ? AND fault = '' AND image = ? AND ? IN ('', version)"
        return self._paths(project, where, RESULTS.folder, project, image, version)

    def pasts(self, kind: Kind[_E, _P], project: str | None = None) -> Iterator[_P]:
        """Yield the past of each release, or of each published wheel: of a project, or of all."""
        made = partial(decoded, form(kind.past))
        if project is None:
            question = "SELECT value FROM pasts WHERE kind = ? ORDER BY project, past"
            return iter(self._values(made, question, kind.folder))
        question = "SELECT value FROM pasts WHERE kind = ? AND project = ? ORDER BY past"
        return iter(self._values(made, question, kind.folder, project))

    def entries(self, past: Past) -> tuple[Entry, ...]:
        """Return the entries of one past."""
        question = f"{_ENTRIES} WHERE kind = ? AND project = ? AND past = ?"
        return self._values(_unpack, question, RESULTS.folder, past.project, _key(past))

    def entries_of(self, project: str) -> tuple[Entry, ...]:
        """Return the entries of all records of a project, newest first."""
        question = f"{_ENTRIES} WHERE r.kind = ? AND r.project = ? AND r.fault = '' ORDER BY r.name DESC"
        return self._values(_unpack, question, RESULTS.folder, project)

    def since(self, kind: Kind[Any, Any], name: str) -> tuple[tuple[str, str], ...]:
        """Return the records whose names are higher, which have the time when they were started, with their projects.

        Only projects are looked at of which a latest record is one of them.
        """
        question = (
            "SELECT project, name FROM records WHERE kind = ? AND fault = '' AND name > ?"
            " AND project IN (SELECT project FROM pasts WHERE kind = ? AND latest > ?) ORDER BY project, name"
        )
        rows = self._rows(question, *(kind.folder, name) * 2)
        return tuple((str(project), str(name)) for project, name in rows)

    def faults(self) -> tuple[tuple[Path, str], ...]:
        """Return the records that are left out, each with the reason."""
        rows = self._rows("SELECT kind, project, name, fault FROM records WHERE fault != ''")
        return tuple((self._folder / kind / project / name, fault) for kind, project, name, fault in rows)

    def digest(self) -> str:
        """Return the hash of the names of all records, which are never changed once written."""
        rows = self._rows("SELECT kind, project, names FROM folders ORDER BY kind, project")
        return _digest(ascii(rows).encode())

    def _paths(self, project: str, where: str, *values: object) -> tuple[Path, ...]:
        rows = self._rows(f"SELECT name FROM records WHERE {where} ORDER BY name DESC", *values)  # noqa: S608 - ours
        return tuple(self._folder / RESULTS.folder / project / name for (name,) in rows)

    def _values(self, made: Callable[..., _T], question: str, *values: object) -> tuple[_T, ...]:
        """Return what is made of each row; where a row is damaged, the index is made again."""
        with self._lock:
            try:
                return tuple(made(*row) for row in self._rows(question, *values))
            except ValueError as error:
                self._replace(error)
                return tuple(made(*row) for row in self._rows(question, *values))

    def _rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._database is None:
                self.refresh()
            try:
                return self._asked(question, *values)
            except sqlite3.DatabaseError as error:  # damage where `refresh` did not look, or tables of other code
                self._replace(error)
                return self._asked(question, *values)

    def _asked(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        assert self._database is not None  # noqa: S101 - `refresh` opened it
        return self._database.execute(question, values).fetchall()

    # --- how it learns ---------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read what was added, changed or removed since the index was last written."""
        with self._lock:
            try:
                self._catch_up(self._opened())
            except (sqlite3.DatabaseError, ValueError) as error:
                self._replace(error)

    def _replace(self, error: Exception) -> None:
        """Make the index again after that error: in memory, if the file only cannot be used now."""
        if isinstance(error, sqlite3.OperationalError):  # it cannot be written, or another process writes it for long
            self._catch_up(self._of_memory())
            return
        logs.info("making the index of records again", fault=str(error)[:_LONGEST])
        self._catch_up(self._made_again())

    def learn(self, kind: Kind[Any, Any], path: Path) -> None:
        """Take in a record that was just written."""
        with self._lock, suppress(sqlite3.Error, OSError):  # if that fails, the next refresh takes it in
            if self._database is not None:
                with _change(self._database):
                    self._take_in(self._database, kind, path.parent.name, [_file(path)], set())

    def _opened(self) -> sqlite3.Connection:
        """Open the file, and empty it where other code made it."""
        if self._database is None:
            self._database = self._connected(str(self._folder / NAME))
        if not _is_ours(self._database):
            with _change(self._database):
                _empty(self._database)
        return self._database

    def _made_again(self) -> sqlite3.Connection:
        """Remove the file, which is broken; where it cannot be removed, use memory."""
        self._close()
        try:
            (self._folder / NAME).unlink(missing_ok=True)
            return self._opened()
        except (OSError, sqlite3.Error):
            return self._of_memory()

    def _of_memory(self) -> sqlite3.Connection:
        """Keep the index in memory: the folder cannot be written, or is not there."""
        self._close()
        self._in_memory = True
        self._database = self._connected(":memory:")
        _empty(self._database)
        return self._database

    def _connected(self, where: str) -> sqlite3.Connection:
        """Open the file, and close it when nothing uses this index any more."""
        database = sqlite3.connect(where, timeout=_WAIT, check_same_thread=False, isolation_level=None)
        finalize(self, database.close)
        return database

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None

    def _catch_up(self, database: sqlite3.Connection) -> None:
        written = 0 if self._in_memory else _changed(self._folder / NAME)
        stale = [(kind, project) for kind in _KINDS for project in self._stale(database, kind, written)]
        if stale:
            with _change(database):
                for kind, project in stale:
                    self._take(database, kind, project)

    def _stale(self, database: sqlite3.Connection, kind: Kind[Any, Any], written: int) -> list[str]:
        """Return the projects whose folder may have changed since the index was written, at that time."""
        rows = database.execute("SELECT project, changed, looked FROM folders WHERE kind = ?", (kind.folder,))
        known = {project: (changed, min(looked, written)) for project, changed, looked in rows}
        there = {name: _changed(self._folder / kind.folder / name) for name in _names(self._folder / kind.folder)}
        stale = {name for name, changed in there.items() if _may_differ(changed, *known.get(name, (0, 0)))}
        return sorted(stale | (known.keys() - there.keys()) | self._suspect(database, kind))

    def _suspect(self, database: sqlite3.Connection, kind: Kind[Any, Any]) -> set[str]:
        """Return the projects of which the latest record of a past was changed in place, or a record is left out."""
        rows = database.execute(
            "SELECT p.project, r.name, r.size, r.changed FROM pasts p JOIN records r"
            " ON r.kind = p.kind AND r.project = p.project AND r.name = p.latest WHERE p.kind = ?",
            (kind.folder,),
        )
        folder = self._folder / kind.folder
        changed = {project for project, *known in rows if not _is_same(folder / project, _File(*known))}
        faulty = database.execute("SELECT DISTINCT project FROM records WHERE kind = ? AND fault != ''", (kind.folder,))
        return changed | {project for (project,) in faulty}

    def _take(self, database: sqlite3.Connection, kind: Kind[Any, Any], project: str) -> None:
        """Compare a project's folder with what is known of it, and take in what differs."""
        folder = self._folder / kind.folder / project
        looked, changed = time.time_ns(), _changed(folder)
        there = {file.name: file for file in _inside(folder) if file.name.endswith(".json")}
        rows = database.execute(
            "SELECT name, size, changed, past, fault FROM records WHERE kind = ? AND project = ?",
            (kind.folder, project),
        ).fetchall()
        known = {name: _File(name, size, when) for name, size, when, _, fault in rows if not fault}
        gone = [(name, past) for name, *_, past, _ in rows if name not in there]
        database.executemany(
            "DELETE FROM records WHERE kind = ? AND project = ? AND name = ?",
            ((kind.folder, project, name) for name, _ in gone),
        )
        new = [file for name, file in sorted(there.items()) if known.get(name) != file]
        self._take_in(database, kind, project, new, {past for _, past in gone if past})
        if changed:
            names = "\n".join(sorted(there)).encode()
            values = (kind.folder, project, changed, looked, _digest(names))
            database.execute("INSERT OR REPLACE INTO folders VALUES (?, ?, ?, ?, ?)", values)
        else:
            database.execute("DELETE FROM folders WHERE kind = ? AND project = ?", (kind.folder, project))

    def _take_in(
        self, database: sqlite3.Connection, kind: Kind[Any, Any], project: str, files: Iterable[_File], pasts: set[str]
    ) -> None:
        """Take in files of a project, and make again the pasts that they are of, and those given."""
        for file in files:
            former = database.execute(
                "SELECT past FROM records WHERE kind = ? AND project = ? AND name = ?",
                (kind.folder, project, file.name),
            )
            pasts |= {past for (past,) in former if past}
            entry = self._read(self._folder / kind.folder / project / file.name)
            row, settled = _row(kind, entry)
            database.execute("INSERT OR IGNORE INTO settled VALUES (?, ?)", (_digest(settled), settled))
            values = (kind.folder, project, file.name, file.size, file.changed, *row)
            database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
            pasts |= set() if isinstance(entry, Unfit) else {_key(entry)}
        for past in pasts:
            _make_past(database, kind, project, past)


# --- rows ------------------------------------------------------------------------------------

_ENTRIES = "SELECT r.value, s.value FROM records r JOIN settled s ON s.digest = r.settled"


def _row(kind: Kind[Any, Any], entry: Entry | Verified | Unfit) -> tuple[tuple[str | bytes, ...], bytes]:
    """Return the columns of an entry that follow its file's, and its inputs, which many entries share."""
    if isinstance(entry, Unfit):
        return (entry.why, "", "", "", "", _digest(b""), b""), b""
    value, settled = kind.packed(entry)
    id_ = entry.job if isinstance(entry, Entry) else entry.id
    return ("", entry.version, entry.image, id_, _key(entry), _digest(settled), value), settled


def _make_past(database: sqlite3.Connection, kind: Kind[Any, Any], project: str, past: str) -> None:
    """Make one past again from its entries; remove it if it has none."""
    where = (kind.folder, project, past)
    rows = database.execute(f"{_ENTRIES} WHERE r.kind = ? AND r.project = ? AND r.past = ?", where)
    entries = [kind.unpacked(*row) for row in rows]
    if not entries:
        database.execute("DELETE FROM pasts WHERE kind = ? AND project = ? AND past = ?", where)
        return
    made = kind.past_of(entries)
    values = (*where, made.name, compact(form(kind.past), made))
    database.execute("INSERT OR REPLACE INTO pasts VALUES (?, ?, ?, ?, ?)", values)


def _key(of: Entry | Past | Verified) -> str:
    """Return what the entries of one past share, as one text."""
    return ascii(of.key)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- the file --------------------------------------------------------------------------------


@contextmanager
def _change(database: sqlite3.Connection) -> Iterator[None]:
    """Change the file as one transaction, and alone."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _is_ours(database: sqlite3.Connection) -> bool:
    """Return whether this very code made the tables."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'form'").fetchall():
        return False
    return database.execute("SELECT digest FROM form").fetchall() == [(_form(),)]


def _form() -> str:
    """Return a digest of the code on which the content depends."""
    files = [(package, file.name, file) for package in _MADE_BY for file in resources.files(package).iterdir()]
    code = sorted((package, name, _digest(file.read_bytes())) for package, name, file in files if name.endswith(".py"))
    return _digest(ascii(code).encode())


def _empty(database: sqlite3.Connection) -> None:
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        database.execute(f'DROP TABLE "{table}"')
    for statement in filter(str.strip, _TABLES.split(";")):
        database.execute(statement)
    database.execute("INSERT INTO form VALUES (?)", (_form(),))


def _names(folder: Path) -> list[str]:
    """Return the names of what is in a folder, as all that we write; nothing if there is none."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return [name for name in os.listdir(folder) if name.isascii()]  # noqa: PTH208 - only names
    return []


def _may_differ(changed: int, known: int, looked: int) -> bool:
    """Return whether a folder may have changed since it was looked at.

    A file system with whole seconds has one time for all changes within two of them.
    """
    tick = _TICK if changed % _SECOND else 2 * _SECOND
    return changed != known or changed > looked - tick


def _inside(folder: Path) -> Iterator[_File]:
    """Yield what is in a folder; nothing if there is none."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.isascii():  # as all that we write
                status = entry.stat()
                yield _File(entry.name, status.st_size, status.st_mtime_ns)


def _file(path: Path) -> _File:
    status = path.stat()
    return _File(path.name, status.st_size, status.st_mtime_ns)


def _is_same(folder: Path, known: _File) -> bool:
    with suppress(OSError):
        return _file(folder / known.name) == known
    return False


def _changed(path: Path) -> int:
    """Return when a file or folder was last changed, in nanoseconds, as no program can set it; 0 if it is not there."""
    with suppress(OSError):
        return path.stat().st_ctime_ns
    return 0
