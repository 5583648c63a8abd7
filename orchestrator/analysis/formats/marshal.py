"""Reads bytecode as values, never as objects: a small, bounded reader of the marshal format of CPython 3.8 to 3.14."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

HEADER = 16
"""Bytes before the marshalled code (PEP 552)."""

_LARGEST = 64 << 20
_MOST = 1_000_000  # values
_MOST_JOINED = 256 << 20  # bytes of all values' texts, counted in each value that contains them
_DEEPEST = 150
_LONGEST = 64 << 10  # bytes of a value's text that are stored unchanged
_FLAG = 0x80
_CODE_3_8 = ("argcount", "posonlyargcount", "kwonlyargcount", "nlocals", "stacksize", "flags")
_CODE_3_11 = ("argcount", "posonlyargcount", "kwonlyargcount", "stacksize", "flags")
_PARTS_3_8 = ("code", "consts", "names", "varnames", "freevars", "cellvars", "filename", "name")
_PARTS_3_11 = ("code", "consts", "names", "localsplusnames", "localspluskinds", "filename", "name", "qualname")
_OLDEST, _NEWER, _NEWEST = 3400, 3450, 3700  # magic numbers: of 3.8, of 3.11, beyond 3.14
_SHORT = {ord("z"), ord("Z"), ord(")")}
_SINGLE = {ord(one): text for one, text in (("N", b"None"), ("T", b"True"), ("F", b"False"), (".", b"Ellipsis"))}
_SINGLE |= {ord("0"): b"null", ord("S"): b"StopIteration"}
_STRINGS = frozenset(b"stuaAzZ")
_GROUPS = frozenset(b"()[<>{:")


class Unreadable(ValueError):  # noqa: N818 - a property of the bytes, not an error of ours
    """These bytes are not valid marshal data, or exceed the limits."""


@dataclass(slots=True)
class Bytecode:
    """A module's bytecode, by place; each code object under its qualified name."""

    magic: int
    tokens: dict[str, bytes] = field(default_factory=dict)


def read(data: bytes) -> Bytecode:
    """Split a .pyc file into tokens.

    Raises
    ------
    Unreadable
        It is not a .pyc file, or its version of Python is unknown.

    """
    if not HEADER < len(data) <= _LARGEST or data[2:4] != b"\r\n":
        msg = "not a .pyc file of a known size"
        raise Unreadable(msg)
    magic = int.from_bytes(data[:2], "little")
    if not _OLDEST <= magic < _NEWEST:
        msg = f"of an unknown Python: {magic}"
        raise Unreadable(msg)
    found = Bytecode(magic)
    tokens = found.tokens
    tokens["magic"] = str(magic).encode()
    tokens["flags"] = data[4:8].hex().encode()
    if data[4] & 1:
        tokens["source hash"] = data[8:16].hex().encode()
    else:
        tokens["source time"] = str(int.from_bytes(data[8:12], "little")).encode()
        tokens["source size"] = str(int.from_bytes(data[12:16], "little")).encode()
    if data[HEADER] & ~_FLAG != ord("c"):
        msg = "holds no code"
        raise Unreadable(msg)
    reader = _Reader(data, HEADER, magic, tokens)
    reader.value(0)
    if reader.at != len(data):
        tokens["after the code"] = data[reader.at :][:_LONGEST]
    return found


