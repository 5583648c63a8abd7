"""An order is a cause only where it has no meaning, or where builds suspect a variation that orders."""

from __future__ import annotations

import json
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.causes.ordering import moved_words
from orchestrator.analysis.formats import pickled
from orchestrator.analysis.wheel_side import UNKNOWN
from orchestrator.model import Grounds
from tests.samples import FIRST, SECOND
from tests.wheel_builder import causes, diagnosed, left

ORDERS = {"hash-order", "file-order", "locale-sorting", "metadata-order", "record-order", "archive-order"}
LAYOUT = {"line-ends", "white-space"}
INFO = "pkg-1.0.dist-info"
STRANGERS = (UNKNOWN, UNKNOWN)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [
        ("x = {'a', 'b', 'c'}\n", "x = {'b', 'c', 'a'}\n", "hash-order"),
        ("x = {'a': [1, 2], 'b': 3}\n", "x = {'b': 3, 'a': [1, 2]}\n", "hash-order"),
        ("one\ntwo\nthree\nfour\n", "two\nfour\none\nthree\n", "hash-order"),
        ("a.py b.py c.py\n", "c.py b.py a.py\n", "file-order"),
        ("a.c\nb.c\nc.c\nd.c\n", "d.c\nc.c\nb.c\na.c\n", "file-order"),
        ("B\na\nt\nz\n", "a\nB\nz\nt\n", "locale-sorting"),
    ],
)
def test_an_order_in_a_text_is_named_only_if_builds_suspect_it(first: str, second: str, cause: str) -> None:
    """The files alone do not show whether the order has a meaning."""
    members = {"pkg/data.txt": first.encode()}, {"pkg/data.txt": second.encode()}
    suspected = Grounds(suspected=("hash-seed", "fileordering", "locales"))
    assert causes(diagnosed(*members, grounds=suspected)) == [cause]
    assert causes(diagnosed(*members, known=STRANGERS)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("if x:\n    a()\n    return False\n", "if x:\n    a()\nreturn False\n"),
        ("f(a, b)\n", "f(b, a)\n"),
        ("check(user)\nperform(action)\n", "perform(action)\ncheck(user)\n"),
        ("x = ['a', 'b']\n", "x = ['b', 'a']\n"),
        ("x = ('a', 'b')\n", "x = ('a' 'b')\n"),
    ],
)
def test_code_that_differs_has_no_cause_of_order(first: str, second: str) -> None:
    """Neither statements, nor arguments, nor elements of a list."""
    found = diagnosed({"pkg/a.py": first.encode()}, {"pkg/a.py": second.encode()}, known=STRANGERS)
    assert not ORDERS & set(causes(found))
    assert found.unexplained


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"f(a, bb)", b"f(bb,  a)"),
        (b"f(a, bb)", b"f(a, cc)"),
        (b"x = (a, b) + [c, d]", b"x = (c, d) + [a, b, ]"),
        (b"f(a), g(b)", b"g(a), f(b"),
    ],
)
def test_what_is_between_items_belongs_to_them(first: bytes, second: bytes) -> None:
    """Two texts with other white space, other brackets or other items are no order of each other."""
    assert moved_words(first, second) is None


MAPPINGS = [
    ("a.json", b'{"a": [1, 2], "b": {"c": 1, "d": 2}}', b'{"b": {"d": 2, "c": 1}, "a": [1, 2]}'),
    ("a.json", b'{\n "a": 1,\n "b": 2,\n "c": 3\n}\n', b'{\n "b": 2,\n "c": 3,\n "a": 1\n}\n'),
    ("a.toml", b"[a]\nx = 1\ny = 2\n[b]\nz = 3\n", b"[b]\nz = 3\n[a]\ny = 2\nx = 1\n"),
    ("a.yaml", b"a: 1\nb: [x, y]\n", b"b: [x, y]\na: 1\n"),
    ("a.cfg", b"[a]\nx = 1\ny = 2\n", b"[a]\ny = 2\nx = 1\n"),
]


