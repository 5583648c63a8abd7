"""Requirements without versions -> a requirements file that pins all that they need, with hashes.

uv resolves for the Python of one image, and builds nothing: the versions that it chooses have wheels. The hashes are of
all files of a release, its sdist included.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from orchestrator.build_requirements.resolve import is_honest, until
from orchestrator.build_requirements.uv import raise_fault
from orchestrator.errors import UsageError
from orchestrator.model import digest
from orchestrator.util.cache import Turns, touch, write
from orchestrator.util.logs import printable
from orchestrator.util.retry import retrying

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from orchestrator.build_requirements.uv import Completed, Uv
    from orchestrator.model import Target

_LAYOUT = 1  # of a kept file
_LONGEST = 2000  # characters of uv's explanation
_NO_WHEEL = "no usable wheels"
_TURNS = Turns()
_ARGUMENTS = ("--generate-hashes", "--no-header", "--no-annotate")


@dataclass(frozen=True, slots=True)
class Request:
    """All that decides a lock of requirements."""

    requirements: tuple[str, ...]  # PEP 508, without markers; in any order
    target: Target
    index_url: str | None  # None: uv's default
    as_of: datetime | None  # UTC; None: the index as it is
    today: date  # UTC

    @property
    def key(self) -> str:
        """A hash of it all; it has today's date only while the index may still change the answer."""
        settled = self.as_of is not None and self.as_of <= datetime.combine(self.today, time(), tzinfo=UTC)
        asked = (sorted(set(self.requirements)), asdict(self.target), self.index_url, self.as_of)
        return digest([_LAYOUT, *asked, None if settled else self.today])


def place(request: Request, cache: Path) -> Path:
    """Return where the lock of a request is kept."""
    return cache / "locks" / f"{request.key}-requirements.txt"


def lock_requirements(request: Request, uv: Uv, retry_wait: float = 0.5) -> Path:
    """Lock requirements, and return the requirements file, which is kept in the cache.

    Raises
    ------
    UsageError
        The requirements contradict each other, or no release with a wheel meets them.
    PackageIndexError
        The index answers wrongly.
    TransientIndexError
        The index does not answer, after several tries.
    ResultsError
        The cache cannot be written.

    """
    kept = place(request, uv.cache)
    with _TURNS.turn(str(kept)):
        if not touch(kept):
            kept.parent.mkdir(parents=True, exist_ok=True)
            write(kept, _header(request) + retrying(_compiled, first_wait=retry_wait)(request, uv))
    return kept


def _compiled(request: Request, uv: Uv) -> str:
    lines = sorted({str(Requirement(text)) for text in request.requirements})  # only requirements reach uv
    done = uv.pip("compile", request.target, [*_ARGUMENTS, *until(request.as_of)], lines)
    if is_honest(done):
        raise UsageError(_conflict(request, done))
    if done.exit_code:
        raise_fault("resolving the requirements", done)
    return done.output


def _conflict(request: Request, done: Completed) -> str:
    """Return uv's explanation, without its hints, which name options of uv."""
    why = " ".join(done.error.partition("\nhint:")[0].split())
    shown = printable(why if len(why) <= _LONGEST else f"{why[:_LONGEST]}...")
    advice = "change the requirements, or name another image"
    if _NO_WHEEL in why:
        advice = "resolving builds nothing: pin what has no wheel in a file of all versions, and leave out --resolve"
    return (
        f"resolving the requirements for Python {request.target.python} on {request.target.platform}: {shown}; {advice}"
    )


def _header(request: Request) -> str:
    moment = f", as of {request.as_of.isoformat()}" if request.as_of else ""
    return f"# Resolved for Python {request.target.python} on {request.target.platform}{moment}.\n"
