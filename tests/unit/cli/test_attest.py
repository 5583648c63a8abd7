"""Statements are written, signed and checked as users do it, and what was changed is rejected, file by file."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import EvidenceError, UsageError
from orchestrator.model import Verdict, digest
from orchestrator.publish import evidence
from orchestrator.results.store import Results
from orchestrator.util import signing
from tests.sample_results import HOSTILE, sample
from tests.sample_verifications import verified
from tests.samples import IMAGE
from tests.unit.cli.commands import assert_harmless, run

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = (sample("six"), sample("idna", "3.10", Verdict.FTBFS), sample("attrs", verdict=Verdict.SENSITIVE))


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """Make a folder with a configuration and records, an earlier one among them."""
    (tmp_path / "config.yaml").write_text("")
    store = Results(tmp_path / "results", wheels=1, logs=1)
    for record in (*RECORDS, sample("six", days=-1)):
        store.write(record)
    store.write_verification(verified("pure"))
    store.keep_image(replace(IMAGE, manifest=digest("manifest"), packages=(("gcc:amd64", "4:14.2.0-1"),)))
    return tmp_path


def statements(folder: Path) -> list[Path]:
    """Return the signed files below a folder."""
    return sorted(folder.rglob("*.intoto.jsonl"))


def test_statements_are_signed_and_checked(farm: Path) -> None:
    """Those of current records alone; a second call changes no file."""
    assert run("attest", "--new-key", "key", folder=farm).status == 0
    assert stat.S_IMODE((farm / "key").stat().st_mode) == 0o600
    ended = run("attest", folder=farm, WHEELPROOF_ATTEST_KEY="key")
    assert (ended.status, ended.err) == (0, "")
    found = statements(farm / "results/statements")
    assert ended.out == f"{len(found)} statements in {farm}/results/statements, signed\n"
    assert {path.parent.parent.name: path.name for path in found if "provenance" not in path.name} == {
        "six": "verdict.intoto.jsonl",
        "idna": "verdict.intoto.jsonl",
        "attrs": "verdict.intoto.jsonl",
        "pure": "verification.intoto.jsonl",
    }
    assert [path.name for path in sorted(farm.rglob("*.buildinfo"))] == [
        "attrs-1.16.0-py3-none-any.whl.buildinfo",
        "six-1.16.0-py3-none-any.whl.buildinfo",
    ]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in found}
    run("attest", "--key", "key", folder=farm)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in found} == before
    checked = run("attest", "--check", "results/statements", "--key", "key.pub", folder=farm)
    assert (checked.status, checked.err) == (0, "")
    assert checked.out.count(": valid: ") == checked.out.count("as the record of 2026-11-20 here") == len(found)
    without = run("attest", "--check", "results/statements", folder=farm)
    assert without.status == 14
    assert "no unsigned statement in results/statements; --key PUBLIC_KEY checks signed ones" in without.err


def test_a_changed_file_is_rejected_by_its_name(farm: Path) -> None:
    """In one harmless line; the others are checked as well. No configuration is needed."""
    key = signing.private_key(signing.new_key()[0])
    store = Results(farm / "results", wheels=1, logs=1)
    list(evidence.write([RECORDS[0]], store, farm / "to", evidence.signed_with(key), "urn:x"))
    (first, second, good) = statements(farm / "to")
    first.write_text(first.read_text().replace('"sig": "', '"sig": "AAAA'))
    second.write_text(json.dumps({**json.loads(second.read_text()), HOSTILE: 1, "payload": HOSTILE}))
    os.mkfifo(farm / "pipe")
    (farm / "pub").write_bytes(signing.new_key()[1])
    paths = (first, second, good, farm / "pipe", farm / "missing")
    found = list(evidence.check(paths, (key.public,), store))
    assert [one.valid for one in found] == [False, False, True, False, False]
    assert found[0].about.startswith("none of its signatures")
    for one in found:
        assert_harmless(one.about)
    other = run("attest", "--check", first, good, "--key", "pub", folder=farm, WHEELPROOF_CONFIG="none.yaml")
    assert other.status == EvidenceError.exit_status
    assert other.out.count(": rejected: ") == 2
    assert other.err == "wheelproof: 2 of 2 files are rejected\n"
    broken = good.rename(good.with_name("x\nverdict.intoto.jsonl"))
    assert len(run("attest", "--check", broken, "--key", "pub", folder=farm).out.splitlines()) == 1
    good = broken.rename(good)
    rows = json.loads(run("attest", "--check", good, "--json", folder=farm).out)
    assert [(row["file"], row["valid"]) for row in rows] == [(str(good), False)]


def test_a_statement_of_another_record_is_rejected_here(farm: Path) -> None:
    """It differs from the record of the same job and time; where the record is absent, that is shown."""
    key = signing.private_key(signing.new_key()[0])
    store, empty = (Results(farm / name, wheels=1, logs=1) for name in ("results", "none"))
    forged = replace(RECORDS[1], wheelproof="9")
    list(evidence.write([forged], store, farm / "to", evidence.signed_with(key), "urn:x"))
    verdict = next(path for path in statements(farm / "to") if path.name.startswith("verdict"))
    (here,), (elsewhere,) = (list(evidence.check([verdict], (key.public,), place)) for place in (store, empty))
    assert not here.valid
    assert elsewhere.valid
    assert elsewhere.record == "no record of it is here"


def test_a_second_farm_signs_the_same_statement(farm: Path) -> None:
    """The signature of the first is kept; nothing is kept of a file with another statement."""
    first, second = (signing.private_key(signing.new_key()[0]) for _ in range(2))
    store = Results(farm / "results", wheels=1, logs=1)
    for key in (first, second):
        list(evidence.write([RECORDS[0]], store, farm / "to", evidence.signed_with(key), "urn:x"))
    both = evidence.check([farm / "to"], (second.public, first.public), store)
    assert [one.signers for one in both] == [(second.public.id, first.public.id)] * 3
    list(evidence.write([RECORDS[0]], store, farm / "to", evidence.signed_with(second), "urn:y"))
    signers = {
        one.path.name: len(one.signers) for one in evidence.check([farm / "to"], (second.public, first.public), store)
    }
    assert signers == {
        "first.provenance.intoto.jsonl": 1,
        "second.provenance.intoto.jsonl": 1,
        "verdict.intoto.jsonl": 2,
    }


@pytest.mark.parametrize("name", ["other-1.0-py3-none-any.whl", HOSTILE, "../../x-1-py3-none-any.whl"])
def test_what_a_check_would_reject_is_not_signed(tmp_path: Path, name: str) -> None:
    """Such as a second build's wheel with any name: one package must not spoil the check of all."""
    good = RECORDS[0]
    first, second, *_ = good.builds
    assert second.wheel
    bad = replace(
        good, verdict=Verdict.INTRINSIC, builds=(first, replace(second, wheel=replace(second.wheel, filename=name)))
    )
    store, key = Results(tmp_path / "results", wheels=1, logs=1), signing.private_key(signing.new_key()[0])

    written = list(evidence.write([bad, RECORDS[1]], store, tmp_path / "to", evidence.signed_with(key), "urn:x"))

    assert written
    checked = list(evidence.check([tmp_path / "to"], (key.public,), None))
    assert checked
    assert all(one.valid for one in checked)


