"""The evidence of each wheel of a wheelhouse: in-toto statements, and a .buildinfo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.model import MemberKind
from orchestrator.model.statement import PROVENANCE
from orchestrator.publish import buildinfo
from orchestrator.publish.statements import of_member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.model import MemberWheel, Result, Wheelhouse
    from orchestrator.model.statement import Statement

FOLDER = "evidence"
_LONGEST = 200  # characters of a name, so that 255 are enough with all that is appended
_ORDINALS = ("first", "second")


def files(
    house: Wheelhouse,
    member: MemberWheel,
    record: Result | None,
    packages: Mapping[str, str] | None,
    builder: str,
    ending: str,
    content: Callable[[Statement], bytes],
) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each file about a wheel; those of tools are in a folder of their kind."""
    folder = f"{FOLDER}/tools" if member.kind is MemberKind.TOOL else FOLDER
    name = f"{folder}/{_stem(member)}"
    builds = iter(_ORDINALS)
    for statement in of_member(house, member, record, packages, builder):
        of = f"{next(builds)}.provenance" if statement.predicate_type == PROVENANCE else "member"
        yield f"{name}.{of}{ending}", content(statement)
    yield f"{name}.buildinfo", buildinfo.of_member(house, member, record, packages)


def _stem(member: MemberWheel) -> str:
    filename = member.wheel.filename
    return filename if len(filename) <= _LONGEST else f"{filename[: _LONGEST // 2]}-{member.wheel.sha256}"
