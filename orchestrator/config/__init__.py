"""config.yaml -> Config: every mistake at once, each with its place and the nearest right name.

Three steps: `yaml_source` turns YAML into plain data and remembers the place of each value. `schema`
describes what is valid, and `validation` lists what is not. `_config` turns a valid file into the
frozen value that the farm uses. `tasks` lists what is then built.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from orchestrator import requirement_files
from orchestrator.config.scheduler import check_files, scheduler_address
from orchestrator.config.schema import (
    BudgetPart,
    DaskPart,
    File,
    GroupPart,
    LimitsPart,
    Names,
    PackagePart,
    ProfilePart,
    ToolsPart,
    named,
)
from orchestrator.config.tasks import checks, custom, excluded, on_image, project, requirement_of, stock, tasks, tracked
from orchestrator.config.validation import contradictions, validated
from orchestrator.config.values import AsOf, Config, DaskSettings, Group, Keep, ProfileRecipe, Settings
from orchestrator.config.yaml_source import LONGEST, Document, report
from orchestrator.errors import ConfigError
from orchestrator.model import (
    AUTO_IMAGE,
    Budget,
    BuildTools,
    Exclusion,
    Frontend,
    Limits,
    Policy,
    Profile,
    RecipeForm,
    ToolPin,
    digest,
)
from orchestrator.model.names import is_path
from orchestrator.util import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = [
    "AsOf",
    "Config",
    "DaskSettings",
    "Group",
    "Keep",
    "Settings",
    "check_files",
    "checks",
    "custom",
    "example",
    "excluded",
    "is_path",
    "lines",
    "load",
    "on_image",
    "parse",
    "project",
    "requirement_of",
    "scheduler_address",
    "schema",
    "shown",
    "stock",
    "tasks",
    "tracked",
]


def load(
    path: Path,
    *,
    variations: Collection[str],
    images: Collection[str],
    read: Callable[[Path], requirement_files.Read] = requirement_files.read,
) -> Config:
    """Read a configuration; `variations` and `images` are the names that it may use; `read` reads the files in it.

    Raises
    ------
    ConfigError
        The file cannot be read, or has mistakes; the message lists every one.

    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            text = stream.read(LONGEST + 1)
    except OSError as error:
        msg = f"reading {path}: {error.strerror or error}; write one with `wheelproof init`, or name it with --config"
        raise ConfigError(msg) from error
    except ValueError as error:
        msg = f"reading {path}: it is not UTF-8 text; save it as UTF-8"
        raise ConfigError(msg) from error
    return parse(text, str(path), path.absolute().parent, variations=variations, images=images, read=read)


def parse(
    text: str,
    name: str,
    folder: Path,
    *,
    variations: Collection[str],
    images: Collection[str],
    read: Callable[[Path], requirement_files.Read] = requirement_files.read,
) -> Config:
    """Turn the text of a configuration into a Config.

    `name` is the file's name in messages; relative paths such as `cache` and `results` start at `folder`.

    Raises
    ------
    ConfigError
        One line for each mistake, `config.yaml:LINE:COLUMN: where: what is wrong`, by line.

    """
    document = Document.read(text)
    names = Names(tuple(sorted(variations)), tuple(sorted(images)))
    file, wrong = validated(document.data, names)
    mistakes = document.with_mistakes((*wrong, *contradictions(document.data)))
    if file is None or mistakes:
        raise ConfigError(report(name, mistakes))
    files = _Files(folder, read)
    config = _config(file, folder, files)
    if files.mistakes:
        raise ConfigError(requirement_files.report(files.mistakes))
    return config


def lines(text: str) -> Mapping[tuple[str, str], int]:
    """Return the line of each requirement of a group, by (group, normalized requirement).

    That of an excluded project is at ("", project). A text that cannot be read has none.
    """
    document = Document.read(text)
    data = document.data if isinstance(document.data, dict) else {}
    found: dict[tuple[str, str], int] = {}
    for loc, (line, _) in document.values.items():
        match loc:
            case ("groups", str(group), "packages", int(number)):
                value, key = data["groups"][group]["packages"][number], group
            case ("exclusions", int(number), "project"):
                value, key = data["exclusions"][number]["project"], ""
            case _:
                continue
        with suppress(ValueError):
            found.setdefault((key, requirement_of(str(value))), line)
    return found


def example() -> str:
    """Return the text of a commented configuration for somebody who begins."""
    return resources.files("orchestrator.config").joinpath("example.yaml").read_text("utf-8")


def shown(config: Config) -> str:
    """Return a hash of what the site shows of a configuration and of the files that it reads."""
    return digest([tracked(config), config.exclusions, config.images, config.index, config.site_url, config.diffoscope])


def schema(*, variations: Collection[str], images: Collection[str]) -> dict[str, Any]:
    """Return the JSON Schema of config.yaml, for editors: every key described, every name listed."""
    known = sorted(images)
    names = {"variation": sorted(variations), "image": known, "image-or-auto": [AUTO_IMAGE, *known]}
    parts = named(File.model_json_schema(), names)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **parts, "title": "wheelproof's config.yaml"}


