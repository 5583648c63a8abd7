"""Which groups and extras of a file are read, and what is left of its markers once that is known."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from packaging.markers import Marker

from orchestrator.errors import UsageError
from orchestrator.requirement_files.entries import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAIN = "main"
"""The name of the dependencies of a project itself, as Poetry calls them."""

_OPERAND = r"""(?:"[^"]*"|'[^']*'|[a-z_.]+)"""
_TOKEN = re.compile(rf"\s*([()]|{_OPERAND} (?:[=!<>~]+|not in|in) {_OPERAND}|and\b|or\b)")
_PARTS = re.compile(rf"({_OPERAND}) ([=!<>~]+|not in|in) ({_OPERAND})")
_STRENGTH = {"or": 1, "and": 2}
_NEGATIVE = ("!=", "not in")


@dataclass(frozen=True, slots=True)
class Selection:
    """The groups and extras that are asked for, by normalized names; without any, a file is read whole."""

    only: tuple[str, ...] = ()  # just these
    groups: tuple[str, ...] = ()  # these, and the project's own dependencies
    extras: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is selected: a lock is read with all its groups and extras."""
        return not (self.only or self.groups or self.extras)

    @property
    def has_main(self) -> bool:
        """Whether the dependencies of the project itself are selected."""
        return not self.only or MAIN in self.only

    @property
    def named(self) -> tuple[str, ...]:
        """The selected groups other than the project's own dependencies."""
        return tuple(name for name in self.only or self.groups if name != MAIN)

    @property
    def selected(self) -> tuple[str, ...]:
        """All selected groups."""
        return ((MAIN,) if self.has_main else ()) + self.named

    def takes(self, groups: Iterable[str]) -> bool:
        """Return whether what belongs to these groups is selected."""
        return self.is_whole or not set(self.selected).isdisjoint(groups)


WHOLE = Selection()


def selection(only: Iterable[str], groups: Iterable[str], extras: Iterable[str]) -> Selection:
    """Return what the options ask for; a value may be several names with commas between them, as Poetry has it.

    Raises
    ------
    UsageError
        A name is invalid, or the options exclude each other.

    """
    chosen = Selection(_names("--only", only), _names("--group", groups), _names("--extra", extras))
    if chosen.only and chosen.groups:
        msg = "reading the options: --only takes just its groups, --group adds to main; name all groups with --only"
        raise UsageError(msg)
    if chosen.extras and not chosen.has_main:
        msg = f"reading the options: --extra adds to {MAIN}, which --only leaves out; add {MAIN} to --only"
        raise UsageError(msg)
    return chosen


def _names(option: str, values: Iterable[str]) -> tuple[str, ...]:
    parts = [part.strip() for value in values for part in value.split(",")]
    try:
        return tuple(dict.fromkeys(name_of(part) for part in parts))
    except ValueError as error:
        msg = f"reading {option}: {str(error).replace('project name (PEP 503)', 'name of a group or an extra')}"
        raise UsageError(msg) from None


def normalized(name: object) -> str:
    """Return the normalized name of a group or an extra; empty if it is not a name."""
    try:
        return name_of(name) if isinstance(name, str) else ""
    except ValueError:
        return ""


# --- markers ---------------------------------------------------------------------------------


def either(markers: Iterable[str]) -> str:
    """Return a marker that applies where any of the markers does; an empty marker always applies."""
    different = list(dict.fromkeys(markers))
    if "" in different or len(different) < 2:  # noqa: PLR2004 - a single marker needs no brackets
        return "" if "" in different or not different else different[0]
    return " or ".join(f"({marker})" for marker in different)


def mentions_extra(marker: str) -> bool:
    """Return whether a marker depends on extras or groups."""
    return "extra" in marker or "dependency_groups" in marker


def reduced(marker: str, chosen: Selection, groups: Iterable[str] = ()) -> str | None:
    """Return what is left of a marker once extras and groups are chosen: "" if it always applies, None if never.

    `groups` are the groups that count as chosen (PEP 751). If everything is chosen, each comparison with an extra or
    a group is true. A marker without such a comparison, and one that cannot be read, is returned as it is.
    """
    if not mentions_extra(marker):
        return marker
    try:
        text = str(Marker(marker))
    except (ValueError, RecursionError):
        return marker
    known = frozenset(groups)

    def truth(comparison: str) -> bool | str:
        return _truth(comparison, chosen, known)

    left = _folded(text, truth)
    if isinstance(left, bool):
        return "" if left else None
    return marker if left is None else left


def _truth(comparison: str, chosen: Selection, groups: frozenset[str]) -> bool | str:
    """Return whether a comparison with an extra or a group is true; another comparison is returned as it is."""
    parts = _PARTS.fullmatch(comparison)
    left, operator, right = parts.groups() if parts else ("", "", "")
    variable, value = (right, left) if left[:1] in "\"'" else (left, right)
    if variable not in {"extra", "extras", "dependency_groups"}:
        return comparison
    if chosen.is_whole:
        return True
    there = groups if variable == "dependency_groups" else chosen.extras
    return (normalized(value.strip("\"'")) in there) is not (operator in _NEGATIVE)


@dataclass(slots=True)
class _Folding:
    """The two stacks of an expression that is read from left to right."""

    values: list[bool | str] = field(default_factory=list)
    operators: list[str] = field(default_factory=list)

    def apply(self, strength: int) -> None:
        """Apply the operators on the stack that are at least so strong, down to a bracket."""
        while self.operators and _STRENGTH.get(self.operators[-1], 0) >= strength:
            second, first = self.values.pop(), self.values.pop()
            self.values.append(_joined(self.operators.pop(), first, second))


def _folded(text: str, truth: Callable[[str], bool | str]) -> bool | str | None:
    """Return a marker without the comparisons that are settled; None if it cannot be read."""
    folding = _Folding()
    try:
        for token in chain(_tokens(text), (")",)):
            _take(folding, token, truth)
        (left,) = folding.values
    except (IndexError, ValueError):
        return None
    return left


def _take(folding: _Folding, token: str, truth: Callable[[str], bool | str]) -> None:
    if token == "(":  # noqa: S105 - of an expression
        folding.operators.append(token)
    elif token == ")":  # noqa: S105 - as before
        folding.apply(1)
        if folding.operators:
            folding.operators.pop()
    elif token in _STRENGTH:
        folding.apply(_STRENGTH[token])
        folding.operators.append(token)
    else:
        folding.values.append(truth(token))


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(text)
        yield match[1]
        at = match.end()


def _joined(operator: str, first: bool | str, second: bool | str) -> bool | str:  # noqa: FBT001 - values of an expression
    settled = operator == "or"  # the value that decides the whole
    if settled in (first, second):
        return settled
    if isinstance(first, bool):
        return second
    return first if isinstance(second, bool) else f"({first} {operator} {second})"
