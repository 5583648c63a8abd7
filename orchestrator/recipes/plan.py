"""What the remedies of a recipe ask for, all together: the part of its text that differs from one recipe to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.build.writing import Writing
from orchestrator.experiments.remedies import EPOCH, named
from orchestrator.recipes.frontends import wanted
from orchestrator.recipes.quoting import comment, plain, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.model import RecipeForm
    from orchestrator.model.request import Recreation
    from orchestrator.recipes.inputs import RecipeInputs, SetInputs


@dataclass(frozen=True, slots=True)
class Plan:
    """All remedies of a recipe in one value. Texts may be used as they are between double quotes, as in Writing."""

    lines: tuple[str, ...]  # of shell, before anything is unpacked
    folders: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]  # exported for the build; of equal names the last
    path: str  # PATH of the build, without the recipe's own folders; $PATH: the user's
    flags: tuple[str, ...]
    settings: tuple[str, ...]  # key=value, each quoted as a word of a shell
    wrap: tuple[tuple[str, ...], ...]  # of each remedy
    finish: tuple[str, ...]
    epoch: int  # of finished archives
    fixed_folder: bool
    length: int
    clean_environment: bool
    checks: tuple[tuple[str, str], ...]  # a condition, which may be empty, and what it means
    as_published: tuple[str, ...]  # what is set as the publisher had it, in words
    crlf: bool  # whether lines of the source's text files end with CR LF
    written_crlf: bool  # whether those of text files that the build writes do
    taken: tuple[str, ...]  # fields of the archive, from the published wheel


def planned(inputs: RecipeInputs | SetInputs) -> Plan:
    """Put together what the remedies ask for; raises KeyError if the catalogue lacks one of them."""
    writings = writings_of(inputs)
    variables = _variables(inputs, writings)
    given = [word(f"{key}={value}") for key, value in inputs.config_settings]
    return Plan(
        lines=tuple(dict.fromkeys((*_all(writings, "lines"), *_umask(inputs.recreation)))),
        folders=_all(writings, "folders"),
        variables=tuple((name, value) for name, value in variables.items() if name != "PATH"),
        path=variables.get("PATH", "$PATH"),
        flags=_all(writings, "flags"),
        settings=(*given, *(f'"{key}={value}"' for one in writings for key, value in one.settings)),
        wrap=tuple(one.wrap for one in writings if one.wrap),
        finish=_all(writings, "finish"),
        epoch=EPOCH if inputs.source_date_epoch is None else inputs.source_date_epoch,
        fixed_folder=any(one.fixed_folder for one in writings),
        length=max((one.length for one in writings), default=0),
        clean_environment=any(one.clean_environment for one in writings),
        checks=tuple((one.check, one.note) for one in writings if one.note),
        as_published=tuple(_as_published(inputs)),
        crlf=inputs.recreation.line_ends.of_source,
        written_crlf=inputs.recreation.line_ends.of_written,
        taken=tuple(one.value for one in inputs.taken) if inputs.published else (),
    )


def _umask(recreation: Recreation) -> tuple[str, ...]:
    return () if recreation.umask is None else (f"umask {recreation.umask:03o}",)


def _as_published(inputs: RecipeInputs | SetInputs) -> Iterator[str]:
    recreation, epoch = inputs.recreation, inputs.source_date_epoch
    yield "SOURCE_DATE_EPOCH unset" if epoch is None else f"SOURCE_DATE_EPOCH={epoch}"
    yield from _umask(recreation)
    if recreation.timezone:
        yield f"TZ={comment(recreation.timezone)}"
    if recreation.clock is not None:
        yield f"a clock that begins at {recreation.clock} seconds"
    if recreation.line_ends.of_source:
        yield "text files of the source with CR LF at the ends of lines"
    if recreation.line_ends.of_written:
        yield "text files that the build writes with CR LF at the ends of lines"
    for name, value in recreation.variables:
        yield comment(f"{name}={value}")


def writings_of(inputs: RecipeInputs | SetInputs) -> tuple[Writing, ...]:
    """Return how the remedies, and the clock, are written; raises KeyError if the catalogue lacks a remedy."""
    clock = inputs.recreation.clock
    return (*(named(name).written for name in inputs.remedies), *([] if clock is None else [_clock(clock)]))


def _clock(begin: int) -> Writing:
    """Return how a clock that begins at a moment is written; files keep the real times."""
    return Writing(
        requires=("libfaketime",),
        wrap=(
            "env",
            "LD_LIBRARY_PATH=$env/lib/python$version/site-packages/libfaketime/vendor/libfaketime/src",
            "LD_PRELOAD=libfaketime.so.1",
            f"FAKETIME=@{begin}",
            "FAKETIME_FMT=%s",
            "NO_FAKE_STAT=1",
            "DONT_FAKE_MONOTONIC=1",
        ),
    )


def requirements(form: RecipeForm, inputs: RecipeInputs) -> tuple[str, ...]:
    """Return the lines of the requirements file of a recipe, sorted by name."""
    pins = {pin.name: f"{plain(pin.name)}=={plain(pin.version)} --hash=sha256:{pin.sha256}" for pin in inputs.pins}
    requires = _all(writings_of(inputs), "requires")
    for one in wanted(form, requires, pins):
        hashes = "".join(f" --hash=sha256:{sha256}" for sha256 in one.hashes)
        pins[one.name] = f"{one.name}=={one.version}{hashes}"
    return tuple(pins[name] for name in sorted(pins))


def _variables(inputs: RecipeInputs | SetInputs, writings: tuple[Writing, ...]) -> dict[str, str]:
    variables = dict(pair for one in writings for pair in one.variables)
    if any(one.pretend for one in writings):
        variables["SETUPTOOLS_SCM_PRETEND_VERSION"] = inputs.written_version
    if inputs.source_date_epoch is not None:  # a remedy that sets it has its own only where there is none
        variables["SOURCE_DATE_EPOCH"] = str(inputs.source_date_epoch)
    elif inputs.published:
        variables.pop("SOURCE_DATE_EPOCH", None)  # its publisher had none
    if inputs.recreation.timezone:
        variables["TZ"] = inputs.recreation.timezone  # `obstacle` has refused what a shell takes for its own
    return variables | dict(inputs.recreation.variables)  # likewise


def _all(writings: tuple[Writing, ...], field: str) -> tuple[str, ...]:
    """Return the texts of one field, each once."""
    return tuple(dict.fromkeys(text for one in writings for text in getattr(one, field)))
