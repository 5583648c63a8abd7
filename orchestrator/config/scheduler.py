"""The scheduler of Dask that a run uses: whether its address is safe, and whether the files of TLS exist."""

from __future__ import annotations

import re
import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING

from orchestrator.errors import ConfigError
from orchestrator.requirement_files.entries import short

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.config.values import DaskSettings

_PORT = 8786
"""The port that Dask's scheduler listens on by default."""

_LONGEST = 300
"""Characters of an address; a host's name has at most 253 (RFC 1035, section 2.3.4)."""

_ADDRESS = re.compile(
    r"(?:(?P<protocol>[A-Za-z][A-Za-z0-9+.-]*)://)?(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:/?#@\s]+))"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)


def scheduler_address(value: str) -> str:
    """Return the address of a scheduler, `tls://HOST:PORT` or, on this host, `tcp://HOST:PORT`, as it was given.

    Without TLS, Dask runs whatever a client sends it, whoever that is; so only a loopback address may go without.

    Raises
    ------
    ValueError
        It is no such address; the message has what to write.

    """
    parts = _ADDRESS.fullmatch(value) if len(value) <= _LONGEST else None
    if parts is None or not _is_host(parts["v6"], parts["name"]):
        msg = (
            f"{short(value)} is not the address of a scheduler; write tls://HOST:PORT, or tcp://HOST:PORT if it is on "
            "this host; an IPv6 address is in brackets"
        )
        raise ValueError(msg)
    _check_form(value, parts)
    if parts["protocol"] == "tcp" and not is_loopback(parts["v6"] or parts["name"]):
        msg = (
            f"{short(value)} has no encryption, and whoever reaches it could run programs on the workers; "
            f"use TLS: tls://{value.removeprefix('tcp://')}"
        )
        raise ValueError(msg)
    return value


def _check_form(value: str, parts: re.Match[str]) -> None:
    """Check the protocol and the port."""
    if parts["protocol"] is None:
        wrong = "has no protocol"
    elif parts["protocol"] not in {"tcp", "tls"}:
        wrong = f"has the protocol {short(parts['protocol'])}, but Dask's scheduler is reached by tls or tcp"
    elif parts["port"] is None:
        wrong = "has no port"
    elif not _is_port(parts["port"]):
        wrong = "has a port that does not exist"
    else:
        return
    msg = f"{short(value)} {wrong}; write {_corrected(parts)}"
    raise ValueError(msg)


def _corrected(parts: re.Match[str]) -> str:
    """Return the address that is probably meant."""
    name = f"[{parts['v6']}]" if parts["v6"] else parts["name"]
    here = parts["protocol"] != "tls" and is_loopback(parts["v6"] or parts["name"])
    port = parts["port"] if parts["port"] and _is_port(parts["port"]) else _PORT
    return f"{'tcp' if here else 'tls'}://{name}:{port}"


def _is_port(digits: str) -> bool:
    return 0 < int(digits) < 1 << 16


def _is_host(v6: str | None, name: str | None) -> bool:
    """Return whether a host is an address, or a name; a name never ends in a number (RFC 1123, section 2.1)."""
    text = v6 or name or ""
    try:
        return ip_address(text).version == (6 if v6 else 4)
    except ValueError:
        labels = text.removesuffix(".").split(".")
        return not v6 and not labels[-1].isdigit() and all(map(_LABEL.fullmatch, labels))


def is_loopback(host: str) -> bool:
    """Return whether a host is this one, for all who are on it: 127.0.0.0/8, ::1 or localhost."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_files(dask: DaskSettings) -> None:
    """Check that the files of TLS can be used. Only a run that uses the workers needs them.

    Raises
    ------
    ConfigError
        Some cannot be used, or the address is one without TLS; the message has a line for each mistake.

    """
    files = {"ca": dask.ca, "certificate": dask.certificate, "key": dask.key}
    given = {key: path for key, path in files.items() if path}
    wrong = [f"dask.{key}: {path}: {why}" for key, path in given.items() if (why := _unreadable(path))]
    if given and dask.address.startswith("tcp:"):
        instead = f"tls:{dask.address.removeprefix('tcp:')}"
        wrong.append(
            f"dask.address: {dask.address} is without TLS: use {instead}, or leave out {', '.join(given)} for a "
            "scheduler without TLS"
        )
    if dask.ca and dask.certificate and dask.key and not wrong:
        wrong = list(_unusable(dask.ca, dask.certificate, dask.key))
    if wrong:
        lines = ["reading the files of TLS for Dask's workers; correct these settings, or build with --local", *wrong]
        raise ConfigError("\n".join(lines))


def _unreadable(path: Path) -> str:
    """Return why a file cannot be read; empty if it can."""
    try:
        if path.exists() and not path.is_file():
            return "it is not a file"
        with path.open("rb") as stream:
            return "" if stream.read(1) else "it is empty"
    except OSError as error:
        return error.strerror or str(error)


def _unusable(ca: Path, certificate: Path, key: Path) -> Iterator[str]:
    """Yield what is wrong with files that can be read: Dask's own messages name none of them."""
    without = [(name, path) for name, path in (("ca", ca), ("certificate", certificate)) if not _has_certificate(path)]
    yield from (f"dask.{name}: {path}: it has no certificate in the form PEM" for name, path in without)
    if without:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, ValueError) as error:
        other = isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH"
        why = "it is not the key of dask.certificate" if other else "it has no private key in PEM without a passphrase"
        yield f"dask.key: {key}: {why}"


def _has_certificate(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return False
    return True
