"""Pairs of small wheels, written to disk and diagnosed as by the farm."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.analysis import contents, wheel
from orchestrator.analysis.compare import compare
from orchestrator.analysis.contents import Opened
from orchestrator.analysis.diagnose import diagnose
from orchestrator.analysis.wheel_side import UNKNOWN, WheelSide
from orchestrator.build.variations import NAMES, traces
from orchestrator.model import NO_GROUNDS, Grounds, Wheel, WheelFile
from orchestrator.util.cache import sha256_of
from tests import samples
from tests.samples import FIRST, SECOND

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterable, Mapping

    from orchestrator.model import Diagnosis, Traces

    Members = Mapping[str, bytes] | Iterable[tuple[zipfile.ZipInfo | str, bytes]]

OURS, THEIRS = (traces(samples.built(name, one, "1")) for name, one in (("first", FIRST), ("second", SECOND)))
"""The values planted by the environments of the samples."""

SUSPECTED = Grounds(suspected=NAMES)
"""What is known before experiments have decided: all variations may have acted."""

NAME = "pkg-1.0-py3-none-any.whl"
LIMIT = 1 << 30
MEMBERS = 10_000


def diagnosed(
    first: Members,
    second: Members,
    *,
    known: tuple[Traces, Traces] = (OURS, THEIRS),
    names: tuple[str, str] = (NAME, NAME),
    grounds: Grounds | None = None,
) -> Diagnosis:
    """Write two wheels and diagnose them; by default, builds of unknown environments show nothing of them."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.whl" for number in range(2)]
        for path, members in zip(paths, (first, second), strict=True):
            samples.wheel(path, members)
        return diagnosed_files(paths[0], paths[1], known=known, names=names, grounds=grounds)


def diagnosed_files(
    first: Path,
    second: Path,
    *,
    known: tuple[Traces, Traces] = (UNKNOWN, UNKNOWN),
    names: tuple[str, str],
    grounds: Grounds | None = None,
) -> Diagnosis:
    """Diagnose two wheel files."""
    with ExitStack() as stack:
        pair = []
        for path, planted, name in zip((first, second), known, names, strict=True):
            claimed = WheelFile(name, sha256_of(path), path.stat().st_size)
            read = wheel.read(path, claimed, LIMIT, MEMBERS)
            opened = stack.enter_context(contents.opened(path, claimed, LIMIT, MEMBERS))
            assert isinstance(read, Wheel), read
            assert isinstance(opened, Opened), opened
            pair.append(WheelSide(read, opened, planted))
        shown = grounds or (NO_GROUNDS if UNKNOWN in known else SUSPECTED)
        return diagnose(pair[0], pair[1], compare(pair[0].wheel, pair[1].wheel), grounds=shown)


def recorded(path: str, content: bytes) -> str:
    """Return RECORD's line of a member."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}\n"


def causes(found: Diagnosis) -> list[str]:
    """Name the causes of a diagnosis."""
    return [cause.name for cause in found.causes]


def left(found: Diagnosis) -> list[tuple[str, str, str]]:
    """List what a diagnosis leaves unexplained, and what does not even look like a cause."""
    return [(one.path, one.aspect.value, one.where) for one in found.unexplained if not one.looks_like]


def guessed(found: Diagnosis) -> list[tuple[str, str]]:
    """List the unexplained places that look like a cause: (path, cause)."""
    return [(one.path, one.looks_like) for one in found.unexplained if one.looks_like]