def test_what_is_not_checked_in_a_folder_is_stated(farm: Path) -> None:
    """Signed statements without a key, and bare ones with one."""
    run("attest", "--new-key", "key", folder=farm)
    run("attest", "--key", "key", folder=farm)
    without = run("attest", "--check", "results/statements", folder=farm)
    run("attest", folder=farm)
    with_key = run("attest", "--check", "results/statements", "--key", "key.pub", folder=farm)

    assert without.status == EvidenceError.exit_status
    assert "11 statements are not checked: they are signed; name the public key with --key" in without.err
    assert with_key.status == 0
    assert "11 statements are not checked: they are not signed by a key" in with_key.err


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """Neither of the two files, nor where a link leads."""
    for there in ("key", "key.pub"):
        (tmp_path / there).symlink_to(tmp_path / "target")
        with pytest.raises(UsageError, match="never overwritten"):
            evidence.new_key(tmp_path / "key", None)
        (tmp_path / there).unlink()
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_is_read_from_a_file(farm: Path) -> None:
    """Without it, and without a terminal, an encrypted key is refused."""
    (farm / "words").write_text("correct horse\n")
    assert run("attest", "--new-key", "key", "--passphrase-file", "words", folder=farm).status == 0
    refused = run("attest", "--key", "key", folder=farm)
    assert (refused.status, refused.out) == (UsageError.exit_status, "")
    assert "no passphrase is given" in refused.err
    (farm / "key").chmod(0o644)
    signed = run("attest", "six", "--key", "key", "--passphrase-file", "words", "--json", folder=farm)
    assert signed.status == 0
    assert "others may read this private key" in signed.err
    assert {row["signed"] for row in json.loads(signed.out)} == {True}


def test_without_a_key_statements_are_not_signed(farm: Path) -> None:
    """Which is printed; their form and their records can be checked."""
    ended = run("attest", "six==1.16.0", folder=farm)
    assert f"3 statements in {farm}/results/statements, not signed: name a private key" in ended.out
    checked = run("attest", "--check", "results/statements", folder=farm)
    assert checked.status == 0
    assert checked.out.count("; not signed; as the record") == 3
    nothing = run("attest", "--check", "results/records", folder=farm)
    assert nothing.status == EvidenceError.exit_status
    next((farm / "results/images").iterdir()).unlink()
    assert "not recorded here" in run("attest", "--check", "results/statements", folder=farm).out
    for wrong in (("attest", "nosuch"), ("attest", "--check"), ("attest", "--key", "a", "--key", "b")):
        assert run(*wrong, folder=farm).status == UsageError.exit_status
