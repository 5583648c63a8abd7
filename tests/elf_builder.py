"""Writes small ELF files with given sections and segments; nothing is compiled."""

from __future__ import annotations

import struct
from dataclasses import dataclass

ALLOC, EXECUTE, STRINGS, COMPRESSED = 0x2, 0x4, 0x30, 0x800
PROGBITS, SYMTAB, STRTAB, NOTE, DYNAMIC = 1, 2, 3, 7, 6
_EHDR, _PHDR, _SHDR = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ"), struct.Struct("<IIQQQQIIQQ")


@dataclass(frozen=True, slots=True)
class Piece:
    """One section; `link` names another."""

    name: str
    data: bytes
    flags: int = 0
    kind: int = PROGBITS
    link: str = ""
    entry: int = 0
    alignment: int = 16


def build_id(text: bytes) -> Piece:
    """Return the note with a build id."""
    return Piece(".note.gnu.build-id", struct.pack("<III", 4, len(text), 3) + b"GNU\0" + text, ALLOC, NOTE)


def write(*pieces: Piece, relocatable: bool = False, machine: int = 62) -> bytes:
    """Return a 64-bit little-endian file, in which each loaded section is a separate segment."""
    names = b"\0" + b"".join(piece.name.encode() + b"\0" for piece in pieces) + b".shstrtab\0"
    every = (*pieces, Piece(".shstrtab", names, kind=STRTAB))
    loaded = [piece for piece in every if piece.flags & ALLOC and not relocatable]
    count = 0 if relocatable else len(loaded) + 1
    body = bytearray(_EHDR.size + _PHDR.size * count)
    head = len(body)
    places = {}
    for piece in every:
        body += bytes(-len(body) % piece.alignment)
        places[piece.name] = len(body)
        body += piece.data
    body += bytes(-len(body) % 8)
    table = len(body)
    body += bytes(_SHDR.size)
    order = {piece.name: number + 1 for number, piece in enumerate(every)}
    for piece in every:
        place = places[piece.name]
        body += _SHDR.pack(
            names.index(piece.name.encode() + b"\0"),
            piece.kind,
            piece.flags,
            place if piece.flags & ALLOC else 0,
            place,
            len(piece.data),
            order.get(piece.link, 0),
            0,
            piece.alignment,
            piece.entry,
        )
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    kind = 1 if relocatable else 3
    programs = 64 if count else 0
    _EHDR.pack_into(
        body, 0, ident, kind, machine, 1, 0, programs, table, 0, 64, 56, count, 64, len(every) + 1, len(every)
    )
    segments = [(4, 0, head), *((5 if one.flags & EXECUTE else 4, places[one.name], len(one.data)) for one in loaded)]
    for number, (flags, place, size) in enumerate(segments[:count]):
        _PHDR.pack_into(body, 64 + 56 * number, 1, flags, place, place, place, size, size, 1)
    return bytes(body)


def place(file: bytes, name: str) -> int:
    """Return where a section of a written file begins."""
    table, count, strings = struct.unpack_from("<Q", file, 40)[0], *struct.unpack_from("<HH", file, 60)
    headers = [_SHDR.unpack_from(file, table + 64 * number) for number in range(count)]
    names = headers[strings][4]
    found: int = next(header[4] for header in headers if file[names + header[0] :].split(b"\0")[0] == name.encode())
    return found


def library(*members: tuple[str, bytes], time: int = 0) -> bytes:
    """Return a static library of some objects."""
    body = b"!<arch>\n"
    for name, data in members:
        body += (
            f"{name + '/':16}{time:<12}{0:<6}{0:<6}{'100644':8}{len(data):<10}`\n".encode()
            + data
            + b"\n" * (len(data) % 2)
        )
    return body
