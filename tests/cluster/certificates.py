"""Certificates for a Dask cluster of a test: one authority that its parties trust, and one that nobody trusts.

They are valid for a century, so that a worker with a wrong clock is not refused for its certificate already.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from distributed.security import Security

if TYPE_CHECKING:
    from pathlib import Path

_FROM, _UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Party:
    """The files with which one side of a connection shows who it is, and knows the other side."""

    ca: Path
    certificate: Path
    key: Path

    def options(self) -> tuple[str, ...]:
        """Return the options of `dask scheduler` and `dask worker`."""
        files = (("--tls-ca-file", self.ca), ("--tls-cert", self.certificate), ("--tls-key", self.key))
        return tuple(str(part) for pair in files for part in pair)

    def security(self) -> Security:
        """Return what a client of Dask takes."""
        files = {"tls_ca_file": str(self.ca), "tls_client_cert": str(self.certificate)}
        return Security(require_encryption=True, tls_client_key=str(self.key), **files)


@dataclass(frozen=True, slots=True)
class Certificates:
    """The parties of a cluster, and one with a certificate of another authority, who trusts the cluster's."""

    scheduler: Party
    worker: Party
    client: Party
    stranger: Party
    other_ca: Path


def certificates(folder: Path) -> Certificates:
    """Write new keys and certificates, PEM, into a folder that exists."""
    authority = _authority(folder, "ca")
    other = _authority(folder, "other-ca")
    names = ("scheduler", "worker", "client")
    scheduler, worker, client = (_party(folder, name, authority) for name in names)
    stranger = _party(folder, "stranger", other)
    return Certificates(scheduler, worker, client, Party(client.ca, stranger.certificate, stranger.key), other.path)


@dataclass(frozen=True, slots=True)
class _Authority:
    key: _Key
    name: x509.Name
    path: Path


def _authority(folder: Path, name: str) -> _Authority:
    key, named, path = _new_key(), _named(name), folder / f"{name}.pem"
    usage = _usage(signs_certificates=True)
    builder = _certificate(key, named, named).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    path.write_bytes(_pem(builder.add_extension(usage, critical=True), key))
    return _Authority(key, named, path)


def _party(folder: Path, name: str, authority: _Authority) -> Party:
    key = _new_key()
    party = Party(authority.path, folder / f"{name}.pem", folder / f"{name}.key")
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = _certificate(key, _named(name), authority.name).add_extension(signer, critical=False)
    party.certificate.write_bytes(_pem(builder.add_extension(_usage(), critical=True), authority.key))
    party.key.touch(mode=0o600)
    party.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return party


def _new_key() -> _Key:
    return ec.generate_private_key(ec.SECP256R1())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"wheelproof test {name}")])


def _certificate(key: _Key, subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    begun = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), _FROM, _UNTIL)
    return begun.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(builder: x509.CertificateBuilder, key: _Key) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
