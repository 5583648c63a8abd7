"""The story of one job: settle its inputs, build it twice, compare, judge. Its effects come as callables."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from orchestrator import __version__
from orchestrator.analysis import failure_signs, wheel_tags
from orchestrator.analysis.compare import compare
from orchestrator.build import variations
from orchestrator.build.builder import Order, Output
from orchestrator.config import is_path
from orchestrator.errors import WheelproofError
from orchestrator.experiments.explain import Explained, bound, explain
from orchestrator.experiments.runner import Case, Tools, insist, same
from orchestrator.guest.main import MOST_REQUIREMENTS, satisfied, unreadable
from orchestrator.model import (
    DETAIL,
    LIMIT_REASONS,
    METHOD,
    SCHEMA,
    Failure,
    Frontend,
    Inputs,
    Lock,
    Phase,
    Reason,
    Result,
    Severity,
    UsedImage,
    Verdict,
    Wheel,
    admits,
    digest,
)
from orchestrator.model.names import BadNameError, WrongNameError, wheel_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from orchestrator.model import (
        Build,
        Diagnosis,
        Difference,
        Environment,
        Image,
        Kind,
        Missing,
        Published,
        Release,
        Sdist,
        Target,
        Task,
        Variant,
        WheelFile,
    )
    from orchestrator.sources.sdist import Source


NOTHING = Lock()
"""What is required where nothing was settled."""


def _none_known(_missing: tuple[Missing, ...], _image: Image) -> tuple[str, ...]:
    """Name no Debian packages."""
    return ()


@dataclass(frozen=True, slots=True)
class Effects:
    """All that a job does to the world, and asks of it."""

    fetch: Callable[[Sdist], Path]
    describe: Callable[[Path], Source | Failure]
    lock: Callable[[Sequence[str], Target], Lock | Failure]
    materialize: Callable[[Lock, Target], Path]
    recall: Callable[[str], tuple[str, ...] | None]  # the dynamic build requirements, once asked for
    remember: Callable[[str, tuple[str, ...]], None]
    build: Callable[[Order, Callable[[tuple[str, ...]], None]], Output]
    read: Callable[[Build], Wheel | Failure]
    diagnose: Callable[[Build, Build], Diagnosis | None]  # None where the wheels cannot be looked into
    known: Callable[[str, str], Path | None]  # project, job -> the record that there is already
    salt: Callable[[], str]
    now: Callable[[], datetime]
    published: Callable[[Release, Build], Published | None] = lambda _release, _build: None  # against the index's
    packages: Callable[[tuple[Missing, ...], Image], tuple[str, ...]] = _none_known  # of Debian, that have it
    crates: Callable[[Source, Image], Path | Failure | None] = lambda _source, _image: None


@dataclass(frozen=True, slots=True)
class Settled:
    """The inputs of one job, as far as they can be settled before something is built."""

    source: Source
    lock: Lock
    asked: bool  # the dynamic build requirements are in the lock
    question: str  # the key under which their list is remembered
    crates: Path | None = None  # what the build gets as its CARGO_HOME


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, with what it rests on."""

    verdict: Verdict
    reason: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """The builds of a job and what they say."""

    judgement: Judgement
    builds: tuple[Build, ...] = ()
    variants: tuple[Variant, ...] = ()
    differences: tuple[Difference, ...] = ()
    explained: Explained = field(default_factory=Explained)


