"""What the provenance of one build was made of, so that it can be built again; its texts are hostile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic import TypeAdapter, ValidationError

from orchestrator.images.recreate import FormerImage
from orchestrator.job.replaying import FormerBuild, bounded, checked, split
from orchestrator.model import (
    BUILT_HERE,
    BuildTools,
    Environment,
    Frontend,
    Limits,
    Lock,
    OfferedWheel,
    Pin,
    Profile,
    Provided,
    Recreation,
    Release,
    Sdist,
    Task,
    WheelFile,
)
from orchestrator.publish.claimed import packages_of
from orchestrator.util import escapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.publish.statements.reading import ReadStatement

_FILE = re.compile(r"pkg:pypi/([^@?]+)@([^@?]+)\?file_name=([^@?&]+)")
_SYSTEM = re.compile(r"pkg:deb/(?:debian|ubuntu)/([^@?]+)@([^@?]+)")
_FIRST = "first"
_VARIED = "varied"  # how the names of builds begin that repeat a recreation in another environment
_PAIRS = TypeAdapter(tuple[tuple[str, str], ...])
_NAMES = TypeAdapter(tuple[str, ...])
_EPOCH = TypeAdapter(int | None)


def of_provenance(source: str, statement: ReadStatement, own: Limits) -> FormerBuild | str:
    """Return the build of a provenance, or why it cannot be replayed; `own` are our usual limits."""
    definition = escapes.all_unescaped(statement.predicate["buildDefinition"])
    try:
        return _former(source, statement, definition, own)
    except (ValidationError, AttributeError, LookupError, TypeError, ValueError) as error:
        return f"its provenance has not all that a replay needs: {str(error).partition(chr(10))[0][:200]}"


def _former(source: str, statement: ReadStatement, definition: Mapping[str, Any], own: Limits) -> FormerBuild | str:
    external, internal, about = definition["externalParameters"], definition["internalParameters"], statement.about
    if "wheelhouse" in external:
        return "its build is one of a wheelhouse, which its rebuild.sh builds again"
    published = external.get("published")
    if (about.build.startswith(_VARIED) if published else about.build != _FIRST) or internal.get("remedies"):
        return f"its build {about.build[:50]} was made in an environment that was varied; name the first build"
    used = definition["resolvedDependencies"]
    sdist, *pins = _pins(used)
    recreation = TypeAdapter(Recreation | None).validate_python(external.get("recreation"))
    lock, repair = split(tuple(pins), recreation or Recreation())
    manifest, packages = packages_of(statement)
    return checked(
        FormerBuild(
            source,
            _task(external, recreation, own),
            Release(about.project, about.version, Sdist(sdist.filename, "", sdist.sha256)),
            FormerImage(str(external["image"]), manifest, tuple(sorted(packages.items())), about.started),
            Lock(lock, tuple(_provided(used))),
            WheelFile(statement.subject.name, statement.subject.sha256, 0),
            repair=Lock(repair) if recreation and recreation.repair else None,
            method=TypeAdapter(int).validate_python(internal["method"]),
            environment=TypeAdapter(Environment).validate_python(internal["environment"]),
            runtime=str(external["runtime"]),
            published=OfferedWheel(str(published["name"]), "", str(published["sha256"])) if published else None,
        )
    )


def _task(external: Mapping[str, Any], recreation: Recreation | None, own: Limits) -> Task:
    limits = bounded(TypeAdapter(Limits).validate_python(external["limits"]), own)
    requirement, image = f"{external['project']}=={external['version']}", str(external["image"])
    if recreation:
        return Task(requirement, image, limits=limits, recreation=recreation)
    return Task(
        requirement,
        image,
        hold=_NAMES.validate_python(external["hold"]),
        remove=_NAMES.validate_python(external["remove"]),
        source_date_epoch=_EPOCH.validate_python(external["sourceDateEpoch"]),
        limits=limits,
        tools=BuildTools(frontend=Frontend(external["frontend"])),
        profile=TypeAdapter(Profile | None).validate_python(external["profile"]),
        config_settings=_PAIRS.validate_python(external["configSettings"]),
    )


def _pins(used: list[Any]) -> Iterator[Pin]:
    """Yield the sdist, and then each build requirement, which have a file's name in their package URL."""
    built_here = {one["annotations"]["builtHere"] for one in used if "builtHere" in one.get("annotations", {})}
    for one in used:
        if found := _FILE.fullmatch(str(one.get("uri", ""))):
            name, version, filename = map(unquote, found.groups())
            url = BUILT_HERE if filename in built_here else ""
            yield Pin(name, version, str(one["digest"]["sha256"]), filename, url)


def _provided(used: list[Any]) -> Iterator[Provided]:
    for one in used:
        notes = one.get("annotations", {})
        if "distribution" in notes and (found := _SYSTEM.fullmatch(str(one["uri"]))):
            package, version = map(unquote, found.groups())
            yield Provided(str(notes["distribution"]), str(notes["version"]), package, version)
