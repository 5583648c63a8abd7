"""config.yaml -> Config: every mistake at once, each with its place and the nearest right name.

Three steps, each fed by the one before: `document` turns YAML into plain data and remembers where
each value stood; `shape` says what is right, and `mistakes` what is wrong; and `_config` makes of
what is right the frozen value that the farm works with. `tasks` says what is then to be built.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.config.document import LONGEST, Document, report
from orchestrator.config.mistakes import contradictions, validated
from orchestrator.config.shape import BudgetPart, File, LimitsPart, Names, PackagePart, named
from orchestrator.config.tasks import checks, custom, is_path, project, stock, tasks, tracked
from orchestrator.config.values import Config, Group, Keep, Settings
from orchestrator.errors import ConfigError
from orchestrator.model import Budget, Exclusion, Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = [
    "Config",
    "Group",
    "Keep",
    "Settings",
    "checks",
    "custom",
    "is_path",
    "load",
    "parse",
    "project",
    "schema",
    "stock",
    "tasks",
    "tracked",
]


def load(path: Path, *, variations: Collection[str], images: Collection[str]) -> Config:
    """Read a configuration; `variations` and `images` are the names that it may use.

    Raises
    ------
    ConfigError
        The file cannot be read, or has mistakes; the message lists every one.

    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            text = stream.read(LONGEST + 1)
    except OSError as error:
        msg = f"reading {path}: {error.strerror or error}; name the configuration with --config"
        raise ConfigError(msg) from error
    except ValueError as error:
        msg = f"reading {path}: it is not text in UTF-8; save it as such"
        raise ConfigError(msg) from error
    return parse(text, str(path), path.absolute().parent, variations=variations, images=images)


def parse(text: str, name: str, folder: Path, *, variations: Collection[str], images: Collection[str]) -> Config:
    """Turn the text of a configuration into a Config.

    `name` stands for the file in messages; `cache` and `results` are taken from `folder` on.

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
    return _config(file, folder)


def schema(*, variations: Collection[str], images: Collection[str]) -> dict[str, Any]:
    """Return the JSON Schema of config.yaml, for editors: every key described, every name listed."""
    names = {"variation": sorted(variations), "image": sorted(images)}
    found = named(File.model_json_schema(), names)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "wheelproof's config.yaml"}


def _config(file: File, folder: Path) -> Config:
    defaults = Settings(
        hold=_sorted(file.variations.hold),
        remove=_sorted(file.variations.remove),
        limits=_limits(Limits(), file.limits),
        budget=_budget(Budget(), file.budget),
        source_date_epoch=file.source_date_epoch,
        published=file.published,
    )
    return Config(
        index=file.index,
        crates=file.crates,
        image=file.image,
        as_of=file.as_of,
        strict=file.strict,
        jobs=file.jobs,
        long=file.long,
        cache=folder / file.cache,
        results=folder / file.results,
        keep=Keep(file.keep.wheels, file.keep.logs),
        defaults=defaults,
        groups=tuple(
            Group(name, one.enabled, one.image or file.image, tuple(one.packages)) for name, one in file.groups.items()
        ),
        packages={name: _settings(defaults, one) for name, one in file.packages.items()},
        exclusions=tuple(
            Exclusion(one.project, one.reason, one.since, one.image or "", one.never) for one in file.exclusions
        ),
        exclusions_age=file.exclusions_age,
    )


def _settings(defaults: Settings, package: PackagePart) -> Settings:
    own_epoch = "source_date_epoch" in package.model_fields_set
    return Settings(
        image=package.image or "",
        hold=_sorted((*defaults.hold, *package.hold)),
        remove=_sorted((*defaults.remove, *package.remove)),
        limits=_limits(defaults.limits, package.limits),
        budget=_budget(defaults.budget, package.budget),
        source_date_epoch=package.source_date_epoch if own_epoch else defaults.source_date_epoch,
        published=defaults.published,
        config_settings=tuple(_pairs(package.config_settings)),
    )


def _pairs(settings: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    return ((key, value) for key, values in sorted(settings.items()) for value in values)


def _limits(inherited: Limits, given: LimitsPart) -> Limits:
    return replace(inherited, **_own(given))


def _budget(inherited: Budget, given: BudgetPart) -> Budget:
    return replace(inherited, **_own(given))


def _own(given: LimitsPart | BudgetPart) -> dict[str, Any]:
    """Return what is set there, by the names of the values."""
    return {"seconds" if name == "time" else name: value for name, value in given.model_dump(exclude_none=True).items()}


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
