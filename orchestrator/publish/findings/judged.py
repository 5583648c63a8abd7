"""From what was checked to findings, and whether a release meets what a gate requires. Pure.

A release is judged by its record, whenever that was written: an unchanged job counts as if it had been built now.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.analysis.cautions import OF_CHECKOUTS, of_checkout
from orchestrator.model import Outcome, Require, Verdict
from orchestrator.publish import wording
from orchestrator.publish.findings import rules
from orchestrator.publish.findings.model import Breach, Checked, CheckedJob, Finding, Level, Report, State
from orchestrator.publish.phrases import listed
from orchestrator.publish.report import advice_of, backend_of
from orchestrator.results.regressions import Direction, Subject, rank
from orchestrator.results.shown import has_recipe
from orchestrator.util.logs import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.model import Result
    from orchestrator.publish.findings.model import Rule
    from orchestrator.results.regressions import Turn
    from orchestrator.results.summary import Verified

NAME, MESSAGE, DETAIL = 100, 400, 1500
"""Characters of a name, a message and a detail."""

_FEW = 3  # causes that a detail describes

_BUILT = frozenset({Verdict.REPRODUCIBLE, Verdict.SENSITIVE, Verdict.INTRINSIC})
_OF_VERDICTS = {
    Verdict.SENSITIVE: rules.SENSITIVE,
    Verdict.INTRINSIC: rules.INTRINSIC,
    Verdict.FTBFS: rules.FTBFS,
    Verdict.NO_SDIST: rules.NO_SDIST,
    Verdict.EXCLUDED: rules.EXCLUDED,
}


# --- what a gate requires --------------------------------------------------------------------


def meets(result: Result, require: Require, unlike: int = 0) -> bool:
    """Return whether a result meets a requirement.

    A version that contains the day gives another wheel tomorrow, and builds of other runs with other bytes show
    that chance decides: neither is reproducible, and no recipe changes that. A build that was killed settles nothing.
    """
    if rank(result) is None:
        return False
    if require is Require.BUILDS:
        return result.verdict in _BUILT
    if is_dated(result):
        return False
    if result.verdict is Verdict.REPRODUCIBLE:
        return not unlike
    return require is Require.RECIPE and has_recipe(result)


def is_dated(result: Result) -> bool:
    """Return whether another day gives the same checkout another sdist, and thus another wheel."""
    return bool(of_checkout(result))


# --- findings --------------------------------------------------------------------------------


def report(checked: Iterable[Checked], require: Require | None, *, regressions: bool = False) -> Report:
    """Return the findings of all that was checked; a gate fails where nothing was.

    `regressions`: a release that got worse fails, too.
    """
    found = (job(one, require, regressions=regressions) for one in checked)
    jobs = _told_apart(tuple(sorted(found, key=lambda one: (one.name, one.image))))
    is_gate = require is not None or regressions
    if not is_gate or any(one.state in {State.JUDGED, State.OPEN} for one in jobs):
        return Report(jobs)
    left = [one.name for one in jobs]
    others = f"; {len(left)} left out or excluded: {', '.join(left[:_FEW])}" if left else ""
    rule = rules.NOTHING_CHECKED
    nothing = Finding(
        rule.slug,
        Level.ERROR,
        _line(f"no release was checked{others}", MESSAGE),
        rule.fix,
        breach=Breach.REQUIREMENT,
    )
    return Report(jobs, (nothing,))


def _told_apart(jobs: tuple[CheckedJob, ...]) -> tuple[CheckedJob, ...]:
    """Name the requirement, too, where several jobs on one image have one name."""
    seen = Counter((one.name, one.image) for one in jobs)
    return tuple(
        replace(one, name=f"{one.name} ({one.requirement})") if seen[one.name, one.image] > 1 else one for one in jobs
    )


def job(checked: Checked, require: Require | None, *, regressions: bool) -> CheckedJob:
    """Return what was checked, without its result, with its findings."""
    result = checked.result
    name = f"{result.project} {result.version}" if result else checked.requirement
    found = tuple(_findings(checked, _line(name, NAME), require, regressions=regressions))
    placed = tuple(
        replace(
            finding,
            project=_line(result.project, NAME) if result else "",
            version=_line(result.version, NAME) if result else "",
            image=checked.image,
            requirement=_line(checked.requirement, NAME),
            place=replace(place, file=_line(place.file, MESSAGE)) if (place := checked.place) else None,
        )
        for finding in found
    )
    seconds = sum(build.seconds for build in result.builds) if result else 0.0
    verdict = result.verdict.value if result else ""
    return CheckedJob(
        _line(name, NAME), checked.image, checked.state, _line(checked.requirement, NAME), verdict, seconds, placed
    )


def _findings(checked: Checked, name: str, require: Require | None, *, regressions: bool) -> Iterator[Finding]:
    if checked.state is State.OPEN:
        yield _finding(rules.OPEN, f"{name} got no verdict: {checked.why}", breach=Breach.OPEN)
    elif checked.state is State.LEFT_OUT:
        yield _finding(rules.LEFT_OUT, f"{name} was not checked on {checked.image}: {checked.why}")
    elif checked.state is State.EXCLUDED:
        yield _finding(rules.EXCLUDED, f"{name} was not checked: {checked.why}")
    if checked.result is not None:
        yield from _of_result(checked, checked.result, name, require)
    for turn in checked.turns:
        if turn.direction is Direction.WORSE:
            yield _of_turn(turn, name, fails=regressions)
    for one in checked.published:
        if one.outcome is Outcome.DIFFERS:
            yield _finding(rules.PUBLISHED_DIFFERS, f"{one.wheel} is not what its source gives: {one.reason}")


def _of_result(checked: Checked, result: Result, name: str, require: Require | None) -> Iterator[Finding]:
    """Yield the findings of a result; the first one fails the gate, if the result does not meet it."""
    found = tuple(_of_verdict(result, name, checked.unlike))
    fails = require is not None and not meets(result, require, checked.unlike)
    at = next((number for number, one in enumerate(found) if _decides(one, result, require)), 0)
    for number, one in enumerate(found):
        if require is None:
            yield one
        elif fails and number == at:
            yield replace(one, level=Level.ERROR, breach=Breach.REQUIREMENT)
        else:
            yield replace(one, level=Level.WARNING) if one.level is Level.ERROR else one


def _decides(finding: Finding, result: Result, require: Require | None) -> bool:
    """Return whether a finding is why a result does not meet a requirement."""
    if finding.rule in OF_CHECKOUTS and require is not Require.BUILDS:
        return result.verdict is Verdict.REPRODUCIBLE or require is Require.RECIPE
    if finding.rule == rules.WITH_RECIPE.slug:  # a recipe is what `recipe` asks for
        return require is Require.REPRODUCIBLE
    return finding.rule not in {rules.HELD.slug, *rules.OF_CAUTIONS}


def _of_verdict(result: Result, name: str, unlike: int) -> Iterator[Finding]:
    where = f"{name} on {result.image.name}"
    if rank(result) is None:
        yield _finding(rules.UNSETTLED, f"{where} is not settled: a build lost a process to a signal each time")
    elif (rule := _OF_VERDICTS.get(result.verdict)) is not None:
        yield _of_bad_verdict(rule, result, where)
    elif unlike:
        count = f"{unlike} other {'run' if unlike == 1 else 'runs'}"
        yield _finding(rules.CHANCE, f"{where} gave another wheel or verdict in {count} with equal inputs")
    changes = {one.name: one.change for one in of_checkout(result)}
    for caution in result.cautions:
        if rule := rules.OF_CAUTIONS.get(caution.name):
            fixed = replace(rule, fix=changes.get(caution.name, rule.fix))
            yield _finding(fixed, f"{where}: {rule.summary} Seen: {caution.evidence}")
    if (kept := wording.qualifiers(result)) and result.verdict is Verdict.REPRODUCIBLE:
        yield _finding(rules.HELD, f"{where} is reproducible with {listed(kept)}")


def _of_bad_verdict(rule: Rule, result: Result, where: str) -> Finding:
    if result.verdict is Verdict.FTBFS:
        help_ = wording.help_with(result.failure, result.project) if result.failure else ""
        return _finding(rule, f"{where} fails to build from source: {wording.reason(result)}", help_)
    if result.verdict is Verdict.EXCLUDED:
        return _finding(rule, f"{where} was not checked: {wording.reason(result) or 'it is excluded'}")
    if result.verdict is Verdict.NO_SDIST:
        return _finding(rule, f"{where} was published without a source distribution")
    because = wording.because(result)
    with_recipe = has_recipe(result)
    kind = "needs a recipe to be reproducible" if with_recipe else f"is not reproducible ({result.verdict})"
    message = f"{where} {kind}: {because}" if because else f"{where} {kind}"
    return _finding(rules.WITH_RECIPE if with_recipe else rule, message, " ".join(_causes(result)))


def _causes(result: Result) -> Iterator[str]:
    """Yield what differs, its first causes with what removes each, and what a recipe does."""
    yield from wording.sentences(result)
    backend = backend_of(result)
    for cause in result.causes[:_FEW]:
        yield f"Cause {wording.claimed(cause)}: {advice_of(cause, backend).change}"
    if (left := len(result.causes) - _FEW) > 0:
        yield f"{left} more {'cause' if left == 1 else 'causes'}."
    if has_recipe(result):
        release = f"{result.project}=={result.version}"
        yield f"Recipe: {listed(result.recipe)}; `wheelproof explain {release} --recipe sh` prints it."


def _of_turn(turn: Turn, name: str, *, fails: bool) -> Finding:
    rule = rules.PUBLISHED_REGRESSION if turn.subject is Subject.PUBLISHED else rules.REGRESSION
    what = turn.wheel if turn.subject is Subject.PUBLISHED else name
    earlier = f"{turn.earlier_version} was {turn.earlier}" if turn.earlier_version else f"was {turn.earlier}"
    message = f"{what} on {turn.image} got worse: {earlier}, now {turn.later}"
    detail = f"Changed: {turn.culprit}." if turn.culprit else ""
    found = _finding(rule, message, detail, breach=Breach.REGRESSION if fails else None)
    return replace(found, level=Level.ERROR) if fails else found


def published_of(verified: Iterable[Verified], version: str) -> tuple[Verified, ...]:
    """Return the outcomes of the published wheels of one version."""
    return tuple(one for one in verified if one.version == version and one.wheel)


def _finding(rule: Rule, message: str, detail: str = "", *, breach: Breach | None = None) -> Finding:
    text = " ".join(part for part in (detail, rule.fix) if part)
    return Finding(rule.slug, rule.level, _line(message, MESSAGE), _line(text, DETAIL), breach=breach)


def _line(text: str, bound: int) -> str:
    """Return an untrusted text on one line, printable and cut."""
    cut = text if len(text) <= bound else f"{text[: bound - 1]}…"
    return printable(" ".join(cut.split("\n")))
