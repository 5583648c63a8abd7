"""Objects that are linked in another order are the same objects; a change beside it is never lost."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.analysis.causes.model import Side
from orchestrator.analysis.formats import elf, native
from orchestrator.analysis.formats.render import BytesContent, beyond
from orchestrator.analysis.matching import explain
from orchestrator.model import Traces

NAMES = ("alpha", "beta", "epsilon", "delta")
ORDERS = (NAMES, ("epsilon", "alpha", "delta", "beta"))
SHARED = ("-shared", "-fPIC", "-O2", "-w")
BARE = (*SHARED, "-nostartfiles")
NO_OPERATIONS = b"\0\x2e\x40\x44\x66\x80\x84\x90\xcc"
"""Bytes that padding between functions may consist of: it never runs, and each object has its own."""
SOURCE = """
int printf(const char *, ...), puts(const char *);
int alpha(int), beta(int), epsilon(int), delta(int);
int public_NAME = 'N' + NUMBER;
static const char *const words[] = {"one NAME", "two NAME"};
static int own(int x) { return x * NUMBER + public_NAME; }
int NAME(int x) {
  int sum = 0;
  for (int i = 0; i < x; i++) { sum = sum * 3 + own(i); printf("%s", words[i & 1]); }
  return sum > 7 ? NEXT(sum) : sum;
}
int choose_NAME(int x) {
  switch (x) {
    case 1: return 7;
    case 2: return printf("NAME!");
    case 3: return puts("hello NAME");
    case 4: return NAME(4);
    case 5: return printf("five");
    default: return x;
  }
}
"""


START = """
double count_NAME;
static double half_NAME[] = {NUMBER, 0.5};
__attribute__((constructorPRIORITY)) static void begin_NAME(void) { count_NAME = half_NAME[1]; }
__attribute__((destructor)) static void end_NAME(void) { count_NAME += NUMBER; }
"""


def starting(number: int = 0, **priorities: str) -> tuple[tuple[str, str], ...]:
    """Return each object's source with a function that runs at the start, and one at the end."""
    texts = ((name, START.replace("NAME", name).replace("PRIORITY", priorities.get(name, ""))) for name in NAMES)
    return tuple(
        (name, source(name) + text.replace("NUMBER", str(number or 2 + at))) for at, (name, text) in enumerate(texts)
    )


def source(name: str, number: int = 0, following: str = "") -> str:
    """Return one object's source; `number` is in its instructions, and it calls the `following` one."""
    at = NAMES.index(name)
    text = SOURCE.replace("NAME", name).replace("NUMBER", str(number or 37 + at))
    return text.replace("NEXT", following or NAMES[(at + 1) % len(NAMES)])


@cache
def linked(
    order: tuple[str, ...],
    switches: tuple[str, ...] = (),
    *changed: tuple[str, str],
    always: tuple[str, ...] = BARE,
) -> bytes:
    """Compile and link the objects in that order, some of them from other sources, given as (name, source)."""
    with TemporaryDirectory() as folder:
        for name in NAMES:
            Path(folder, f"{name}.c").write_text(dict(changed).get(name, source(name)), encoding="utf-8")
        sources = [f"{name}.c" for name in order]
        command = ["gcc", *always, f"-ffile-prefix-map={folder}=.", *switches, "-o", "x.so", *sources]
        subprocess.run(command, check=True, cwd=folder)
        return Path(folder, "x.so").read_bytes()