class _Files:
    """Reads the files that a configuration names, and collects their mistakes."""

    def __init__(self, folder: Path, read: Callable[[Path], requirement_files.Read]) -> None:
        self._folder = folder
        self._read = read
        self.mistakes: list[requirement_files.Mistake] = []

    def wanted(self, names: Iterable[str]) -> tuple[requirement_files.Wanted, ...]:
        """Read the requirements that files list."""
        read = [self._read(self._path(name)) for name in names]
        self.mistakes.extend(mistake for file in read for mistake in file.mistakes)
        return tuple(wanted for file in read for wanted in file.wanted)

    def _path(self, name: str) -> Path:
        """Return where a file is: beside the configuration, or else in profiles/ as wheelproof comes with it."""
        beside, ours = self._folder / name, shipped.ROOT / name
        return ours if ours.is_relative_to(shipped.PROFILES) and ours.exists() and not beside.exists() else beside

    def tools(self, part: ToolsPart) -> BuildTools | None:
        """Return the build tools; None where the file does not set them."""
        if not part.model_fields_set:
            return None
        return BuildTools(
            policy=Policy(part.policy or Policy.INDEX),
            pins=self._pins(part.file) if part.file else (),
            file=part.file or "",
            strict=part.strict,
            frontend=Frontend(part.frontend),
        )

    def _pins(self, name: str) -> tuple[ToolPin, ...]:
        wanted = self.wanted([name])
        for tool in wanted:
            if not tool.version:
                self.mistakes.append(
                    requirement_files.Mistake(tool.file, tool.line, f"{tool.project} is not pinned to one version")
                )
        return tuple(
            ToolPin(tool.project, tool.version, tuple(dict.fromkeys((*tool.own, *tool.allowed)))) for tool in wanted
        )


def _config(file: File, folder: Path, files: _Files) -> Config:
    defaults = Settings(
        hold=_sorted(file.variations.hold),
        remove=_sorted(file.variations.remove),
        limits=_limits(Limits(), file.limits),
        budget=_budget(Budget(), file.budget),
        source_date_epoch=file.source_date_epoch,
        published=file.published,
        spread=file.spread,
    )
    return Config(
        index=file.index,
        crates=file.crates,
        crates_downloads=tuple(file.crates_downloads),
        crates_private=file.crates_private,
        isolation=file.isolation,
        images=tuple(file.image),
        auto_images=tuple(file.auto_images),
        as_of=file.as_of,
        strict=file.strict,
        jobs=file.jobs,
        long=file.long,
        dask=_dask(file.dask, folder) if file.dask else None,
        folder=folder,
        cache=folder / file.cache,
        results=folder / file.results,
        keep=Keep(file.keep.wheels, file.keep.logs, file.keep.cache, file.keep.unused),
        defaults=defaults,
        groups=tuple(
            Group(
                name=name,
                enabled=one.enabled,
                images=tuple(one.image or file.image),
                packages=tuple(one.packages),
                wanted=files.wanted(one.requirements),
                tools=files.tools(one.build_tools),
                profile=one.profile or "",
                as_of=_as_of(one),
            )
            for name, one in file.groups.items()
        ),
        packages={name: _settings(defaults, one, files) for name, one in file.packages.items()},
        tools=files.tools(file.build_tools) or BuildTools(),
        image_tools={
            name: tools for name, one in file.images.items() if (tools := files.tools(one.build_tools)) is not None
        },
        profiles={name: _recipe(name, one, files) for name, one in file.profiles.items()},
        exclusions=tuple(
            Exclusion(one.project, one.reason, one.since, one.image or "", one.never) for one in file.exclusions
        ),
        exclusions_age=file.exclusions_age,
        site_url=file.site_url or "",
        diffoscope=file.diffoscope,
        on_change=tuple(file.on_change),
        soak=file.soak,
    )


def _dask(part: DaskPart, folder: Path) -> DaskSettings:
    ca, certificate, key = (folder / name if name else None for name in (part.ca, part.certificate, part.key))
    return DaskSettings(part.address, ca, certificate, key)


def _recipe(name: str, part: ProfilePart, files: _Files) -> ProfileRecipe:
    return ProfileRecipe(
        profile=Profile(name, part.umask, part.build_path or "", part.timezone or "", part.hash_seed),
        image=part.image or "",
        tools=files.tools(part.build_tools),
        sets_epoch="source_date_epoch" in part.model_fields_set,
        source_date_epoch=part.source_date_epoch,
    )


def _settings(defaults: Settings, package: PackagePart, files: _Files) -> Settings:
    own_epoch = "source_date_epoch" in package.model_fields_set
    return Settings(
        images=tuple(package.image or ()),
        hold=_sorted((*defaults.hold, *package.hold)),
        remove=_sorted((*defaults.remove, *package.remove)),
        limits=_limits(defaults.limits, package.limits),
        budget=_budget(defaults.budget, package.budget),
        source_date_epoch=package.source_date_epoch if own_epoch else defaults.source_date_epoch,
        published=defaults.published,
        tools=files.tools(package.build_tools),
        profile=package.profile or "",
        config_settings=tuple(_pairs(package.config_settings)),
        as_of=_as_of(package),
        spread=defaults.spread if package.spread is None else package.spread,
    )


def _as_of(part: GroupPart | PackagePart) -> AsOf | None:
    return AsOf(part.as_of) if "as_of" in part.model_fields_set else None


def _pairs(settings: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    return ((key, value) for key, values in sorted(settings.items()) for value in values)


def _limits(inherited: Limits, given: LimitsPart) -> Limits:
    return replace(inherited, **_own(given))


def _budget(inherited: Budget, given: BudgetPart) -> Budget:
    own = _own(given)
    if given.recipes is not None:
        own["recipes"] = tuple(map(RecipeForm, dict.fromkeys(given.recipes)))
    return replace(inherited, **own)


def _own(given: LimitsPart | BudgetPart) -> dict[str, Any]:
    """Return what a part sets, by the names of the values."""
    return {"seconds" if name == "time" else name: value for name, value in given.model_dump(exclude_none=True).items()}


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
