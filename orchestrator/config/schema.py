"""The schema of config.yaml: each key with its description, its type and its default."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from packaging.utils import canonicalize_name
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from orchestrator.config.scheduler import scheduler_address
from orchestrator.config.suggestions import nearest
from orchestrator.config.tasks import requirement_of
from orchestrator.config.values import Config, Keep, Settings
from orchestrator.model import AUTO_IMAGE, DAY, Frontend, Policy
from orchestrator.requirement_files.entries import short
from orchestrator.util.moments import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

ZIP_BEGINS = 315_532_800
"""1980-01-01 in seconds since 1970: a zip archive cannot store an earlier time (APPNOTE 4.4.6, MS-DOS format)."""

ZIP_ENDS = 4_354_819_199
"""2107-12-31, the last second that a zip archive can store."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a configuration may use."""

    variation: tuple[str, ...]
    image: tuple[str, ...]


def _one_of(kind: str) -> Callable[[str, ValidationInfo], str]:
    def check(value: str, info: ValidationInfo) -> str:
        if value not in (known := getattr(info.context, kind)):
            msg = f"there is no {kind} {short(value)}{nearest(value, known)}"
            raise ValueError(msg)
        return value

    return check


_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "s": 1, "m": 60, "h": 3600, "d": DAY}
_LARGEST = 1 << 50


def _quantity(units: str, example: str) -> Callable[[object], int]:
    """Return a parser of whole numbers with one of the units; the default is the first unit."""
    pattern = re.compile(rf"(\d{{1,12}})\s*({units})", re.ASCII)

    def read(value: object) -> int:
        match = pattern.fullmatch(value) if isinstance(value, str) else None
        number = int(match[1]) * _UNITS[match[2]] if match else value
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= _LARGEST:
            msg = f"must be {example}, not {short(value)}"
            raise ValueError(msg)
        return number

    return read


_SIZE_UNITS, _TIME_UNITS = "B|KiB|MiB|GiB|TiB", "s|m|h|d"


def _date(value: object) -> object:
    """Accept a date in quotes as well: in YAML 1.2, a date without quotes is text too."""
    if isinstance(value, str | datetime):
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            msg = f"must be a date such as 2026-01-31, not {short(str(value))}"
            raise ValueError(msg) from None
    return value


def _moment(value: object) -> datetime:
    """Return a moment, UTC: a date is its end. YAML 1.1 reads dates and times itself, YAML 1.2 reads texts."""
    known = value if isinstance(value, date) else _read_moment(value)
    if known is None:
        msg = f"must be a date such as 2026-01-31, or a moment such as 2026-01-31T12:00:00Z, not {short(value)}"
        raise ValueError(msg)
    if isinstance(known, datetime) and known.utcoffset() is None:
        msg = f"has no time zone; write {known.isoformat()}Z if {short(str(value))} is in UTC"
        raise ValueError(msg)
    return moment(known)


def _read_moment(value: object) -> date | None:
    if not isinstance(value, str):
        return None
    for read in (date.fromisoformat, datetime.fromisoformat):
        with suppress(ValueError):
            return read(value)
    return None


def _epoch(value: int) -> int:
    if not ZIP_BEGINS <= value <= ZIP_ENDS:
        msg = (
            f"must be from {ZIP_BEGINS} to {ZIP_ENDS}: a zip archive, and so a wheel, can store the years 1980 to 2107"
        )
        raise ValueError(msg)
    return value


def _values(value: object) -> object:
    """Accept a text as a list with one item; YAML's yes, no and numbers are not texts."""
    found = [value] if isinstance(value, str) else value
    if not (isinstance(found, list) and found and all(isinstance(one, str) for one in found)):
        msg = f"must be text or a list of texts, not {short(value)}; put it in quotes"
        raise ValueError(msg)
    return found


def _image_or_auto(value: str, info: ValidationInfo) -> str:
    return value if value == AUTO_IMAGE else _one_of("image")(value, info)