def look(first: bytes, second: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the causes and the places that stay unexplained."""
    ours, theirs = native.normalize("x.so", BytesContent(first), BytesContent(second))
    found = explain((Side(ours, Traces()), Side(theirs, Traces())), CAUSES)
    return tuple(found.causes), found.left


@pytest.mark.parametrize(
    "switches", [(), ("-g",), ("-g", "-Wl,-Bsymbolic-functions"), ("-fvisibility=hidden",), ("-Wl,-z,now",)]
)
def test_everything_that_follows_the_order_of_objects_is_derived(switches: tuple[str, ...]) -> None:
    """Tables of jumps, texts, pointers, relocations, frames, and debug information."""
    first, second = (linked(order, switches) for order in ORDERS)
    assert look(first, second) == (("object-order",), ())


@pytest.mark.parametrize("switches", [(), ("-fvisibility=hidden",), ("-g", "-Wl,-Bsymbolic-functions")])
def test_what_runs_at_the_start_follows_the_order_of_objects(switches: tuple[str, ...]) -> None:
    """The code that the compiler adds to a library is between their functions, and has no names."""
    first, second = (linked(order, switches, *starting(), always=SHARED) for order in ORDERS)
    assert look(first, second) == (("object-order",), ())


def test_another_order_of_what_runs_at_the_start_is_not_explained() -> None:
    """One function comes first because of its priority, but its code has not moved before that of the others."""
    first = linked(ORDERS[0], (), *starting(), always=SHARED)
    second = linked(ORDERS[1], (), *starting(delta="(101)"), always=SHARED)
    assert ".init_array: references to what moved" in look(first, second)[1]


def test_a_changed_function_that_runs_at_the_start_is_not_explained() -> None:
    """One number differs in one object."""
    first = linked(ORDERS[0], (), *starting(), always=SHARED)
    changed = [one if one[0] != "beta" else other for one, other in zip(starting(), starting(9), strict=True)]
    assert ".rodata" in look(first, linked(ORDERS[1], (), *changed, always=SHARED))[1]


@pytest.mark.parametrize("switches", [(), ("-Wl,-Bsymbolic-functions",)])
def test_a_changed_function_beside_another_order_is_not_explained(switches: tuple[str, ...]) -> None:
    """One byte of one instruction."""
    first = linked(ORDERS[0], switches)
    second = linked(ORDERS[1], switches, ("beta", source("beta", 41)))
    assert ".text" in look(first, second)[1]


def test_what_only_moved_is_explained_beside_a_changed_function() -> None:
    """The function has the same length, so nothing but the order can have moved anything."""
    changed = source("beta").replace("return 7;", "return 8;")
    first = linked(ORDERS[0])
    assert look(first, linked(ORDERS[1], (), ("beta", changed))) == (("object-order",), (".text",))
    longer = source("beta").replace("hello", "hello and hello and hello")
    assert ".text (moved)" in look(first, linked(ORDERS[1], (), ("beta", longer)))[1]


@pytest.mark.parametrize("switches", [(), ("-Wl,-Bsymbolic-functions",), ("-g", "-Wl,-Bsymbolic-functions")])
def test_swapped_bodies_are_not_an_order(switches: tuple[str, ...]) -> None:
    """The bytes of the code are equal in both files: only the names are swapped."""
    bodies = ("int alpha(int x) { return x & 5; }", "int beta(int x) { return x ^ 6; }")
    swapped = ("int alpha(int x) { return x ^ 6; }", "int beta(int x) { return x & 5; }")
    first = linked(ORDERS[0], switches, ("alpha", bodies[0]), ("beta", bodies[1]))
    order = ("beta", "alpha", "epsilon", "delta")
    second = linked(order, switches, ("alpha", swapped[0]), ("beta", swapped[1]))
    assert ".text" in look(first, second)[1]
    honest = linked(order, switches, ("alpha", bodies[0]), ("beta", bodies[1]))
    assert ".text" not in look(first, honest)[1]


def test_a_call_that_leads_to_another_function_is_not_explained() -> None:
    """The word of the call is the same, but another function has taken the place of the called one."""
    switches = ("-Wl,-Bsymbolic-functions", "-fno-asynchronous-unwind-tables")
    alike = {name: f"int {name}(int x) {{ return x + {at}; }}" for at, name in enumerate(NAMES[:2], start=5)}
    caller = "int alpha(int), beta(int); int delta(int x) { return CALLED(x) * 3; }"
    epsilon = ("epsilon", "int epsilon(int x) { return x; }")
    orders = (("delta", "alpha", "beta", "epsilon"), ("delta", "beta", "alpha", "epsilon"))
    first, second, honest = (
        linked(order, switches, *alike.items(), epsilon, ("delta", caller.replace("CALLED", called)))
        for order, called in zip((*orders, orders[1]), ("alpha", "beta", "alpha"), strict=True)
    )
    assert ".text: references to what moved" in look(first, second)[1]
    assert look(first, honest) == (("object-order",), ())


@pytest.mark.skipif(which("ld.gold") is None, reason="only this linker numbers symbols in the order of objects")
def test_a_relocation_with_the_number_of_another_symbol_is_not_explained() -> None:
    """The relocation of a pointer is the same word, but the symbols have other numbers."""
    switches = ("-fuse-ld=gold", "-Wl,--hash-style=gnu", "-Wl,--build-id=none", "-Wl,-Bsymbolic-functions")
    sources = [(name, f"int extra_{name} = 1; int *pointer_{name} = &extra_{name};") for name in NAMES]
    first, second = (linked(order, switches, *sources) for order in ORDERS)
    assert look(first, second) == (("object-order",), ())
    structures = [elf.read(BytesContent(file)) for file in (first, second)]
    tables = [{one.name: one for one in each.sections}[".rela.dyn"] for each in structures if each is not None]
    entries = [slice(table.offset + 12, table.offset + table.size, table.entry) for table in tables]
    assert first[entries[0]] != second[entries[1]]
    changed = bytearray(second)
    changed[entries[1]] = first[entries[0]]
    assert ".rela.dyn: the same number of another symbol" in look(first, bytes(changed))[1]


def test_any_other_byte_of_a_relocation_is_not_explained() -> None:
    """Its address, its type, its symbol and what is added to it: also where an entry looks like one that moved."""
    first, second = (linked(order, ("-Wl,-Bsymbolic-functions",), *starting(), always=SHARED) for order in ORDERS)
    file = elf.read(BytesContent(second))
    assert file is not None
    section = next(one for one in file.sections if one.name == ".rela.dyn")
    assert look(first, second) == (("object-order",), ())
    for at in range(section.offset, section.offset + section.size, 5):
        changed = bytearray(second)
        changed[at] ^= 2
        assert look(first, bytes(changed))[1], hex(at)


@given(some.data())
@settings(max_examples=25, deadline=None)
def test_any_other_byte_beside_another_order_is_not_explained(data: some.DataObject) -> None:
    """In every section that is loaded, except the build id, which follows from all others."""
    switches = ("-Wl,-Bsymbolic-functions", "-Wl,--build-id=none")
    sources, always = data.draw(some.sampled_from([((), BARE), (starting(), SHARED)]))
    first, second = (linked(order, switches, *sources, always=always) for order in ORDERS)
    structure = elf.read(BytesContent(second))
    assert structure is not None
    section = data.draw(some.sampled_from([one for one in structure.sections if one.loaded and one.size]))
    changed = bytearray(second)
    at = section.offset + data.draw(some.integers(0, section.size - 1))
    changed[at] = data.draw(some.integers(0, 255).filter(lambda byte: byte not in (*NO_OPERATIONS, second[at])))
    assert look(first, bytes(changed))[1], section.name


def test_a_difference_in_code_is_shown_with_its_function_and_its_bytes() -> None:
    """At the offset of the first byte that differs, in hex on both sides."""
    bodies = ("int alpha(int x) { return x & 5; }", "int alpha(int x) { return x & 7; }")
    files = [linked(NAMES, (), ("alpha", body)) for body in bodies]
    ours, theirs = native.normalize("x.so", *map(BytesContent, files))
    assert ours.tokens.keys() == {".text"}
    first, second = ours.tokens[".text"].decode().strip(), theirs.tokens[".text"].decode().strip()
    offset = int(first.split()[0], 16)
    assert (first, second) == (f"0x{offset:x} (alpha+0x{offset:x}): \\x05", f"0x{offset:x} (alpha+0x{offset:x}): \\x07")


def test_what_differs_too_much_is_shown_in_part() -> None:
    """With its size, and from the first byte that differs."""
    first, second = (BytesContent(b"equal" + fill * 100) for fill in (b"\1", b"\2"))
    ours, theirs = beyond(first, second)
    assert ours.startswith(b"105 bytes (digest ")
    assert b"from 0x5: \\x01\\x01" in ours
    assert b"from 0x5: \\x02\\x02" in theirs
    assert len(ours) < 500
