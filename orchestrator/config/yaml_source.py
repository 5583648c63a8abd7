"""YAML -> plain data, with the place of each key and value. The only module that imports yaml."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from orchestrator.requirement_files.entries import short

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 1 << 20
"""Characters of a configuration."""

DEEPEST = 12
"""Levels of nesting; ours has five."""

Loc = tuple[str | int, ...]
"""The path to a value, by keys and numbers."""

KEY = "[key]"
"""The last step of the path to a key, rather than to its value, as in pydantic."""

_PLAIN = re.compile(r"[\w-]{1,60}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """What is wrong, and where."""

    line: int  # from 1, as editors count
    column: int
    where: str
    what: str


class _Loader(yaml.SafeLoader):
    """A loader without aliases and tags: a configuration needs none, and aliases allow exponential expansion."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - the library's
        """Compose a node, unless it is an alias, has a tag or is nested too deep."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if problem := _refused(event, self.depth):
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _refused(event: object, depth: int) -> str:
    if isinstance(event, yaml.AliasEvent):
        return "an alias (*name); write the value out"
    if getattr(event, "tag", None) is not None:
        return "a tag (!name); plain values need none"
    return f"nested more than {DEEPEST} deep" if depth == DEEPEST else ""


@dataclass(slots=True)
class Document:
    """Plain data, with the place of each key and value; filled while it is read."""

    data: Any = field(default_factory=dict)
    keys: dict[Loc, tuple[int, int]] = field(default_factory=dict)
    values: dict[Loc, tuple[int, int]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    @classmethod
    def read(cls, text: str) -> Document:
        """Read one document; its mistakes list what cannot be read."""
        document = cls()
        if len(text) > LONGEST:
            document.mistakes.append(Mistake(1, 1, "", f"longer than {LONGEST:,} characters"))
            return document
        try:
            loader = _Loader(text)
            if (root := loader.get_single_node()) is not None and root.tag != "tag:yaml.org,2002:null":
                document.data = document.value(loader, root, ())
        except yaml.reader.ReaderError as error:
            line, column = text.count("\n", 0, error.position) + 1, error.position - text.rfind("\n", 0, error.position)
            what = f"the character U+{error.character:04X} must be escaped"
            document.mistakes.append(Mistake(line, column, "", what))
        except yaml.MarkedYAMLError as error:
            what = "; ".join(one for one in (error.context, error.problem) if one)
            document.mistakes.append(Mistake(*_place(error.problem_mark), "", f"not understood as YAML: {what}"))
        return document

    def value(self, loader: _Loader, node: yaml.Node, loc: Loc) -> object:
        """Turn a node and all below it into plain data."""
        self.values[loc] = _place(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(loader, node, loc)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(loader, one, (*loc, number)) for number, one in enumerate(node.value)]
        try:
            return loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            self.mistakes.append(self.at(loc, f"{short(node.value)} looks like a date or a number, but is none"))
            return None

    def mapping(self, loader: _Loader, node: yaml.MappingNode, loc: Loc) -> dict[str, object]:
        """Turn a mapping's node into a dictionary; a repeated key is a mistake."""
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            place = _place(key_node.start_mark)
            key = _key(key_node)
            if key is None:
                what = "a key must be text; put it in quotes"
                self.mistakes.append(Mistake(*place, _where(loc), what))
            elif key in found:
                what = f"stands twice, here and in line {self.keys[*loc, key][0]}"
                self.mistakes.append(Mistake(*place, _where((*loc, key)), what))
            else:
                self.keys[*loc, key] = place
                found[key] = self.value(loader, value_node, (*loc, key))
        return found

    def with_mistakes(self, found: Iterable[tuple[Loc, str]]) -> tuple[Mistake, ...]:
        """Add mistakes of validation to those of reading, except at places that could not be read."""
        unread = {(one.line, one.column, one.where) for one in self.mistakes}
        placed = (self.at(loc, what) for loc, what in found)
        return (*self.mistakes, *(one for one in placed if (one.line, one.column, one.where) not in unread))

    def at(self, loc: Loc, what: str) -> Mistake:
        """Place a mistake at the value that `loc` leads to, or its key, or else at its parent."""
        of_key = loc[-1:] == (KEY,)
        known = loc = loc[:-1] if of_key else loc
        while known and known not in self.values:
            known = known[:-1]
        place = (self.keys.get(known) if of_key else None) or self.values.get(known, (1, 1))
        return Mistake(*place, _where(loc), what)


def _key(node: yaml.Node) -> str | None:
    text = isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str"
    return str(node.value) if text else None


def _place(mark: yaml.Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _where(loc: Loc) -> str:
    """Write the path to a value in Python notation; unusual keys are escaped, since a terminal shows them."""
    steps = (f"[{one}]" if isinstance(one, int) else f".{one if _PLAIN.fullmatch(one) else short(one)}" for one in loc)
    return "".join(steps).removeprefix(".")


def report(name: str, mistakes: Iterable[Mistake]) -> str:
    """List all mistakes, by line, as compilers do, so that editors can jump to each."""
    ordered = sorted(set(mistakes))
    count = "1 mistake" if len(ordered) == 1 else f"{len(ordered)} mistakes"
    lines = (f"{name}:{one.line}:{one.column}: {f'{one.where}: ' if one.where else ''}{one.what}" for one in ordered)
    return "\n".join((f"reading {name}: {count}; nothing was run", *lines))