def _images(value: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> list[str]:
    """Accept one name as a list with one item; in a list, each mistake has its own place."""
    if isinstance(value, str):
        return [_image_or_auto(value, info)]
    return _listed_images(value, check)


def _listed_images(value: object, check: ValidatorFunctionWrapHandler) -> list[str]:
    if not isinstance(value, list) or not value:
        msg = f"must be the name of an image or a list of them, not {short(value)}"
        raise ValueError(msg)
    found: list[str] = check(value)
    if twice := next((one for one in found if found.count(one) > 1), ""):
        msg = f"names {short(twice)} twice"
        raise ValueError(msg)
    return found


def _project(value: str) -> str:
    try:
        return canonicalize_name(value, validate=True)
    except ValueError:
        msg = f"{short(value)} is not a project's name (PEP 503)"
        raise ValueError(msg) from None


def _index(value: str) -> str:
    try:
        parts = urlsplit(value)
        secret, usable = bool(parts.username or parts.password), parts.scheme in {"http", "https"} and parts.hostname
    except ValueError:
        secret, usable = False, None
    if not usable or not value.isprintable() or " " in value:
        msg = f"{short(value)} is not the address of a package index (http or https)"
        raise ValueError(msg)
    if secret:
        msg = "has a password, which every record would show; put it in ~/.netrc"
        raise ValueError(msg)
    return value


def _site_url(value: str) -> str:
    parts = _address(value)
    if parts is None or parts.query or parts.fragment:
        msg = f"{short(value)} is not the address of a site (http or https, without ? and #)"
        raise ValueError(msg)
    if parts.username or parts.password:
        msg = "has a password, which the feed would show"
        raise ValueError(msg)
    return value if value.endswith("/") else f"{value}/"


def _address(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and value.isprintable() and " " not in value
    except ValueError:
        return None
    return parts if usable else None


def _argument(value: str) -> str:
    if not value or "\0" in value:
        msg = "must be text that is not empty"
        raise ValueError(msg)
    return value


def _folder(value: str) -> str:
    if not value or not value.isprintable():
        msg = f"{short(value)} is not a path"
        raise ValueError(msg)
    return value


def _umask(value: object) -> int:
    """Read an octal number in quotes: without quotes, YAML reads 022 as 18 and 22 as 22."""
    if not (isinstance(value, str) and re.fullmatch(r"0?[0-7]{3}", value, re.ASCII)):
        msg = f'must be an octal number in quotes, such as "022", not {short(value)}'
        raise ValueError(msg)
    return int(value, 8)


def _build_path(value: str) -> str:
    if not re.fullmatch(r"/(tmp|build|srv)(/(?!\.)[\w.{}-]+)+", value, re.ASCII) or _braces(value) - {"{folder}"}:
        msg = f"{short(value)} is not a folder below /tmp, /build or /srv; {{folder}} is replaced by that of the sdist"
        raise ValueError(msg)
    return value


def _braces(value: str) -> set[str]:
    return set(re.findall(r"\{[^}]*\}?|\}", value))


def _timezone(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3,6}[+-]?\d{1,2}", value, re.ASCII):
        msg = f"{short(value)} is not a time zone in POSIX form, such as UTC0 or GMT+12"
        raise ValueError(msg)
    return value


def _word_of(known: Collection[str], kind: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in known:
            msg = f"there is no {kind} {short(value)}{nearest(value, known)}"
            raise ValueError(msg)
        return value

    return check


_POLICIES, _FRONTENDS = tuple(one.value for one in Policy), tuple(one.value for one in Frontend)

_DURATION = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": rf"^\d+\s*({_TIME_UNITS})$"}]}
_BYTES = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": rf"^\d+\s*({_SIZE_UNITS})$"}]}

_Size = Annotated[int, BeforeValidator(_quantity(_SIZE_UNITS, "a size such as 4 GiB")), WithJsonSchema(_BYTES)]
_Time = Annotated[int, BeforeValidator(_quantity(_TIME_UNITS, "a time such as 30m or 90s")), WithJsonSchema(_DURATION)]
_Count = Annotated[int, Field(ge=1, le=_LARGEST)]
_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_IMAGE_LIST = {"type": "array", "items": {"enum": "image"}, "minItems": 1, "uniqueItems": True}
_IMAGES = {"anyOf": [{"enum": "image-or-auto"}, _IMAGE_LIST | {"items": {"enum": "image-or-auto"}}]}
_EPOCHS = {"type": "integer", "minimum": ZIP_BEGINS, "maximum": ZIP_ENDS}
_Epoch = Annotated[int, AfterValidator(_epoch), WithJsonSchema(_EPOCHS)]
_Date = Annotated[date, BeforeValidator(_date)]
_MOMENTS = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}
_Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema(_MOMENTS)]
_Variation = Annotated[str, AfterValidator(_one_of("variation")), WithJsonSchema({"enum": "variation"})]
_Image = Annotated[str, AfterValidator(_one_of("image")), WithJsonSchema({"enum": "image"})]
_ImageOrAuto = Annotated[str, AfterValidator(_image_or_auto)]
_Images = Annotated[list[_ImageOrAuto], WrapValidator(_images), WithJsonSchema(_IMAGES)]
_ImageList = Annotated[list[_Image], WrapValidator(_listed_images), WithJsonSchema(_IMAGE_LIST)]
_Requirement = Annotated[str, AfterValidator(requirement_of)]
_Project = Annotated[str, AfterValidator(_project)]
_Index = Annotated[str, AfterValidator(_index), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
_SiteUrl = Annotated[str, AfterValidator(_site_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
_Argument = Annotated[str, AfterValidator(_argument), WithJsonSchema({"type": "string", "minLength": 1})]
_Folder = Annotated[str, AfterValidator(_folder)]
_SCHEDULERS = {"type": "string", "pattern": r"^(tls|tcp)://[^\s/?#@]+:\d{1,5}$"}
_Scheduler = Annotated[str, AfterValidator(scheduler_address), WithJsonSchema(_SCHEDULERS)]
_Policy = Annotated[str, AfterValidator(_word_of(_POLICIES, "policy")), WithJsonSchema({"enum": list(_POLICIES)})]
_Frontend = Annotated[str, AfterValidator(_word_of(_FRONTENDS, "frontend")), WithJsonSchema({"enum": list(_FRONTENDS)})]
_Umask = Annotated[int, BeforeValidator(_umask), WithJsonSchema({"type": "string", "pattern": "^0?[0-7]{3}$"})]
_BuildPath = Annotated[str, AfterValidator(_build_path)]
_Timezone = Annotated[str, AfterValidator(_timezone)]
_Setting = Annotated[str, Field(min_length=1)]
_Values = Annotated[list[str], BeforeValidator(_values), WithJsonSchema(_TEXTS)]
_Runtime = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
_GroupName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]


# --- the shape of the file -------------------------------------------------------------------


class _Part(BaseModel):
    """A mapping of the file: keys in kebab-case, no unknown keys, no conversion between types."""

    model_config = ConfigDict(
        alias_generator=lambda name: name.replace("_", "-"),
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra=lambda found: found.pop("title", None),
        strict=True,
    )


class LimitsPart(_Part):
    """What one build may use; what is not set is inherited."""

    time: _Time | None = Field(default=None, description="How long one build may take.")
    memory: Annotated[_Size, Field(ge=6 << 20)] | None = Field(
        default=None, description="Memory, the scratch space included."
    )
    scratch: _Size | None = Field(default=None, description="Space for all files of a build; it lies in memory.")
    processes: _Count | None = Field(default=None, description="Processes and threads at once.")
    files: Annotated[int, Field(ge=64, le=1 << 20)] | None = Field(
        default=None, description="Files that one process may have open."
    )
    log: _Size | None = Field(default=None, description="What a build may print.")
    download: _Size | None = Field(default=None, description="The size of a source distribution, packed.")
    sdist: _Size | None = Field(default=None, description="The size of a source distribution, unpacked.")
    members: _Count | None = Field(default=None, description="The files in a source distribution, or in a wheel.")
    wheel: _Size | None = Field(default=None, description="The size of a wheel, packed and unpacked.")


class BudgetPart(_Part):
    """What may be spent on explaining one difference; what is not set is inherited."""

    builds: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        default=None,
        description="Builds besides the first two and a control build; 0 explains by the wheels' traces alone.",
    )
    time: _Time | None = Field(default=None, description="How long these builds may take, together.")
    remedies: bool | None = Field(default=None, description="Whether remedies are tried, or only causes isolated.")
    recipes: list[Literal["sh", "build", "uv"]] | None = Field(
        default=None,
        description="The forms of a recipe that are proven by running them, each in two builds; others are not run.",
    )


class _Keep(_Part):
    """How much is kept; what is older goes."""

    wheels: _Size = Field(default=Keep().wheels, description="Room for wheels.")
    logs: _Size = Field(default=Keep().logs, description="Room for logs.")
    cache: _Size = Field(
        default=Keep().cache,
        description="Room for the cache. The longest unused goes first; what an unchanged run needs stays in any case.",
    )
    unused: _Time = Field(
        default=Keep().unused,
        description="How long something is kept that tracked jobs needed when they were last run, and how long an "
        "image of a former recipe is kept after its last use.",
    )


class _Variations(_Part):
    """Variations that are not varied."""

    hold: list[_Variation] = Field(default=[], description="Kept as in the first build, and seen to be kept.")
    remove: list[_Variation] = Field(default=[], description="Neither controlled nor looked at.")


class ToolsPart(_Part):
    """What builds are made with."""

    policy: _Policy | None = Field(
        default=None,
        description="index: wheels of the index. debian: what the image has from Debian. pinned: a file of versions "
        "and hashes. source: wheels that are built here first, from their source distributions.",
    )
    file: _Folder | None = Field(
        default=None, description="The file of the policy `pinned`, as pip reads it; relative to this file."
    )
    strict: bool = Field(
        default=False, description="Whether a tool that is built here, and is not what the file says, is a failure."
    )
    frontend: _Frontend = Field(
        default=Frontend.HOOKS.value, description="pip: `pip wheel`, as in 2020, instead of the build backend's hooks."
    )

    @model_validator(mode="after")
    def _has_its_file(self) -> Self:
        if (self.policy == Policy.PINNED.value) is not (self.file is not None):
            msg = "has a file without the policy pinned" if self.file else "has the policy pinned, but no file"
            raise ValueError(msg)
        return self


class _ImagePart(_Part):
    """Settings of one image."""

    build_tools: ToolsPart = Field(default=ToolsPart(), description="What is built with on it.")


class ProfilePart(_Part):
    """How somebody else builds; it overrides all other settings."""

    image: _Image | None = Field(default=None, description="The image to build on.")
    source_date_epoch: _Epoch | None = Field(default=None, description="SOURCE_DATE_EPOCH; null leaves it unset.")
    umask: _Umask | None = Field(default=None, description="The umask of both builds, in quotes.")
    build_path: _BuildPath | None = Field(
        default=None, description="The folder of both builds; {folder} is the sdist's file name without its ending."
    )
    timezone: _Timezone | None = Field(default=None, description="The time zone of both builds, in POSIX form.")
    hash_seed: Annotated[int, Field(ge=0, le=(1 << 32) - 1)] | None = Field(
        default=None, description="PYTHONHASHSEED of both builds."
    )
    build_tools: ToolsPart = Field(default=ToolsPart(), description="What is built with.")


def _either(found: dict[str, Any]) -> None:
    """State in the schema, too, that a group needs packages or requirements."""
    found.pop("title", None)
    found["anyOf"] = [{"required": ["packages"]}, {"required": ["requirements"]}]


class GroupPart(_Part):
    """Requirements that are tracked together."""

    model_config = ConfigDict(json_schema_extra=_either)

    enabled: bool = Field(default=True, description="Whether they are built.")
    image: _Images | None = Field(
        default=None, description="The image to build them on, or a list of them; the default when absent."
    )
    packages: list[_Requirement] = Field(default=[], description="Names, for the newest release, or NAME==VERSION.")
    requirements: list[_Folder] = Field(
        default=[],
        description="Files that say what is wanted, relative to this one: requirements files, poetry.lock, "
        "uv.lock, pylock.toml, the output of sha256sum.",
    )
    as_of: _Moment | None = Field(
        default=None,
        description="As of when their build requirements are resolved; null means the index as it is, whatever "
        "the configuration says elsewhere.",
    )
    build_tools: ToolsPart = Field(default=ToolsPart(), description="What they are built with.")
    profile: _GroupName | None = Field(default=None, description="As whose builds they are built.")

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.model_fields_set & {"packages", "requirements"}:
            msg = "names neither packages nor requirements"
            raise ValueError(msg)
        return self


class PackagePart(_Variations):
    """Settings of one project, in every group."""

    image: _Images | None = Field(
        default=None, description="The image to build it on, or a list of them, whatever the group says."
    )
    limits: LimitsPart = Field(default=LimitsPart(), description="What one build of it may use.")
    budget: BudgetPart = Field(default=BudgetPart(), description="What may be spent on explaining why it differs.")
    source_date_epoch: _Epoch | None = Field(
        default=None, description="SOURCE_DATE_EPOCH of its builds; null leaves it unset."
    )
    as_of: _Moment | None = Field(
        default=None,
        description="As of when its build requirements are resolved, whatever the group says; null means the index "
        "as it is.",
    )
    build_tools: ToolsPart = Field(default=ToolsPart(), description="What it is built with.")
    profile: _GroupName | None = Field(default=None, description="As whose builds it is built.")
    spread: bool | None = Field(
        default=None, description="Whether its second build runs on another host; null means as for all packages."
    )
    config_settings: dict[_Setting, _Values] = Field(
        default={}, description="The settings for its build backend (PEP 517); a list if a key occurs more than once."
    )


def _all_or_none(found: dict[str, Any]) -> None:
    """State in the schema, too, that each file of TLS needs the others."""
    found.pop("title", None)
    found["dependentRequired"] = {one: [other for other in _TLS if other != one] for one in _TLS}


_TLS = ("ca", "certificate", "key")


class DaskPart(_Part):
    """Dask's scheduler, whose workers build."""

    model_config = ConfigDict(json_schema_extra=_all_or_none)

    address: _Scheduler = Field(
        description="The scheduler's address: tls://HOST:PORT, or tcp://HOST:PORT if it is on this host."
    )
    ca: _Folder | None = Field(
        default=None,
        description="The certificate of the authority that signs those of scheduler, workers and clients; relative "
        "to this file. Without these three files, those of Dask's own configuration count.",
    )
    certificate: _Folder | None = Field(
        default=None, description="The certificate of this host; relative to this file."
    )
    key: _Folder | None = Field(default=None, description="The private key of this host; relative to this file.")

    @model_validator(mode="after")
    def _has_all_files(self) -> Self:
        missing = [name for name in _TLS if getattr(self, name) is None]
        if missing and len(missing) < len(_TLS):
            msg = f"lacks {' and '.join(missing)}: TLS needs all of {', '.join(_TLS)}"
            raise ValueError(msg)
        return self


class _Exclusion(_Part):
    """A project that is shown, but not built."""

    project: _Project = Field(description="Its name.")
    reason: Annotated[str, Field(min_length=1)] = Field(description="Why it is not built.")
    since: _Date = Field(description="Since when.")
    image: _Image | None = Field(default=None, description="The custom image that may lift the exclusion.")
    never: bool = Field(default=False, description="Whether nothing shall lift it, whatever a check finds.")


class File(_Part):
    """What is built, on what, and how."""

    index: _Index | None = Field(default=None, description="A package index (PEP 503 or 691); PyPI when absent.")
    crates: _Index | None = Field(
        default=None, description="A registry of Rust crates (its sparse index); the one that cargo knows when absent."
    )
    crates_downloads: list[_Index] = Field(
        default=[],
        description="Addresses of the hosts that the registry has crates downloaded from, where they are not its own.",
    )
    crates_private: bool = Field(
        default=Config().crates_private,
        description="Whether the registry may be at an address that is not public, although its name has a dot in it.",
    )
    isolation: _Runtime = Field(
        default=Config().isolation,
        description="What keeps builds apart from the host. engine: the engine's default runtime. auto: gVisor "
        "(runsc) where the engine has it, or else its default. Anything else is the name of a runtime.",
    )
    image: _Images = Field(
        default=list(Config().images),
        description="The image to build on, or a list of them, where no group or package names another. auto: the "
        "first of auto-images whose Python the release admits.",
    )
    auto_images: _ImageList = Field(
        default=list(Config().auto_images), description="The images that auto chooses from, the preferred one first."
    )
    as_of: _Moment | None = Field(
        default=None,
        description="Build requirements are resolved as of the end of this date, UTC, or of this moment, where no "
        "group or package names another; null means the index as it is.",
    )
    strict: bool = Field(
        default=Config().strict, description="Whether an image that drifted from its lock is an error."
    )
    jobs: _Count | None = Field(
        default=None,
        description="Builds at once; null means as many as there are cores and as memory has room for.",
    )
    source_date_epoch: _Epoch | None = Field(
        default=Settings().source_date_epoch, description="SOURCE_DATE_EPOCH of every build; null leaves it unset."
    )
    published: bool = Field(
        default=Settings().published,
        description="Whether a run also verifies the wheels on the index: rebuilds and compares them.",
    )
    spread: bool = Field(
        default=Settings().spread,
        description="Whether the second build runs on another host than the first, so that the variation host acts. "
        "It needs Dask workers on two hosts; a run without Dask warns and builds on its own host.",
    )
    long: _Time = Field(default=Config().long, description="A job that once took this long is known to be long.")
    dask: DaskPart | None = Field(default=None, description="Dask's workers, on which `run` builds; null: this host.")
    cache: _Folder = Field(default=str(Config().cache), description="What can be made again; relative to this file.")
    results: _Folder = Field(default=str(Config().results), description="Results and the site; relative to this file.")
    keep: _Keep = Field(default=_Keep(), description="How much is kept, and how long.")
    limits: LimitsPart = Field(default=LimitsPart(), description="What one build may use.")
    budget: BudgetPart = Field(default=BudgetPart(), description="What may be spent on explaining one difference.")
    variations: _Variations = Field(default=_Variations(), description="What is held or removed for all packages.")
    build_tools: ToolsPart = Field(default=ToolsPart(), description="What is built with, where nothing else is said.")
    images: dict[_Image, _ImagePart] = Field(default={}, description="Settings of single images.")
    profiles: dict[_GroupName, ProfilePart] = Field(default={}, description="How others build, by name.")
    groups: dict[_GroupName, GroupPart] = Field(default={}, description="What is tracked.")
    packages: dict[_Project, PackagePart] = Field(default={}, description="Settings of single projects.")
    site_url: _SiteUrl | None = Field(
        default=None, description="The address at which the site is published, for the links of its feed."
    )
    diffoscope: bool = Field(
        default=Config().diffoscope,
        description="Whether the site has diffoscope's reports of wheels that differ, where diffoscope is installed.",
    )
    on_change: list[_Argument] = Field(
        default=[],
        description="A program and its arguments, run without a shell after a run that changed something, with the "
        "changes as JSON on its standard input. It may take a minute.",
    )
    exclusions_age: _Time = Field(
        default=Config().exclusions_age, description="A check of an exclusion that is older is made again by `run`."
    )
    soak: _Time | None = Field(
        default=None,
        description="How long builds may take with which a whole run builds again what was built least often, so that "
        "chance shows; null: none.",
    )
    exclusions: list[_Exclusion] = Field(default=[], description="Projects that are shown, but not built.")


def named(found: Any, names: Mapping[str, list[str]]) -> Any:  # noqa: ANN401 - JSON
    """Replace each kind of name in a schema by the existing names of that kind."""
    if isinstance(found, dict):
        enum = {"enum": names[found["enum"]]} if isinstance(found.get("enum"), str) else {}
        return {key: named(value, names) for key, value in found.items()} | enum
    return [named(one, names) for one in found] if isinstance(found, list) else found
