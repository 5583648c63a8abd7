"""One release of a wheelhouse, with builds that a test sets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import WheelproofError
from orchestrator.job.common_recipe import alternatives_of, nearest
from orchestrator.job.inputs import Settled
from orchestrator.job.member import (
    Candidate,
    Proof,
    ProofEffects,
    Texts,
    key_of,
    left_by,
    member,
    of_one_entry,
    of_one_python,
    prove,
    refused,
    sides,
)
from orchestrator.job.member_tools import Tools
from orchestrator.model import (
    BUILT_HERE,
    METHOD,
    Experiment,
    Lock,
    MemberKind,
    Pin,
    Profile,
    Reason,
    Remedied,
    RemedyOutcome,
    Severity,
    Tool,
    Verdict,
)
from orchestrator.sources.sdist import Source
from tests.sample_results import sample
from tests.samples import FIRST, IMAGE, RELEASE, TASK, built, failed, probe

if TYPE_CHECKING:
    from orchestrator.model import Build, Environment

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = Texts("program", "data", "d" * 64)
WHEEL = "pkg-1.0-py3-none-any.whl"


def candidate(*pins: Pin, kind: MemberKind = MemberKind.WHEEL) -> Candidate:
    """Return a release with these build requirements."""
    settled = Settled(Source(Path("six.tar.gz"), (), "setuptools.build_meta"), Lock(pins), asked=True, question="")
    return Candidate(kind, "six", TASK, RELEASE, IMAGE, settled, native=False, record=RECORD)


RECORD = replace(sample(verdict=Verdict.SENSITIVE), recipe=("fix-umask",), holds=("umask",))


@dataclass
class Farm:
    """Builds give wheels by the builds' names; what is remembered is kept."""

    gives: dict[str, str] = field(default_factory=dict)
    kept: dict[str, tuple[Build, ...]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    reason: Reason = Reason.BUILD_ERROR

    def run(self, name: str, environment: Environment) -> Build:
        self.ran.append(name)
        sha256 = self.gives.get(name, "1")
        return built(name, environment, sha256, WHEEL) if sha256 else failed(name, environment, self.reason)

    def effects(self) -> ProofEffects:
        return ProofEffects(
            run=self.run,
            diagnose=lambda *_: None,
            recall=lambda key: self.kept.get(key, ()),
            remember=self.kept.__setitem__,
            salt=lambda: "a" * 12,
            now=lambda: NOW,
        )


def test_equal_bytes_make_a_member() -> None:
    """And the same proof is not made again."""
    farm = Farm()
    proof = prove(candidate(), ("fix-umask",), TEXTS, farm.effects())
    assert (proof.why, proof.made) == ("", 2)
    assert member(proof).wheel == proof.builds[0].wheel
    again = prove(candidate(), ("fix-umask",), TEXTS, farm.effects())
    assert (again.builds, again.made) == (proof.builds, 0)
    assert sorted(farm.ran) == ["first", "second"]


def test_what_differs_between_two_proofs_is_no_member() -> None:
    """Chance gives two builds the same bytes, too; what has once differed is not forgotten."""
    farm = Farm()
    prove(candidate(), (), TEXTS, farm.effects())
    farm.gives = {"first": "2", "second": "2"}
    again = replace(farm.effects(), again=True)
    for _ in range(2):
        proof = prove(candidate(), (), TEXTS, again)
        assert (proof.why, proof.made) == ("with the common recipe, its two builds differ", 2)
        assert [build.wheel.sha256[-1] for build in proof.builds if build.wheel] == ["1", "2"]
    assert prove(candidate(), (), TEXTS, farm.effects()).wheel is None


def test_a_proof_after_a_failure_counts() -> None:
    """A build that failed has no wheel that could differ."""
    farm = Farm({"second": ""})
    assert prove(candidate(), (), TEXTS, farm.effects()).wheel is None
    farm.gives = {}
    assert prove(candidate(), (), TEXTS, replace(farm.effects(), again=True)).wheel


@pytest.mark.parametrize(
    ("gives", "why"),
    [
        ({"second": "2"}, "with the common recipe, its two builds differ"),
        ({"second": ""}, "with the common recipe, the second build fails"),
        ({"first": "", "second": ""}, "with the common recipe, both builds fail"),
    ],
)
def test_what_is_no_member(gives: dict[str, str], why: str) -> None:
    """The reason names what happened; the wheel is none of the wheelhouse."""
    proof = prove(candidate(), (), TEXTS, Farm(gives).effects())
    assert proof.why.startswith(why)
    assert proof.wheel is None
    assert left_by(proof.candidate, proof).nearest == ("fix-umask",)


def test_a_killed_build_is_tried_again() -> None:
    """Whoever sent the signal may be gone by the next run."""
    farm = Farm({"first": ""}, reason=Reason.KILLED)
    prove(candidate(), (), TEXTS, farm.effects())
    assert not farm.kept


def test_environments_that_do_not_differ_are_a_fault() -> None:
    """Equal bytes of two equal environments prove nothing."""
    farm = Farm()

    def run(name: str, environment: Environment) -> Build:
        return replace(farm.run(name, environment), probe=probe(FIRST))

    with pytest.raises(WheelproofError, match="did not act"):
        prove(candidate(), (), TEXTS, replace(farm.effects(), run=run))


def test_what_a_recipe_sets_is_varied_around_it() -> None:
    """Only what no script can set is the same in both environments; a profile's umask is set by rebuild.sh."""
    one = replace(candidate(), task=replace(TASK, profile=Profile("theirs", umask=0o077)))
    first, second, shared = sides(one, ("fix-umask", "fix-kernel"), "a" * 12, NOW)
    assert first.umask != second.umask
    assert first.uname26 == second.uname26
    assert shared == ("kernel",)


def test_a_profile_has_its_folder_in_both_environments() -> None:
    """The recipe makes it there, and needs a place that can be written."""
    one = replace(candidate(), task=replace(TASK, profile=Profile("theirs", build_path="/tmp/there/{folder}")))  # noqa: S108
    first, second, _ = sides(one, (), "a" * 12, NOW)
    assert first.build_path == second.build_path == "/tmp/there/pkg-1.0"  # noqa: S108


def test_a_proof_is_of_one_image_and_one_text() -> None:
    """A changed text or image, or another set of variations, is proven again."""
    one = candidate()
    keys = {
        key_of(one, TEXTS),
        key_of(one, replace(TEXTS, digest="e" * 64)),
        key_of(replace(one, image=replace(IMAGE, manifest="other")), TEXTS),
        key_of(replace(one, image=replace(IMAGE, runtime="runsc")), TEXTS),
        key_of(one, TEXTS, METHOD + 1),
    }
    assert len(keys) == 5


def test_a_release_is_in_a_set_once() -> None:
    """Of two sdists of one release, a folder can have one wheel; the other is not passed over in silence."""
    listed, again, file = (replace(TASK, requirement=name) for name in ("six==1.0", "six", "./six-1.0.tar.gz"))
    record, other = (replace(sample(), project="six", version="1.0", job=job) for job in ("1" * 64, "2" * 64))
    kept, left = of_one_entry([(listed, record), (again, record), (file, other)])
    assert kept == [(listed, record)]
    assert [(one.requirement, one.job) for one in left] == [("./six-1.0.tar.gz", other.job)]
    assert "as six==1.0, with another sdist" in left[0].reason


# --- what records prove ----------------------------------------------------------------------

UMASK, PATH = frozenset({"fix-umask"}), frozenset({"fix-build-path"})


def _tried(*remedies: str, equal: bool) -> Experiment:
    return Experiment("x", "first", (), remedies, equal)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"verdict": Verdict.REPRODUCIBLE}, (frozenset(),)),
        ({"verdict": Verdict.FTBFS}, ()),
        ({"recipe": ("fix-umask",)}, (UMASK,)),
        ({"holds": ("umask",)}, (UMASK,)),
        ({"holds": ("fileordering",)}, ()),  # no script can hold it
        ({"holds": ("umask",), "remedies": (Remedied("fix-umask", RemedyOutcome.REJECTED),)}, ()),
        ({"experiments": (_tried("fix-umask", equal=True), _tried("fix-build-path", equal=False))}, (UMASK,)),
        ({"experiments": (_tried("fix-umask", equal=True), _tried("fix-umask", equal=False))}, ()),  # luck
        (
            {
                "recipe": ("fix-umask",),
                "experiments": (_tried("strip-debug", equal=True),),
                "remedies": (Remedied("strip-debug", RemedyOutcome.COSTLY),),
            },
            (UMASK,),
        ),
        ({"recipe": ("fix-umask", "fix-build-path"), "experiments": (_tried("fix-umask", equal=True),)}, (UMASK,)),
        ({"verdict": Verdict.INTRINSIC, "experiments": (_tried("fix-umask", equal=True),)}, ()),
        ({"verdict": Verdict.INTRINSIC, "recipe": ("random-seed",)}, (frozenset({"random-seed"}),)),
        ({"recipe": ("a-later-release-knows-it",)}, ()),
    ],
)
def test_alternatives(changes: dict[str, object], expected: tuple[frozenset[str], ...]) -> None:
    """Only what builds have shown is an alternative."""
    record = replace(RECORD, recipe=(), holds=())
    assert alternatives_of(replace(record, **changes)) == expected  # type: ignore[arg-type]


