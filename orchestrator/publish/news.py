"""The changes of a run in words and as JSON: for the closing lines of a run, the feed and the operator's command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from pydantic_core import to_json

from orchestrator.model import ChangeKind, RunChange
from orchestrator.publish.phrases import listed
from orchestrator.util import escapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.model import RunRecord

NEWS_SCHEMA = 1
"""Version of the form that the operator's command reads."""

_FEW = 5  # names that a line lists
_LONGEST = 300  # characters of a reason or a culprit in a line
_CHANGES = TypeAdapter(tuple[RunChange, ...])
_ORDER = (
    ChangeKind.FAILED,
    ChangeKind.RECOVERED,
    ChangeKind.WORSE,
    ChangeKind.WITHDRAWN,
    ChangeKind.OPENED,
    ChangeKind.BETTER,
    ChangeKind.RETURNED,
    ChangeKind.CLOSED,
    ChangeKind.CHANGED,
)


def lines(run: RunRecord) -> tuple[str, ...]:
    """Return the changes of a run in words, the most urgent first; those that differ only in the release are a line."""
    alike: dict[tuple[str, ...], list[RunChange]] = {}
    for change in sorted(run.changes, key=lambda change: _ORDER.index(change.kind)):
        alike.setdefault(_sort(change), []).append(change)
    return tuple(_line(changes) for changes in alike.values())


def headline(run: RunRecord) -> str:
    """Return how many changes of each kind a run had: "2 worse, 1 better"."""
    kinds = [change.kind for change in run.changes]
    return ", ".join(_counted(kind, kinds.count(kind)) for kind in _ORDER if kind in kinds)


def as_json(run: RunRecord) -> str:
    """Return the changes of a run as JSON, for the operator's command."""
    value = {
        "schema": NEWS_SCHEMA,
        "started": run.started.isoformat(),
        "finished": run.finished.isoformat(),
        "status": run.status.value,
        "headline": headline(run),
        "lines": list(lines(run)),
        "changes": _CHANGES.dump_python(run.changes, mode="json"),
    }
    return to_json(escapes.all_escaped(value), indent=1).decode() + "\n"


_COUNTED = {
    ChangeKind.OPENED: "without a verdict",
    ChangeKind.CLOSED: "no longer open",
    ChangeKind.RETURNED: "offered again",
}


def _counted(kind: ChangeKind, count: int) -> str:
    if kind is ChangeKind.FAILED:
        return "the farm failed"
    if kind is ChangeKind.RECOVERED:
        return "the farm works again"
    return f"{count} {_COUNTED.get(kind, kind.value)}"


def _sort(change: RunChange) -> tuple[str, ...]:
    """Return what changes have in common that are one line."""
    of = change.kind, change.subject
    if change.kind in {ChangeKind.OPENED, ChangeKind.CLOSED}:
        return (*of, change.fault or "")
    if change.subject == "bytes":
        return (*of, change.culprit)
    if change.subject:
        return (*of, change.earlier, change.later, change.culprit)
    return (*of, change.reason)


def _line(changes: list[RunChange]) -> str:
    first = changes[0]
    text: str = _SENTENCES[first.kind](first, _names(changes))
    return escapes.visible(" ".join(text.split()))


def _names(changes: Iterable[RunChange]) -> str:
    names = list(dict.fromkeys(map(_name, changes)))
    return listed([*names[:_FEW], f"{len(names) - _FEW} more"] if len(names) > _FEW else names)


def _name(change: RunChange) -> str:
    what = f"{change.project} {change.version}" if change.version else change.project or change.requirement
    what = change.wheel or what
    return f"{what} on {change.image}" if change.image else what


def _judged(change: RunChange, names: str) -> str:
    if change.subject == "bytes":
        known = "the same verdict, " if change.kind is ChangeKind.CHANGED else ""
        what = f"{known}other bytes than before"
    elif change.earlier_version:
        what = f"{change.later}; {change.earlier_version} was {change.earlier}"
    else:
        what = f"{change.earlier} before, now {change.later}"
    suspect = f" ({_short(change.culprit)})" if change.culprit else ""
    return f"{change.kind}: {names}: {what}{suspect}"


def _reason(change: RunChange) -> str:
    return _short(change.reason.strip().partition("\n")[0])


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


_SENTENCES: Mapping[ChangeKind, Callable[[RunChange, str], str]] = {
    ChangeKind.WORSE: _judged,
    ChangeKind.BETTER: _judged,
    ChangeKind.CHANGED: _judged,
    ChangeKind.OPENED: lambda change, names: f"no verdict ({change.fault}): {names}: {_reason(change)}",
    ChangeKind.CLOSED: lambda _, names: f"no longer open: {names}",
    ChangeKind.WITHDRAWN: lambda change, names: f"withdrawn: {names}: {_reason(change)}",
    ChangeKind.RETURNED: lambda _, names: f"offered again: {names}",
    ChangeKind.FAILED: lambda change, _: f"the farm gives no verdicts ({change.fault}): {_reason(change)}",
    ChangeKind.RECOVERED: lambda change, _: (
        f"the farm gives verdicts again; it did not ({change.fault}): {_reason(change)}"
    ),
}