@pytest.mark.parametrize(("name", "first", "second"), MAPPINGS)
def test_keys_of_mappings_have_no_order(name: str, first: bytes, second: bytes) -> None:
    """Which variation orders them, the files do not show."""
    found = diagnosed({f"pkg/{name}": first}, {f"pkg/{name}": second}, known=STRANGERS)
    assert causes(found) == ["hash-order"]


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("a.json", b'{"a": [1, 2]}', b'{"a": [2, 1]}'),
        ("a.json", b'{"a": 1, "a": 2}', b'{"a": 2, "a": 1}'),  # a reader takes the last
        ("a.json", b'{"a": 1, "b": 2}', b'{"b": 1, "a": 2}'),
        ("a.json", b'{"a": 1.0, "b": 1}', b'{"b": 1.0, "a": 1}'),  # Python calls these equal
        ("a.json", b'{"a": true, "b": 1}', b'{"b": true, "a": 1}'),
        ("a.toml", b"[a]\nx = 1\n[b]\ny = 2\n", b"[a]\ny = 2\n[b]\nx = 1\n"),
        ("a.toml", b"x = 1 # one\ny = 2 # two\n", b"y = 2 # one\nx = 1 # two\n"),
        ("a.yaml", b"- a\n- b\n", b"- b\n- a\n"),
        ("a.yaml", b"a: 1\na: 2\n", b"a: 2\na: 1\n"),
        ("a.yaml", b"a:\n  b: 1\nc: 2\n", b"a:\nc: 2\n  b: 1\n"),
        ("a.ini", b"[a]\nx = 1\nx = 2\n", b"[a]\nx = 2\nx = 1\n"),
        ("a.cfg", b"[a]\nx =\n  1\n  2\n", b"[a]\nx =\n  2\n  1\n"),
        ("a.txt", b"b: 1\na: 2\n", b"a: 2\nb: 1\n"),
    ],
)
def test_lists_and_repeated_keys_have_an_order(name: str, first: bytes, second: bytes) -> None:
    """So do keys that changed their values, and texts that nothing is known to read as a mapping."""
    found = diagnosed({f"pkg/{name}": first}, {f"pkg/{name}": second}, known=STRANGERS)
    assert (causes(found), bool(left(found))) == ([], True)


def pickled_set(items: str, between: bytes = b"(", last: bytes = b"\x90.") -> bytes:
    """Return a pickle of a set of letters, in that order; `last` are the opcodes after the items."""
    return b"\x80\x04\x8f\x94" + between + b"".join(b"\x8c\x01" + item.encode() + b"\x94" for item in items) + last


def test_items_of_a_pickled_set_have_no_order() -> None:
    """Those of a list do, and another item is another set; a reference counts the items before."""

    def found(first: bytes, second: bytes) -> tuple[list[str], bool]:
        diagnosis = diagnosed({"a.pkl": first}, {"a.pkl": second}, known=STRANGERS)
        return causes(diagnosis), bool(left(diagnosis))

    assert found(pickled_set("abcd"), pickled_set("cbda")) == (["hash-order"], False)
    assert found(pickled_set("abcd"), pickled_set("cbdx")) == ([], True)
    assert found(pickled_set("abcd", b"](", b"e."), pickled_set("cbda", b"](", b"e.")) == ([], True)
    assert found(pickled_set("abcd", last=b"\x90h\x02\x86."), pickled_set("cbda", last=b"\x90h\x02\x86.")) == ([], True)


LAUGHS = "k0: &b0 [x, x]\n" + "".join(f"k{level}: &b{level} [*b{level - 1}, *b{level - 1}]\n" for level in range(1, 40))


@pytest.mark.parametrize("document", [LAUGHS, "[" * 5000])
def test_hostile_mappings_are_texts(document: str) -> None:
    """Aliases multiply, and brackets nest."""
    first, second = document + "p: 1\nq: 2\n", document + "q: 2\np: 1\n"
    found = diagnosed({"a.yaml": first.encode()}, {"a.yaml": second.encode()}, known=STRANGERS)
    assert left(found)


FIELDS = [
    "Name: pkg", "Version: 1.0", "Summary: a text", "Classifier: A", "Classifier: B", "Requires-Dist: a>=1",
    "Requires-Dist: b; extra == 'x'", "Provides-Extra: x", "License-File: LICENSE", "License-File: NOTICE",
    "License: MIT\n        with more",
]  # fmt: skip


@given(order=st.permutations(FIELDS))
def test_headers_in_any_order_have_their_cause(order: list[str]) -> None:
    """And nothing is left."""
    path = f"{INFO}/METADATA"
    first, second = ("Metadata-Version: 2.1\n" + "\n".join(fields) + "\n\nBody\n" for fields in (FIELDS, order))
    found = diagnosed({path: first.encode()}, {path: second.encode()}, known=STRANGERS)
    assert (causes(found), left(found)) == ([] if order == FIELDS else ["metadata-order"], [])


@given(order=st.permutations(range(6)), changed=st.integers(0, 5))
def test_another_change_stays_beside_an_order(order: list[int], changed: int) -> None:
    """A requirement that means something else is unexplained, whatever moved."""
    first = [f"Requires-Dist: {name}>=1" for name in "abcdef"]
    second = [first[place].replace(">=", ">") if place == changed else first[place] for place in order]
    path = f"{INFO}/METADATA"
    documents = ("\n".join(["Metadata-Version: 2.1", *fields, ""]).encode() for fields in (first, second))
    found = diagnosed(*({path: document} for document in documents), known=STRANGERS)
    assert left(found)
    assert set(causes(found)) <= {"metadata-order"}