def test_what_comes_nearest() -> None:
    """The recipe, or else the remedy that left the least."""
    assert nearest(RECORD)[0] == ("fix-umask",)
    tried = (
        Remedied("fix-umask", RemedyOutcome.REJECTED, Severity.CODE),
        Remedied("strip-debug", RemedyOutcome.REJECTED, Severity.DATA),
    )
    remedies, why = nearest(replace(RECORD, recipe=(), remedies=tried, severity=Severity.CODE))
    assert (remedies, why) == (("strip-debug",), "the remaining difference is data, instead of code")
    assert nearest(replace(RECORD, recipe=(), remedies=(), recipe_why="no remedy is known for it")) == (
        (),
        "no remedy is known for it",
    )


def test_what_is_refused_by_its_record() -> None:
    """A failure has its reason, and a text of a package is printable."""
    assert refused(RECORD) == ""
    assert refused(replace(RECORD, verdict=Verdict.NO_SDIST, reason="x has no sdist")) == "no-sdist: x has no sdist"
    hostile = replace(RECORD, recipe=(), holds=(), experiments=(), recipe_why="a\x1b[31m" + "b" * 10_000)
    assert refused(hostile).startswith("sensitive, and no recipe gives equal bytes: a")
    assert refused(hostile).isprintable()


