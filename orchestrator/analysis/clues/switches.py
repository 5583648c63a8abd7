"""Reads from a project's build files which environment variables keep it from compiling, and with which values.

A project with an optional extension has, as a rule, a variable by which its publisher builds the pure wheel. Build
files are parsed and never executed. What does not parse, such as Python 2, is searched for the same forms. A hostile
file can at most name variables that `may_be_set` admits, and so make a build fail.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.model.names import may_be_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_SWITCHES = 6
"""The most switches of one sdist that are kept."""

MOST_FILES = 24
"""The most build files of one sdist that are read."""

LONGEST_FILE = 1 << 16
"""Bytes of a build file that are read."""

_MOST_READS = 200  # of variables, in all files
_MOST_NODES = 100_000  # of one file's syntax tree
_DEEPEST_CALLS = 8  # calls and methods around a read of a variable

_Switch = tuple[str, str]

# --- which files are read ------------------------------------------------------------------------

_DECLARED = frozenset({"pyproject.toml", "setup.cfg", "meson.build"})
_OF_BUILDS = re.compile(r"build|setup|backend|pep_?517|ext")
_OTHER_PURPOSE = re.compile(r"tests?|docs?|examples?|benchmarks?|conftest|noxfile|tasks")
_DEEPEST = 3  # folders below the sdist's own, with the file


def is_build_file(path: str) -> bool:
    """Return whether a file may decide how a project is built: by its path below the sdist's own folder.

    Those are the files of setuptools, of hatchling and of meson, and modules that may be a backend of the project's own
    (PEP 517, backend-path).
    """
    parts = path.lower().split("/")
    if len(parts) == 1 and parts[0] in _DECLARED:
        return True
    if len(parts) > _DEEPEST or not parts[-1].endswith(".py"):
        return False
    words = [part.removesuffix(".py") for part in parts]
    if any(_OTHER_PURPOSE.match(word) for word in words):
        return False
    return len(parts) == 1 or any(_OF_BUILDS.search(word) for word in words)


# --- what names and values mean ------------------------------------------------------------------

_SUBJECTS = re.compile(
    r"(?:^|_)(?:(?:NO|WITHOUT)?C?_?(?:EXT|EXTS|EXTENSIONS?)(?=_|$)|C_?MODULES?(?=_|$))"
    r"|SPEED_?UP|ACCEL|NATIVE|CYTHON|MYPYC|COMPILE|BINARY|RUST|CFFI|NUITKA|PYX"
)
_PURE = re.compile(r"(?:^|_)(?:PURE|PY_?PURE|PURE_?PY(?:THON)?|PYTHON_ONLY)(?=_|$)")
_AGAINST = re.compile(
    r"(?:^|_)(?:DISABLED?|NO|WITHOUT|SKIP|AVOID|OMIT|EXCLUDE|DONT|NEVER|IGNORE)(?=_|$)"
    r"|(?:^|_)(?:NO|WITHOUT|SKIP|DISABLE)(?:C?EXT|SPEED|ACCEL|NATIVE|CYTHON|MYPYC|RUST|CFFI)"
)
_NEITHER = re.compile(r"TRAC(?:E|ING)|ANNOTATE|DEBUG|VERBOSE")
_TRUE = ("1", "true", "yes", "on", "y", "t", "enable", "enabled")
_FALSE = ("0", "false", "no", "off", "n", "f", "none", "never", "disable", "disabled", "skip")
_WITHOUT = ("pure", "python", "purepython", "pure-python", "pure_python", "py")


@dataclass(slots=True)
class _Reads:
    """How the build files read one variable."""

    values: list[str] = field(default_factory=list)  # literals with which it is compared
    default: str | None = None  # what is used where it is not set
    converted: bool = False  # whether a function makes another value of it
    read: bool = False  # whether it is read, rather than only named
    unknown: bool = False  # whether it is compared with something else than literals


def switches(files: Iterable[tuple[str, bytes]]) -> tuple[_Switch, ...]:
    """Return variables and values that may keep a project from compiling, the most promising first.

    `files` are paths and contents of build files. Each variable has one value, or two.
    """
    found: dict[str, _Reads] = {}
    for path, content in islice(files, MOST_FILES):
        _add(found, path, content[:LONGEST_FILE].decode("utf-8", "replace"))
    ranked = [
        (rank, number, name, value)
        for number, (name, reads) in enumerate(found.items())
        for rank, value in _tried(name, reads)
        if may_be_set(name, value)
    ]
    return tuple((name, value) for _, _, name, value in sorted(ranked)[:MOST_SWITCHES])


def _tried(name: str, reads: _Reads) -> Iterator[tuple[int, str]]:
    """Yield the values of a variable that may keep a project from compiling, each with its rank: 0 is the best."""
    if _NEITHER.search(name):
        return
    is_subject, is_pure = bool(_SUBJECTS.search(name)), bool(_PURE.search(name))
    if is_pure or _AGAINST.search(name):
        rank = 0 if is_subject or is_pure else 3
        if reads.read or rank == 0:
            yield rank + 2 * (not reads.read), _true_of(reads)
        return
    if without := _first(reads, _WITHOUT):
        yield 1, without
    if is_subject:
        yield from _switched_off(reads)


def _true_of(reads: _Reads) -> str:
    """Return a value that is true where it is read: a literal that looks so, or else 1."""
    return _first(reads, _TRUE) or "1"


def _switched_off(reads: _Reads) -> Iterator[tuple[int, str]]:
    """Yield values that are false where they are read; none if the variable is false unless it is set.

    A value that no literal names is a guess. Where it is read as it is, only the empty one is false.
    """
    if value := _first(reads, _FALSE):
        yield 0, value
    elif not reads.read:
        yield 4, "0"
    elif reads.values or reads.unknown or reads.converted:
        if reads.default is not None or reads.unknown or reads.converted:
            yield 1, "0"
    elif reads.default:
        yield 1, ""


def _first(reads: _Reads, words: tuple[str, ...]) -> str:
    """Return the first literal that is one of these words; empty if none is."""
    return next((value for value in reads.values if value.lower() in words), "")


# --- what the files read -------------------------------------------------------------------------

_MENTION = re.compile(r"environ|getenv")
_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_LONGEST_NAME = 64


def _add(found: dict[str, _Reads], path: str, text: str) -> None:
    """Add what one file reads. A file that does not parse, or that is no Python, is searched."""
    if not path.endswith(".py"):
        for match in islice(_ASSIGNED.finditer(text), _MOST_READS):
            _of(found, match[1])
        return
    if not _MENTION.search(text):
        return
    tree = _parsed(text)
    if tree is None:
        _search(found, text)
    else:
        _File(found, tree).read()


def _of(found: dict[str, _Reads], name: str) -> _Reads:
    """Return what is known of a variable; what is beyond the bounds is lost."""
    if len(name) > _LONGEST_NAME or (name not in found and len(found) >= _MOST_READS):
        return _Reads()
    return found.setdefault(name, _Reads())


def _parsed(text: str) -> list[ast.AST] | None:
    """Return all nodes of a module; None if it is no Python 3, or nested too deeply.

    The parser and the making of its tree have limits of their own: they raise, and nothing is recursive here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(islice(ast.walk(ast.parse(text)), _MOST_NODES))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


