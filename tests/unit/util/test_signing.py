"""Signatures count only if they verify with a given key, whatever their key ids are."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from orchestrator.errors import EvidenceError, UsageError
from orchestrator.util import signing
from orchestrator.util.signing import Envelope

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

KEY, OTHER = (signing.private_key(signing.new_key()[0]) for _ in range(2))
HELLO = Envelope(b"hello world", "http://example.com/HelloWorld")


def pem(key: PrivateKeyTypes) -> tuple[bytes, bytes]:
    """Return a key as two PEM texts."""
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), public


def reopened(value: dict[str, Any]) -> Envelope:
    """Return an envelope from its JSON value, through bytes."""
    return signing.opened(signing.read(json.dumps(value).encode()))


def signed(*keys: signing.SigningKey) -> dict[str, Any]:
    """Return the JSON value of an envelope that these keys signed."""
    envelope = HELLO
    for key in keys:
        envelope = signing.signed(envelope, key)
    found: dict[str, Any] = json.loads(signing.written(envelope))
    return found


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_ecdsa_keys_sign_too(curve: ec.EllipticCurve) -> None:
    """Of each curve that the library knows."""
    secret, shown = pem(ec.generate_private_key(curve))
    envelope = signing.signed(HELLO, signing.private_key(secret))
    assert signing.signers(envelope, (signing.public_key(shown),))
    assert signing.signed(envelope, signing.private_key(secret)) == envelope


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), ed448.Ed448PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())],
    ids=["rsa", "ed448", "secp256k1"],
)
def test_keys_of_another_kind_are_refused(key: PrivateKeyTypes) -> None:
    """To sign, and to check."""
    secret, shown = pem(key)
    with pytest.raises(UsageError):
        signing.private_key(secret)
    with pytest.raises(UsageError):
        signing.public_key(shown)


def test_what_is_signed_is_what_the_specification_has(tmp_path: Path) -> None:
    """Openssl verifies its example of the pre-authentication encoding with our signature."""
    secret, shown = signing.new_key()
    ((_, signature),) = signing.signed(HELLO, signing.private_key(secret)).signatures
    for name, content in {
        "pae": b"DSSEv1 29 http://example.com/HelloWorld 11 hello world",
        "sig": signature,
        "pub": shown,
    }.items():
        (tmp_path / name).write_bytes(content)
    command = "openssl pkeyutl -verify -pubin -inkey pub -rawin -in pae -sigfile sig"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)


def test_each_given_key_that_signed_is_returned_once() -> None:
    """Whatever the order of signatures, and however often a key is given."""
    envelope = reopened(signed(KEY, OTHER))
    keys = (OTHER.public, KEY.public, KEY.public)
    assert signing.signers(envelope, keys) == (OTHER.public, KEY.public)
    assert (signing.strangers(envelope, keys), signing.strangers(envelope, (KEY.public,))) == (0, 1)


@pytest.mark.parametrize("keyid", ["", OTHER.public.id, "x" * 500, None, 7, ["a"]], ids=range(6))
def test_a_key_id_decides_nothing(keyid: object) -> None:
    """With the id of another key, a signature is still that of the key that made it; two may have the same id."""
    value = signed(KEY)
    value["signatures"][0]["keyid"] = keyid
    assert signing.signers(reopened(value), (OTHER.public, KEY.public)) == (KEY.public,)
    assert signing.signers(reopened(value), (OTHER.public,)) == ()
    value["signatures"].append({**signed(OTHER)["signatures"][0], "keyid": keyid})
    assert signing.signers(reopened(value), (OTHER.public, KEY.public)) == (OTHER.public, KEY.public)


def test_the_same_signature_twice_is_one_signer() -> None:
    """A repeated signature adds nothing to a threshold."""
    value = signed(KEY)
    value["signatures"] *= 2
    assert len(signing.signers(reopened(value), (KEY.public, OTHER.public))) == 1


def test_an_envelope_full_of_others_signatures_still_takes_one() -> None:
    """And can be read afterwards."""
    full = Envelope(HELLO.payload, HELLO.payload_type, tuple((str(number), b"x") for number in range(64)))
    again = reopened(json.loads(signing.written(signing.signed(full, KEY))))

    assert signing.signers(again, (KEY.public,)) == (KEY.public,)


def test_base64_of_either_alphabet_is_read() -> None:
    """As the specification has it."""
    value = signed(KEY)
    raw = base64.b64decode(value["signatures"][0]["sig"])
    value["signatures"][0]["sig"] = base64.urlsafe_b64encode(raw).decode()
    assert signing.signers(reopened(value), (KEY.public,))


@pytest.mark.parametrize(
    "change",
    [
        {"payload": base64.b64encode(b"hello world!").decode()},
        {"payload": ""},
        {"payloadType": "http://example.com/HelloWorl"},
        {"signatures": [{"sig": base64.b64encode(bytes(64)).decode()}]},
        {"signatures": [{"sig": base64.b64encode(b"short").decode()}]},
        {"signatures": signed(OTHER)["signatures"]},
    ],
    ids=range(6),
)
def test_nothing_verifies_what_was_changed(change: dict[str, Any]) -> None:
    """The payload, its type, or the signature."""
    assert signing.signers(reopened(signed(KEY)), (KEY.public,))
    assert signing.signers(reopened(signed(KEY) | change), (KEY.public,)) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "!!!!"},
        {"payload": "aGVsbG8"},
        {"payload": 1},
        {"payloadType": None},
        {"signatures": []},
        {"signatures": {}},
        {"signatures": [[]]},
        {"signatures": [{"sig": ""}]},
        {"signatures": [{"sig": "A" * 2000}]},
        {"signatures": [{"keyid": "a"}]},
        {"signatures": signed(KEY)["signatures"] * 65},
    ],
    ids=range(11),
)
def test_what_is_no_envelope_is_refused(change: dict[str, Any]) -> None:
    """With an error of evidence, before any key is used."""
    with pytest.raises(EvidenceError):
        reopened(signed(KEY) | change)


def test_lengths_are_part_of_what_is_signed() -> None:
    """Bytes cannot move from the type to the payload."""
    moved = Envelope(b"orld", "http://example.com/HelloWorld 11 hello w", signing.signed(HELLO, KEY).signatures)
    assert signing.signers(moved, (KEY.public,)) == ()


def test_a_passphrase_is_needed_and_checked() -> None:
    """And nothing of a key is in any message or representation."""
    secret, _ = signing.new_key(b"correct horse")
    assert b"ENCRYPTED" in secret
    assert signing.private_key(secret, b"correct horse").public.id
    plain, _ = signing.new_key()
    body = plain.decode().splitlines()[1]
    for text, passphrase in ((secret, b"wrong"), (secret, None), (plain, b"some"), (plain[:60], None), (b"", None)):
        with pytest.raises(UsageError) as caught:
            signing.private_key(text, passphrase)
        assert body[:20] not in str(caught.value)
        assert caught.value.__cause__ is None
    assert repr(signing.private_key(plain)) == f"SigningKey({signing.private_key(plain).public.id})"
    with pytest.raises(UsageError):
        signing.public_key(plain)
