"""The command attest: write statements of what was found, sign them, and check those of others."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output, requests
from orchestrator.errors import EvidenceError, UsageError
from orchestrator.model.statement import BUILDER
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.model import Result, Verification
    from orchestrator.publish.evidence import CheckedFile, Form
    from orchestrator.results.store import Results

_PATH = click.Path(path_type=Path)


@click.command
@click.argument("wanted", nargs=-1, metavar="[PROJECT[==VERSION]|FILE]...", shell_complete=completion.with_results)
@options.CONFIG
@options.RESULTS
@options.option("--to", type=_PATH, metavar="DIR", help="Write below DIR, instead of statements/ in the results.")
@options.option(
    "--key",
    "keys",
    type=_PATH,
    metavar="FILE",
    multiple=True,
    help="Sign with this private key. With --check: a public key; may be repeated.",
)
@options.option("--keyless", is_flag=True, help="Sign by sigstore, with the identity of this workflow; a public log.")
@options.option("--new-key", type=_PATH, metavar="FILE", help="Make a private key, and FILE.pub with the public one.")
@options.option("--passphrase-file", type=_PATH, metavar="FILE", help="Its first line encrypts the private key.")
@options.option("--builder", metavar="URI", default=BUILDER, help="The builder's id in the provenance of builds.")
@options.option("--check", is_flag=True, help="Check each FILE, or those of a folder, with the public keys.")
@options.as_json("the files as one JSON array")
@options.LOG
def attest(
    wanted: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    to: Path | None,
    keys: tuple[Path, ...],
    keyless: bool,
    new_key: Path | None,
    passphrase_file: Path | None,
    builder: str,
    check: bool,
    as_json: bool,
) -> None:
    """Write in-toto statements of the current verdicts and verifications, or of those of each PROJECT.

    With a key they are signed. A .buildinfo file with the inputs of each wheel is written beside them.
    """
    if new_key:
        _make_key(new_key, passphrase_file)
    elif check:
        _check(wanted, keys, config_file, folder, as_json=as_json)
    elif len(keys) > 1 or (keys and keyless):
        msg = "attest signs with one key, or without any by --keyless; run it again for the signature of another"
        raise UsageError(msg)
    else:
        _, store = options.opened(config_file, folder)
        with ExitStack() as stack:
            form = _form(keys, passphrase_file, stack, keyless=keyless)
            stack.enter_context(store.locked())
            _write(_records(wanted, store), store, to or store.folder / "statements", form, builder, as_json=as_json)


def _make_key(path: Path, passphrase_file: Path | None) -> None:
    from orchestrator.publish import evidence

    public = evidence.new_key(path, _first_line(passphrase_file) if passphrase_file else None)
    click.echo(f"{path}: the private key; keep it secret\n{public}: the public key; publish it")


def _form(keys: tuple[Path, ...], passphrase_file: Path | None, stack: ExitStack, *, keyless: bool) -> Form:
    from orchestrator.publish import evidence
    from orchestrator.publish import keyless as sigstore

    if keyless:
        return evidence.signed_by(stack.enter_context(sigstore.connected()))
    return form_of(keys[0] if keys else None, passphrase_file)


def form_of(key: Path | None, passphrase_file: Path | None) -> Form:
    """Return the form of statements that a private key signs; of unsigned ones if there is none.

    Raises
    ------
    UsageError, EvidenceError
        The key, or its passphrase, cannot be read.

    """
    from orchestrator.publish import evidence

    if key is None:
        return evidence.unsigned()
    return evidence.signed_with(evidence.private_key(key, lambda: _passphrase(passphrase_file)))


def _passphrase(file: Path | None) -> bytes | None:
    """Return the passphrase from a file, or else from whoever sits at the terminal."""
    if file:
        return _first_line(file)
    if not sys.stdin.isatty():
        return None
    return str(click.prompt("Passphrase of the private key", hide_input=True, err=True)).encode()


def _first_line(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            line = stream.readline(1024).rstrip(b"\r\n")
    except OSError as error:
        msg = f"reading the passphrase in {file}: {error.strerror}"
        raise UsageError(msg) from error
    if not line:
        msg = f"reading the passphrase in {file}: its first line is empty"
        raise UsageError(msg)
    return line


def _records(wanted: tuple[str, ...], store: Results) -> Iterator[Result | Verification]:
    from orchestrator.publish import evidence

    if not wanted:
        for project in sorted({*store.projects(), *store.verified_projects()}):
            yield from evidence.current(store, project)
    for one in wanted:
        project, version = requests.named(one)
        none = True
        for record in evidence.current(store, project, version):
            none = False
            yield record
        if none:
            msg = f"looking for {one}: there is no current result{requests.instead(project, store)}"
            raise UsageError(msg)


def _write(
    records: Iterator[Result | Verification], store: Results, to: Path, form: Form, builder: str, *, as_json: bool
) -> None:
    from orchestrator.publish import evidence

    paths = [path for path, is_statement in evidence.write(records, store, to, form, builder) if is_statement]
    is_signed = form.ending != evidence.unsigned().ending
    if as_json:
        output.as_json({"file": str(path), "signed": is_signed} for path in paths)
        return
    state = "signed" if is_signed else "not signed: name a private key with --key, or make one with --new-key"
    click.echo(f"{len(paths)} statements in {to}, {state}")
    output.left_out(store.left_out, store.folder)


def _check(
    wanted: tuple[str, ...], keys: tuple[Path, ...], config_file: Path, folder: Path | None, *, as_json: bool
) -> None:
    from orchestrator.publish import evidence

    if not wanted:
        msg = "attest --check needs a FILE, or a folder of statements"
        raise UsageError(msg)
    public = tuple(map(evidence.public_key, keys))
    checked = list(evidence.check(map(Path, wanted), public, _store(config_file, folder)))
    if as_json:
        output.as_json(
            {
                "file": str(one.path),
                "valid": one.valid,
                "about": one.about,
                "signers": one.signers,
                "record": one.record,
            }
            for one in checked
        )
    else:
        for one in checked:
            click.echo(logs.printable(_line(one)).replace("\n", "\\x0a"))
    if left := evidence.unchecked(map(Path, wanted), public):
        others = "are not signed by a key" if public else "are signed; name the public key with --key"
        logs.warning(f"{left} statements are not checked: they {others}")
    if not checked:
        signed = "signed" if keys else "unsigned"
        other = "without --key, unsigned ones are checked" if keys else "--key PUBLIC_KEY checks signed ones"
        msg = f"checking statements: there is no {signed} statement in {', '.join(wanted)}; {other}"
        raise EvidenceError(msg)
    if wrong := sum(not one.valid for one in checked):
        msg = f"{wrong} of {len(checked)} files are rejected"
        raise EvidenceError(msg)


def _line(one: CheckedFile) -> str:
    if not one.valid:
        return f"{one.path}: rejected: {one.about}"
    by = ", ".join(f"signed by {key[:16]}" for key in one.signers) or "not signed"
    return f"{one.path}: valid: {one.about}; {by}; {one.record}"


def _store(config_file: Path, folder: Path | None) -> Results | None:
    """Open the results where there are any: whoever checks a statement may have none."""
    from orchestrator.results.store import Results

    if folder:
        return Results(folder, wheels=0, logs=0)
    return options.opened(config_file, None)[1] if config_file.is_file() else None
