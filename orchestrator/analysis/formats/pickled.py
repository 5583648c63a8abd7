"""Reads pickles as lists of opcodes, never as objects; to compare these one by one."""

from __future__ import annotations

from itertools import islice, pairwise

ORDER = "order of a set's items"
"""The place of the token of two pickles that differ only in that order."""

OPERATIONS = "operations"
"""The name of a pickle's listing."""

_LARGEST = 2 << 20  # bytes
_MOST = 100_000  # opcodes
_PROTOCOLS = (b"\x80\x04", b"\x80\x05")  # those before have no opcodes for sets
_BINARY = (b"\x80\x02", b"\x80\x03", *_PROTOCOLS)
_ENDINGS = (".pkl", ".pickle")  # of pickles that may be of a protocol without a header
_READABLE = frozenset(
    ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8",
     "BININT", "BININT1", "BININT2", "BINFLOAT")
)  # fmt: skip
"""Operations with one spelling of each argument, if it is a number at all."""

_LINES = frozenset(("INT", "LONG", "FLOAT", "STRING", "UNICODE", "GET", "PUT", "GLOBAL", "PERSID", "INST"))
_ITEMS = frozenset(
    ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BININT", "BININT1", "BININT2",
     "LONG1", "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE")
)  # fmt: skip
_SETS = ("ADDITEMS", "FROZENSET")
_REFERENCES = ("GET", "BINGET", "LONG_BINGET")  # they count objects, so an order changes what they mean

Operation = tuple[str, object]


def set_items_moved(first: bytes, second: bytes) -> tuple[bytes, bytes] | None:
    """Return the items of all sets of two pickles that differ only in the order of these; else None.

    Items are texts, bytes and numbers.
    """
    if len(first) != len(second) or len(first) > _LARGEST or not all(map(_is_pickle, (first, second))):
        return None
    import pickletools  # noqa: PLC0415 - few wheels contain any

    ours, theirs = (list(islice(pickletools.genops(data), _MOST)) for data in (first, second))
    if any(len(side) >= _MOST or side[-1][2] != len(first) - 1 for side in (ours, theirs)):
        return None  # there is something after the end
    sides = [[(operation.name, argument) for operation, argument, _ in side] for side in (ours, theirs)]
    if any(name in _REFERENCES for name, _ in sides[0] + sides[1]):
        return None
    (rest, items), (other, others) = map(_parted, sides)
    if rest != other or list(map(sorted, items)) != list(map(sorted, others)):
        return None
    return tuple(b"\n".join(repr(item).encode() for one in side for item in one) for side in (items, others))  # type: ignore[return-value]


def listings(path: str, first: bytes, second: bytes) -> tuple[bytes, bytes] | None:
    """Return the operations of two pickles, one a line; None if one of them is no pickle or is too large.

    Two pickles with equal listings differ at most in the lengths of their frames.
    """
    ours, theirs = (_listing(path, data) for data in (first, second))
    return None if ours is None or theirs is None else (ours, theirs)


def _listing(path: str, data: bytes) -> bytes | None:
    import pickletools  # noqa: PLC0415 - few wheels contain any

    named = path.lower().endswith(_ENDINGS)
    if len(data) > _LARGEST or not data.endswith(b".") or not (named or data.startswith(_BINARY)):
        return None
    try:
        operations = list(islice(pickletools.genops(data), _MOST))
    except (ValueError, LookupError, ArithmeticError):
        return None
    places = [at for _, _, at in operations if at is not None]
    if len(operations) >= _MOST or places[-1] != len(data) - 1:
        return None  # there is something after the end
    ends = {*places, len(data)}
    spans = pairwise((*places, len(data)))
    lines = (
        _operation(operation.name, argument, data[begin + 1 : end], framed=_size(argument) + end in ends)
        for (operation, argument, _), (begin, end) in zip(operations, spans, strict=True)
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _size(argument: object) -> int:
    return argument if isinstance(argument, int) else 0


def _operation(name: str, argument: object, written: bytes, *, framed: bool) -> str:
    """Return an operation as a line; of a frame that ends where an operation does, the length says nothing more."""
    if name in _READABLE and argument == argument:  # noqa: PLR0124 - of the numbers that are none, there are many
        return f"{name} {argument!a}"
    if name in _LINES:
        written = written.removesuffix(b"\n")
    return f"{name} {written!r}" if written and not (name == "FRAME" and framed) else name


def _is_pickle(data: bytes) -> bool:
    return data.startswith(_PROTOCOLS) and data.endswith(b".")


def _is_of_a_set(name: str, rest: list[str]) -> bool:
    """Return whether items that begin at the last mark are those of a set: ADDITEMS calls `add` of any other object."""
    return (
        name == "FROZENSET"
        or rest[-2:-1] == ["EMPTY_SET None"]
        or rest[-3:-1] == ["EMPTY_SET None", "MEMOIZE None"]
        or rest[-4:-3] == ["ADDITEMS"]  # after its first thousand items
    )


def _parted(operations: list[Operation]) -> tuple[list[str], list[list[tuple[str, str]]]]:
    """Return all operations outside of sets as texts, and the items of each set."""
    rest: list[str] = []
    found: list[list[tuple[str, str]]] = []
    since: list[tuple[str, str]] | None = None  # the operations after the last mark
    for name, argument in operations:
        if name == "MARK":
            rest += map(repr, since or ())
            since = []
        elif since is not None and name in _SETS and _is_of_a_set(name, rest):
            found.append([one for one in since if one[0] != "MEMOIZE"])
            rest += [name, str(sum(one[0] == "MEMOIZE" for one in since))]
            since = None
        elif since is not None and (name in _ITEMS or name == "MEMOIZE"):
            since.append((name, repr(argument)))
            continue
        else:
            rest += map(repr, since or ())
            since = None
        rest += [f"{name} {argument!r}"]
    return rest, found
