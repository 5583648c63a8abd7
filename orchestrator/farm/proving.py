"""Proves one recipe for the releases of a set on the real engine, in rounds."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator import recipes
from orchestrator.analysis.failure_signs import printable
from orchestrator.errors import Interrupted, NoRoomError, UsageError, WheelproofError
from orchestrator.farm import assemble, progress
from orchestrator.farm.workers import STOPPED, Threads, attempted, run_jobs
from orchestrator.job import inputs as job_inputs
from orchestrator.job import member
from orchestrator.job.common_recipe import Round, best_of, following, reasons, smallest
from orchestrator.job.member_tools import Tools
from orchestrator.job.recipes import MemberRunner, inputs_of, is_native
from orchestrator.model import (
    DETAIL,
    BuildTools,
    Failure,
    LeftOut,
    Lock,
    MemberKind,
    MemberWheel,
    Pin,
    names,
)
from orchestrator.model.names import wheel_of
from orchestrator.recipes import wheelhouse as texts
from orchestrator.util import logs
from orchestrator.util.cache import keep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.job.common_recipe import Common
    from orchestrator.job.inputs import Effects
    from orchestrator.job.member import Candidate, Proof
    from orchestrator.model import Image, Release, Result, Task, Tool
    from orchestrator.recipes import SetInputs
    from orchestrator.results.store import Results

MOST_ROUNDS = 3
"""How many common recipes are proven, where the first does not give all wheels."""


@dataclass(frozen=True, slots=True)
class Proven:
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
    sources: Mapping[str, Path]  # by SHA-256: the sdists of its wheels that nobody else can fetch


def check_settings(given: SetInputs) -> None:
    """Check that a script can bring about the settings of a set, before anything is built.

    Raises
    ------
    UsageError
        The profile has settings that no script can bring about.

    """
    if why := texts.set_obstacle(given):
        msg = f"writing rebuild.sh: {why} Change the profile in the configuration"
        raise UsageError(msg)


class Workshop:
    """An engine with the images of a set, on which its common recipe is proven."""

    def __init__(
        self, settings: Config, store: Results, tasks: tuple[Task, ...], *, jobs: int | None, again: bool
    ) -> None:
        """Prove releases of these tasks, with at most so many builds at once; `again`: recall no former proof."""
        self._displays: list[progress.Progress] = []
        self._store = store
        self._tasks = tasks
        self._again = again
        self._farm = assemble.open_farm(settings, store, tasks, jobs=jobs, log=self._log)
        self._open: dict[str, str] = {}
        self._faults: list[WheelproofError] = []
        self._built = 0
        self._builds = 0

    def _log(self, project: str, doing: str) -> None:
        if self._displays:
            self._displays[-1].doing(project, doing)

    def proven(self, pairs: Sequence[tuple[Task, Result]]) -> Proven:
        """Prove the common recipe of releases with verdicts."""
        left = [
            member.left_out(task.requirement, result, why) for task, result in pairs if (why := member.refused(result))
        ]
        some = [(task, result) for task, result in pairs if not member.refused(result)]
        fitting, others = member.of_one_python(some, self._farm.images)
        single, more = member.of_one_entry(fitting)
        left += (*others, *more)
        with assemble.container_cleanup(self._farm.job_effects):
            candidates = self._settled(single, left)
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
        """Leave a release open; raise Interrupted where a stop was requested, which ends what runs."""
        if self._farm.job_effects.stop.asked:
            raise Interrupted(STOPPED) from error
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

    def _rounds(self, candidates: Sequence[Candidate], left: list[LeftOut]) -> Proven:
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
            member.left_by(one, chosen.get(one.name))
            for one in candidates
            if one.requirement not in self._open and one.name not in best.proven
        ]
        return Proven(
            best=best,
            given=given,
            wheels=tuple(member.member(proof) for proof in chosen.values() if proof.wheel),
            left_out=tuple(left),
            because=reasons(best.common, [one for one in needs if one.name in best.proven]),
            built=self._built,
            builds=self._builds,
            open=tuple(self._open.items()),
            faults=tuple(self._faults),
            sources=dict(_unfetchable(proof) for proof in chosen.values() if proof.wheel and _is_local(proof)),
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
        check_settings(given)
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
            if one.requirement in self._open:
                continue
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
            recall=store.proof,
            remember=store.keep_proof,
            salt=effects.salt,
            now=effects.now,
            again=self._again,
        )
        program, data = texts.program(given), texts.data_of(inputs, candidate.kind)
        written = member.Texts(program, data, texts.digest_of(program, data))
        return member.prove(candidate, given.remedies, written, proving)

    def _runner(self, candidate: Candidate, effects: Effects) -> MemberRunner:
        return MemberRunner(candidate.task, candidate.release, candidate.image, candidate.settled, effects)

    # --- build tools -------------------------------------------------------------------------

    def _tools(self, given: SetInputs, candidates: Sequence[Candidate]) -> Tools:
        """Prove the build tools that were built here, in the order in which they are built.

        A fault of the farm leaves the release open that needs the tool.

        Raises
        ------
        NoRoomError
            A file system is full.
        Interrupted
            A stop was requested.

        """
        tools = Tools()
        for one in candidates:
            for tool in (tool for tool in one.settled.lock.tools if tool not in tools.known):
                progress.note(f"proving the build tool {tool.name} {tool.version}")
                made = attempted(self._tool, given, one, tool, tools)
                if isinstance(made, NoRoomError | Interrupted):
                    raise made
                if isinstance(made, WheelproofError):
                    self._fault(one.requirement, made)
                    break
                tools.add(tool, made)
        self._settle_tools(given, tools)
        return tools

    def _settle_tools(self, given: SetInputs, tools: Tools) -> None:
        """Build tools again with those that are handed out, until each is the wheel that the others were built with.

        Of a file's tools, some give another wheel once all are there; the folder has the last of each.
        """
        for _ in range(MOST_ROUNDS):
            if not (stale := tools.stale()):
                return
            for key, one in stale:
                proof = self._kept_tool(self._proof(given, tools.used_by(one)))
                if proof.why:
                    tools.whys[key] = f"its build tool {one.name}: {proof.why}"
                    return
                tools.proofs.pop(f"tool {key}")
                tools.pins.pop(key)
                tools.put(key, proof)
        for key, one in tools.stale():
            tools.whys[key] = f"its build tool {one.name}: it is another wheel each time it is built with itself"

    def _kept_tool(self, proof: Proof) -> Proof:
        """Keep the wheel of a proven tool where rebuild.sh is given the wheels that it installs."""
        if proof.wheel is not None:
            release, farm = proof.candidate.release, self._farm.job_effects
            name = wheel_of(proof.wheel.filename, release.project, release.version)
            keep(farm.stored(proof.wheel), names.place(farm.cache / "published", proof.wheel.sha256, name))
        return proof

    def _tool(self, given: SetInputs, user: Candidate, tool: Tool, tools: Tools) -> Proof | str:
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
        return self._kept_tool(self._proof(given, replace(candidate, native=is_native(tool.filename))))

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


def _inputs(candidate: Candidate, given: SetInputs) -> recipes.RecipeInputs:
    one = candidate
    inputs = inputs_of(one.task, one.release, one.image, one.settled, native=one.native)
    return replace(inputs, remedies=given.remedies)


def _is_local(proof: Proof) -> bool:
    sdist = proof.candidate.release.sdist
    return sdist is not None and urlsplit(sdist.url).scheme not in {"http", "https"}


def _unfetchable(proof: Proof) -> tuple[str, Path]:
    source, sdist = proof.candidate.settled.source, proof.candidate.release.sdist
    assert sdist is not None  # noqa: S101 - it was built
    return sdist.sha256, source.path