def rebuild(task: Task, release: Release, image: Image, effects: Effects) -> Result | Path:
    """Judge one release on one image, or return the record that the same inputs have already.

    Raises
    ------
    WheelproofError
        The farm slipped. Nothing is known about the package, and the job stays open.

    """
    started = effects.now()

    def result(job: str, trial: Trial, inputs: Inputs | None = None, lock: Lock = NOTHING) -> Result:
        found = _result(task, release, image, job, trial, started, effects.now(), inputs=inputs, lock=lock)
        return with_help(found, release, image, effects)

    def unsettled(failure: Failure) -> Result | Path:
        """Judge by a failure to settle the inputs; the index may mend that any day, so it holds for one."""
        inputs = inputs_of(task, release, image, f"unsettled on {started.date()}: {failure.detail}")
        job = digest(inputs)
        return effects.known(release.project, job) or result(job, Trial(_failed(failure)), inputs)

    if (early := _without_building(task, release, image)) is not None:
        job = digest((release.project, release.version, image.name, early))
        return effects.known(release.project, job) or result(job, Trial(early))
    settled = settle(release, image, effects, task.config_settings)
    if isinstance(settled, Failure):
        return unsettled(settled)
    # Also where the build backend was not asked, or never answered: then the job stands for just this.
    known = partial(effects.known, release.project)
    if (record := recorded(task, inputs_of(task, release, image, settled.lock.digest), known)) is not None:
        return record
    built = build_twice(task, release, image, settled, effects)
    if isinstance(built, Failure):
        return unsettled(built)
    settled, first, second = built
    inputs = inputs_of(task, release, image, settled.lock.digest)

    def build(name: str, environment: Environment) -> Build:
        ask = name == "control" and _unanswered(first.build)
        order = _order(
            name, environment, task=task, release=release, image=image, settled=settled, effects=effects, ask=ask
        )
        return effects.build(order, _nobody).build

    pair = (first.build, second.build) if _is_folder(task) else of_release(release, first.build, second.build)
    trial = conclude(task, *pair, build, effects.read)
    trial = told(task, release, trial, build, effects.diagnose)
    found = result(digest(inputs), trial, inputs, settled.lock)
    return replace(found, published=effects.published(release, first.build)) if task.published else found


# --- settling --------------------------------------------------------------------------------


def _without_building(task: Task, release: Release, image: Image) -> Judgement | None:
    """Judge what needs no build."""
    if release.sdist is None:
        return Judgement(Verdict.NO_SDIST, f"{release.project} {release.version} has no sdist on the index")
    if not admits(release.requires_python, image.target.python):
        detail = f"requires Python {release.requires_python}, the image has {image.target.python}"
        return _failed(Failure(Reason.WRONG_PYTHON, Phase.REQUIREMENTS, detail))
    if (release.sdist.size or 0) > task.limits.download:
        detail = f"the sdist has {release.sdist.size} bytes, more than {task.limits.download}"
        return _failed(Failure(Reason.SDIST_TOO_LARGE, Phase.UNPACK, detail))
    return None


def settle(
    release: Release, image: Image, effects: Effects, config_settings: tuple[tuple[str, str], ...] = ()
) -> Settled | Failure:
    """Settle the sdist and the build requirements, as far as that needs no container."""
    settled = settle_static(release, image, effects, config_settings)
    answer = None if isinstance(settled, Failure) else effects.recall(settled.question)
    return settled if isinstance(settled, Failure) or answer is None else extend(settled, answer, image, effects)


def settle_static(
    release: Release, image: Image, effects: Effects, config_settings: tuple[tuple[str, str], ...] = ()
) -> Settled | Failure:
    """Settle the sdist and the build requirements that it names itself."""
    assert release.sdist is not None  # noqa: S101 - the caller has looked
    source = effects.describe(effects.fetch(release.sdist))
    if isinstance(source, Failure):
        return source
    lock = _lock(source.requires, image, effects)
    if isinstance(lock, Failure):
        return lock
    question = digest((release.sdist.sha256, lock.digest, image.manifest, config_settings))
    crates = effects.crates(source, image)
    return (
        crates if isinstance(crates, Failure) else Settled(source, lock, asked=False, question=question, crates=crates)
    )


def extend(settled: Settled, answer: tuple[str, ...], image: Image, effects: Effects) -> Settled | Failure:
    """Add the dynamic build requirements, where they are more than a name that is there anyway."""
    if satisfied(answer, names(settled.lock)):
        return replace(settled, asked=True)
    lock = _lock((*settled.source.requires, *answer), image, effects)
    return lock if isinstance(lock, Failure) else replace(settled, lock=lock, asked=True)


def _lock(requirements: tuple[str, ...], image: Image, effects: Effects) -> Lock | Failure:
    """Lock build requirements; a text that can be none of them is the package's failure, and goes no further."""
    why = next(filter(None, map(unreadable, requirements)), "")
    if len(requirements) > MOST_REQUIREMENTS:
        why = f"{len(requirements)} build requirements are more than any build needs"
    if why:
        return Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, why, failure_signs.printable(why))
    return effects.lock(requirements, image.target)