_ASSIGNED = re.compile(r"\b([A-Z][A-Z0-9]{0,30}(?:_[A-Z0-9]{1,30}){1,8})[\"']?\s?[=:]")
_READ = re.compile(r"(?:\benviron(?:\.get)?\s{0,4}[\[(]|\bgetenv\s{0,4}\()\s{0,4}[\"']([A-Z][A-Z0-9_]{0,63})[\"']")
_COMPARED = re.compile(r"[!=]=\s{0,4}[\"']([\w.-]{0,32})[\"']")
_NEAR = 80  # characters after a read in which its comparison is looked for


def _search(found: dict[str, _Reads], text: str) -> None:
    for match in islice(_READ.finditer(text), _MOST_READS):
        reads = _of(found, match[1])
        reads.read = True
        line = text[match.end() : match.end() + _NEAR].partition("\n")[0]
        compared = _COMPARED.search(line)
        if compared:
            reads.values.append(compared[1])


class _File:
    """One parsed build file, and what it reads."""

    def __init__(self, found: dict[str, _Reads], nodes: list[ast.AST]) -> None:
        """Collect constants, and the names of the program to which variables are assigned."""
        self._found, self._nodes = found, nodes
        self._constants: dict[str, str] = {}
        self._held: dict[str, list[str]] = {}
        assigned = [(target, value) for node in nodes for target, value in _assigned(node)]
        for target, value in assigned:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                self._constants.setdefault(target, value.value)
        for target, value in assigned:
            names = [name for one in islice(ast.walk(value), _DEEPEST_CALLS * 4) if (name := self._variable(one))]
            self._held.setdefault(target, []).extend(names[:4])

    def read(self) -> None:
        """Add all reads, comparisons, conversions; then what is only named: by a text of that form."""
        for node in self._nodes:
            if name := self._variable(node):
                self._add_read(name, node)
            if isinstance(node, ast.Compare):
                self._add_compared(node)
            elif isinstance(node, ast.Call):
                self._add_converted(node)
        for node in self._nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_name(node.value):
                _of(self._found, node.value)

    def _add_read(self, name: str, node: ast.AST) -> None:
        reads = _of(self._found, name)
        reads.read = True
        if isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            default = node.args[1].value
            reads.default = reads.default if default is None else str(default)[:_LONGEST_NAME]

    def _add_compared(self, node: ast.Compare) -> None:
        """Add the literals of a comparison to the variables on its other side."""
        sides = [node.left, *node.comparators]
        names = [name for side in sides for name in self._names(side)]
        if isinstance(node.ops[0], (ast.Is, ast.IsNot)) or not names:
            return
        literals = [text for side in sides for text in self._literals(side)]
        for name in names:
            reads = _of(self._found, name)
            reads.values.extend(literals[:16])
            reads.unknown |= not literals

    def _add_converted(self, node: ast.Call) -> None:
        """Note that a variable is an argument of a function, but for those that keep whether it is true."""
        if isinstance(node.func, ast.Name) and node.func.id in {"bool", "str", "print", "len"}:
            return
        if self._variable(node):
            return
        for argument in node.args[:4]:
            for name in self._names(argument):
                _of(self._found, name).converted = True

    def _names(self, node: ast.AST) -> list[str]:
        """Return the variables that an expression is: read there or held by a name, through calls of methods."""
        for _ in range(_DEEPEST_CALLS):
            if name := self._variable(node):
                return [name]
            if isinstance(node, ast.Name):
                return self._held.get(node.id, [])
            inner = _inner(node)
            if inner is None:
                return []
            node = inner
        return []

    def _variable(self, node: ast.AST) -> str:
        """Return the environment variable that an expression reads: by get, getenv, an index; empty if it does not."""
        key: ast.AST | None = None
        if isinstance(node, ast.Subscript) and _ends_with(node.value, "environ"):
            key = node.slice
        elif isinstance(node, ast.Call) and node.args and _is_read(node.func):
            key = node.args[0]
        name = self._text(key)
        return name if _is_variable(name) else ""

    def _text(self, node: ast.AST | None) -> str:
        if isinstance(node, ast.Name):
            return self._constants.get(node.id, "")
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""

    def _literals(self, node: ast.AST) -> list[str]:
        """Return the texts of a literal, or of a collection of some; a number's too, as a variable may be converted."""
        elements = node.elts if isinstance(node, (ast.Tuple, ast.List, ast.Set)) else [node]
        return [
            str(one.value)
            for one in elements[:16]
            if isinstance(one, ast.Constant) and isinstance(one.value, (str, int)) and _is_short(one.value)
        ]


