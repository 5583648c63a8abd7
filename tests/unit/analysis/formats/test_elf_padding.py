"""Padding between functions is what assemblers write, of the needed length; anything else is shown."""

from __future__ import annotations

import pytest

from orchestrator.analysis.formats.elf_padding import Between, fills, is_needed, lines

X86, ARM = "EM_X86_64", "EM_AARCH64"
SIXTEEN = (16, 16)


@pytest.mark.parametrize(
    ("written", "machine", "kinds"),
    [
        ("90", X86, {"no-ops", "one-byte no-ops"}),
        ("9090", X86, {"one-byte no-ops"}),
        ("0f1f4000", X86, {"no-ops"}),
        ("662e0f1f8400000000000f1f4000", X86, {"no-ops"}),  # 14 bytes: 10 and 4
        ("0f1f4000662e0f1f840000000000", X86, set()),  # the longest is last
        ("0f1f4001", X86, set()),
        ("0f1f400090", X86, set()),  # 5 bytes have a no-op
        ("cccc", X86, {"int3"}),
        ("cc90", X86, set()),
        ("0000", X86, {"zeros"}),
        ("90", ARM, set()),
        ("1f2003d51f2003d5", ARM, {"no-ops"}),
        ("1f2003d51f2003", ARM, set()),
    ],
)
def test_padding_is_recognized_as_it_is_written(written: str, machine: str, kinds: set[str]) -> None:
    """Each length has its no-ops, the longest first."""
    assert fills(bytes.fromhex(written), machine) == kinds


def test_padding_is_as_long_as_an_alignment_needs() -> None:
    """At most that of the section."""
    assert is_needed(Between(0x14, bytes(12)), 16)
    assert is_needed(Between(0x14, bytes(4)), 16)  # to a multiple of 8
    assert not is_needed(Between(0x14, bytes(28)), 16)
    assert not is_needed(Between(0x14, bytes(3)), 16)
    assert not is_needed(Between(0x10, bytes(16)), 16)


def test_only_padding_of_one_side_is_listed() -> None:
    """Without its bytes if the other side has that kind; with them if not, or if it is none."""
    shared, other = Between(0x1D, b"\x90" * 3), Between(0x2E, b"\x90" * 2)
    assert lines([shared, other], [other, shared], X86, SIXTEEN) == (b"", b"")
    assert lines([shared], [other], X86, SIXTEEN) == (
        b"0x1d: 3 bytes of one-byte no-ops\n",
        b"0x2e: 2 bytes of one-byte no-ops\n",
    )
    assert lines([shared], [Between(0x1D, b"\xcc" * 3)], X86, SIXTEEN)[1] == b"0x1d: \\xcc\\xcc\\xcc\n"
    assert lines([shared], [Between(0x1D, b"\x90\xc3\x90")], X86, SIXTEEN)[1] == b"0x1d: \\x90\\xc3\\x90\n"
    assert lines([shared], [Between(0x1D, b"\x90" * 35)], X86, SIXTEEN)[1].count(b"\\x90") == 35
