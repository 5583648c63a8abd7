"""One release of a wheelhouse: its proof by two builds of rebuild.sh, and why it is left out. Without I/O."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.failure_signs import printable
from orchestrator.build import variations
from orchestrator.experiments.remedies import remedied
from orchestrator.experiments.runner import AT_ONCE, insist, kept_equal, same
from orchestrator.job.build_pair import environments
from orchestrator.job.common_recipe import Needs, alternatives_of, nearest
from orchestrator.job.wheel_name import of_release
from orchestrator.model import (
    DETAIL,
    METHOD,
    NO_GROUNDS,
    LeftOut,
    MemberKind,
    MemberWheel,
    Reason,
    UsedImage,
    Verdict,
    digest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from orchestrator.job.inputs import Settled
    from orchestrator.model import (
        Build,
        Diagnosis,
        Environment,
        Grounds,
        Image,
        Release,
        Result,
        Task,
        WheelFile,
    )

LAYOUT = 1
"""The version of what a proof is remembered by."""

_BUILT = frozenset({Verdict.REPRODUCIBLE, Verdict.SENSITIVE, Verdict.INTRINSIC})
_SHORT = 300  # characters of evidence in a reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release, or a build tool, that may become a member: its inputs are settled."""

    kind: MemberKind
    requirement: str
    task: Task
    release: Release
    image: Image
    settled: Settled  # of which rebuild.sh installs the lock's pins
    native: bool  # whether its wheel is for one Python or one platform
    record: Result | None = None  # its verdict; None: a tool

    @property
    def name(self) -> str:
        """What no other candidate is called."""
        return f"{self.release.project} {self.release.version}"

    @property
    def needs(self) -> Needs:
        """What it needs of a common recipe; of a tool, nothing is known."""
        sets = alternatives_of(self.record) if self.record else (frozenset(),)
        return Needs(self.name, sets, self.settled.source.backend)

    @property
    def long(self) -> bool:
        """Whether it is assumed to take long."""
        return self.task.long


@dataclass(frozen=True, slots=True)
class Texts:
    """What is handed out for one release: rebuild.sh, and its data."""

    program: str
    data: str
    digest: str  # of both


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofEffects:
    """The effects of one proof."""

    run: Callable[[str, Environment], Build]  # rebuild.sh with the release's data: the build's name, its environment
    diagnose: Callable[[Build, Build, Grounds], Diagnosis | None]
    recall: Callable[[str], tuple[Build, ...]]  # the builds of that proof; empty: it was not made, or a wheel is gone
    remember: Callable[[str, tuple[Build, ...]], object]
    salt: Callable[[], str]
    now: Callable[[], datetime]
    again: bool = False  # build also what was proven


@dataclass(frozen=True, slots=True)
class Proof:
    """What two builds of one release under a common recipe gave."""

    candidate: Candidate
    data: str
    builds: tuple[Build, ...]
    made: int = 0  # how many of them were made now
    why: str = ""  # why it is no member, in one sentence; empty: it is one

    @property
    def wheel(self) -> WheelFile | None:
        """The wheel that both builds gave."""
        return None if self.why or not self.builds else self.builds[0].wheel


# --- before any proof ------------------------------------------------------------------------


def refused(result: Result) -> str:
    """Return why no common recipe can give the wheel of a release, by its record; empty: one may."""
    if result.verdict not in _BUILT:
        return f"{result.verdict}: {_reason_of(result)}".rstrip(": ")
    if result.provided:
        return f"its build requirement {result.provided[0].name} is a package of Debian's, which no recipe installs"
    if not alternatives_of(result):
        why = f": {result.recipe_why}" if result.recipe_why else ""
        return printable(f"{result.verdict}, and no recipe gives equal bytes{why}")[:DETAIL]
    return ""


def _reason_of(result: Result) -> str:
    """Return a failed result's reason with its evidence, printable and cut."""
    evidence = printable(result.failure.evidence)[:_SHORT] if result.failure else ""
    return f"{result.reason} ({evidence})" if evidence and evidence != result.reason else result.reason


def left_out(requirement: str, result: Result, reason: str, builds: tuple[Build, ...] = ()) -> LeftOut:
    """Return that a release with a verdict is left out, with what comes nearest."""
    remedies, why = nearest(result) if result.verdict in _BUILT else ((), "it gives no wheel")
    name = result.image.name
    return LeftOut(
        requirement, result.project, result.version, name, result.job, reason, remedies, printable(why), builds
    )


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
        left_out(task.requirement, result, why.format(task.image, images[task.image].target.python))
        for task, result in pairs
        if images[task.image].target != chosen
    ]
    return fitting, left


def of_one_entry(pairs: Sequence[tuple[Task, Result]]) -> tuple[list[tuple[Task, Result]], list[LeftOut]]:
    """Return each release once, and as left out those that are in the set with other inputs, too, such as a file.

    A folder has one wheel, one text and one line of SHA256SUMS for a release. Of entries with one job, one is enough.
    """
    chosen: dict[tuple[str, str], tuple[Task, Result]] = {}
    left = []
    for task, result in pairs:
        former, first = chosen.setdefault((result.project, result.version), (task, result))
        if first.job != result.job:
            why = f"the set has this release already, as {former.requirement}, with another sdist or other settings"
            left.append(left_out(task.requirement, result, printable(why)[:DETAIL]))
    return list(chosen.values()), left