def _is_short(value: str | int) -> bool:
    """Return whether a literal is short: a huge number is not even written out."""
    return len(value) <= _LONGEST_NAME if isinstance(value, str) else abs(value) < 1 << 32


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield simple names and what they are given."""
    if isinstance(node, ast.Assign):
        yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value


def _inner(node: ast.AST) -> ast.AST | None:
    """Return what an expression is made of: `x` of `x.lower()`, `str(x)`, `x or y` and `(x := y)`; None of others."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return node.func.value
        return node.args[0] if node.args else None
    if isinstance(node, ast.BoolOp):
        return node.values[0]
    return node.value if isinstance(node, ast.NamedExpr) else None


def _is_read(function: ast.AST) -> bool:
    """Return whether a function reads a variable: getenv, or get of environ."""
    if isinstance(function, ast.Attribute) and function.attr in {"get", "pop", "setdefault"}:
        return _ends_with(function.value, "environ")
    return _ends_with(function, "getenv")


def _ends_with(node: ast.AST, name: str) -> bool:
    return (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)


def _is_variable(text: str) -> bool:
    return len(text) <= _LONGEST_NAME and may_be_set(text, "")


def _is_name(text: str) -> bool:
    """Return whether a text looks like the name of a variable of a project."""
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None and not text.startswith("CYTHON_")
