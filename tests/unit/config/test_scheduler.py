"""The scheduler of Dask: which addresses are safe, what to write instead of others, and the files of TLS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import DaskSettings
from orchestrator.config.scheduler import check_files, is_loopback, scheduler_address
from orchestrator.errors import ConfigError
from tests.cluster.certificates import certificates

if TYPE_CHECKING:
    from pathlib import Path


def mistake(address: str) -> str:
    """Return what is wrong with an address."""
    with pytest.raises(ValueError, match=r".") as caught:
        scheduler_address(address)
    return str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "tls://scheduler.example.org:8786",
        "tls://scheduler.example.org.:8786",
        "tls://build_1:1",
        "tls://192.0.2.7:65535",
        "tls://[2001:db8::7]:8786",
        "tls://127.0.0.1:8786",
        "tcp://127.0.0.1:8786",
        "tcp://127.255.0.9:8786",
        "tcp://[::1]:8786",
        "tcp://localhost:8786",
        "tcp://LocalHost:8786",
    ],
)
def test_a_safe_address_stays_as_it_is(address: str) -> None:
    """Any host with TLS, this host without."""
    assert scheduler_address(address) == address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("scheduler:8786", "'scheduler:8786' has no protocol; write tls://scheduler:8786"),
        ("scheduler", "'scheduler' has no protocol; write tls://scheduler:8786"),
        ("localhost:1234", "'localhost:1234' has no protocol; write tcp://localhost:1234"),
        ("[::1]:1234", "'[::1]:1234' has no protocol; write tcp://[::1]:1234"),
        ("tls://scheduler", "'tls://scheduler' has no port; write tls://scheduler:8786"),
        ("tls://127.0.0.1", "'tls://127.0.0.1' has no port; write tls://127.0.0.1:8786"),
        ("tcp://scheduler", "'tcp://scheduler' has no port; write tls://scheduler:8786"),
        ("tls://a:0", "'tls://a:0' has a port that does not exist; write tls://a:8786"),
        ("tls://a:65536", "'tls://a:65536' has a port that does not exist; write tls://a:8786"),
        (
            "TLS://a:1",
            "'TLS://a:1' has the protocol 'TLS', but Dask's scheduler is reached by tls or tcp; write tls://a:1",
        ),
        (
            "ws://a:1",
            "'ws://a:1' has the protocol 'ws', but Dask's scheduler is reached by tls or tcp; write tls://a:1",
        ),
    ],
)
def test_what_is_meant_is_named(address: str, expected: str) -> None:
    """And the suggestion is a safe address itself."""
    assert mistake(address) == expected
    suggestion = expected.rpartition("write ")[2]
    assert scheduler_address(suggestion) == suggestion


@pytest.mark.parametrize(
    "address",
    ["tcp://scheduler:1", "tcp://0.0.0.0:1", "tcp://[::]:1", "tcp://192.168.0.1:1", "tcp://localhost.example.org:1",
     "tcp://128.0.0.1:1", "tcp://127.0.0.1.example.org:1", "tcp://0x7f000001:1"],
)  # fmt: skip
def test_another_host_needs_tls(address: str) -> None:
    """Dask runs whatever a client sends to it."""
    assert "whoever reaches it could run programs on the workers" in mistake(address)
    assert scheduler_address(address.replace("tcp", "tls"))


@pytest.mark.parametrize(
    "address",
    ["", "tls://", "tls://:1", "tls://a:", "tls://a:x", "tls://a:\uff11", "tls://\uff41:1", "tls://a b:1", " tls://a:1",
     "tls://a:1\n", "tls://a:1/", "tls://a:1?x", "tls://a:1#x", "tls://user@a:1", "tcp://evil@127.0.0.1:1",
     "tls://-a:1", "tls://a..b:1", "tls://::1:8786", "::1", "tls://[a]:1", "tls://[127.0.0.1]:1", "tcp://127.1:8786",
     "tcp://2130706433:8786", "tls://300.1.1.1:8786", "tcp://0127.0.0.1:8786", f"tls://{'a' * 64}:1",
     f"tls://{'a.' * 200}b:1", "tls://a:100000"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    """Other spellings of numbers too: programs differ in what these mean."""
    assert mistake(address).endswith("; an IPv6 address is in brackets")


@given(st.text(max_size=40) | st.text("tcls:/.[]@127a", max_size=40).map("tcp://{}:1".format))
def test_only_a_loopback_host_goes_without_tls(text: str) -> None:
    """Whatever is written; a message is printable."""
    try:
        accepted, message = scheduler_address(text), ""
    except ValueError as error:
        accepted, message = "", str(error)
    assert message.isprintable()
    assert not accepted.startswith("tcp") or is_loopback(accepted[6:].rpartition(":")[0].strip("[]"))


# --- the files -------------------------------------------------------------------------------


def test_files_that_fit_are_right(tmp_path: Path) -> None:
    """And none at all: then Dask's own configuration counts."""
    party = certificates(tmp_path).client
    check_files(DaskSettings("tls://a:1", party.ca, party.certificate, party.key))
    check_files(DaskSettings("tls://a:1"))
    check_files(DaskSettings("tcp://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        (("other", "client", "client"), ["dask.ca: {}/other: it has no certificate in the form PEM"]),
        (
            ("other", "client.key", "client"),
            [
                "dask.ca: {}/other: it has no certificate in the form PEM",
                "dask.certificate: {}/client.key: it has no certificate in the form PEM",
            ],
        ),
        (("ca.pem", "client", "other"), ["dask.key: {}/other: it has no private key in PEM without a passphrase"]),
        (("ca.pem", "client", "locked"), ["dask.key: {}/locked: it has no private key in PEM without a passphrase"]),
        (("ca.pem", "client", "worker"), ["dask.key: {}/worker.key: it is not the key of dask.certificate"]),
    ],
)
def test_a_file_with_other_content_is_named(files: tuple[str, str, str], wrong: list[str], tmp_path: Path) -> None:
    """Dask's own messages name no file, and it asks for a passphrase at the terminal."""
    made = certificates(tmp_path)
    (tmp_path / "other").write_text("x")
    locked = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.PKCS8
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, form, locked)
    (tmp_path / "locked").write_bytes(key)
    places = {"client": made.client.certificate, "client.key": made.client.key, "worker": made.worker.key}
    ca, certificate = (places.get(name, tmp_path / name) for name in files[:2])
    key_file = {"client": made.client.key, "worker": made.worker.key}.get(files[2], tmp_path / files[2])
    with pytest.raises(ConfigError) as caught:
        check_files(DaskSettings("tls://a:1", ca, certificate, key_file))
    assert str(caught.value).splitlines()[1:] == [line.format(tmp_path) for line in wrong]


def test_files_of_tls_need_an_address_with_tls(tmp_path: Path) -> None:
    """Dask refuses that without naming what to change."""
    party = certificates(tmp_path).client
    with pytest.raises(
        ConfigError, match=r"dask\.address: tcp://127\.0\.0\.1:1 is without TLS: use tls://127\.0\.0\.1:1, or"
    ):
        check_files(DaskSettings("tcp://127.0.0.1:1", party.ca, party.certificate, party.key))


def test_each_wrong_file_has_its_line(tmp_path: Path) -> None:
    """With its key, its path and the reason; a pipe is not waited for."""
    (tmp_path / "empty").write_text("")
    os.mkfifo(tmp_path / "pipe")
    dask = DaskSettings("tls://a:1", tmp_path / "empty", tmp_path / "absent", tmp_path / "pipe")
    with pytest.raises(ConfigError) as caught:
        check_files(dask)
    first, *lines = str(caught.value).splitlines()
    assert "--local" in first
    assert lines == [
        f"dask.ca: {tmp_path}/empty: it is empty",
        f"dask.certificate: {tmp_path}/absent: No such file or directory",
        f"dask.key: {tmp_path}/pipe: it is not a file",
    ]
