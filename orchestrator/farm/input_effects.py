"""The effects that settle a job's inputs: index, cache and results. None of them needs a container engine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import config
from orchestrator.build_requirements import crates
from orchestrator.build_requirements.install import TOOLS
from orchestrator.errors import ResultsError, UsageError, WheelproofError
from orchestrator.farm import memory
from orchestrator.job import local_project
from orchestrator.job.inputs import SettlingEffects
from orchestrator.model import Failure, Origin, WheelFile, digest, names
from orchestrator.model.names import BadNameError, SdistName
from orchestrator.sources import git_folder, reading, sdist
from orchestrator.sources.index import local
from orchestrator.util import cache, logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from orchestrator.job.local_project import BuiltSdist
    from orchestrator.model import (
        Image,
        Limits,
        Lock,
        OfferedWheel,
        Provided,
        Release,
        Sdist,
        Target,
        Task,
        Tool,
    )
    from orchestrator.model.names import WheelName
    from orchestrator.results.store import Results
    from orchestrator.sources.index import Index
    from orchestrator.sources.sdist import Source

_TURNS = cache.Turns()

MTIME = 1_577_836_800  # 2020-01-01, of packed files where no SOURCE_DATE_EPOCH is set


class NotKnownYet(WheelproofError):  # noqa: N818 - no error: the inputs are known only after a build
    """Something has to be built or asked of a container first; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputEffects:
    """What settling the inputs of all jobs shares."""

    index: Index
    lock: Callable[..., Lock | Failure]  # (requirements, target), and as `lock_for` calls it
    results: Results
    cache: Path
    log: Callable[[str, str], None] = lambda _project, _doing: None  # (project, what is done for it)

    def settling(self, limits: Limits, crates: Callable[[Source, Image], Path | Failure | None]) -> SettlingEffects:
        """Return the effects that settle the inputs of one job."""
        return SettlingEffects(
            fetch=lambda wanted: self.index.fetch(wanted, limits.download),
            describe=lambda path, sdist: self.describe(path, sdist.sha256, limits),
            lock=self.lock,
            recall=lambda question: memory.recall(self.cache, question),
            crates=crates,
        )

    def lock_for(self, task: Task) -> Callable[[Sequence[str], Target], Lock | Failure]:
        """Return the function that locks a task's build requirements: as of its moment, with its overrides.

        What a recreation says replaces what the task says.
        """
        return self.lock_as(task.locked_as_of, task.recreation.overrides if task.recreation else ())

    def lock_as(
        self, as_of: datetime | None, overrides: tuple[str, ...]
    ) -> Callable[[Sequence[str], Target], Lock | Failure]:
        """Return the function that locks build requirements as of a moment, with overrides.

        What is overridden is required, too: a publisher may have had it although the sdist does not ask for it.
        """
        settings = {"as_of": as_of, "overrides": overrides}
        lock = partial(self.lock, **{name: value for name, value in settings.items() if value})
        return lambda requirements, target: lock((*requirements, *overrides), target)

    def crates_kept(self, source: Source, image: Image) -> Path | None:
        """Return the crates that a build gets, if it gets some and they were fetched earlier.

        Raises
        ------
        NotKnownYet
            They have to be fetched first.

        """
        if not crates.wanted(source, image):
            return None
        if (folder := crates.kept(self.cache, source, image)) is None:
            msg = "its crates are fetched first"
            raise NotKnownYet(msg)
        return folder

    def describe(self, path: Path, sha256: str, limits: Limits) -> Source | Failure:
        """Return how an sdist of the cache is to be built; each sdist is read only once."""
        question = digest(("source and locks", sha256, limits.sdist, limits.members))
        if (words := memory.recall(self.cache, question)) is not None:
            return sdist.recalled(path, words)
        source = reading.describe(path, limits)
        if not isinstance(source, Failure):
            memory.remember(self.cache, question, sdist.remembered(source))
        return source

    def release(self, task: Task, image: Image) -> Release:
        """Find the release that a task names: one of the index, an sdist on disk, or a project's folder.

        Raises
        ------
        WheelproofError
            There is no such release, or the index does not answer.

        """
        if not config.is_path(task.requirement):
            return self._on_index(task, image)
        if Path(task.requirement).is_dir():
            return self._packed(Path(task.requirement).resolve(), task, image)
        release, file = local(task.requirement)
        assert release.sdist is not None  # noqa: S101 - `local` read it
        return replace(release, sdist=self._taken(release.sdist, file))

    def _on_index(self, task: Task, image: Image) -> Release:
        release = with_asked_hash(task, self.index.release(task.requirement, image.target.python))
        if release.sdist is None:  # that would be a verdict, and an index page may lack a file for a moment
            again = self.index.release(task.requirement, image.target.python, anew=True)
            release = with_asked_hash(task, again)
        if release.sdist is None or release.sdist.sha256:
            return release
        file = self.index.fetch(release.sdist, task.limits.download)
        return replace(release, sdist=replace(release.sdist, sha256=cache.sha256_of(file)))

    def _packed(self, folder: Path, task: Task, image: Image) -> Release:
        """Pack a project's folder; return the sdist that was built from the same content earlier, if there is one."""
        project, mtime = reading.project_of(folder), task.source_date_epoch or MTIME
        with cache.unfinished(self.cache / "sdists") as lent:
            file = lent / "packed"
            earlier: list[Release] = []

            def known(content: str) -> bool:
                earlier.extend(self._built_before(content, image))
                return bool(earlier)

            with file.open("wb") as stream:
                ours = (self.cache, self.results.folder)
                content = sdist.pack(folder, stream, task.limits, mtime, known=known, ours=ours)
            if earlier or (earlier := list(self._built_before(content, image))):
                return earlier[0]
            url = f"{folder.as_uri()}/"
            packed = WheelFile(file.name, cache.sha256_of(file), file.stat().st_size)
            git = git_folder.find(folder)
            if git is None and (above := _repository_above(folder)):
                what = "its .git is in a folder above, and is not packed: a build that asks git for a version fails"
                logs.warning(what, folder=f"{folder}", repository=f"{above}")
            release = local_project.packed(project, url, packed, content, git=git is not None)
            assert release.sdist is not None  # noqa: S101 - a packed folder has one
            self._taken(release.sdist, file)
            return release

    def _built_before(self, content: str, image: Image) -> tuple[Release, ...]:
        """Return the release of the sdist that was built from a folder of that content earlier, if there is one."""
        answer = memory.recall(self.cache, _question_of_sdist(content, image)) or ()
        with suppress(BadNameError, ValueError):
            sha256, filename, *dated = answer
            place = self.place(sha256, SdistName(filename))
            if _is_kept(place, sha256):
                return (of_folder(place, tuple(zip(dated[::2], dated[1::2], strict=True))),)
        return ()

    def place(self, sha256: str, name: SdistName) -> Path:
        """Return the path of an sdist in the cache."""
        return names.place(self.cache / "sdists", sha256, name)

    def _taken(self, sdist: Sdist, file: Path) -> Sdist:
        """Copy the user's sdist into the cache, so that later changes of it have no effect."""
        cache.keep(file, self.place(sdist.sha256, SdistName(sdist.filename)))
        return sdist

    def inventory(self, image: Image) -> tuple[Provided, ...]:
        """Ask an image for its Debian distributions of Python; without an engine, this raises NotKnownYet."""
        msg = f"the Python distributions of the image {image.name} are listed first"
        raise NotKnownYet(msg)

    def stored(self, wheel: WheelFile) -> Path:
        """Return a file that was built a moment ago.

        Raises
        ------
        ResultsError
            The store had no room for it.

        """
        path = self.results.wheels.find(wheel.sha256)
        if path is None:
            msg = (
                f"reading {wheel.filename}: it is not kept any more; allow more under keep: wheels in the configuration"
            )
            raise ResultsError(msg)
        return path


