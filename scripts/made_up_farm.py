"""A farm for packages that nobody wrote: effects of a job that are ordinary functions, without containers or files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from made_up import PROJECT, SALT, VERSION, Broken, Content, Package, Trait, outcome

from orchestrator.analysis.causes.catalogue import BY_NAME, TOLD_APART
from orchestrator.build.builder import Output
from orchestrator.job import rebuild
from orchestrator.job.inputs import Effects, RecipeEffects
from orchestrator.model import (
    Aspect,
    Build,
    CauseFinding,
    Diagnosis,
    Difference,
    Failure,
    Image,
    Lock,
    Member,
    Phase,
    Pin,
    Probe,
    ProgramAspect,
    ProgramChange,
    Proof,
    Reason,
    Release,
    Result,
    Sdist,
    Severity,
    Target,
    Unexplained,
    Wheel,
    WheelFile,
    deepest,
)
from orchestrator.sources.sdist import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from made_up import Luck, Value

    from orchestrator.build.container import Order
    from orchestrator.model import Environment, Grounds
    from orchestrator.recipes import Pinned

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SDIST = Sdist(f"{PROJECT}-{VERSION}.tar.gz", "https://index.example/pkg-1.0.tar.gz", "5" * 64, 1000)
RELEASE = Release(PROJECT, VERSION, SDIST)
IMAGE = Image("bookworm", "sha256:1", "m" * 64, "archive", Target("3.11", "x86_64-manylinux_2_36"))
_PIN = Pin("setuptools", "80.9.0", "8" * 64, "setuptools-80.9.0-py3-none-any.whl", "https://index.example/s.whl")
_LOCK = Lock((_PIN,))
_REMEDY = re.compile(r"^# Remedy ([a-z0-9-]+):", re.MULTILINE)
_OTHER = 0.999_999  # rates above it: each build has an outcome of its own


def luck_of(seed: str, build: str) -> Luck:
    """Return the luck of one build, which follows from its name: the same in every order of builds."""

    def drawn(what: str, rate: float, outcomes: int) -> int:
        digest = hashlib.sha256(f"{seed}/{build}/{what}".encode()).digest()
        if int.from_bytes(digest[:6]) / (1 << 48) >= rate:
            return 0
        return (
            1 + int.from_bytes(digest[6:14]) % max(outcomes - 1, 1)
            if rate < _OTHER
            else int.from_bytes(digest[6:14]) % outcomes
        )

    return drawn


def probe(seen: Environment) -> Probe:
    """Return the observations of a container whose environment is as requested."""
    number = 2 if seen.host else 1
    return Probe(
        build_path=seen.build_path,
        hostname=seen.hostname,
        domainname=seen.domainname,
        clock=NOON.timestamp() + seen.clock_offset,
        utc_offset=-43_200 if seen.timezone == "GMT+12" else 50_400,
        locale=seen.locale,
        language=seen.language,
        umask=seen.umask,
        uid=seen.uid,
        user=seen.user,
        login_shell=seen.login_shell,
        home=seen.home,
        home_exists=not seen.home.startswith("/nonexistent"),
        path=seen.path,
        variables=seen.variables,
        kernel="2.6.78" if seen.uname26 else f"6.{number}.0",
        cpus=seen.cpus or 4,
        listing=("a", "b") if seen.reverse_files else ("b", "a"),
        hash_of_word=seen.hash_seed,
        tmpdir=seen.tmpdir,
        environment_path=seen.environment_path,
        shell=seen.shell,
        interfaces=("lo",),
        processor=f"Example Processor {number}00X",
        cpu_flags=f"{number}" * 16,
        kernel_version=f"Linux version 6.{number}.0 (builder@example) #1 SMP",
        boot_id=f"0d8f3c52-7a51-4f0e-9c56-00000000000{number}",
    )


@dataclass
class Farm:
    """Builds one package, and diagnoses its wheels by what they contain."""

    package: Package
    contents: dict[str, Content] = field(default_factory=dict)  # SHA-256 of a wheel -> what it contains
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)  # SHA-256 of a recipe -> its remedies

    def judge(self) -> Result:
        """Return the result of the job."""
        found = rebuild.rebuild(self.package.task, RELEASE, IMAGE, self.effects())
        if not isinstance(found, Result):
            raise TypeError(found)
        return found

    def effects(self) -> Effects:
        """Return the effects of the job."""
        return Effects(
            fetch=lambda sdist: Path(sdist.filename),
            describe=lambda path, _sdist: Source(path, ("setuptools>=40.8.0",), self.package.backend),
            lock=lambda _wanted, _target: _LOCK,
            materialize=lambda _lock, _target: Path("/environment"),
            recall=lambda _question: (),
            remember=lambda _question, _answer: None,
            build=self.build,
            read=self.read,
            diagnose=self.diagnose,
            known=lambda _project, _job: None,
            salt=lambda: SALT,
            now=lambda: NOON,
            recipes=RecipeEffects(
                offered=_offered,
                file=self.file,
                wheels=lambda _pins: Path("/shelf"),
                folder=lambda texts, _pins: self.file("".join(texts.values())),
                changes=self.changes,
            ),
        )

    def file(self, text: str) -> Path:
        """Return the path of a text, which has the text's SHA-256; its remedies are known by its header."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.texts[digest] = tuple(_REMEDY.findall(text))
        return Path("/recipes") / digest

    def build(self, order: Order, _answered: object) -> Output:
        """Build as ordered."""
        remedies = self.texts[order.recipe.file.name] if order.recipe else None
        given = outcome(self.package, order.environment, remedies, luck_of(self.package.seed, order.name))
        return Output(self.given(order.name, order.environment, given), Path("wheel"), Path("log"))

    def given(self, name: str, environment: Environment, given: Content | Broken) -> Build:
        """Return a build that left that."""
        seconds, seen = self.package.seconds, probe(environment)
        if isinstance(given, Broken):
            failure = Failure(given.reason, Phase.BUILD_WHEEL, given.detail, given.detail)
            return Build(name, environment, None, failure, seen, seconds, seconds / 2, "7" * 64)
        digest = hashlib.sha256(repr(given).encode()).hexdigest()
        self.contents[digest] = given
        file = WheelFile(self.package.filename, digest, 100)
        return Build(name, environment, file, None, seen, seconds, seconds / 2, "7" * 64)

    def read(self, build: Build) -> Wheel | Failure:
        """Return the wheel of a build, a member for each trait's."""
        if build.wheel is None:
            return Failure(Reason.NO_WHEEL, Phase.WHEEL)
        content = self.contents[build.wheel.sha256]
        members = [
            Member(path, digest, 100, 0o100644, (2020, 1, 1, 0, 0, 0), "p", digest)
            for path, digest in self._members(content).items()
        ]
        return Wheel(build.wheel.filename, build.wheel.sha256, tuple(members))

    def _members(self, content: Content) -> dict[str, str]:
        """Return a text for each member, by path: it is the same where all its traits have the same values."""
        found: dict[str, str] = {}
        for trait, value in zip(self.package.traits, content.values, strict=True):
            found[trait.member] = f"{found.get(trait.member, content.by_pip)} {value}"
        return found

    def changes(self, _first: Build, remedied: Build) -> tuple[ProgramChange, ...]:
        """Return what a recipe changes besides its purpose."""
        used = self.texts.get(remedied.environment.recipe, ())
        return tuple(
            ProgramChange("a.so", ProgramAspect.DEBUG_INFO, "yes", f"no, by {name}")
            for name in used
            if name in self.package.costly
        )

    # --- diagnosing --------------------------------------------------------------------------

    def diagnose(self, first: Build, second: Build, grounds: Grounds) -> Diagnosis | None:
        """Return what an analysis of two wheels would find, on the grounds of what builds have shown."""
        if first.wheel is None or second.wheel is None or self.package.unreadable:
            return None
        ours, theirs = (self.contents[one.wheel.sha256].values for one in (first, second) if one.wheel)
        differing = [
            (trait, one, two) for trait, one, two in zip(self.package.traits, ours, theirs, strict=True) if one != two
        ]
        findings: list[CauseFinding] = []
        left: list[Unexplained] = []
        for trait, one, two in differing:
            named = None if trait.masked and len(differing) > 1 else _finding(trait, one, two, grounds)
            if named is not None:
                findings.append(named)
            if named is None or named.proof is Proof.POSSIBLE:
                left.append(Unexplained(trait.member, Aspect.CONTENT, looks_like=named.name if named else ""))
        severities: dict[str, Severity] = {}
        for trait, one, two in differing:
            worst = Severity.CODE if "deeper" in (one[0], two[0]) else trait.severity
            severities[trait.member] = deepest((severities.get(trait.member, Severity.NONE), worst))
        differences = tuple(
            Difference(path, Aspect.CONTENT, severity=severity) for path, severity in sorted(severities.items())
        )
        return Diagnosis(deepest(severities.values()), _merged(findings), tuple(dict.fromkeys(left)), differences)


