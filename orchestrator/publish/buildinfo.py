"""How a wheel was built, as a file beside it: paragraphs like those of Debian's .buildinfo (deb-buildinfo(5)).

docs/evidence.md describes the fields. Nothing of a package can add a field or a line: each text is one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import format_datetime
from itertools import chain
from typing import TYPE_CHECKING

from orchestrator.build.container import variables
from orchestrator.images import other_python
from orchestrator.model.names import BadNameError, WheelName
from orchestrator.publish.statements import purl
from orchestrator.util import escapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from orchestrator.model import (
        Build,
        Environment,
        MemberWheel,
        Pin,
        Provided,
        Result,
        Sdist,
        UsedImage,
        WheelFile,
        Wheelhouse,
    )

FORMAT = "wheelproof-1"

_Field = tuple[str, str | tuple[str, ...]]
"""A name, and a text or a list with one line for each item."""

_OF_PROCESSORS = frozenset({"MAKEFLAGS", "CMAKE_BUILD_PARALLEL_LEVEL", "NPY_NUM_BUILD_JOBS"})
_TAGS = 3  # at the end of a wheel's name: Python, ABI, platform


def buildinfo_of(result: Result, packages: Mapping[str, str] | None) -> tuple[str, bytes] | None:
    """Return the name and the content of the file for the first build's wheel; None if it gave none with a valid name.

    `packages` are those of the image, name:architecture to version; None if they are not recorded.
    """
    first = result.builds[0] if result.builds else None
    if first is None or first.wheel is None:
        return None
    try:
        name = WheelName(first.wheel.filename)
    except BadNameError:  # the record is not of this farm: it would name a file elsewhere
        return None
    release = _Release(result.project, result.version, result.sdist, result.build_requirements, result.provided)
    shown: tuple[_Field, ...] = (("Verdict", result.verdict), *_origin(result.wheelproof, result.job, first))
    fields = _fields(release, first, first.wheel, result.image, result.started, packages)
    return f"{name.filename}.buildinfo", _text(chain(fields, shown))


def of_member(
    house: Wheelhouse, member: MemberWheel, record: Result | None, packages: Mapping[str, str] | None
) -> bytes:
    """Return the content of the file for a wheel of a wheelhouse; `record` is that of its job, if it has one."""
    provided = record.provided if record else ()
    release = _Release(member.project, member.version, member.sdist, member.pins, provided)
    first = member.builds[0]
    fields = _fields(release, first, member.wheel, member.image, house.started, packages)
    shown: tuple[_Field, ...] = (
        ("Verdict", str(record.verdict) if record else ""),
        *_origin(house.wheelproof, member.job, first),
        ("Wheelhouse", house.id),
        ("Remedies", house.remedies),
    )
    return _text(chain(fields, shown))


@dataclass(frozen=True, slots=True)
class _Release:
    project: str
    version: str
    sdist: Sdist | None
    pins: tuple[Pin, ...]
    provided: tuple[Provided, ...]


def _text(fields: Iterable[_Field]) -> bytes:
    return "".join(f"{line}\n" for name, value in fields for line in _lines(name, value)).encode()


def _origin(wheelproof: str, job: str, build: Build) -> tuple[tuple[str, str], ...]:
    return (("Wheelproof-Version", wheelproof), ("Job", job), ("Build", build.name))


def _fields(
    release: _Release,
    build: Build,
    wheel: WheelFile,
    image: UsedImage,
    started: datetime,
    packages: Mapping[str, str] | None,
) -> Iterator[_Field]:
    """Yield each field: a text, or a list with one line for each item."""
    tags = wheel.filename.removesuffix(".whl").split("-")[-_TAGS:]
    yield "Format", FORMAT
    yield "Source", release.project
    yield "Version", release.version
    yield "Binary", wheel.filename
    yield "Architecture", tags[-1]
    yield "Tags", "-".join(tags)
    yield "Checksums-Sha256", (*_sdist(release.sdist), f"{wheel.sha256} {wheel.size} {wheel.filename}")
    yield "Build-Origin", "wheelproof"
    yield "Build-Date", format_datetime(started)
    yield "Build-Image", image.name
    yield "Build-Image-Manifest", image.manifest
    yield "Build-Image-Id", image.id
    yield "Build-Path", build.environment.build_path
    yield "Build-User", f"{build.environment.user} ({build.environment.uid})"
    yield "Build-Umask", f"{build.environment.umask:04o}"
    yield "Build-Hostname", f"{build.environment.hostname}.{build.environment.domainname}"
    yield "Build-Processors", str(build.environment.cpus or "all")
    yield "Config-Settings", tuple(f"{name}={value}" for name, value in build.environment.config_settings)
    yield "Build-Requires", tuple(map(_pin, release.pins))
    yield "Build-Requires-Debian", tuple(map(_provided, release.provided))
    yield _installed(packages or {})
    yield "Build-Python-Archive", _archive(packages or {})
    yield "Environment", tuple(_environment(build.environment))


def _lines(name: str, value: str | tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a field; an empty one is left out."""
    if not value:
        return
    if isinstance(value, str):
        yield f"{name}: {_one_line(value)}"
        return
    yield f"{name}:"
    for item in value:
        yield f" {_one_line(item)}"


def _one_line(text: str) -> str:
    """Return a text with whatever could end a line, or be hidden in one, spelt out; never only blanks or a dot."""
    shown = escapes.visible(text).replace("\n", "\u27e8U+000A\u27e9").replace("\t", "\u27e8U+0009\u27e9").strip()
    return shown if shown.strip(".") else f'"{shown}"'


def _sdist(sdist: Sdist | None) -> Iterable[str]:
    return (f"{sdist.sha256} {'-' if sdist.size is None else sdist.size} {sdist.filename}",) if sdist else ()


def _pin(pin: Pin) -> str:
    return f"{pin.name} (= {pin.version}) {pin.sha256} {pin.filename}"


def _provided(one: Provided) -> str:
    return f"{one.package} (= {one.package_version})"


def _installed(packages: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the packages of the image, in Debian's form if they are Debian's."""
    if purl.is_rpm(packages):
        return "Installed-Rpm-Packages", tuple(f"{name}={version}" for name, version in sorted(packages.items()))
    own = sorted((name, version) for name, version in packages.items() if name != other_python.PACKAGE)
    items = [f"{name.removesuffix(':all')} (= {version})" for name, version in own]
    return "Installed-Build-Depends", tuple(f"{item}," if item is not items[-1] else item for item in items)


def _archive(packages: Mapping[str, str]) -> str:
    """Return version and SHA-256 of a Python that is none of the packages; empty if there is none."""
    return " ".join(other_python.standalone(packages) or ())


def _environment(environment: Environment) -> Iterator[str]:
    """Yield the variables of the build; without those that depend on the host's processors, if it had all of them."""
    for name, value in sorted(variables(environment, environment.cpus or 0).items()):
        if environment.cpus or name not in _OF_PROCESSORS:
            yield f'{name}="{value}"'
