"""SLSA provenance (v1) of one build. docs/evidence.md describes its type of build, and each field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from orchestrator.model import BUILT_HERE, MemberKind
from orchestrator.model.statement import BUILD_TYPE, MANIFEST_DIGEST
from orchestrator.publish.statements import claims, purl
from orchestrator.recipes.wheelhouse import DATA, PROGRAM, data_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.model import (
        Build,
        MemberWheel,
        Pin,
        Provided,
        Result,
        Sdist,
        Tool,
        UsedImage,
        Verification,
        Wheelhouse,
    )

_Value = dict[str, Any]


def of_build(result: Result, build: Build, packages: Mapping[str, str] | None, builder: str) -> _Value:
    """Return the provenance of a build of a verdict."""
    inputs, image = result.inputs, result.image
    assert inputs is not None  # noqa: S101 - nothing is built without inputs
    external = {
        "requirement": result.requirement,
        "project": result.project,
        "version": result.version,
        "sdist": result.sdist.filename if result.sdist else "",
        "image": image.name,
        "sourceDateEpoch": inputs.source_date_epoch,
        "configSettings": inputs.config_settings,
        "hold": inputs.hold,
        "remove": inputs.remove,
        "limits": to_jsonable_python(inputs.limits),
        "budget": to_jsonable_python(inputs.budget),
        "policy": inputs.policy,
        "frontend": inputs.frontend,
        "profile": to_jsonable_python(inputs.profile),
        "runtime": inputs.runtime,
        "asOf": _moment(result.as_of) if result.as_of else None,
        **({"spread": True} if inputs.spread else {}),
    }
    held = next((one.hold for one in result.experiments if one.build == build.name), ())
    remedies = next((one.remedies for one in result.experiments if build.name in {one.build, one.against}), ())
    internal = {
        **_internal(build, result.builds[0], result.job, inputs.method),
        "held": held,
        "remedies": remedies,
    }
    used = (
        *_dependencies(result.sdist, result.project, result.version, result.build_requirements),
        *_provided(result.provided, packages),
        *_of_tools(result.tools),
        *_of_image(image, packages),
    )
    return _predicate(external, internal, used, _run(build, builder, result.wheelproof, result))


def of_rebuild(verification: Verification, build: Build, packages: Mapping[str, str] | None, builder: str) -> _Value:
    """Return the provenance of a build that decided the outcome of a published wheel."""
    inputs, image = verification.inputs, verification.image
    external = {
        "requirement": verification.requirement,
        "project": verification.project,
        "version": verification.version,
        "sdist": verification.sdist.filename if verification.sdist else "",
        "published": {"name": verification.wheel, "sha256": verification.sha256, "uploaded": verification.uploaded},
        "image": image.name if image else "",
        "recreation": to_jsonable_python(verification.recreation),
        "limits": to_jsonable_python(inputs.limits) if inputs else None,
        "runtime": inputs.runtime if inputs else "",
    }
    internal = _internal(build, verification.builds[0], verification.id, inputs.build_method if inputs else None)
    of, pins = (verification.sdist, verification.project, verification.version), verification.build_requirements
    used = (
        *_dependencies(*of, pins),
        *_provided(verification.provided, packages),
        *(_of_image(image, packages) if image else ()),
    )
    return _predicate(external, internal, used, _run(build, builder, verification.wheelproof, verification))


def of_member(
    house: Wheelhouse,
    member: MemberWheel,
    record: Result | None,
    build: Build,
    packages: Mapping[str, str] | None,
    builder: str,
) -> _Value:
    """Return the provenance of a build of a wheelhouse; `record` is that of the wheel's job, if it has one."""
    claim = claims.of_member(house, member)
    external = {
        "requirement": member.requirement,
        "project": member.project,
        "version": member.version,
        "sdist": member.sdist.filename,
        "image": member.image.name,
        "sourceDateEpoch": house.source_date_epoch,
        "profile": house.profile,
        "wheelhouse": house.id,
        "script": {"name": PROGRAM, "digest": {"sha256": claim.script}},
        "data": {"name": data_path(house, member), "digest": {"sha256": claim.data}},
    }
    method = record.inputs.method if record and record.inputs else None
    internal = {**_internal(build, member.builds[0], member.job, method), "remedies": house.remedies}
    of = (member.sdist, member.project, member.version)
    used = (
        *_dependencies(*of, member.pins),
        *_provided(record.provided if record else (), packages),
        *_of_image(member.image, packages),
    )
    return _predicate(external, internal, used, _run(build, builder, house.wheelproof, house))