def _offered(wanted: Sequence[Pinned], _target: Target) -> tuple[Pin, ...] | str:
    return tuple(Pin(one.name, one.version, one.hashes[0], f"{one.name}.whl", "https://x/") for one in wanted)


def _finding(trait: Trait, one: Value, two: Value, grounds: Grounds) -> CauseFinding | None:
    """Return the cause that a trait shows; None where no analysis would name it."""
    name = trait.taken_for or trait.cause
    if trait.silent or not name:
        return None
    cause = BY_NAME[name]
    acting = tuple(dict.fromkeys((*cause.variations, *TOLD_APART.get(name, ()))))
    if cause.random and grounds.repeatable:
        return None
    of_member = dict(grounds.by_member).get(trait.member, acting)
    possible = tuple(one for one in acting if one not in grounds.disproved and one in of_member)
    if acting and not possible:
        return None
    if name in TOLD_APART and set(grounds.suspected).isdisjoint(acting):
        return None
    proof = Proof.TRACE if trait.traced else Proof.POSSIBLE
    guessed = _planted(trait, one, two) if trait.traced and not trait.taken_for else cause.variations
    variations = tuple(one for one in guessed if one in possible) or (possible if guessed else ())
    return CauseFinding(name, (trait.member,), variations, proof)


def _planted(trait: Trait, one: Value, two: Value) -> tuple[str, ...]:
    """Return the variations whose planted values a trait shows in two wheels."""
    ticking = ("time",) if one[2:3] != two[2:3] else ()
    pairs = zip(trait.variations, one[3:], two[3:], strict=False)
    found = tuple(name for name, first, second in pairs if first != second)
    return tuple(dict.fromkeys((*ticking, *found)))


def _merged(findings: Iterable[CauseFinding]) -> tuple[CauseFinding, ...]:
    """Merge the findings of one cause and one proof."""
    once: dict[tuple[str, Proof], CauseFinding] = {}
    for one in findings:
        former = once.setdefault((one.name, one.proof), one)
        once[one.name, one.proof] = replace(
            former,
            members=tuple(sorted({*former.members, *one.members})),
            variations=tuple(dict.fromkeys((*former.variations, *one.variations))),
        )
    order = list(BY_NAME)
    return tuple(sorted(once.values(), key=lambda one: (order.index(one.name), one.proof)))
