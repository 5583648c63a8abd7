"""Standalone builds of Python, as uv lists them."""

from __future__ import annotations

import json

import pytest

from orchestrator.build_requirements.standalone import chosen


def listed(version: str, **changes: object) -> dict[str, object]:
    """Return one entry of uv's list."""
    usual = {"implementation": "cpython", "arch": "x86_64", "os": "linux", "libc": "gnu", "variant": "default"}
    return {"version": version, "url": f"https://x.example/{version}.tar.gz", "path": None, **usual, **changes}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((listed("3.12.9"), listed("3.12.16"), listed("3.13.1")), "https://x.example/3.12.16.tar.gz"),
        ((listed("3.12.9", implementation="pypy"),), ""),
        ((listed("3.12.9", variant="freethreaded"),), ""),
        ((listed("3.12.9", libc="musl"),), ""),
        ((listed("3.12.9", arch="aarch64"),), ""),
        ((listed("3.12.9", url=None), listed("3.12.0")), "https://x.example/3.12.0.tar.gz"),
        ((listed("3.12.0rc1"),), ""),
        ((), ""),
    ],
)
def test_the_newest_usual_build_is_chosen(entries: tuple[dict[str, object], ...], expected: str) -> None:
    """Releases are compared as numbers; other implementations, machines and variants do not count."""
    assert chosen(json.dumps(entries).encode(), "3.12", "x86_64") == expected


@pytest.mark.parametrize("answer", [b"", b"no list", b"{}", b"[1]", b"[[]]"])
def test_an_answer_that_is_no_list_has_none(answer: bytes) -> None:
    """As of a uv of another version."""
    assert chosen(answer, "3.12", "x86_64") == ""
