"""Keys, and envelopes with signatures (DSSE 1.0). The only module that imports securesystemslib and cryptography.

A signature counts only if it verifies with a given key. The id that comes with a signature is a hint, which anybody
can write: it is never used to choose a key.
"""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib import dsse
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey  # type: ignore[attr-defined]

from orchestrator.errors import EvidenceError, UsageError
from orchestrator.util import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 12 << 20
"""Bytes of an envelope: a statement of 8 MiB takes a third more in base64."""

LONGEST_KEY = 64 << 10
"""Bytes of a file with a key."""

_MOST = 64  # signatures of one envelope
_LONGEST_SIGNATURE = 1024  # characters in base64; an ECDSA signature of P-521 has about 190

logging.getLogger("securesystemslib").setLevel(logging.CRITICAL)  # what it would report is raised as well


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies; `id` is securesystemslib's: the SHA-256 of the key in canonical form."""

    id: str
    key: SSlibKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs."""

    signer: CryptoSigner

    def __repr__(self) -> str:
        """Return nothing of the key but its public id."""
        return f"SigningKey({self.public.id})"

    @property
    def public(self) -> PublicKey:
        """Return the key that verifies what this one signs."""
        return PublicKey(self.signer.public_key.keyid, self.signer.public_key)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type, and signatures, each with the untrusted id of its key."""

    payload: bytes
    payload_type: str
    signatures: tuple[tuple[str, bytes], ...] = ()


# --- keys ------------------------------------------------------------------------------------


def new_key(passphrase: bytes | None = None) -> tuple[bytes, bytes]:
    """Return a new Ed25519 key as two PEM texts: the private one (PKCS #8), encrypted if there is a passphrase."""
    key = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption), public


def is_encrypted(pem: bytes) -> bool:
    """Return whether a private key needs a passphrase."""
    return b"ENCRYPTED" in pem


def private_key(pem: bytes, passphrase: bytes | None = None) -> SigningKey:
    """Return the private key of a PEM text; messages have nothing of it.

    Raises
    ------
    UsageError
        It is no such key, or not with this passphrase.

    """
    if is_encrypted(pem) != bool(passphrase):
        state = "encrypted, and no passphrase is given" if is_encrypted(pem) else "not encrypted: give no passphrase"
        msg = f"reading the private key: it is {state}"
        raise UsageError(msg)
    try:
        key = load_pem_private_key(pem, passphrase or None)
        if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
            _refuse_kind()
        return SigningKey(CryptoSigner(key, SSlibKey.from_crypto(key.public_key())))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        wrong = " with this passphrase" if passphrase else ""
        msg = f"reading the private key: it is no Ed25519 or ECDSA key in PEM{wrong}; attest --new-key makes one"
        raise UsageError(msg) from None


def public_key(pem: bytes) -> PublicKey:
    """Return the public key of a PEM text.

    Raises
    ------
    UsageError
        It is no such key.

    """
    try:
        key = load_pem_public_key(pem)
        if not isinstance(key, Ed25519PublicKey | EllipticCurvePublicKey):
            _refuse_kind()
        found = SSlibKey.from_crypto(key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        msg = "reading a public key: it is no Ed25519 or ECDSA key (P-256, P-384 or P-521) in PEM"
        raise UsageError(msg) from None
    return PublicKey(found.keyid, found)


def _refuse_kind() -> NoReturn:
    msg = "its kind"
    raise ValueError(msg)


# --- envelopes -------------------------------------------------------------------------------


def is_envelope(value: object) -> bool:
    """Return whether a JSON value is meant as an envelope."""
    return isinstance(value, dict) and "payloadType" in value


def opened(value: Any) -> Envelope:  # noqa: ANN401 - hostile
    """Return the envelope of a JSON value.

    Raises
    ------
    EvidenceError
        It has not the form of one.

    """
    try:
        return _opened(value)
    except ValueError as error:  # binascii.Error, too
        msg = f"reading an envelope: {error}"
        raise EvidenceError(msg) from None


def _opened(value: Any) -> Envelope:  # noqa: ANN401 - hostile
    match value:
        case {"payload": str(payload), "payloadType": str(kind), "signatures": [_, *_] as signatures} if (
            len(signatures) <= _MOST
        ):
            return Envelope(_decoded(payload), kind, tuple(map(_signature, signatures)))
    msg = f"it does not have a payload, its type, and one to {_MOST} signatures (DSSE)"
    raise ValueError(msg)


def _signature(value: Any) -> tuple[str, bytes]:  # noqa: ANN401 - hostile
    match value:
        case {"sig": str(text)} if 0 < len(text) <= _LONGEST_SIGNATURE:
            id_ = value.get("keyid", "")
            return (id_ if isinstance(id_, str) else ""), _decoded(text)
    msg = "it has a signature that is none"
    raise ValueError(msg)


def _decoded(text: str) -> bytes:
    """Decode base64 of either alphabet, as DSSE has it."""
    return base64.b64decode(text.translate(_STANDARD), validate=True)


_STANDARD = str.maketrans("-_", "+/")


def read(data: bytes) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    """Return the JSON value of a file that may be an envelope; raises EvidenceError."""
    try:
        return strict_json.read(data, LONGEST)
    except ValueError as error:
        msg = f"reading it as JSON: {str(error)[:200]}"
        raise EvidenceError(msg) from None


def written(envelope: Envelope) -> bytes:
    """Return an envelope as one line of JSON."""
    value = {
        "payload": base64.b64encode(envelope.payload).decode(),
        "payloadType": envelope.payload_type,
        "signatures": [{"keyid": id_, "sig": base64.b64encode(bytes_).decode()} for id_, bytes_ in envelope.signatures],
    }
    return json.dumps(value).encode() + b"\n"


def signed(envelope: Envelope, key: SigningKey) -> Envelope:
    """Return the envelope with this key's signature too; unchanged if it has that already.

    Of others as many are kept as an envelope may have.
    """
    if signers(envelope, (key.public,)):
        return envelope
    made = key.signer.sign(_signed_bytes(envelope))
    return replace(
        envelope, signatures=(*envelope.signatures[: _MOST - 1], (made.keyid, bytes.fromhex(made.signature)))
    )


def signers(envelope: Envelope, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
    """Return those of the keys that signed the envelope, each once, in the order of `keys`."""
    data = _signed_bytes(envelope)
    distinct = {key.id: key for key in keys}
    return tuple(key for key in distinct.values() if any(_verifies(key, one, data) for _, one in envelope.signatures))


def strangers(envelope: Envelope, keys: Iterable[PublicKey]) -> int:
    """Count the signatures that none of the keys verifies."""
    data, known = _signed_bytes(envelope), tuple(keys)
    return sum(not any(_verifies(key, one, data) for key in known) for _, one in envelope.signatures)


def _signed_bytes(envelope: Envelope) -> bytes:
    """Return what is signed: the type and the payload, each with its length (DSSE, pre-authentication encoding)."""
    return dsse.Envelope(envelope.payload, envelope.payload_type, {}).pae()


def _verifies(key: PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        key.key.verify_signature(Signature(key.id, signature.hex()), data)
    except (UnverifiedSignatureError, VerificationError):
        return False
    return True