@dataclass(frozen=True, slots=True)
class ToolBench:
    """The effects of building tools for one image."""

    job_effects: InputEffects
    image: Image
    limits: Limits
    note: Callable[[Path], None] = lambda _path: None  # gets each wheel of the cache that is used

    def release(self, name: str, version: str) -> Release:
        """Find a release on the index."""
        return self.job_effects.index.release(f"{name}=={version}", self.image.target.python)

    def keep(self, wheel: WheelFile, name: WheelName) -> Path:
        """Keep a wheel that was built a moment ago under its name, where build environments look for it."""
        place = self._place(wheel.sha256, name)
        cache.keep(self.job_effects.stored(wheel), place)
        self.note(place)
        return place

    def kept(self, sha256: str, name: WheelName) -> Path | None:
        """Return a wheel that was kept, if it is still there."""
        place = self._place(sha256, name)
        if not _is_kept(place, sha256):
            return None
        self.note(place)
        return place

    def _place(self, sha256: str, name: WheelName) -> Path:
        return names.place(self.job_effects.cache / TOOLS, sha256, name)

    def requires(self, wheel: Path | OfferedWheel) -> tuple[str, ...]:
        """Return what a wheel requires when it is used."""
        path = wheel if isinstance(wheel, Path) else self.job_effects.index.fetch(wheel, self.limits.download)
        return reading.requires(path)

    def provided(self) -> tuple[Provided, ...]:
        """Return the image's Debian distributions of Python; each image is asked only once."""
        folder, question = self.job_effects.cache, digest(("provided", self.image.manifest))
        provided = memory.recall_provided(folder, question)
        if provided is None:
            provided = self.job_effects.inventory(self.image)
            memory.remember_provided(folder, question, provided)
        return provided

    def recall_tool(self, key: str) -> Tool | None:
        """Return a tool that was built earlier."""
        return memory.recall_tool(self.job_effects.cache, key)

    def remember_tool(self, key: str, tool: Tool) -> None:
        """Remember a tool that was built."""
        memory.remember_tool(self.job_effects.cache, key, tool)

    def turn(self, key: str) -> AbstractContextManager[None]:
        """Let one thread at a time build a tool."""
        return _TURNS.turn(key)