@given(order=st.permutations([f"pkg/{name}.py,sha256=x{name},1" for name in "abcdef"]))
def test_records_in_any_order_have_their_cause(order: list[str]) -> None:
    """All variations that order a listing may have done it."""
    path = f"{INFO}/RECORD"
    first = "".join(f"{line}\n" for line in sorted(order))
    found = diagnosed({path: first.encode()}, {path: "".join(f"{line}\n" for line in order).encode()}, known=STRANGERS)
    assert causes(found) == ([] if order == sorted(order) else ["record-order"])
    assert left(found) == []


@given(
    order=st.permutations([(name, [name, number]) for number, name in enumerate("abcdef")]),
    indent=st.sampled_from([None, 1]),
)
def test_keys_of_json_in_any_order_have_their_cause(order: list[tuple[str, object]], indent: int | None) -> None:
    """On one line and on many."""
    first, second = (json.dumps(dict(items), indent=indent).encode() for items in (sorted(order), order))
    found = diagnosed({"a.json": first}, {"a.json": second}, known=STRANGERS)
    assert set(causes(found)) <= {"hash-order", "file-order", "locale-sorting"}
    assert len(causes(found)) == (first != second)


CODE = """import os

def run(user, action, *, dry=False):
    if not user:
        return False
    names = [user, action, "done"]
    for name in names:
        check(user, name)
        perform(action)
    return {"a": 1, "b": (2, 3)}
"""


@given(st.integers(0, 2**32))
def test_a_mutation_of_code_is_never_an_order(seed: int) -> None:
    """Nor is it called a layout unless nothing but the layout differs."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    mutated = _mutated(CODE, chance)
    found = diagnosed({"pkg/a.py": CODE.encode()}, {"pkg/a.py": mutated.encode()}, known=STRANGERS)
    assert not ORDERS & set(causes(found))
    assert bool(found.unexplained) == (mutated != CODE)
    if LAYOUT & set(causes(found)):
        assert sorted(_squeezed(CODE)) == sorted(_squeezed(mutated))


def _squeezed(code: str) -> list[str]:
    return [line.replace(" ", "").replace(",)", ")").replace(",]", "]") for line in code.split("\n") if line.strip()]


def _mutated(code: str, chance: random.Random) -> str:
    lines = code.split("\n")
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(6):
        case 0:
            lines[at], lines[other] = lines[other], lines[at]
        case 1:
            del lines[at]
        case 2:
            lines.insert(other, lines[at])
        case 3:
            lines[at] = "    " + lines[at]
        case 4:
            lines[at] = lines[at].replace(chance.choice([",", " not", "1", "False", '"']), "", 1)
        case _:
            words = lines[at].split(" ")
            chance.shuffle(words)
            lines[at] = " ".join(words)
    return "\n".join(lines)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_compared_by_its_operations(protocol: int) -> None:
    """A difference in length moves nothing; of a list, builds may show an order, and files alone do not."""

    def both(*values: object) -> list[dict[str, bytes]]:
        return [{"pkg/a.pkl": pickle.dumps(value, protocol)} for value in values]

    planted = both({"host": FIRST.hostname, "n": 1}, {"host": SECOND.hostname, "n": 2})
    found = diagnosed(*planted)
    assert causes(found) == ["host-name"]
    assert [(one.where, "1" in one.first, "2" in one.second) for one in found.unexplained] == [
        (found.unexplained[0].where, True, True)
    ]
    assert found.unexplained[0].where.startswith("operations: line ")
    moved = both(["alpha", "beta", "gamma"], ["gamma", "alpha", "beta"])
    assert causes(diagnosed(*moved)) == ["hash-order"]
    assert causes(diagnosed(*moved, known=STRANGERS)) == []


@given(values, values, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_unequal_pickles_have_unequal_listings(first: object, second: object, protocol: int) -> None:
    """Whatever is in them."""
    ours, theirs = (pickle.dumps(value, protocol) for value in (first, second))
    found = pickled.listings("a.pkl", ours, theirs)
    assert found is not None
    assert (found[0] == found[1]) == (ours == theirs)


@pytest.mark.parametrize("data", [b"\x80\x04.", b"\x80\x04\xff.", b"\x80\x02K\x01.K.", b"text.", b"", b"."])
def test_what_is_no_pickle_has_no_listing(data: bytes) -> None:
    """A protocol without a header is recognized by the file's name."""
    expected = {b"\x80\x04.", b"."}
    assert (pickled.listings("a.pkl", data, data) is not None) == (data in expected)
    assert pickled.listings("a.bin", b"I1\n.", b"I2\n.") is None