def names(lock: Lock) -> tuple[str, ...]:
    """Name all that a lock gives, normalized."""
    given = (*(pin.name for pin in lock.pins), *(one.name for one in lock.provided))
    return tuple(canonicalize_name(name) for name in given)


def inputs_of(task: Task, release: Release, image: Image, build_requirements: str) -> Inputs:
    """Put together all that decides a verdict."""
    assert release.sdist is not None  # noqa: S101 - nothing is built without
    return Inputs(
        method=METHOD,
        project=release.project,
        version=release.version,
        sdist=release.sdist.sha256,
        build_requirements=build_requirements,
        image=image.name,
        manifest=image.manifest,
        source_date_epoch=task.source_date_epoch,
        hold=tuple(sorted(task.hold)),
        remove=tuple(sorted(task.remove)),
        limits=task.limits,
        budget=task.budget,
        published=task.published,
        policy=task.tools.policy,
        frontend=task.tools.frontend,
        profile=task.profile,
        config_settings=task.config_settings,
        runtime=image.runtime,
    )


def recorded(task: Task, inputs: Inputs, find: Callable[[str], Path | None]) -> Path | None:
    """Find the record of these inputs, by its job; or that of others which will do as well."""
    others = replace(inputs, budget=task.or_budget) if task.or_budget else inputs
    return find(digest(inputs)) or find(digest(others))


# --- building --------------------------------------------------------------------------------


def environments(task: Task, release: Release, salt: str) -> tuple[Environment, Environment]:
    """Return the two environments of a job."""
    first = variations.first_environment(
        source=f"{release.project}-{release.version}", salt=salt, source_date_epoch=task.source_date_epoch
    )
    first = variations.profiled(first, task.profile, release.sdist.filename if release.sdist else "")
    first = replace(first, config_settings=task.config_settings)
    return first, variations.second_environment(first, (*task.hold, *task.remove))


def build_twice(
    task: Task, release: Release, image: Image, settled: Settled, effects: Effects
) -> tuple[Settled, Output, Output] | Failure:
    """Build in both environments, side by side, on one set of inputs.

    Where the dynamic build requirements are not known yet, the first build begins with asking for
    them, and the second begins when they are known, or asks too where the first got no answer. Where
    they are more than there is, both begin anew with what is then settled; a Failure tells that it
    cannot be.
    """
    one, two = environments(task, release, effects.salt())
    order = partial(_order, task=task, release=release, image=image, effects=effects)
    second: list[Future[Output]] = []
    with ThreadPoolExecutor(1) as aside:

        def begin_second(*, ask: bool = False) -> None:
            if not second:
                second.append(aside.submit(effects.build, order("second", two, settled=settled, ask=ask), _nobody))

        def answered(answer: tuple[str, ...]) -> None:
            effects.remember(settled.question, answer)
            if satisfied(answer, names(settled.lock)):  # by the same rule, the guest goes on building
                begin_second()

        if settled.asked:
            begin_second()
        first = effects.build(order("first", one, settled=settled, ask=not settled.asked), answered)
        lacking = first
        if not first.missing:
            # Where the question itself failed, the second is asked too, or it would not fail as the first did.
            begin_second(ask=_unanswered(first.build))
            lacking = second[0].result()
        if lacking.missing:
            extended = extend(settled, lacking.asked or (), image, effects)
            return extended if isinstance(extended, Failure) else build_twice(task, release, image, extended, effects)
        return settled, first, second[0].result()


def _unanswered(build: Build) -> bool:
    """Tell whether a build failed when it was asked for its dynamic build requirements."""
    return build.failure is not None and build.failure.phase is Phase.REQUIREMENTS


def _nobody(_answer: tuple[str, ...]) -> None:
    """Nobody waits for an answer that nobody asked for."""


