"""Reads from an sdist what has to be known before it is built. Runs nothing of it."""

from __future__ import annotations

import tomllib
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.guest import Unfit, opened, survey
from orchestrator.model import Failure, Phase, Reason

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Limits

LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
"""What builds a project that names no build backend (PEP 517)."""

LEGACY_REQUIRES = ("setuptools>=40.8.0",)
"""What such a project requires (PEP 518); setuptools asks for wheel itself where it still needs it."""

_LONGEST_PYPROJECT = 4 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """An sdist on our disk, and how it wants to be built."""

    path: Path
    requires: tuple[str, ...]
    backend: str
    backend_path: tuple[str, ...] = ()


def describe(path: Path, limits: Limits) -> Source | Failure:
    """Tell how an sdist wants to be built, or why it cannot be unpacked at all."""
    try:
        with closing(opened(str(path))) as archive:
            found = survey(archive, limits.sdist, limits.members)
            entry = found.get("pyproject.toml")
            if entry is None or entry.kind != "file":
                return Source(path, LEGACY_REQUIRES, LEGACY_BACKEND)
            with archive.open(entry) as stream:
                text = stream.read(_LONGEST_PYPROJECT).decode()
        return _build_system(path, tomllib.loads(text).get("build-system"))
    except Unfit as finding:
        return _broken(str(finding), Reason(finding.reason))
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML
        return _broken(f"pyproject.toml: {error}")
    except Exception as error:  # noqa: BLE001 - a decompressor's own, on bytes made to break it
        return _broken(f"cannot be read: {type(error).__name__}: {error}")


def _build_system(path: Path, table: Any) -> Source | Failure:  # noqa: ANN401 - whatever TOML gave
    if table is None:
        return Source(path, LEGACY_REQUIRES, LEGACY_BACKEND)
    requires = table.get("requires") if isinstance(table, dict) else None
    if requires is None or not _texts(requires):
        return _broken("pyproject.toml: build-system.requires is not a list of requirements (PEP 518)")
    backend = table.get("build-backend", LEGACY_BACKEND)
    folders = table.get("backend-path", [])
    if not isinstance(backend, str) or not _texts(folders):
        return _broken("pyproject.toml: build-backend or backend-path is not as PEP 517 says")
    if any(folder.startswith("/") or ".." in folder.split("/") for folder in folders):
        return _broken("pyproject.toml: backend-path leads out of the sdist (PEP 517)")
    return Source(path, tuple(requires), backend, tuple(folders))


def _texts(value: Any) -> bool:  # noqa: ANN401 - whatever TOML gave
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _broken(detail: str, reason: Reason = Reason.BROKEN_SDIST) -> Failure:
    return Failure(reason, Phase.UNPACK, detail[:2000])