class _Reader:
    """A position in marshalled bytes, the values that may be referred to, and the code objects read so far."""

    def __init__(self, data: bytes, at: int, magic: int, tokens: dict[str, bytes]) -> None:
        self.data = data
        self.at = at
        self.newer = magic >= _NEWER
        self.tokens = tokens
        self.refs: list[bytes] = []
        self.count = 0
        self.size = 0
        self.joined = 0
        self.numbers: dict[str, int] = {}  # the last number given to a code object of each name

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            msg = "cut short"
            raise Unreadable(msg)
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self) -> int:
        return int(struct.unpack("<i", self.take(4))[0])

    def value(self, depth: int) -> bytes:
        """Return the text of the next value: equal for equal values, regardless of their serialization."""
        self.count += 1
        if depth > _DEEPEST or self.count > _MOST:
            msg = "nested too deep, or too long"
            raise Unreadable(msg)
        kind = self.take(1)[0]
        flagged, kind = kind & _FLAG, kind & ~_FLAG
        place = len(self.refs)
        if flagged:
            self.refs.append(b"<itself>")
        found = _short(self.of_kind(kind, depth))
        if flagged:
            self.refs[place] = found
        return found

    def of_kind(self, kind: int, depth: int) -> bytes:
        if kind in _SINGLE:
            return _SINGLE[kind]
        if kind in _STRINGS:
            size = self.take(1)[0] if kind in _SHORT else self.number()
            return (b"b" if kind == ord("s") else b"") + _quoted(self.take(size))
        if kind in _GROUPS:
            return self.group(kind, depth)
        if kind == ord("c"):
            return self.code(depth)
        if kind == ord("r"):
            return self.reference()
        return self.numeric(kind)

    def reference(self) -> bytes:
        place = self.number()
        if not 0 <= place < len(self.refs):
            msg = "refers to what is not there"
            raise Unreadable(msg)
        return self.refs[place]

    def numeric(self, kind: int) -> bytes:
        sizes = {ord("i"): 4, ord("I"): 8, ord("g"): 8, ord("y"): 16}
        if kind in sizes:
            raw = self.take(sizes[kind])
            return (
                str(int.from_bytes(raw, "little", signed=True)).encode()
                if kind == ord("i")
                else bytes([kind, 58]) + raw.hex().encode()
            )
        if kind == ord("l"):
            digits = self.number()
            return b"l:" + self.take(2 * abs(digits)).hex().encode() + (b"-" if digits < 0 else b"")
        if kind == ord("f"):
            return b"f:" + self.take(self.take(1)[0])
        if kind == ord("x"):
            return b"x:" + self.take(self.take(1)[0]) + b"," + self.take(self.take(1)[0])
        msg = f"of unknown type {kind:#x}"
        raise Unreadable(msg)

    def group(self, kind: int, depth: int) -> bytes:
        if kind == ord("{"):
            return self.dictionary(depth)
        size = 3 if kind == ord(":") else self.take(1)[0] if kind in _SHORT else self.number()
        if size < 0 or size > len(self.data) - self.at:
            msg = "cut short"
            raise Unreadable(msg)
        items = [self.counted(self.value(depth + 1)) for _ in range(size)]
        if kind in b"<>":
            items.sort()
        names = {
            ord("["): (b"[", b"]"),
            ord("<"): (b"{", b"}"),
            ord(">"): (b"frozenset{", b"}"),
            ord(":"): (b"slice(", b")"),
        }
        begin, end = names.get(kind, (b"(", b")"))
        return begin + b", ".join(items) + end

    def dictionary(self, depth: int) -> bytes:
        items = []
        while self.data[self.at : self.at + 1] != b"0":
            items.append(self.counted(self.value(depth + 1) + b": " + self.value(depth + 1)))
        self.take(1)
        return b"{" + b", ".join(items) + b"}"

    def code(self, depth: int) -> bytes:
        numbers = {name: self.number() for name in (_CODE_3_11 if self.newer else _CODE_3_8)}
        parts: dict[str, bytes] = {}
        consts: list[bytes] = []
        for name in _PARTS_3_11 if self.newer else _PARTS_3_8:
            parts[name] = self.consts(depth + 1, consts) if name == "consts" else self.value(depth + 1)
        line = self.number()
        parts["lines"] = self.value(depth + 1)
        if self.newer:
            parts["exceptions"] = self.value(depth + 1)
        called = parts.get("qualname", parts["name"])
        name = self.named(called.strip(b"'").decode("utf-8", "replace"))
        filename = parts.pop("filename")
        self.keep(f"{name}: filename", filename)
        for part, text in parts.items():
            self.keep(f"{name}: {part}", text)
        for number, const in enumerate(consts):
            self.keep(f"{name}: constant {number}", const)
        self.keep(f"{name}: numbers", f"{numbers} first line {line}".encode())
        return b"<code " + name.encode() + b">"

    def consts(self, depth: int, found: list[bytes]) -> bytes:
        """Return the number of constants of a code object; each is a separate token."""
        kind = self.take(1)[0]
        if kind & ~_FLAG not in b"()":
            self.at -= 1
            return self.value(depth)
        place = len(self.refs)
        if kind & _FLAG:
            self.refs.append(b"<itself>")
        size = self.take(1)[0] if kind & ~_FLAG in _SHORT else self.number()
        if size < 0 or size > len(self.data) - self.at:
            msg = "cut short"
            raise Unreadable(msg)
        found += [self.counted(self.value(depth)) for _ in range(size)]
        if kind & _FLAG:
            self.refs[place] = _short(b"(" + b", ".join(found) + b")")
        return f"{size} constants".encode()

    def named(self, name: str) -> str:
        """Return a unique name for a code object of the module."""
        name = name[:200]
        number = self.numbers.get(name, 0) + 1  # numbers below the last are taken
        while f"{name}{'' if number == 1 else f' ({number})'}: numbers" in self.tokens:
            number += 1
        self.numbers[name] = number
        return name if number == 1 else f"{name} ({number})"

    def counted(self, text: bytes) -> bytes:
        """Return a part of a value; counts its length, since many references may repeat a long text."""
        self.joined += len(text)
        if self.joined > _MOST_JOINED:
            msg = "more than we look at"
            raise Unreadable(msg)
        return text

    def keep(self, place: str, text: bytes) -> None:
        self.size += len(text) + len(place)
        if self.size > _LARGEST:
            msg = "more than we look at"
            raise Unreadable(msg)
        self.tokens[place] = text


def _quoted(text: bytes) -> bytes:
    """Return a text in quotes, so that unequal values have unequal texts."""
    return b"'" + text.replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"'"


def _short(text: bytes) -> bytes:
    """Return a text of bounded length, which differs for unequal values."""
    if len(text) <= _LONGEST:
        return text
    return text[:_LONGEST] + b"... SHA-256 " + hashlib.sha256(text).hexdigest().encode()
