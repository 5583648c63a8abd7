"""What a former build was made of, by a record or a statement, so that it can be built again. No I/O.

A record may be somebody else's: each text that reaches a command, a file or a container is checked here against a
strict pattern, and what does not match is a reason why the build cannot be replayed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from orchestrator.build.variations import NAMES
from orchestrator.images.recreate import FormerImage
from orchestrator.job.build_pair import environments
from orchestrator.model import (
    METHOD,
    BuildTools,
    Environment,
    Limits,
    Lock,
    OfferedWheel,
    Outcome,
    Pin,
    Profile,
    Recreation,
    Release,
    Result,
    Task,
    Verdict,
    Verification,
    WheelFile,
    names,
)
from orchestrator.model.names import BadNameError, SdistName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from orchestrator.images.recipe import Packages
    from orchestrator.model import Build, Inputs, Provided
    from orchestrator.model.statement import ClaimedBuild, VerdictClaim, VerificationClaim

MOST_PACKAGES = 5000
"""Debian packages of an image, and pins of a build: far more than any has."""
_TEXTS = 200  # settings of a build backend, or variables
_TIMES = 4  # how many times our usual limits a record may ask for

# Debian policy, 5.6.1 and 5.6.12; the architectures are those that images are built for.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,100}:(?:all|amd64|arm64)")
_PACKAGE_VERSION = re.compile(r"[0-9][A-Za-z0-9.+:~-]{0,100}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.!+_-]{0,254}")  # `Version` also takes white space around one
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_FOLDER = re.compile(r"(?:/[A-Za-z0-9_{}.+-]{1,64}){1,8}")
_TIMEZONE = re.compile(r"[A-Za-z0-9+:<>,./-]{0,64}")
_PLATFORM = re.compile(r"(?:[A-Za-z0-9_]{1,64})?")
_LATEST = 1 << 40  # seconds since 1970
_YEARS = range(2000, 3000)  # of a build; an image's archive is looked for at earlier times, too
_UMASK = 0o777  # the most


@dataclass(frozen=True, slots=True)
class FormerBuild:
    """A former build with all that it was made of."""

    source: str  # where that was read
    task: Task
    release: Release
    image: FormerImage
    lock: Lock
    wheel: WheelFile  # that it gave
    is_reproducible: bool = False  # whether the second build gave it too
    is_intrinsic: bool = False  # whether each build gives another
    repair: Lock | None = None
    method: int = METHOD
    environment: Environment | None = None  # as it was recorded
    runtime: str = ""
    published: OfferedWheel | None = None  # the wheel that it verified
    outcome: Outcome | None = None  # of that verification
    long: bool = False

    @property
    def title(self) -> str:
        """The release, as messages name it."""
        return f"{self.release.project} {self.release.version}"


def of_result(
    source: str, result: Result | VerdictClaim, packages: Callable[[str], Mapping[str, str] | None], own: Limits
) -> FormerBuild | str:
    """Return the first build of a record or of a statement about one, or why it cannot be replayed.

    `packages` returns the Debian packages of an image's manifest, if they are known; `own` are our usual limits.
    """
    inputs, build = result.inputs, result.builds[0] if result.builds else None
    if inputs is None or result.sdist is None:
        return "it was not built: the record has no sdist"
    if build is None or build.wheel is None:
        return f"its build failed, so there is no wheel to compare with: {result.verdict.value}"
    task = replace(task_of(result, inputs), limits=bounded(inputs.limits, own))
    image = FormerImage(
        result.image.name, result.image.manifest, _sorted(packages(result.image.manifest)), result.started
    )
    return checked(
        FormerBuild(
            source,
            task,
            Release(result.project, result.version, result.sdist),
            image,
            Lock(result.build_requirements, result.provided),
            build.wheel,
            is_reproducible=result.verdict is Verdict.REPRODUCIBLE,
            is_intrinsic=result.verdict is Verdict.INTRINSIC,
            method=inputs.method,
            environment=build.environment,
            runtime=inputs.runtime,
        )
    )


def task_of(result: Result | VerdictClaim, inputs: Inputs) -> Task:
    """Return the task of a result, except that its build tools are those that the record lists."""
    return Task(
        requirement=f"{result.project}=={result.version}",
        image=result.image.name,
        hold=inputs.hold,
        remove=inputs.remove,
        source_date_epoch=inputs.source_date_epoch,
        limits=inputs.limits,
        tools=BuildTools(frontend=inputs.frontend),
        profile=inputs.profile,
        config_settings=inputs.config_settings,
    )


def of_verification(
    source: str,
    found: Verification | VerificationClaim,
    packages: Callable[[str], Mapping[str, str] | None],
    own: Limits,
) -> FormerBuild | str:
    """Return the recreation that decided a verification, or why it cannot be replayed, as `of_result`."""
    inputs, image, recreation = found.inputs, found.image, found.recreation
    build = deciding_build(found)
    if inputs is None or image is None or found.sdist is None or recreation is None or build is None:
        return f"it has no build to compare with: {found.outcome.value}"
    assert build.wheel is not None  # noqa: S101 - `deciding_build` has looked
    lock, repair = split(found.build_requirements, recreation)
    return checked(
        FormerBuild(
            source,
            Task(
                requirement=f"{found.project}=={found.version}",
                image=image.name,
                limits=bounded(inputs.limits, own),
                recreation=recreation,
            ),
            Release(found.project, found.version, found.sdist),
            FormerImage(image.name, image.manifest, _sorted(packages(image.manifest)), found.started),
            Lock(lock, found.provided),
            build.wheel,
            repair=Lock(repair) if recreation.repair else None,
            method=inputs.build_method,
            environment=build.environment,
            runtime=inputs.runtime,
            published=OfferedWheel(found.wheel, "", found.sha256),
            outcome=found.outcome,
        )
    )


def deciding_build(found: Verification | VerificationClaim) -> Build | ClaimedBuild | None:
    """Return the build of the recreation that decided a verification; None if it gave no wheel."""
    if isinstance(found, Verification):
        names_ = [one.build for one in found.attempts if one.recreation == found.recreation and one.build]
    else:
        names_ = list(found.deciding)
    return next((one for one in found.builds if one.name in names_ and one.wheel), None)


def split(pins: tuple[Pin, ...], recreation: Recreation) -> tuple[tuple[Pin, ...], tuple[Pin, ...]]:
    """Return the build requirements, and the tools that repair the wheel, which a verification lists after them.

    Both are sorted by name, and auditwheel is the first tool by name of all that it requires.
    """
    places = [number for number, pin in enumerate(pins) if canonicalize_name(pin.name) == "auditwheel"]
    if not recreation.repair or not places:
        return pins, ()
    return pins[: places[-1]], pins[places[-1] :]


def bounded(recorded: Limits, own: Limits) -> Limits:
    """Return the limits of a replay: those recorded, within four times our default ones, and at least our own."""
    usual = Limits()
    values = {
        field.name: max(
            getattr(own, field.name), min(getattr(recorded, field.name), _TIMES * getattr(usual, field.name))
        )
        for field in fields(Limits)
    }
    return Limits(**values)


def _sorted(packages: Mapping[str, str] | None) -> Packages:
    return tuple(sorted((packages or {}).items()))


# --- what may be built -----------------------------------------------------------------------


def checked(former: FormerBuild) -> FormerBuild | str:
    """Return a former build, if nothing of it could mislead a command or a container; or why it cannot be replayed."""
    return next(_refusals(former), former)


def _refusals(former: FormerBuild) -> Iterator[str]:
    yield from _of_release(former.release)
    yield from _of_image(former.image)
    yield from _of_pins((*former.lock.pins, *(former.repair.pins if former.repair else ())))
    yield from _of_provided(former.lock.provided)
    yield from _of_task(former.task)
    try:
        names.wheel_for(former.wheel.filename, former.release.project)
        if former.published:
            names.wheel_for(former.published.filename, former.release.project)
    except BadNameError as error:
        yield f"the name of its wheel is not valid: {error}"
    hashes = former.wheel.sha256, former.published.sha256 if former.published else former.wheel.sha256
    if not all(map(names.is_sha256, hashes)):
        yield "the hash of its wheel is no SHA-256"


def _of_release(release: Release) -> Iterator[str]:
    sdist = release.sdist
    assert sdist is not None  # noqa: S101 - the callers have looked
    try:
        name = SdistName(sdist.filename)
        canonicalize_name(release.project, validate=True)
        same = (name.project, name.version) == (release.project, Version(release.version))
    except (BadNameError, InvalidName, InvalidVersion) as error:
        yield f"its sdist has no valid name: {error}"
        return
    if not same or not _VERSION.fullmatch(release.version):
        yield f"its sdist {sdist.filename} is not of {release.project} {release.version}"
    if not names.is_sha256(sdist.sha256):
        yield "it has no SHA-256 of its sdist"


def _of_image(image: FormerImage) -> Iterator[str]:
    if not (_IMAGE.fullmatch(image.name) and names.is_sha256(image.manifest)):
        yield "the name or the manifest of its image is not valid"
    if image.when is None or image.when.utcoffset() is None or image.when.year not in _YEARS:
        yield "the time of its build is not valid"
    if len(image.packages) > MOST_PACKAGES:
        yield f"its image lists more than {MOST_PACKAGES} packages"
    for name, version in image.packages:
        if not (_PACKAGE.fullmatch(name) and _PACKAGE_VERSION.fullmatch(version)):
            yield f"its image lists a package that is none of Debian: {name[:100]}={version[:100]}"
            return


def _of_pins(pins: tuple[Pin, ...]) -> Iterator[str]:
    if len(pins) > MOST_PACKAGES:
        yield f"it lists more than {MOST_PACKAGES} build requirements"
    for pin in pins:
        try:
            names.wheel_of(pin.filename, pin.name, pin.version)
            canonicalize_name(pin.name, validate=True)
            Version(pin.version)
        except (BadNameError, InvalidName, InvalidVersion) as error:
            yield f"a build requirement is not valid: {error}"
            return
        if not _VERSION.fullmatch(pin.version) or not pin.name.isascii():
            yield f"its build requirement {pin.name} has a version, or a name, that is not valid"
            return
        if not names.is_sha256(pin.sha256):
            yield f"its build requirement {pin.name} has no SHA-256"
            return


def _of_provided(provided: tuple[Provided, ...]) -> Iterator[str]:
    for one in provided:
        try:
            canonicalize_name(one.name, validate=True)
        except InvalidName as error:
            yield f"a build requirement of Debian is not valid: {error}"
            return


def _of_task(task: Task) -> Iterator[str]:
    if unknown := sorted({*task.hold, *task.remove, *_held(task)} - set(NAMES)):
        yield f"this version of wheelproof has no variation {unknown[0][:100]!r}"
    epochs = task.source_date_epoch, task.recreation.source_date_epoch if task.recreation else None
    if any(epoch is not None and not 0 <= epoch < _LATEST for epoch in epochs):
        yield "its SOURCE_DATE_EPOCH is not valid"
    if not _are_short(task.config_settings):
        yield "its settings of the build backend are too many, or not valid"
    if task.profile and not _is_profile(task.profile):
        yield "its profile is not valid"
    if task.recreation:
        yield from _of_recreation(task.recreation)


def _held(task: Task) -> tuple[str, ...]:
    return task.recreation.hold if task.recreation else ()


def _are_short(settings: tuple[tuple[str, str], ...]) -> bool:
    texts = [text for pair in settings for text in pair]
    return len(settings) <= _TEXTS and all(len(text) <= _TEXTS and text.isprintable() for text in texts)


def _is_profile(profile: Profile) -> bool:
    return (
        (profile.umask is None or 0 <= profile.umask <= _UMASK)
        and (not profile.build_path or _is_folder(profile.build_path))
        and _TIMEZONE.fullmatch(profile.timezone) is not None
        and (profile.hash_seed is None or 0 <= profile.hash_seed < 1 << 32)
    )


def _is_folder(path: str) -> bool:
    """Return whether a source may be unpacked there: a plain path that leads nowhere else in a container."""
    parts = path.split("/")
    return _FOLDER.fullmatch(path) is not None and ".." not in parts and "." not in parts


def _of_recreation(recreation: Recreation) -> Iterator[str]:
    is_valid = (
        _are_short(recreation.config_settings)
        and all(names.may_be_set(*variable) for variable in recreation.variables)
        and (recreation.umask is None or 0 <= recreation.umask <= _UMASK)
        and (recreation.clock is None or 0 <= recreation.clock < _LATEST)
        and _TIMEZONE.fullmatch(recreation.timezone) is not None
        and _PLATFORM.fullmatch(recreation.repair) is not None
    )
    if not is_valid:
        yield "the settings of its recreation are not valid"


# --- what is not as it was -------------------------------------------------------------------


def departures(former: FormerBuild, salt: str, now: datetime, runtime: str) -> tuple[str, ...]:
    """Return in what a replay's environment is not as recorded, beside the image; nothing if it is in all."""
    found = []
    if former.method != METHOD:
        found.append(f"the record is of method {former.method}, and this is method {METHOD}")
    if former.runtime != runtime:
        found.append(f"its containers ran on {former.runtime or 'the default runtime'}")
    if former.environment is not None:
        found.extend(_unlike(former.environment, environments(former.task, former.release, salt, now)[0]))
    return tuple(found)


def _unlike(recorded: Environment, ours: Environment) -> Iterator[str]:
    """Yield a sentence on the fields of two first environments that differ, beside what is new in each build."""
    recorded = replace(recorded, salt=ours.salt, clock_offset=ours.clock_offset)
    unlike = [field.name for field in fields(Environment) if getattr(recorded, field.name) != getattr(ours, field.name)]
    if unlike:
        yield f"its environment had another {', '.join(unlike)}"
