"""The programs that a recipe embeds, as texts: those in `programs`, and the farm's own for finished wheels."""

from __future__ import annotations

import ast
import gc
import re
from contextlib import contextmanager
from functools import cache
from importlib import resources
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAMS = "orchestrator.recipes.programs"
_COMMENT = re.compile(r"(?:^|  )\s*# .*$")
_INDENT = re.compile(r"^(?:    )+", re.MULTILINE)
_PARSING = Lock()


@cache
def check() -> str:
    """Return the program that checks Python, pip and the compiler, and keeps the user's package index."""
    return _of(_PROGRAMS, "check.py")


@cache
def unpack() -> str:
    """Return the program that fetches and unpacks an sdist, and creates an environment."""
    return _of(_PROGRAMS, "unpack.py")


@cache
def crlf() -> str:
    """Return the program that changes how lines end."""
    return _of(_PROGRAMS, "crlf.py")


@cache
def written_crlf() -> str:
    """Return the module that ends the lines of written text files with CR LF."""
    return _of("orchestrator.guest", "line_ends.py")


@cache
def wrap() -> str:
    """Return the program that writes wrappers of compilers."""
    return _of(_PROGRAMS, "wrap.py")


@cache
def install() -> str:
    """Return the program that runs pip."""
    return _of(_PROGRAMS, "install.py")


@cache
def hook() -> str:
    """Return the program that calls a build backend."""
    return _of(_PROGRAMS, "hook.py")


@cache
def finish() -> str:
    """Return the program that applies remedies to a finished wheel: the farm's own."""
    return _of("orchestrator.guest", "postprocess.py")


@cache
def restamp() -> str:
    """Return the program that takes fields of the published wheel's archive: the farm's own."""
    return _of("orchestrator.guest", "restamp.py")


def _of(package: str, name: str) -> str:
    return embedded(resources.files(package).joinpath(name).read_text("utf-8"))


def embedded(source: str) -> str:
    """Return a program without docstrings, comments, blank lines and types, indented by one space each.

    No string of the program may have a line break or contain two spaces and a #. No annotation may have a line break.
    """
    lines = source.splitlines()
    with _undisturbed():
        tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    for line, start, end in sorted((span for node in nodes for span in _types(node)), reverse=True):
        lines[line - 1] = lines[line - 1][:start] + lines[line - 1][end:]
    dropped = {number for node in nodes for number in _dropped(node)}
    kept = (_COMMENT.sub("", line) for number, line in enumerate(lines, start=1) if number not in dropped)
    text = "".join(f"{line}\n" for line in kept if line.strip())
    return _INDENT.sub(lambda spaces: " " * (len(spaces[0]) // 4), text)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep other threads from parsing while a tree is made.

    CPython before 3.11.8 and 3.12.2 counts the depth of all trees together, and raises SystemError if a garbage
    collection while a tree is made lets another thread make one (gh-106905). Libraries parse without this lock, so
    that collections also have to wait.
    """
    with _PARSING:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if was_enabled:
                gc.enable()


def _dropped(node: ast.AST) -> range:
    """Return the lines of a program that a node takes up, if they do nothing when it runs."""
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    flag = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TYPE_CHECKING"
    future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
    if isinstance(node, ast.stmt) and (docstring or types or flag or future):
        return range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return range(0)


def _types(node: ast.AST) -> Iterator[tuple[int, int, int]]:
    """Yield the annotations of a node, each as its line and the columns where it begins and ends, with : or ->."""
    if isinstance(node, ast.arg) and node.annotation:
        yield node.lineno, node.col_offset + len(node.arg), node.annotation.end_col_offset or 0
    if isinstance(node, ast.FunctionDef) and node.returns:
        yield node.returns.lineno, node.returns.col_offset - len(" -> "), node.returns.end_col_offset or 0
    if isinstance(node, ast.AnnAssign):
        yield node.lineno, node.target.end_col_offset or 0, node.annotation.end_col_offset or 0