def _order(
    name: str,
    environment: Environment,
    *,
    task: Task,
    release: Release,
    image: Image,
    settled: Settled,
    effects: Effects,
    ask: bool = False,
) -> Order:
    return Order(
        name=name,
        source=settled.source,
        environment=environment,
        requirements=effects.materialize(settled.lock, image.target),
        image=image,
        limits=task.limits,
        given=names(settled.lock),
        ask=ask,
        crates=settled.crates,
        pip=release.project if task.tools.frontend is Frontend.PIP else "",
        project=release.project,
    )


# --- judging ---------------------------------------------------------------------------------


def _is_folder(task: Task) -> bool:
    """Tell whether a project's folder was named, whose version nobody but its own builds gives."""
    return is_path(task.requirement) and not task.requirement.endswith((".tar.gz", ".zip"))


def of_release(release: Release, first: Build, second: Build) -> tuple[Build, Build]:
    """Return both builds; as failed ones where they agree on a version that is not the release's.

    pip refuses such a wheel. Where they do not agree on the version, that is a difference like any
    other: the build makes the version up, and of what it does may be found.
    """
    if first.wheel is None or second.wheel is None:
        return first, second
    filenames = first.wheel.filename, second.wheel.filename
    wrong = [_wrong_name(filename, release) for filename in filenames]
    versions = {tuple(filename.split("-")[1:2]) for filename in filenames}
    if None in wrong or len(versions) > 1:
        return first, second
    return replace(first, wheel=None, failure=wrong[0]), replace(second, wheel=None, failure=wrong[1])


def _wrong_name(filename: str, release: Release) -> Failure | None:
    try:
        wheel_of(filename, release.project, release.version)
    except BadNameError as error:
        return wrong_name(error)
    return None


def wrong_name(error: BadNameError) -> Failure:
    """Return what a wheel fails with that may not be called as it is."""
    reason = Reason.WRONG_NAME if isinstance(error, WrongNameError) else Reason.BROKEN_WHEEL
    return Failure(reason, Phase.WHEEL, str(error)[:DETAIL], failure_signs.printable(str(error)))


def conclude(
    task: Task,
    first: Build,
    second: Build,
    build: Callable[[str, Environment], Build],
    read: Callable[[Build], Wheel | Failure],
) -> Trial:
    """Judge two builds, with a third in the very environment of the first where they disagree."""
    pair = (first, second)
    seen: tuple[Variant, ...] = ()
    if first.probe and second.probe:
        seen = variations.variants(first.probe, second.probe, task.hold, task.remove)
        insist(seen)
    if (judgement := judge_pair(*pair)) is not None:
        return Trial(judgement, pair, seen, explained=_agreed(*pair))
    third = build("control", first.environment)
    if first.probe and third.probe:
        all_held = tuple(name for name in variations.NAMES if name not in task.remove)
        insist(variations.variants(first.probe, third.probe, all_held, task.remove))
    builds = (*pair, third)
    return Trial(judge_three(*builds), builds, seen, _compared(*pair, read))


def _agreed(first: Build, second: Build) -> Explained:
    """Say how much stands behind two builds that agree."""
    if not same(first, second):
        return Explained()
    return Explained(severity=Severity.NONE, builds_compared=2, flake_bound=bound(2))


def told(
    task: Task,
    release: Release,
    trial: Trial,
    build: Callable[[str, Environment], Build],
    diagnose: Callable[[Build, Build], Diagnosis | None],
) -> Trial:
    """Explain why builds differ, where they do; experiments may show that it was chance all along."""
    if trial.judgement.verdict not in (Verdict.SENSITIVE, Verdict.INTRINSIC):
        return trial
    # Not before: most nights build little, and the causes bring a library with them.
    from orchestrator.analysis.causes.catalogue import CURES, TOLD_APART  # noqa: PLC0415

    first, second, control = trial.builds
    case = Case(task, release.version, trial.judgement.verdict, first, second, control, trial.differences)
    explained = explain(case, Tools(build, diagnose, CURES, TOLD_APART))
    flaky = Judgement(Verdict.INTRINSIC, explained.flaky, trial.judgement.failure)
    return replace(
        trial,
        judgement=flaky if explained.flaky else trial.judgement,
        builds=(*trial.builds, *explained.builds),
        differences=explained.differences or trial.differences,
        explained=explained,
    )