def _repository_above(folder: Path) -> Path | None:
    with suppress(OSError):  # it is for a warning alone
        return git_folder.above(folder)
    return None


def of_folder(sdist: Path, dated: tuple[tuple[str, str], ...]) -> Release:
    """Return the release of the sdist that was built from a project's folder; `dated` is as in Release."""
    release, _ = local(sdist)
    return replace(release, origin=Origin.FOLDER, dated=dated)


def remember_sdist(folder: Path, release: Release, image: Image, built: BuiltSdist) -> None:
    """Remember the sdist that an image built from a packed folder, and what shows that it changes with the day."""
    answer = (built.file.sha256, built.file.filename, *chain.from_iterable(built.dated))
    memory.remember(folder, _question_of_sdist(release.content, image), answer)


def with_asked_hash(task: Task, release: Release) -> Release:
    """Return the release, if its sdist has one of the hashes that the task's file lists.

    Raises
    ------
    UsageError
        It has none of them; the message names the files that the hashes belong to.

    """
    if not task.hashes or release.sdist is None or release.sdist.sha256 in task.hashes:
        return release
    wheels = [wheel.filename for wheel in release.wheels if wheel.sha256 in task.hashes]
    what = f"{release.project} {release.version}"
    begin = f"looking for {what} of {task.source}: its sdist {release.sdist.filename} has sha256 {release.sdist.sha256}"
    if wheels:
        msg = f"{begin}, and the hashes there are of wheels only ({', '.join(wheels[:3])}); add that of the sdist"
    else:
        msg = (
            f"{begin}, and the hashes there are of no file of the index; "
            "check which files they belong to, and add that of the sdist"
        )
    raise UsageError(msg)


def _is_kept(place: Path, sha256: str) -> bool:
    """Return whether a file is in the cache and has its hash."""
    return place.is_file() and cache.sha256_of(place) == sha256


def _question_of_sdist(content: str, image: Image) -> str:
    """Return the key under which the sdist is remembered that an image builds from a folder of that content."""
    return digest(("sdist twice", content, image.manifest))
