"""What is reported where no engine answers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from orchestrator.build.engine import is_forbidden, unreachable

if TYPE_CHECKING:
    from pathlib import Path

TRIED = ("unix:///var/run/docker.sock", "unix:///run/podman/podman.sock")


def test_a_missing_permission_is_reported_as_that() -> None:
    """With what to do about it, and with no socket but the one that is meant."""
    text = unreachable(TRIED, lambda address: "docker" in address)
    assert "this user has no permission to use unix:///var/run/docker.sock;" in text
    assert "usermod -aG docker" in text
    assert "sudo" in text
    assert "podman" not in text


def test_an_absent_engine_is_reported_with_all_addresses() -> None:
    """And with how to start one."""
    text = unreachable(TRIED, lambda _: False)
    assert f"none answers at {', '.join(TRIED)}; start Docker" in text


def test_only_a_socket_that_is_there_can_be_forbidden(tmp_path: Path) -> None:
    """Neither an address of a network nor an absent socket can."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        assert not is_forbidden(f"unix://{tmp_path / 'socket'}")
    assert not is_forbidden(f"unix://{tmp_path / 'none'}")
    assert not is_forbidden("tcp://127.0.0.1:1")
