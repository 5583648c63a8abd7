"""Writes the statements of records, signed or not, and checks files with statements: what the command attest does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.errors import EvidenceError, ResultsError, UsageError
from orchestrator.model.statement import PROVENANCE, VERDICT
from orchestrator.publish.statements import checking, files, refused
from orchestrator.publish.wheelhouse import beside
from orchestrator.results.store import Results
from orchestrator.results.summary import summary_of
from orchestrator.util import escapes, logs, signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from orchestrator.model import Result, Verification
    from orchestrator.model.statement import Statement
    from orchestrator.publish.statements.checking import Checked
    from orchestrator.publish.statements.reading import ReadStatement
    from orchestrator.util.signing import PublicKey, SigningKey

_SECRET, _SHOWN = 0o600, 0o644
_OF_OTHERS = 0o077
_NO_RECORD = "no record of it is here"


# --- writing ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Form:
    """How statements are written: the ending of their files, and what is in each."""

    ending: str
    content: Callable[[Statement, bytes], bytes]  # of a statement, and of its former file


def unsigned() -> Form:
    """Return the form of statements that nobody signs."""
    return Form(files.UNSIGNED, lambda statement, _former: files.bare(statement))


def signed_with(key: SigningKey) -> Form:
    """Return the form of statements that a key signs."""
    return Form(files.SIGNED, lambda statement, former: files.enveloped(statement, former, key))


def signed_by(sign: Callable[[bytes], bytes]) -> Form:
    """Return the form of statements that sigstore signs: each once, since each signature is logged for ever."""
    return Form(files.KEYLESS, lambda statement, former: files.bundled(statement, former, sign))


def current(store: Results, project: str, version: str = "") -> Iterator[Result | Verification]:
    """Yield the records of a project's current verdicts and verifications, or of those of its version."""
    for one in summary_of(store.standings(project), (), datetime.now(UTC)).projects:
        yield from (standing.latest for standing in one.current if version in {"", standing.version})
    yield from (one for one in store.verifications(project) if version in {"", one.version})


def write(
    records: Iterable[Result | Verification], store: Results, to: Path, form: Form, builder: str
) -> Iterator[tuple[Path, bool]]:
    """Write the files of records below a folder; yield the path of each, and whether it has a statement.

    A record whose statements a check would reject has none, and a warning in the log.
    """
    place = Results(to, wheels=0, logs=0)
    for record in records:
        if why := refused(record):
            logs.warning("no statement is written: its check would reject it", project=record.project, fault=why[:500])
            continue
        packages = store.packages(record.image.manifest) if record.image else None
        made = files.files_of(
            record, packages, builder, form.ending, lambda one, name: form.content(one, _former(to / name))
        )
        for name, content in made:
            place.publish([(name, content.decode())])
            yield to / name, name.endswith(form.ending)


def _former(path: Path) -> bytes:
    return bounded(path) if path.is_file() else b""


def new_key(path: Path, passphrase: bytes | None) -> Path:
    """Write a new private key to a file that only its owner can read; return the file of the public key beside it.

    Raises
    ------
    UsageError
        One of the files exists.
    ResultsError
        They cannot be written.

    """
    public = path.with_name(f"{path.name}.pub")
    secret, shown = signing.new_key(passphrase)
    if there := next((one for one in (path, public) if os.path.lexists(one)), None):
        msg = f"making a key: {there} exists; a key is never overwritten"
        raise UsageError(msg)
    try:
        _create(path, secret, _SECRET)
        _create(public, shown, _SHOWN)
    except OSError as error:
        msg = f"making a key: {path}: {error.strerror}"
        raise ResultsError(msg) from error
    return public


def _create(path: Path, content: bytes, mode: int) -> None:
    """Write a file that must not exist, in no other mode at any time."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(content)


def private_key(path: Path, passphrase: Callable[[], bytes | None]) -> SigningKey:
    """Read a private key; `passphrase` is asked for if the key needs it."""
    pem = _key_file(path)
    if path.stat().st_mode & _OF_OTHERS:
        logs.warning("others may read this private key; chmod 600 it", path=str(path))
    return signing.private_key(pem, passphrase() if signing.is_encrypted(pem) else None)


def public_key(path: Path) -> PublicKey:
    """Read a public key."""
    try:
        return signing.public_key(_key_file(path))
    except UsageError as error:
        msg = f"{path}: {error}"
        raise UsageError(msg) from error


def _key_file(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(signing.LONGEST_KEY)
    except OSError as error:
        msg = f"reading the key {path}: {error.strerror}"
        raise UsageError(msg) from error


# --- checking --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What checking one file showed."""

    path: Path
    valid: bool
    about: str  # what the statement claims, or why it is rejected; one line, printable
    signers: tuple[str, ...] = ()
    record: str = ""  # how it compares with the record here