def test_one_python_for_all() -> None:
    """The images with the Python of most are kept."""
    other = replace(IMAGE, name="trixie", target=replace(IMAGE.target, python="3.13"))
    images = {IMAGE.name: IMAGE, "trixie": other}
    tasks = [replace(TASK, requirement=str(number), image=IMAGE.name) for number in range(2)]
    late = replace(TASK, requirement="late", image="trixie")
    fitting, left = of_one_python([(late, RECORD), *((task, RECORD) for task in tasks)], images)
    assert [task.requirement for task, _ in fitting] == ["0", "1"]
    assert [one.requirement for one in left] == ["late"]
    assert "3.13" in left[0].reason


# --- build tools -----------------------------------------------------------------------------


def _tool(name: str = "flit", **changes: object) -> Tool:
    return replace(Tool(name, "1.0", "5" * 64, f"{name}-1.0-py3-none-any.whl", "a" * 64, "a" * 64), **changes)  # type: ignore[arg-type]


def _proof(sha256: str, data: str = "data", why: str = "") -> Proof:
    build = built("first", FIRST, sha256, "flit-1.0-py3-none-any.whl")
    return Proof(candidate(kind=MemberKind.TOOL), data, (build, build), why=why)


USER = candidate(Pin("flit", "1.0", "a" * 64, "flit-1.0-py3-none-any.whl", BUILT_HERE))


def test_members_use_tools_as_the_common_recipe_gives_them() -> None:
    """Its wheel may be another than the one with which the verdict was made."""
    tools = Tools()
    assert tools.missing(USER)
    tools.add(_tool(), _proof("7"))
    assert tools.missing(USER) == ""
    assert tools.used_by(USER).settled.lock.pins[0].sha256 == _proof("7").builds[0].wheel.sha256  # type: ignore[union-attr]


def test_a_tool_that_cannot_be_proven_leaves_out_its_users() -> None:
    """With the tool's reason."""
    tools = Tools()
    tools.add(_tool(), _proof("7", why="its two builds differ"))
    assert tools.missing(USER) == "its build tool flit 1.0: its two builds differ"


def test_a_tool_is_handed_out_once() -> None:
    """The bootstrapped build of a wheel stays; another wheel takes its place, and its users are built again."""
    tools = Tools()
    tools.add(_tool(bootstrap=True), _proof("7", "bootstrap"))
    tools.add(_tool(), _proof("7", "final"))
    assert [one.data for one in tools.proofs.values()] == ["bootstrap"]
    tools.add(_tool(sha256="b" * 64), _proof("8", "other"))
    assert [one.data for one in tools.proofs.values()] == ["other"]
    assert tools.stale() == ()
    user = replace(_proof("9"), candidate=USER)
    tools.proofs["tool user==1.0"] = user
    assert [key for key, _ in tools.stale()] == ["user==1.0"]
