"""Signing by sigstore, up to the network: what is missing is named, and its bundles are kept as they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import EvidenceError, UsageError
from orchestrator.model.statement import BUILDER, PAYLOAD_TYPE
from orchestrator.publish import evidence
from orchestrator.publish.statements.checking import check
from orchestrator.results.store import Results
from orchestrator.util import signing
from tests.sample_results import sample
from tests.unit.cli.commands import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path


def test_each_statement_is_signed_once(tmp_path: Path) -> None:
    """The log of sigstore is for ever: a bundle that exists is not made again, unless it has another statement."""
    store = Results(tmp_path / "results", wheels=1, logs=1)
    seen: list[bytes] = []

    def sign(payload: bytes) -> bytes:
        seen.append(payload)
        key = signing.private_key(signing.new_key()[0])
        envelope = signing.written(signing.signed(signing.Envelope(payload, PAYLOAD_TYPE), key))
        return json.dumps({"dsseEnvelope": json.loads(envelope)}).encode()

    for _ in range(2):
        written = list(evidence.write([sample()], store, tmp_path / "to", evidence.signed_by(sign), BUILDER))
        assert [path.name for path, signed in written if signed] == [
            "verdict.sigstore.json",
            "first.provenance.sigstore.json",
            "second.provenance.sigstore.json",
        ]
    assert len(seen) == 3
    list(evidence.write([sample()], store, tmp_path / "to", evidence.signed_by(sign), "urn:other"))
    assert len(seen) == 5  # the builder is named in both provenances
    for path in (tmp_path / "to").rglob("*.sigstore.json"):
        path.write_bytes(b'{"dsseEnvelope": {}}')
    list(evidence.write([sample()], store, tmp_path / "to", evidence.signed_by(sign), "urn:other"))
    assert len(seen) == 8


def test_a_bundle_is_for_the_tools_of_sigstore_to_check() -> None:
    """They know its certificate authority and its log."""
    with pytest.raises(EvidenceError, match="sigstore verify"):
        check(b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": {}}', ())


@pytest.mark.parametrize(("token", "why"), [("", "no token of an identity"), ("x.y.z", "is not valid")], ids=range(2))
def test_a_missing_or_wrong_identity_is_named(tmp_path: Path, token: str, why: str) -> None:
    """Before anything is asked of the network."""
    pytest.importorskip("sigstore")
    (tmp_path / "config.yaml").write_text("")
    ended = run("attest", "--keyless", folder=tmp_path, SIGSTORE_ID_TOKEN=token)
    assert (ended.status, ended.out) == (UsageError.exit_status, "")
    assert why in ended.err
    assert "x.y.z" not in ended.err


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    """With the command that installs it: here, a module that cannot be imported is in its place."""
    (tmp_path / "config.yaml").write_text("")
    (tmp_path / "sigstore.py").write_text("raise ImportError")
    ended = run("attest", "--keyless", folder=tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert ended.status == UsageError.exit_status
    assert "pip install 'wheelproof[sigstore]'" in ended.err
