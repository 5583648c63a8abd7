"""A wheelhouse as the files of a folder: wheels, an index, lists of hashes, the recipe, evidence.

All but the wheels is a pure function of the wheelhouse and its records. `folder` writes it.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter

from orchestrator.errors import FaultError
from orchestrator.model import MemberKind, Wheelhouse
from orchestrator.model.statement import BUILDER
from orchestrator.publish.statements import refused_member
from orchestrator.publish.statements.files import UNSIGNED, bare
from orchestrator.publish.statements.provenance import data_path
from orchestrator.publish.wheelhouse import evidence, index, lists, readme
from orchestrator.publish.wheelhouse.listed import Listed, listed
from orchestrator.recipes.wheelhouse import DATA, PROGRAM, TOOLS
from orchestrator.results.coding import encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orchestrator.model import MemberWheel, Result, WheelFile
    from orchestrator.model.statement import Statement

RECORD = "wheelhouse.json"

_STATEMENT = r"(?:member|(?:first|second)\.provenance)(?:\.statement\.json|\.intoto\.jsonl|\.sigstore\.json)"
OWN = re.compile(
    r"Dockerfile|README\.md|SHA256SUMS|pylock\.toml|requirements\.txt|[^/]+\.whl|tools/(?:SHA256SUMS|[^/]+\.whl)"
    rf"|{re.escape(RECORD)}|{re.escape(PROGRAM)}|{re.escape(DATA)}/[^/]+\.txt|simple/(?:[^/]+/)?index\.(?:html|json)"
    rf"|evidence/(?:tools/)?[^/]+\.(?:buildinfo|{_STATEMENT})"
    r"|sources/[^/]+"  # if a list beside them has them
    r"|dist/(?:tools/)?[^/]+\.whl"  # what rebuild.sh makes; it makes it again
)
"""The paths of files in the folder of a wheelhouse."""

_WHEELHOUSE = TypeAdapter(Wheelhouse)
_T = TypeVar("_T")


def files_of(
    house: Wheelhouse,
    records: Mapping[str, Result],
    requires_python: Mapping[str, str],
    packages: Callable[[str], Mapping[str, str] | None],
    builder: str = BUILDER,
    ending: str = UNSIGNED,
    content: Callable[[Statement], bytes] = bare,
) -> dict[str, bytes]:
    """Return the content of each file of a wheelhouse but its wheels, by its path in the folder.

    `records` has the result of each job, `requires_python` the Requires-Python of wheels by their SHA-256, `packages`
    those of an image by its manifest. `content` writes a statement, as a file with that ending.

    Raises
    ------
    FaultError
        A wheel is none that may be handed out, see `refused`, or two files have one name.

    """
    wheels_of(house)
    wheels = sorted(listed(one, requires_python.get(one.wheel.sha256, "")) for one in _of(house, MemberKind.WHEEL))
    tools = sorted(listed(one, "") for one in _of(house, MemberKind.TOOL))
    texts = chain(
        _recipe(house),
        index.pages(wheels),
        _lists(house, wheels, tools),
        [("README.md", readme.text(house, wheels, tools, records))],
    )
    shown = (
        one
        for member in house.wheels
        for one in evidence.files(
            house, member, records.get(member.job), packages(member.image.manifest), builder, ending, content
        )
    )
    written = ((name, text.encode()) for name, text in texts)
    return _joined(chain(written, shown, [(RECORD, encoded(_WHEELHOUSE, house, indent=1) + b"\n")]))


def wheels_of(house: Wheelhouse) -> dict[str, WheelFile]:
    """Return each wheel of a wheelhouse by its path in the folder; raises FaultError as `files_of` does."""
    for member in house.wheels:
        if why := refused_member(house, member):
            msg = f"writing a wheelhouse: {member.project} {member.version}: {why[:500]}; report this"
            raise FaultError(msg)
    return _joined((path_of(member), member.wheel) for member in house.wheels)


def path_of(member: MemberWheel) -> str:
    """Return the path of a wheel in the folder: tools are apart, since nobody asked for them."""
    name = member.wheel.filename
    return f"{TOOLS}/{name}" if member.kind is MemberKind.TOOL else name


def _of(house: Wheelhouse, kind: MemberKind) -> Iterator[MemberWheel]:
    return (one for one in house.wheels if one.kind is kind)


def _recipe(house: Wheelhouse) -> Iterator[tuple[str, str]]:
    yield PROGRAM, house.script
    yield "Dockerfile", house.dockerfile
    yield from ((data_path(house, member), member.data) for member in house.wheels)


def _lists(house: Wheelhouse, wheels: list[Listed], tools: list[Listed]) -> Iterator[tuple[str, str]]:
    yield "SHA256SUMS", lists.checksums(wheels)
    yield "requirements.txt", lists.requirements(wheels)
    yield "pylock.toml", lists.pylock(wheels, f"wheelproof {house.wheelproof}")
    if tools:
        yield f"{TOOLS}/SHA256SUMS", lists.checksums(tools)


def _joined(files: Iterable[tuple[str, _T]]) -> dict[str, _T]:
    """Return files by name; raises FaultError where one name has two contents."""
    found: dict[str, _T] = {}
    for name, content in files:
        if found.setdefault(name, content) != content:
            msg = f"writing a wheelhouse: two of its files have the name {name}; report this"
            raise FaultError(msg)
    return found
