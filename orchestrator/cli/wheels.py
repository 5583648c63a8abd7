"""The command wheels: both wheels of a verdict as files, under their names."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output
from orchestrator.cli.show import results_of
from orchestrator.errors import ResultsError, UsageError
from orchestrator.model import names
from orchestrator.model.names import BadNameError, WheelName, is_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.model import Build, Result

_PAIR = 2
LOG, SUMS = "build.log", "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class Export:
    """A wheel or a log of one build, and where it goes."""

    build: str  # first or second
    sha256: str
    kept: Path | None  # in the store; None: it is not kept any more
    name: WheelName | None = None  # None: it is a log

    @property
    def place(self) -> Path:
        """Where it goes, below the folder."""
        return Path(self.build) / (self.name.filename if self.name else LOG)


@click.command
@click.argument("project", metavar="PROJECT[==VERSION]", shell_complete=completion.with_results)
@options.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The folder to write to."
)
@options.option(
    "--image",
    metavar="NAME",
    shell_complete=completion.images,
    help="The verdict on that image; the newest by default.",
)
@options.option("--force", is_flag=True, help="Overwrite other files of the same names.")
@options.CONFIG
@options.RESULTS
@options.as_json("the files as one JSON array")
def wheels(
    project: str,
    target: Path,
    image: str | None,
    force: bool,
    config_file: Path,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Write both wheels of the newest verdict on PROJECT to DIR/first and DIR/second, with SHA256SUMS and the logs.

    Commands that compare them are printed.
    """
    settings, store = options.opened(config_file, folder)
    result = next(results_of(store, project, image, settings))
    exports = tuple(planned(result, store.wheels.find, store.logs.find))
    try:
        write(exports, target, force=force)
    except OSError as error:  # a folder that may not be looked into, or a name that is too long
        msg = f"writing the wheels: {error}; choose another folder"
        raise UsageError(msg) from error
    if as_json:
        output.as_json(_value(export, target) for export in exports)
    else:
        for line in _lines(result, exports, target):
            click.echo(line)
    if missing := _missing(result, exports):
        raise UsageError(missing)


def planned(result: Result, wheel: Callable[[str], Path | None], log: Callable[[str], Path | None]) -> Iterator[Export]:
    """Yield the wheels and logs of a result's two builds; `wheel` and `log` return a kept file by its SHA-256."""
    for build in result.builds[:_PAIR]:
        if build.wheel and (name := _name(build, result)):
            yield Export(build.name, build.wheel.sha256, wheel(build.wheel.sha256), name)
        if build.log and (kept := log(build.log)):
            yield Export(build.name, build.log, kept)


def _name(build: Build, result: Result) -> WheelName | None:
    """Return the checked name of a build's wheel; None if a record has another text in its place."""
    try:
        return names.wheel_for(build.wheel.filename, result.project) if build.wheel else None
    except BadNameError:
        return None


def write(exports: Sequence[Export], target: Path, *, force: bool) -> None:
    """Copy the files that are kept, and list the hashes of the wheels; nothing is written if a file is in the way.

    Raises
    ------
    UsageError
        There is another file of that name, and `force` is not given.
    ResultsError
        A kept file is damaged, or the folder cannot be written.

    """
    from orchestrator.util import cache

    kept = [(export, export.kept) for export in exports if export.kept]
    for export, file in kept:
        if cache.sha256_of(file) != export.sha256:
            msg = f"writing {target / export.place}: {file} is damaged; remove it, and build the release again"
            raise ResultsError(msg)
    files = [(file, target / export.place, export.sha256) for export, file in kept]
    blocked = [place for _, place, sha256 in files if place.exists() and not _has(place, sha256)]
    sums = {target / build / SUMS: text for build, text in _sums(exports)}
    blocked += [place for place, text in sums.items() if place.exists() and not _is(place, text)]
    if blocked and not force:
        msg = f"writing {blocked[0]}: there is another file of that name; choose another folder, or give --force"
        raise UsageError(msg)
    for file, place, sha256 in files:
        if not place.exists() or not _has(place, sha256):
            cache.keep(file, place, "the wheels")
    for place, text in sums.items():
        cache.write(place, text, "the wheels")


def _sums(exports: Sequence[Export]) -> Iterator[tuple[str, str]]:
    """Yield the text of SHA256SUMS for each build that has a wheel."""
    for export in exports:
        if export.name and export.kept:
            yield export.build, names.checksum_line(export.sha256, export.name)


def _has(place: Path, sha256: str) -> bool:
    from orchestrator.util import cache

    return place.is_file() and cache.sha256_of(place) == sha256


def _is(place: Path, text: str) -> bool:
    return place.is_file() and place.read_bytes() == text.encode()


# --- what is printed -------------------------------------------------------------------------


def _lines(result: Result, exports: Sequence[Export], target: Path) -> Iterator[str]:
    """Yield a line for each file, what the builds lack, and the commands that compare the wheels."""
    from orchestrator.util import logs

    yield f"{result.project} {result.version} on {result.image.name}: {result.verdict} ({result.finished:%Y-%m-%d})"
    for export in exports:
        if export.kept:
            yield logs.printable(f"{target / export.place}")
    for build in result.builds[:_PAIR]:
        if build.wheel is None:
            yield f"the {build.name} build gave no wheel: {build.failure.reason if build.failure else result.reason}"
    wheels = [export for export in exports if export.name and export.kept]
    if len(wheels) == _PAIR:
        below = target if target.is_absolute() or not f"{target}".startswith("-") else f"./{target}"  # no option
        first, second = (logs.printable(shlex.quote(f"{below}/{export.place}")) for export in wheels)
        equal = wheels[0].sha256 == wheels[1].sha256
        yield "\nThe two have the same bytes." if equal else "\nTo compare them:"
        yield f"wheelproof compare {first} {second}"
        yield f"diffoscope {first} {second}"


def _missing(result: Result, exports: Sequence[Export]) -> str:
    """Return that wheels are not kept any more, and how to build them again; empty if all are there."""
    if not result.builds:
        return f"writing the wheels of {result.project} {result.version}: nothing was built ({result.verdict})"
    gone = [export.build for export in exports if export.name and not export.kept]
    if not gone:
        return ""
    what = "wheel of the " + " and of the ".join(gone) + " build"
    again = shlex.join(again_command(result))
    return (
        f"writing the wheels of {result.project} {result.version}: the {what} is not kept any more; "
        f"build again, and allow more under keep: wheels in the configuration if that is why: {again}"
    )


def again_command(result: Result) -> list[str]:
    """Return the command that builds a result's wheels again."""
    named = result.requirement if is_path(result.requirement) else f"{result.project}=={result.version}"
    profile = ["--profile", result.inputs.profile.name] if result.inputs and result.inputs.profile else []
    return ["wheelproof", "run", "--again", "--image", result.image.name, *profile, named]


def _value(export: Export, target: Path) -> dict[str, object]:
    return {
        "build": export.build,
        "file": str(target / export.place),
        "sha256": export.sha256,
        "kept": export.kept is not None,
    }
