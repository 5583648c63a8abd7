"""Runs commands as users do, in processes, for the tests of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.command import command

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


def run(*arguments: str | Path, folder: Path = ROOT, **environment: str) -> Ended:
    """Run a command in a folder, with those environment variables and no others."""
    status, out, err = command([*map(str, arguments)], folder, {"PYTHONPATH": str(ROOT), **environment})
    return Ended(status, out.decode(), err.decode())


def assert_harmless(text: str) -> None:
    """Nothing in it that a terminal might obey, or that turns text around."""
    assert not {one for one in text if not one.isprintable()} - {"\n"}
