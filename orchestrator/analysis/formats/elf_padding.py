"""Recognizes what assemblers and linkers put between functions, and lists what else is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.analysis.formats.render import in_hex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PADDING = ": padding"
"""Suffix of a token of the bytes between functions whose order differs: what one side has and the other has not."""

FILL = b" bytes of "
"""In a line of such a token: it is padding of the needed length, of a kind that the other side has, too."""

_X86, _AARCH64 = ("EM_X86_64", "EM_386"), "EM_AARCH64"
_LONG = bytes.fromhex("0f1f840000000000")  # nopl 0x0(%rax,%rax,1)
_NO_OPERATIONS = (  # of x86, by their number of bytes
    bytes.fromhex("90"),
    bytes.fromhex("6690"),
    bytes.fromhex("0f1f00"),
    bytes.fromhex("0f1f4000"),
    bytes.fromhex("0f1f440000"),
    bytes.fromhex("660f1f440000"),
    bytes.fromhex("0f1f8000000000"),
    _LONG,
    b"\x66" + _LONG,
    *(b"\x66" * number + b"\x2e" + _LONG for number in range(1, 7)),
)
_LONGEST = (8, 9, 10, 11, 15)  # bytes of the longest no-op that assemblers and linkers use
_WIDEST = 64  # bytes of an alignment
_NO_OPERATION = bytes.fromhex("1f2003d5")  # of AArch64


@dataclass(frozen=True, slots=True)
class Between:
    """The bytes between two functions, from an address to the next function or the section's end."""

    address: int
    data: bytes = field(repr=False)


def fills(data: bytes, machine: str) -> frozenset[str]:
    """Name the kinds of padding that some bytes can be, as assemblers and linkers of the machine write it."""
    one_byte = {"zeros": b"\0"} | ({"int3": b"\xcc", "one-byte no-ops": b"\x90"} if machine in _X86 else {})
    found = {kind for kind, byte in one_byte.items() if data == byte * len(data)}
    if machine in _X86 and any(data == _no_operations(len(data), longest) for longest in _LONGEST):
        found.add("no-ops")
    if machine == _AARCH64 and data == _NO_OPERATION * (len(data) // len(_NO_OPERATION)):
        found.add("no-ops")
    return frozenset(found)


def _no_operations(size: int, longest: int) -> bytes:
    """Return no-ops that fill a size: the longest first."""
    count, last = divmod(size, longest)
    return _NO_OPERATIONS[longest - 1] * count + (_NO_OPERATIONS[last - 1] if last else b"")


def is_needed(stretch: Between, alignment: int) -> bool:
    """Return whether a stretch is as long as it takes to reach an alignment, up to that of its section."""
    end, size = stretch.address + len(stretch.data), len(stretch.data)
    return any(end % one == 0 and size < one for one in _alignments(alignment))


def _alignments(most: int) -> Iterator[int]:
    one = 2
    while one <= min(most, _WIDEST):
        yield one
        one *= 2


def lines(
    ours: Sequence[Between], theirs: Sequence[Between], machine: str, alignments: tuple[int, int]
) -> tuple[bytes, bytes]:
    """List the stretches that one side has and the other has not.

    A line names a kind of padding if the stretch is of that kind and of the needed length, and the other side has
    the kind, too; else it shows the bytes.
    """
    kinds = _kinds(ours, machine), _kinds(theirs, machine)
    first = _lines(_without(ours, theirs), machine, alignments[0], kinds[1])
    second = _lines(_without(theirs, ours), machine, alignments[1], kinds[0])
    return first, second


def _kinds(stretches: Iterable[Between], machine: str) -> frozenset[str]:
    return frozenset(kind for one in stretches for kind in fills(one.data, machine))


def _without(mine: Iterable[Between], others: Iterable[Between]) -> Iterator[Between]:
    """Yield the stretches whose bytes the other side does not have as often."""
    left = Counter(one.data for one in others)
    for one in mine:
        if left[one.data]:
            left[one.data] -= 1
        else:
            yield one


def _lines(stretches: Iterable[Between], machine: str, alignment: int, known: frozenset[str]) -> bytes:
    return b"".join(_line(one, machine, alignment, known) for one in stretches)


def _line(one: Between, machine: str, alignment: int, known: frozenset[str]) -> bytes:
    shared = fills(one.data, machine) & known
    if shared and is_needed(one, alignment):
        return b"0x%x: %d%b%b\n" % (one.address, len(one.data), FILL, min(shared).encode())
    return b"0x%x: %b\n" % (one.address, in_hex(one.data))