def _compared(first: Build, second: Build, read: Callable[[Build], Wheel | Failure]) -> tuple[Difference, ...]:
    if first.wheel is None or second.wheel is None or same(first, second):
        return ()
    return compare(_opened(first.wheel, read(first)), _opened(second.wheel, read(second)))


def _opened(file: WheelFile, found: Wheel | Failure) -> Wheel:
    """Return the wheel; of one that cannot be read, at least its name and hash are compared."""
    return found if isinstance(found, Wheel) else Wheel(file.filename, file.sha256)


def judge_pair(first: Build, second: Build) -> Judgement | None:
    """Judge what two builds are enough for; None where a control build has to tell more."""
    failures = [build.failure for build in (first, second) if build.failure]
    limits = [failure for failure in failures if failure.reason in LIMIT_REASONS]
    if limits:
        return _failed(limits[0])
    if len(failures) > 1:
        return _failed(failures[0])
    if same(first, second):
        return Judgement(Verdict.REPRODUCIBLE)
    return None


def judge_three(first: Build, second: Build, control: Build) -> Judgement:
    """Judge by a third build, in the first's environment, what two disagree on."""
    if control.failure and control.failure.reason in LIMIT_REASONS:
        return _failed(control.failure)
    if same(first, control):
        why = "fails to build in the second environment" if second.failure else ""
        return Judgement(Verdict.SENSITIVE, why, second.failure)
    if first.failure and control.failure:
        return Judgement(Verdict.SENSITIVE, "fails to build in the first environment", first.failure)
    failure = first.failure or control.failure
    why = "fails to build at times, in one and the same environment" if failure else ""
    return Judgement(Verdict.INTRINSIC, why, failure)


def with_help(result: Result, release: Release, image: Image, effects: Effects) -> Result:
    """Add what helps to understand a verdict, and decides nothing: packages that a build lacked, the wheel's kind."""
    failure = result.failure and failure_signs.with_evidence(result.failure)
    if failure is not None and result.verdict is Verdict.FTBFS:
        failure = replace(failure, debian_packages=effects.packages(failure.missing, image))
    return replace(result, failure=failure, kind=_kind(result, release, effects.read))


def _kind(result: Result, release: Release, read: Callable[[Build], Wheel | Failure]) -> Kind | None:
    made = next((build for build in result.builds if build.wheel), None)

    def members() -> tuple[str, ...]:
        with suppress(WheelproofError):  # it is not kept any more
            found = read(made) if made else None
            return tuple(member.path for member in found.members) if isinstance(found, Wheel) else ()
        return ()

    offered = (wheel.filename for wheel in release.wheels)
    return wheel_tags.of(made.wheel.filename, offered, members) if made and made.wheel else None


def _failed(failure: Failure) -> Judgement:
    return Judgement(Verdict.FTBFS, failure.reason.value, failure)


def _result(  # noqa: PLR0913 - a record has as many parts as it has
    task: Task,
    release: Release,
    image: Image,
    job: str,
    trial: Trial,
    started: datetime,
    finished: datetime,
    *,
    inputs: Inputs | None,
    lock: Lock,
) -> Result:
    judgement, explained = trial.judgement, trial.explained
    return Result(
        schema=SCHEMA,
        job=job,
        project=release.project,
        version=release.version,
        image=UsedImage(image.name, image.id, image.manifest, image.base, image.drift),
        verdict=judgement.verdict,
        holds=explained.holds,
        reason=judgement.reason,
        failure=judgement.failure,
        sdist=release.sdist,
        build_requirements=lock.pins,
        source_date_epoch=task.source_date_epoch,
        builds=trial.builds,
        variations=trial.variants,
        differences=trial.differences,
        inputs=inputs,
        requirement=task.requirement,
        started=started,
        finished=finished,
        wheelproof=__version__,
        tools=lock.tools,
        provided=lock.provided,
        expected=task.expected,
        severity=explained.severity,
        causes=explained.causes,
        unexplained=explained.unexplained,
        experiments=explained.experiments,
        remedies=explained.remedies,
        recipe=explained.recipe,
        left_open=explained.left_open,
        builds_compared=explained.builds_compared,
        flake_bound=explained.flake_bound,
    )