def check(paths: Iterable[Path], keys: Sequence[PublicKey], store: Results | None) -> Iterator[CheckedFile]:
    """Check files, and those in folders that have the ending of signed statements, or of bare ones without keys."""
    for path in paths:
        if path.is_dir():
            ending = files.SIGNED if keys else files.UNSIGNED
            yield from (_check(one, keys, store) for one in sorted(path.rglob(f"*{ending}")))
        else:
            yield _check(path, keys, store)


def unchecked(paths: Iterable[Path], keys: Sequence[PublicKey]) -> int:
    """Count the statements in folders that `check` leaves out: bare ones if there are keys, or else signed ones."""
    others = (files.UNSIGNED if keys else files.SIGNED, files.KEYLESS)
    folders = (path for path in paths if path.is_dir())
    return sum(one.name.endswith(others) for folder in folders for one in folder.rglob("*"))


def _check(path: Path, keys: Sequence[PublicKey], store: Results | None) -> CheckedFile:
    try:
        checked = checking.check(bounded(path), keys)
        record = _compare_folder(path, checked.statement) or _compare(checked, store)
    except EvidenceError as error:
        return CheckedFile(path, valid=False, about=_one_line(str(error)))
    return CheckedFile(path, valid=True, about=_one_line(_about(checked)), signers=checked.signers, record=record)


def _compare_folder(path: Path, statement: ReadStatement) -> str:
    """Compare a statement with the folder of its wheelhouse; empty if it is in none."""
    return beside.compare(path, statement.subject.name, statement.member) if statement.member else ""


def bounded(path: Path) -> bytes:
    """Read a file, within bounds; a device or a pipe is none."""
    try:
        if not path.is_file():
            msg = "reading it: it is no file"
            raise EvidenceError(msg)
        with path.open("rb") as stream:
            return stream.read(signing.LONGEST + 1)
    except OSError as error:
        msg = f"reading it: {error.strerror}"
        raise EvidenceError(msg) from error


def _compare(checked: Checked, store: Results | None) -> str:
    """Compare a statement with its record, if that is here; raises EvidenceError where they differ."""
    if store is None:
        return _NO_RECORD
    about = checked.statement.about
    record = _record(checked, store)
    if record is None:
        return _NO_RECORD
    packages = store.packages(record.image.manifest) if record.image else None
    checking.compare(checked.statement, record, packages)
    compared = f"as the record of {about.started:%Y-%m-%d} here"
    if packages is None and checking.lists_packages(checked.statement):
        return f"{compared}; the packages of its image are not recorded here"
    return compared


def _record(checked: Checked, store: Results) -> Result | Verification | None:
    """Return the record that a statement is about; that of a build is of a verdict or of a verification."""
    about = checked.statement.about
    kind = checked.statement.predicate_type
    if kind in {VERDICT, PROVENANCE} and (result := store.result_at(about.project, about.started, about.id)):
        return result
    return None if kind == VERDICT else store.verification_at(about.project, about.started, about.id)


def _about(checked: Checked) -> str:
    """Describe a statement in a few words."""
    statement, about = checked.statement, checked.statement.about
    file = f"{statement.subject.name} (sha256 {statement.subject.sha256})"
    release = f"{about.project} {about.version}"
    if statement.member:
        return f"{release} is in the wheelhouse {about.id[:12]}: two builds by its rebuild.sh gave {file}"
    if statement.claim is None:
        return f"build {about.build} of {release} gave {file}"
    if statement.predicate_type == VERDICT:
        return f"{release} is {statement.predicate['verdict']} on {statement.predicate['image']['name']}: {file}"
    return f"the published wheel of {release} is {statement.predicate['outcome']}: {file}"


def _one_line(text: str) -> str:
    return escapes.visible(text).replace("\n", " ").replace("\t", " ")
