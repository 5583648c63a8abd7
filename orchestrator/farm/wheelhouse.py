"""A wheelhouse: verdicts of a set of releases, the smallest common recipe, and its proof for each of them."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator import __version__, config, recipes
from orchestrator.analysis.failure_signs import printable
from orchestrator.errors import NoRoomError, ResultsError, UsageError, WheelproofError
from orchestrator.farm import assemble, progress
from orchestrator.farm.workers import Threads, attempted, run_jobs
from orchestrator.job import inputs as job_inputs
from orchestrator.job import member
from orchestrator.job.common_recipe import Round, best_of, following, reasons, smallest
from orchestrator.job.recipes import MemberRunner, inputs_of, is_native
from orchestrator.model import (
    BUILT_HERE,
    DETAIL,
    WHEELHOUSE_SCHEMA,
    BuildTools,
    Failure,
    LeftOut,
    Lock,
    MemberKind,
    MemberWheel,
    Pin,
    Policy,
    Wheelhouse,
    digest,
    names,
)
from orchestrator.model.names import wheel_of
from orchestrator.recipes import wheelhouse as texts
from orchestrator.results.store import read
from orchestrator.util import logs
from orchestrator.util.cache import keep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.config import Config
    from orchestrator.experiments.remedies import Remedy
    from orchestrator.farm.assemble import Farm
    from orchestrator.farm.run import RunOutcome
    from orchestrator.job.common_recipe import Common
    from orchestrator.job.inputs import Effects
    from orchestrator.job.member import Candidate, Proof
    from orchestrator.model import Image, Profile, Release, Result, Task, Tool
    from orchestrator.publish.publisher_process import PublisherProcess
    from orchestrator.recipes import SetInputs
    from orchestrator.results.store import Results

MOST_ROUNDS = 3
"""How many common recipes are proven, where the first does not give all wheels."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a wheelhouse is made of: the tasks to judge, and what is left out before that."""

    tasks: tuple[Task, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A wheelhouse, and how it came about."""

    house: Wheelhouse
    records: Mapping[str, Result]  # by job: the verdicts of its members, and of those left out
    because: tuple[tuple[str, tuple[str, ...]], ...]  # each remedy with the releases that need it
    smallest: bool  # whether every smaller recipe is ruled out by the records
    built: int  # builds made now
    seconds: float  # that it took now
    outcome: RunOutcome  # with the faults of proofs: what stayed open


# --- what is judged --------------------------------------------------------------------------


def asked(settings: Config, tasks: Sequence[Task], *, image: str | None, source: bool) -> Asked:
    """Return what is judged: each requirement once, on its own image or on the one that is to lift its exclusion.

    All tasks get one SOURCE_DATE_EPOCH, and a profile only if all have it, since a common recipe has one of each. None
    holds a variation: the proof varies all that the recipe does not set.
    """
    profiles = {task.profile for task in tasks}
    profile = profiles.pop() if len(profiles) == 1 else None
    exclusions = {one.project: one for one in settings.exclusions}
    found: dict[str, Task] = {}
    left: dict[str, LeftOut] = {}
    for task in tasks:
        exclusion = exclusions.get(config.project(task.requirement))
        if exclusion and exclusion.never:
            reason = f"excluded: {exclusion.reason}"
            left[task.requirement] = LeftOut(task.requirement, exclusion.project, "", task.image, "", reason)
        elif task.requirement not in found:
            custom = exclusion.image if exclusion and not image else ""
            placed = config.on_image(settings, task, custom) if custom else task
            found[task.requirement] = _common_settings(settings, placed, profile, source=source)
    return Asked(tuple(found.values()), tuple(left.values()))


def _common_settings(settings: Config, task: Task, profile: Profile | None, *, source: bool) -> Task:
    tools = replace(task.tools, policy=Policy.SOURCE, pins=(), file="", strict=False) if source else task.tools
    epoch = task.source_date_epoch if profile else settings.defaults.source_date_epoch
    settled = replace(task, hold=(), spread=False, published=False)
    return replace(settled, source_date_epoch=epoch, profile=profile, tools=tools)


# --- the wheelhouse --------------------------------------------------------------------------


def make(
    settings: Config,
    store: Results,
    wanted: Asked,
    publisher: PublisherProcess,
    *,
    jobs: int | None,
    again: bool,
) -> Made:
    """Judge a set of releases, find their common recipe, and prove it; nothing is written but records.

    Raises
    ------
    WheelproofError
        The farm failed, or was stopped.

    """
    started = datetime.now(UTC)
    outcome = assemble.run_tasks(settings, store, wanted.tasks, publisher, jobs=jobs, again=again)
    pairs = [
        (task, result)
        for task, path in zip(outcome.tasks, outcome.records, strict=True)
        if (result := read(path)) is not None
    ]
    if len(pairs) < len(outcome.records):
        msg = "reading the records of this run: some cannot be read any more; run the command again"
        raise ResultsError(msg)
    built = sum(len(result.builds) for _, result in pairs if result.started >= started)
    workshop = _Workshop(settings, store, wanted, outcome, jobs=jobs, again=again)
    proven = workshop.proven(pairs)
    house = _house(started, proven, wanted, pairs)
    return Made(
        house=_kept(store, house),
        records={result.job: result for _, result in pairs},
        because=proven.because,
        smallest=proven.best.common.smallest,
        built=built + proven.built,
        seconds=(datetime.now(UTC) - started).total_seconds(),
        outcome=replace(outcome, open=(*outcome.open, *proven.open), faults=(*outcome.faults, *proven.faults)),
    )


def _kept(store: Results, house: Wheelhouse) -> Wheelhouse:
    """Record a wheelhouse; an equal one that is recorded already stays, and is returned."""
    former = store.wheelhouse(house.id)
    if former is None:
        store.write_wheelhouse(house)
    return former or house


@dataclass(frozen=True, slots=True)
class _Proven:
    """What the rounds of a proof gave."""

    best: Round
    given: SetInputs
    wheels: tuple[MemberWheel, ...]
    left_out: tuple[LeftOut, ...]
    because: tuple[tuple[str, tuple[str, ...]], ...]
    built: int  # builds made now
    builds: int  # builds of all rounds, those made earlier included
    open: tuple[tuple[str, str], ...]
    faults: tuple[WheelproofError, ...]


def _house(started: datetime, proven: _Proven, wanted: Asked, pairs: Sequence[tuple[Task, Result]]) -> Wheelhouse:
    left = tuple(sorted((*wanted.left_out, *proven.left_out), key=lambda one: (one.project, one.requirement)))
    script = texts.program(proven.given)
    made_of = [(one.kind, one.job, one.data, one.wheel.sha256) for one in proven.wheels]
    left_of = [(one.requirement, one.job, one.reason) for one in left]
    folders = (texts.DATA, texts.TOOLS) if any(one.kind is MemberKind.TOOL for one in proven.wheels) else (texts.DATA,)
    profile = proven.given.profile
    return Wheelhouse(
        schema=WHEELHOUSE_SCHEMA,
        id=digest(("wheelhouse", WHEELHOUSE_SCHEMA, script, made_of, left_of)),
        wheelproof=__version__,
        started=started,
        finished=datetime.now(UTC),
        remedies=proven.best.common.remedies,
        source_date_epoch=proven.given.source_date_epoch,
        script=script,
        dockerfile=texts.dockerfile(proven.given, folders),
        wheels=proven.wheels,
        left_out=left,
        builds=sum(len(result.builds) for _, result in pairs) + proven.builds,
        profile=profile.name if profile else "",
    )


# --- the proof -------------------------------------------------------------------------------


class _Workshop:
    """An engine with the images of a set, on which its common recipe is proven."""

    def __init__(
        self, settings: Config, store: Results, wanted: Asked, outcome: RunOutcome, *, jobs: int | None, again: bool
    ) -> None:
        self._settings = settings
        self._store = store
        self._displays: list[progress.Progress] = []
        self._again = again
        self._farm: Farm
        self._jobs = jobs
        self._tasks = outcome.tasks or wanted.tasks
        self._open: dict[str, str] = {}
        self._faults: list[WheelproofError] = []
        self._built = 0
        self._builds = 0

    def _log(self, project: str, doing: str) -> None:
        if self._displays:
            self._displays[-1].doing(project, doing)

    def proven(self, pairs: Sequence[tuple[Task, Result]]) -> _Proven:
        """Prove the common recipe of releases with verdicts."""
        self._farm = assemble.open_farm(self._settings, self._store, self._tasks, jobs=self._jobs, log=self._log)
        left = [
            member.left_out(task.requirement, result, why) for task, result in pairs if (why := member.refused(result))
        ]
        some = [(task, result) for task, result in pairs if not member.refused(result)]
        fitting, others = of_one_python(some, self._farm.images)
        left += others
        with assemble.container_cleanup(self._farm.job_effects):
            candidates = self._settled(fitting, left)
            return self._rounds(candidates, left)

    def _settled(self, pairs: Sequence[tuple[Task, Result]], left: list[LeftOut]) -> list[Candidate]:
        """Return the candidates; those that no recipe can be written for are added to those left out."""
        found = []
        for task, result in pairs:
            made = attempted(self._candidate, task, result)
            if isinstance(made, NoRoomError):
                raise made
            if isinstance(made, WheelproofError):
                self._fault(task.requirement, made)
            elif isinstance(made, str):
                left.append(member.left_out(task.requirement, result, printable(made)[:DETAIL]))
            else:
                found.append(made)
        return found

    def _fault(self, requirement: str, error: WheelproofError) -> None:
        if requirement not in self._open:
            self._open[requirement] = str(error)
            self._faults.append(error)
            logs.fault("not proven", error, requirement=requirement)

    def _candidate(self, task: Task, result: Result) -> Candidate | str:
        """Return a release with the inputs of its record; or why no recipe can be written for it.

        Raises
        ------
        WheelproofError
            The index does not answer, or has another release by now.

        """
        image = self._farm.images[task.image]
        release = self._farm.job_effects.release(task, image)
        if result.sdist is None or release.sdist is None or release.sdist.sha256 != result.sdist.sha256:
            was = f"{result.project} {result.version}"
            msg = f"preparing {task.requirement}: it was {was}, and is another sdist by now; run again"
            raise WheelproofError(msg)
        lock = Lock(pins=result.build_requirements, tools=result.tools, provided=result.provided)
        candidate = self._with_lock(MemberKind.WHEEL, task.requirement, task, release, image, lock)
        if isinstance(candidate, str):
            return candidate
        wheel = next((build.wheel for build in result.builds if build.wheel), None)
        return replace(candidate, native=wheel is None or is_native(wheel.filename), record=result)

    def _with_lock(
        self, kind: MemberKind, requirement: str, task: Task, release: Release, image: Image, lock: Lock
    ) -> Candidate | str:
        effects = self._effects(task, release.project)
        settled = job_inputs.settle_static(
            release, image, replace(effects, lock=lambda _wanted, _target: lock), task.config_settings
        )
        if isinstance(settled, Failure):
            return f"its inputs cannot be settled: {settled.detail}"
        settled = replace(settled, lock=lock, asked=True)
        return member.Candidate(kind, requirement, task, release, image, settled, native=True)

    def _rounds(self, candidates: Sequence[Candidate], left: list[LeftOut]) -> _Proven:
        needs = [one.needs for one in candidates]
        common: Common | None = smallest(needs)
        rounds: list[Round] = []
        proofs: list[dict[str, Proof]] = []
        while common is not None and len(rounds) < MOST_ROUNDS:
            found = self._round(common, candidates)
            proofs.append(found)
            members = {name: proof for name, proof in found.items() if proof.candidate.kind is MemberKind.WHEEL}
            proven = frozenset(name for name, proof in members.items() if proof.wheel)
            rounds.append(Round(common, proven, frozenset(members) - proven))
            common = following(needs, rounds)
        best = best_of(rounds)
        chosen = proofs[rounds.index(best)]
        given = self._given(best.common, candidates)
        left += [
            left_by(one, chosen.get(one.name))
            for one in candidates
            if one.requirement not in self._open and one.name not in best.proven
        ]
        return _Proven(
            best=best,
            given=given,
            wheels=tuple(member.member(proof) for proof in chosen.values() if proof.wheel),
            left_out=tuple(left),
            because=reasons(best.common, [one for one in needs if one.name in best.proven]),
            built=self._built,
            builds=self._builds,
            open=tuple(self._open.items()),
            faults=tuple(self._faults),
        )

    def _given(self, common: Common, candidates: Sequence[Candidate]) -> SetInputs:
        """Return what rebuild.sh depends on.

        Raises
        ------
        UsageError
            The profile has settings that no script can bring about.

        """
        task = self._tasks[0]
        images = {one.image.name: one.image for one in candidates} or dict(list(self._farm.images.items())[:1])
        given = recipes.SetInputs(
            remedies=common.remedies,
            python=next(iter(images.values())).target.python,
            image=", ".join(sorted(images)),
            packages=tuple(sorted({package for image in images.values() for package in image.packages})),
            source_date_epoch=task.source_date_epoch,
            profile=task.profile,
        )
        if why := texts.set_obstacle(given):
            msg = f"writing rebuild.sh: {why} Change the profile in the configuration"
            raise UsageError(msg)
        return given

    # --- one round ---------------------------------------------------------------------------

    def _round(self, common: Common, candidates: Sequence[Candidate]) -> dict[str, Proof]:
        """Prove one recipe for all releases whose needs it meets, build tools first; return the proofs by name."""
        given = self._given(common, candidates)
        some = [one for one in candidates if one.needs.met_by(common.remedies) and one.requirement not in self._open]
        with_ = ", ".join(common.remedies) or "no remedy"
        progress.note(f"proving one recipe for {len(some)} of {len(candidates)} releases: {with_}")
        tools = self._tools(given, some)
        found = dict(tools.proofs)
        ready: list[Candidate] = []
        for one in some:
            if why := tools.missing(one):
                found[one.name] = member.Proof(one, "", (), why=why)
            else:
                ready.append(tools.used_by(one))
        found.update(self._members(given, ready))
        self._built += sum(proof.made for proof in found.values())
        self._builds += sum(len(proof.builds) for proof in found.values())
        return found

    def _members(self, given: SetInputs, ready: Sequence[Candidate]) -> dict[str, Proof]:
        """Prove releases, several at a time; a fault of the farm leaves one open, and never stops the others."""
        found: dict[str, Proof] = {}

        def done(one: Candidate, outcome: Proof | WheelproofError) -> None:
            if isinstance(outcome, WheelproofError):
                self._fault(one.requirement, outcome)
                shown_as = "open", str(outcome)
            else:
                found[one.name] = outcome
                unchanged = "unchanged" if outcome.builds and not outcome.made else "proven"
                shown_as = ("left out" if outcome.why else unchanged), outcome.why
            self._displays[-1].finished(one.release.project, one.name, *shown_as)

        effects = self._farm.job_effects
        with ExitStack() as stack:
            self._displays.append(stack.enter_context(progress.shown(len(ready))))
            pool: Threads[Candidate, Proof] = Threads(lambda one: self._proof(given, one), effects.slots.room)
            run_jobs(ready, pool, done, stop=effects.stop)
            self._displays.pop()
        return {one.name: found[one.name] for one in sorted(ready, key=lambda one: one.name) if one.name in found}

    def _proof(self, given: SetInputs, candidate: Candidate) -> Proof:
        effects = self._effects(candidate.task, candidate.release.project)
        runner, inputs = self._runner(candidate, effects), _inputs(candidate, given)
        if why := runner.obstacle(given, inputs):
            return member.Proof(candidate, "", (), why=why)
        store = self._store
        proving = member.ProofEffects(
            run=lambda name, environment: runner.run(name, environment, given, inputs, candidate.kind),
            diagnose=effects.diagnose,
            recall=(lambda _key: ()) if self._again else store.proof,
            remember=store.keep_proof,
            salt=effects.salt,
            now=effects.now,
        )
        program, data = texts.program(given), texts.data_of(inputs, candidate.kind)
        written = member.Texts(program, data, texts.digest_of(program, data))
        return member.prove(candidate, given.remedies, written, proving)

    def _runner(self, candidate: Candidate, effects: Effects) -> MemberRunner:
        return MemberRunner(candidate.task, candidate.release, candidate.image, candidate.settled, effects)

    # --- build tools -------------------------------------------------------------------------

    def _tools(self, given: SetInputs, candidates: Sequence[Candidate]) -> _Tools:
        """Prove the build tools that were built here, in the order in which they are built."""
        tools = _Tools()
        for one in candidates:
            for tool in one.settled.lock.tools:
                if tool not in tools.known:
                    tools.add(tool, self._tool(given, one, tool, tools))
        return tools

    def _tool(self, given: SetInputs, user: Candidate, tool: Tool, tools: _Tools) -> Proof | str:
        """Prove one build tool with those that were proven before it; or return why it cannot be built."""
        if missing := next(filter(None, map(tools.why, tool.requires)), ""):
            return missing
        farm = self._farm.job_effects
        task = replace(
            user.task, tools=BuildTools(), config_settings=(), requirement=f"{tool.name}=={tool.version}", hashes=()
        )
        release = farm.release(task, user.image)
        if release.sdist is None or release.sdist.sha256 != tool.sdist:
            return f"the sdist of {tool.name} {tool.version} is not the one that was built"
        pins = []
        for requirement in tool.requires:
            pin = tools.pins.get(requirement) or self._pin(requirement, user)
            if isinstance(pin, str):
                return pin
            pins.append(pin)
        lock = Lock(pins=tuple(sorted(pins, key=lambda pin: pin.name)))
        candidate = self._with_lock(MemberKind.TOOL, task.requirement, task, release, user.image, lock)
        if isinstance(candidate, str):
            return candidate
        proof = self._proof(given, replace(candidate, native=is_native(tool.filename)))
        if proof.wheel is not None:
            name = wheel_of(proof.wheel.filename, tool.name, tool.version)
            keep(farm.stored(proof.wheel), names.place(farm.cache / "published", proof.wheel.sha256, name))
        return proof

    def _pin(self, requirement: str, user: Candidate) -> Pin | str:
        """Return the wheel of the index that was used for a tool."""
        name, _, version = requirement.partition("==")
        for pin in user.settled.lock.pins:
            if (pin.name, pin.version) == (name, version) and not pin.built_here:
                return pin
        lock = self._farm.job_effects.lock_for(user.task)([requirement], user.image.target)
        if isinstance(lock, Failure):
            return f"the index has no {requirement}, with which a tool was built"
        return next(pin for pin in lock.pins if pin.name == name)

    def _effects(self, task: Task, project: str) -> Effects:
        return self._farm.job_effects.effects(project, task.limits, long=task.long, again=self._again)


@dataclass(slots=True)
class _Tools:
    """Build tools that were built here, as far as they are proven."""

    known: dict[Tool, str] = field(default_factory=dict)  # why it is no member; empty: it is one
    proofs: dict[str, Proof] = field(default_factory=dict)  # in the order in which they are built
    pins: dict[str, Pin] = field(default_factory=dict)  # by NAME==VERSION, as the common recipe gives them
    whys: dict[str, str] = field(default_factory=dict)  # by NAME==VERSION: why a tool is not to be had

    def add(self, tool: Tool, outcome: Proof | str) -> None:
        """Add a tool with its proof, or with why it has none."""
        key = f"{tool.name}=={tool.version}"
        why = outcome if isinstance(outcome, str) else outcome.why
        wheel = None if isinstance(outcome, str) else outcome.wheel
        former = self.pins.get(key)
        if wheel and former and former.sha256 != wheel.sha256:
            why = "built with the other tools, it is another wheel than the one with which they were built"
        self.known[tool] = self.whys[key] = f"its build tool {tool.name} {tool.version}: {why}" if why else ""
        if wheel and not why and not isinstance(outcome, str):
            self.pins[key] = Pin(tool.name, tool.version, wheel.sha256, wheel.filename, BUILT_HERE)
            same = [one for one in self.proofs.values() if one.data == outcome.data]
            if not same:
                self.proofs[f"tool {len(self.proofs) + 1} {key}"] = outcome

    def why(self, requirement: str) -> str:
        """Return why a tool, as NAME==VERSION, cannot be used; empty: it can, or it was not built here."""
        return self.whys.get(requirement, "")

    def missing(self, candidate: Candidate) -> str:
        """Return why a release lacks one of its build tools; empty: it has all."""
        built = (pin for pin in candidate.settled.lock.pins if pin.built_here)
        return next(filter(None, (self.why(f"{pin.name}=={pin.version}") for pin in built)), "")

    def used_by(self, candidate: Candidate) -> Candidate:
        """Return a release that is built with the tools as the common recipe gives them."""
        settled = candidate.settled
        pins = tuple(self.pins[f"{pin.name}=={pin.version}"] if pin.built_here else pin for pin in settled.lock.pins)
        return replace(candidate, settled=replace(settled, lock=replace(settled.lock, pins=pins)))


def _inputs(candidate: Candidate, given: SetInputs) -> recipes.RecipeInputs:
    one = candidate
    inputs = inputs_of(one.task, one.release, one.image, one.settled, native=one.native)
    return replace(inputs, remedies=given.remedies)


def written(remedy: Remedy) -> str:
    """Return what a remedy sets, as rebuild.sh has it, in a few words."""
    how = remedy.written
    pairs = (f"{key}={value}" for key, value in (*how.variables, *how.settings))
    words = (" ".join(how.wrap), "a fixed folder" if how.fixed_folder else "", f"{how.length}" if how.length else "")
    found = (*how.lines, *pairs, *how.flags, *how.finish, *words)
    return "; ".join(filter(None, found)) or how.note or remedy.summary


def of_one_python(
    pairs: Sequence[tuple[Task, Result]], images: Mapping[str, Image]
) -> tuple[list[tuple[Task, Result]], list[LeftOut]]:
    """Return the releases on images with the Python that most have, and the others as left out."""
    targets = Counter(images[task.image].target for task, _ in pairs)
    if not targets:
        return [], []
    chosen, _ = max(targets.items(), key=lambda pair: pair[1])  # of equal counts, the first
    fitting = [(task, result) for task, result in pairs if images[task.image].target == chosen]
    why = f"the image {{}} has Python {{}}, and the others of this set have {chosen.python}"
    left = [
        member.left_out(task.requirement, result, why.format(task.image, images[task.image].target.python))
        for task, result in pairs
        if images[task.image].target != chosen
    ]
    return fitting, left


def left_by(candidate: Candidate, proof: Proof | None) -> LeftOut:
    """Return that a common recipe does not give the wheel of a release."""
    assert candidate.record is not None  # noqa: S101 - a tool is never left out by itself
    lacking = "the common recipe has not what it needs, because that changes wheels of others"
    reason, builds = (proof.why, proof.builds) if proof else (lacking, ())
    return member.left_out(candidate.requirement, candidate.record, reason, builds)