def left_by(candidate: Candidate, proof: Proof | None) -> LeftOut:
    """Return that a common recipe does not give the wheel of a release."""
    assert candidate.record is not None  # noqa: S101 - a tool is never left out by itself
    lacking = "the common recipe has not what it needs, because that changes wheels of others"
    reason, builds = (proof.why, proof.builds) if proof else (lacking, ())
    return left_out(candidate.requirement, candidate.record, reason, builds)


# --- the proof -------------------------------------------------------------------------------


def sides(
    candidate: Candidate, remedies: Sequence[str], salt: str, now: datetime
) -> tuple[Environment, Environment, tuple[str, ...]]:
    """Return the two environments of a proof, and the variations that both share.

    They differ in everything but what no script can set, which the recipe only checks, and where the folder is that a
    profile names: the recipe makes it there in both.
    """
    task, release = candidate.task, candidate.release
    folder = ("build-path",) if task.profile and task.profile.build_path else ()
    shared = tuple(dict.fromkeys((*kept_equal(remedies), *folder)))
    first = environments(task, release, salt, now)[0]
    second = variations.second_environment(first, (*shared, *task.remove))
    return remedied(first, remedies, release.version), remedied(second, remedies, release.version), shared


def prove(candidate: Candidate, remedies: tuple[str, ...], texts: Texts, effects: ProofEffects) -> Proof:
    """Build a release twice with the texts that are handed out, in two environments, or recall these builds.

    Where earlier builds of that key gave another wheel, one of each is the proof's pair: the recipe does not give one.

    Raises
    ------
    WheelproofError
        The farm failed, or a variation did not act.

    """
    key = key_of(candidate, texts)
    former = effects.recall(key)
    if former and not effects.again:
        return Proof(candidate, texts.data, former, why=_why(former, effects))
    first, second, shared = sides(candidate, remedies, effects.salt(), effects.now())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = tuple(pool.map(lambda side: effects.run(*side), (("first", first), ("second", second))))
    builds = of_release(candidate.release, made[0], made[1])
    _look(candidate, builds, shared)
    counted = _counted(builds, former)
    if not any(build.failure and build.failure.reason is Reason.KILLED for build in counted):
        effects.remember(key, counted)
    return Proof(candidate, texts.data, counted, made=len(made), why=_why(counted, effects))


def _counted(builds: tuple[Build, Build], former: tuple[Build, ...]) -> tuple[Build, ...]:
    """Return two builds that differ, if any of a proof and of an earlier one do; otherwise those of the proof."""
    if not same(*builds) or len(former) != len(builds) or any(build.wheel is None for build in former):
        return builds
    if not same(*former):
        return former
    return builds if same(former[0], builds[0]) else (former[0], builds[0])


def key_of(candidate: Candidate, texts: Texts, method: int = METHOD) -> str:
    """Return the digest of all that decides what a proof gives.

    The method's version is part of it: what is varied, and how, decides what two equal wheels have shown.
    """
    image, task = candidate.image, candidate.task
    where = (image.manifest, image.runtime, task.limits, task.remove)
    return digest(("member", LAYOUT, method, candidate.release.project, candidate.release.version, texts.digest, where))


def _look(candidate: Candidate, builds: tuple[Build, ...], shared: tuple[str, ...]) -> None:
    """Raise WheelproofError if the environments of two builds did not differ in all that is not shared."""
    first, second = builds
    if first.probe and second.probe:
        insist(variations.variants(first.probe, second.probe, shared, candidate.task.remove))


def _why(builds: Sequence[Build], effects: ProofEffects) -> str:
    """Return why two builds are no proof, printable and cut; empty: they are."""
    first, second = builds
    failed = [build for build in builds if build.wheel is None]
    if failed:
        failure = failed[0].failure
        which = "both builds fail" if len(failed) == len(builds) else f"the {failed[0].name} build fails"
        evidence = f"{failure.reason}: {failure.evidence or failure.detail[-_SHORT:]}" if failure else "no wheel"
        return f"with the common recipe, {which}: {printable(evidence)[:_SHORT]}"
    if same(first, second):
        return ""
    found = effects.diagnose(first, second, NO_GROUNDS)
    causes = ", ".join(cause.name for cause in found.causes) if found else ""
    how = f": {found.severity}; {causes or 'no cause is known'}" if found else ""
    return printable(f"with the common recipe, its two builds differ{how}")[:DETAIL]


def member(proof: Proof) -> MemberWheel:
    """Return the member that a proof has shown."""
    one = proof.candidate
    assert proof.wheel is not None, "only a proven release is a member"  # noqa: S101
    assert one.release.sdist is not None  # noqa: S101 - it was built
    return MemberWheel(
        kind=one.kind,
        requirement=one.requirement,
        project=one.release.project,
        version=one.release.version,
        job=one.record.job if one.record else "",
        image=_used(one.image),
        sdist=one.release.sdist,
        pins=one.settled.lock.pins,
        data=proof.data,
        wheel=proof.wheel,
        builds=proof.builds,
    )


def _used(image: Image) -> UsedImage:
    return UsedImage(image.name, image.id, image.manifest, image.base, image.drift)