def data_path(house: Wheelhouse, member: MemberWheel) -> str:
    """Return the path of a release's data, relative to rebuild.sh."""
    tools = [one for one in house.wheels if one.kind is MemberKind.TOOL]
    tool = tools.index(member) if member.kind is MemberKind.TOOL else None
    return f"{DATA}/{data_name(member.project, member.version, tool=tool)}"


def _predicate(external: _Value, internal: _Value, used: Iterable[_Value], run: _Value) -> _Value:
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": external,
        "internalParameters": internal,
        "resolvedDependencies": list(used),
    }
    return {"buildDefinition": definition, "runDetails": run}


def _internal(build: Build, first: Build, job: str, method: int | None) -> _Value:
    """Return what the farm chose for a build, and where its environment is not that of the job's first build."""
    seen, environment = build.probe, to_jsonable_python(build.environment)
    other = to_jsonable_python(first.environment)
    return {
        "job": job,
        "method": method,
        "build": build.name,
        "environment": environment,
        "differsFromFirst": sorted(name for name in environment if environment[name] != other[name]),
        "observed": {"kernel": seen.kernel, "cpus": seen.cpus} if seen else None,
    }


def _run(build: Build, builder: str, version: str, record: Result | Verification | Wheelhouse) -> _Value:
    """Return who built it and when: the times are those of the job, of which the build is a part."""
    job = record.job if hasattr(record, "job") else record.id
    log = [{"name": "log", "digest": {"sha256": build.log}, "mediaType": "text/plain"}] if build.log else []
    return {
        "builder": {"id": builder, "version": {"wheelproof": version}},
        "metadata": {
            "invocationId": job,
            "startedOn": _moment(record.started),
            "finishedOn": _moment(record.finished),
        },
        "byproducts": log,
    }


def _moment(moment: Any) -> str:  # noqa: ANN401 - a datetime
    """Write a moment as SLSA has it: RFC 3339, UTC, with the suffix Z."""
    return str(to_jsonable_python(moment)).replace("+00:00", "Z")


# --- what went in ----------------------------------------------------------------------------


def _dependencies(sdist: Sdist | None, project: str, version: str, pins: Iterable[Pin]) -> Iterator[_Value]:
    if sdist is not None:
        uri = purl.python(project, version, sdist.filename, sdist.url)
        yield _file(uri, sdist.filename, sdist.sha256, sdist.url)
    for pin in pins:
        yield _file(purl.python(pin.name, pin.version, pin.filename, pin.url), pin.filename, pin.sha256, pin.url)


def _provided(provided: Iterable[Provided], packages: Mapping[str, str] | None) -> Iterator[_Value]:
    for one in provided:
        yield {
            "name": one.name,
            "uri": purl.system(purl.debian(packages or {}), one.package, one.package_version),
            "annotations": {"distribution": one.name, "version": one.version},
        }


def _file(uri: str, name: str, sha256: str, url: str) -> _Value:
    value: _Value = {"name": name, "uri": uri, "digest": {"sha256": sha256}}
    return {**value, "downloadLocation": url} if url and purl.is_of_index(url) else value


def _of_tools(tools: Iterable[Tool]) -> Iterator[_Value]:
    """Yield the sdists of build requirements that were built here."""
    for tool in tools:
        yield {
            "name": f"{tool.name} {tool.version} (sdist)",
            "uri": purl.python(tool.name, tool.version, "", BUILT_HERE),
            "digest": {"sha256": tool.sdist},
            "annotations": {"builtHere": tool.filename, "reproducible": tool.reproducible},
        }


def _of_image(image: UsedImage, packages: Mapping[str, str] | None) -> Iterator[_Value]:
    annotations = {"engineId": image.id, "base": image.base, "packagesListed": packages is not None}
    yield {"name": image.name, "digest": {MANIFEST_DIGEST: image.manifest}, "annotations": annotations}
    yield from ({"name": name, "uri": uri} for name, uri in purl.of_image(packages or {}))
