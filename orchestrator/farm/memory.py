"""Answers that are kept in the cache from one run to the next, each under the digest of its question."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestrator.model import Provided, Tool
from orchestrator.util import cache

if TYPE_CHECKING:
    from pathlib import Path


def recall(folder: Path, question: str) -> tuple[str, ...] | None:
    """Return the remembered texts, such as dynamic build requirements; None where there are none."""
    value = _recalled(folder, question)
    return tuple(str(text) for text in value) if isinstance(value, list) else None


def remember(folder: Path, question: str, answer: tuple[str, ...]) -> None:
    """Remember texts, such as an sdist's dynamic build requirements under one lock on one image."""
    _remember(folder, question, answer)


def recall_tool(folder: Path, question: str) -> Tool | None:
    """Return a tool that was built earlier; earlier releases wrote it as a list of one text of JSON."""
    with suppress(ValueError, TypeError, LookupError, AttributeError):
        value: Any = _recalled(folder, question)
        content = json.loads(value[0]) if isinstance(value, list) else value
        fields: dict[str, Any] = {
            name: tuple(field) if isinstance(field, list) else field for name, field in content.items()
        }
        return Tool(**fields)
    return None


def remember_tool(folder: Path, question: str, tool: Tool) -> None:
    """Remember a tool that was built."""
    _remember(folder, question, asdict(tool))


def recall_provided(folder: Path, question: str) -> tuple[Provided, ...] | None:
    """Return the distributions that an image provides; earlier releases wrote each as words with blanks between."""
    with suppress(ValueError, TypeError, AttributeError):
        value: Any = _recalled(folder, question)
        if isinstance(value, list):
            return tuple(Provided(**item) if isinstance(item, dict) else Provided(*item.split(" ")) for item in value)
    return None


def remember_provided(folder: Path, question: str, provided: tuple[Provided, ...]) -> None:
    """Remember the distributions that an image provides."""
    _remember(folder, question, [asdict(distribution) for distribution in provided])


def _recalled(folder: Path, question: str) -> object:
    place = folder / "answers" / question
    with suppress(ValueError):
        value: object = json.loads(cache.read_checked(place) or "")
        cache.touch(place)
        return value
    return None


def _remember(folder: Path, question: str, value: object) -> None:
    cache.write_checked(folder / "answers" / question, json.dumps(value))
