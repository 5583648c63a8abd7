"""The result of the method of 2020, and why it differs from a verdict of ours. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name, canonicalize_version

from orchestrator.model import Reason, Verdict
from orchestrator.model.method_2020 import Ground, Outcome2020, Verdict2020, version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.model import Result
    from orchestrator.model.method_2020 import PipBuild, PipDifference, PipWheel, Trial

_SHOWN = 5  # names in a sentence
_THERE = {
    "build-path": ("random-path", "the folder in which pip builds has a random name"),
    "environment-path": ("random-path", "the folder of pip's build requirements has a random name"),
    "exec-path": ("random-path", "PATH begins with a folder that pip names at random"),
    "environment": ("random-variable", "the variable PIP_BUILD_TRACKER, which pip sets, has a random path"),
    "hash-seed": ("random-seed", "Python's hash seed is random in each build of 2020"),
    "time": ("seconds-apart", "the second build of 2020 begins when the first has ended"),
}
"""The variations that also differ between the two builds of 2020, and how; all others are the same in both."""

_UNREACHED = (
    "WARNING: Retrying (Retry(",
    "WARNING: Could not fetch URL ",
    "ERROR: HTTP error ",
    "ERROR: Could not install packages due to an OSError: HTTP",
    "ERROR: Could not install packages due to an EnvironmentError: HTTP",
    "pip._vendor.urllib3.exceptions.",
    "pip._vendor.requests.exceptions.",
)
"""How lines of pip begin when it did not reach the index."""

_REQUIREMENTS_FAILED = ("pip subprocess to install build dependencies did not run successfully",)
"""What pip prints if a build requirement could not be built or installed."""

_NOTHING_FITS = "ERROR: No matching distribution found for "


# --- the result --------------------------------------------------------------------------------


def picked(project: str, wheels: Iterable[PipWheel]) -> PipWheel | None:
    """Return the wheel that the tracker of 2020 picked: the first of the folder whose name begins as the project's."""
    return next(iter(_matching(project, wheels)), None)


def _matching(project: str, wheels: Iterable[PipWheel]) -> list[PipWheel]:
    begin = project.replace("-", "_").lower()
    return [one for one in wheels if one.filename.lower().replace("-", "_").startswith(begin)]


def outcome(project: str, trial: Trial) -> Outcome2020:
    """Return the result of the method of 2020."""
    first, second = ([picked(project, build.wheels) for build in trial.builds] + [None, None])[:2]
    if failure := next(filter(None, map(_failure, trial.builds)), ""):
        return Outcome2020(project, Verdict2020.FAILED, first, second, failure, trial)
    if first is None or second is None:
        return Outcome2020(project, Verdict2020.FAILED, first, second, "no wheel of that name came of it", trial)
    equal = first.sha256 == second.sha256
    verdict = Verdict2020.REPRODUCIBLE if equal else Verdict2020.NOT_REPRODUCIBLE
    return Outcome2020(project, verdict, first, second, trial=trial)


def _failure(build: PipBuild) -> str:
    if build.status is None:
        return f"pip was ended after {build.seconds:.0f} s"
    return f"pip ended with status {build.status}" if build.status else ""


def unreached(log: str) -> str:
    """Return the line of a failed pip's log that shows that it did not reach the index; empty if there is none."""
    return next((line.strip() for line in log.splitlines() if line.strip().startswith(_UNREACHED)), "")


def lacks_requirements(log: str) -> bool:
    """Return whether a failed pip could not install the build requirements, which it builds from source."""
    return any(sign in log for sign in _REQUIREMENTS_FAILED)


def absent(log: str) -> str:
    """Return the requirement of which a failed pip found no source on the index; empty if that is not its failure."""
    lines = (line.strip() for line in log.splitlines())
    named = (line.removeprefix(_NOTHING_FITS) for line in lines if line.startswith(_NOTHING_FITS))
    return next(named, "")


# --- agreement ---------------------------------------------------------------------------------


def agree(theirs: Outcome2020, ours: Result | None) -> bool | None:
    """Return whether both results mean the same; None if one of them is not known."""
    if ours is None or ours.verdict is Verdict.EXCLUDED or theirs.verdict is Verdict2020.OPEN:
        return None
    return theirs.verdict in _MEANS[ours.verdict]


_MEANS = {
    Verdict.REPRODUCIBLE: {Verdict2020.REPRODUCIBLE},
    Verdict.SENSITIVE: {Verdict2020.NOT_REPRODUCIBLE},
    Verdict.INTRINSIC: {Verdict2020.NOT_REPRODUCIBLE},
    Verdict.FTBFS: {Verdict2020.FAILED},
    Verdict.NO_SDIST: {Verdict2020.FAILED},
}


# --- the reasons -------------------------------------------------------------------------------


def grounds(theirs: Outcome2020, ours: Result | None) -> tuple[Ground, ...]:
    """Return why the two results agree or differ; each reason follows from a fact of the builds.

    What spoils the comparison comes first: another project's wheel, two versions, no verdict.
    """
    spoilt = tuple(_spoilt(theirs, ours))
    if ours is None or theirs.verdict is Verdict2020.OPEN or ours.verdict is Verdict.EXCLUDED:
        return spoilt
    reasons = _BY_VERDICT.get((theirs.verdict, ours.verdict), _of_failures)
    return (*spoilt, *(reasons(theirs, ours) or ((_unexplained(theirs),) if not spoilt else ())))


def _spoilt(theirs: Outcome2020, ours: Result | None) -> Iterator[Ground]:
    yield from _wrong_wheel(theirs)
    yield from _moved(theirs)
    if theirs.verdict is Verdict2020.OPEN:
        yield Ground("no-result-there", f"The method of 2020 has no result: {theirs.why}.")
    if ours is None:
        yield Ground("no-verdict-here", "wheelproof has no verdict; the log has the reason.")
    elif ours.verdict is Verdict.EXCLUDED:
        yield Ground("excluded-here", f"wheelproof excludes it: {ours.reason}.")
    elif theirs.version and not _same_version(ours.version, theirs.version):
        yield Ground("other-version", f"pip built {theirs.version}, wheelproof {ours.version}.")


def _same_version(first: str, second: str) -> bool:
    """Whether two versions are the same (PEP 440); the name of a wheel has an underscore before a local version."""
    return canonicalize_version(first.replace("_", "+", 1)) == canonicalize_version(second.replace("_", "+", 1))


def _wrong_wheel(theirs: Outcome2020) -> Iterator[Ground]:
    """Yield that the wheel of another project begins with the same letters, and whether it was compared."""
    for wheel in (theirs.first, theirs.second):
        if wheel and not is_of(theirs.project, wheel):
            text = f"The tracker compared {wheel.filename}: it takes the first wheel whose name begins so."
            yield Ground("wrong-wheel", text)
            return
    wheels = [one for build in (theirs.trial.builds if theirs.trial else ()) for one in build.wheels]
    others = sorted({one.filename for one in _matching(theirs.project, wheels) if not is_of(theirs.project, one)})
    if others:
        text = f"The order of the folder decides which wheel is compared: {_some(others)} also begins with the name."
        yield Ground("ambiguous-name", text)


def is_of(project: str, wheel: PipWheel) -> bool:
    """Return whether the name of a wheel is one of that project's."""
    return canonicalize_name(wheel.filename.partition("-")[0]) == project


def _moved(theirs: Outcome2020) -> Iterator[Ground]:
    if theirs.first is None or theirs.second is None:
        return
    was, then = version_of(theirs.first.filename), version_of(theirs.second.filename)
    if was != then:
        text = f"The first build took {was}, the second {then}: each takes the newest release at its time."
        yield Ground("version-moved", text)
    elif theirs.first.filename != theirs.second.filename:
        text = f"The two builds gave wheels of different names: {theirs.first.filename}, {theirs.second.filename}."
        yield Ground("other-name", text)


def _both_equal(_theirs: Outcome2020, _ours: Result) -> tuple[Ground, ...]:
    text = "Builds in one environment and builds in different environments give the same bytes."
    return (Ground("equal-everywhere", text),)


def _never_varied(_theirs: Outcome2020, ours: Result) -> tuple[Ground, ...]:
    """Return why the method of 2020 has equal bytes, and our builds differ by their environments."""
    if same := _same_there(ours):
        return (Ground("not-varied", f"{same}{_recipe(ours)}"),)
    if ours.holds:
        text = (
            f"The wheel depends on {_some(ours.holds)}, which wheelproof varies more than pip does: its random folders "
            "differ in eight characters, and its builds are seconds apart."
        )
        return (Ground("varied-less", f"{text}{_recipe(ours)}"),)
    text = "Both builds of 2020 have one environment; wheelproof varies it, and the wheel depends on it."
    return (Ground("not-varied", f"{text}{_recipe(ours)}"),)


def _same_there(ours: Result) -> str:
    """Return the sentence on the variations that ours depends on, and that both builds of 2020 have in common."""
    if not (same := [name for name in ours.holds if name not in _THERE]):
        return ""
    return f"Both builds of 2020 have the same {_some(same)}; wheelproof varies that, and the wheel depends on it."


def _by_chance(_theirs: Outcome2020, _ours: Result) -> tuple[Ground, ...]:
    """Return why the method of 2020 has equal bytes, and ours differ even in equal environments."""
    text = "wheelproof's builds differ in equal environments, too: that both builds of 2020 agree is chance."
    return (Ground("chance", text),)


def _differs_there(theirs: Outcome2020, ours: Result) -> tuple[Ground, ...]:
    """Return why both have different bytes, where ours follow the environment."""
    depends: dict[tuple[str, str], list[str]] = {}
    for name in ours.holds:
        if name in _THERE:
            depends.setdefault(_THERE[name], []).append(name)
    if not depends:
        return _path_shown(theirs)
    trace, recipe = _trace(theirs), _recipe(ours)
    differs = tuple(
        Ground(slug, f"{text[0].upper()}{text[1:]}, and the wheel depends on {_some(names)}.{trace}{recipe}")
        for (slug, text), names in depends.items()
    )
    same = _same_there(ours)
    return (*differs, *((Ground("not-varied", same),) if same else ()))


def _path_shown(theirs: Outcome2020) -> tuple[Ground, ...]:
    """Return that the wheels contain the random folders of pip, if they do."""
    if not (trace := _trace(theirs)):
        return ()
    return (Ground("random-path", f"The folder in which pip builds has a random name.{trace}"),)


def _random_everywhere(_theirs: Outcome2020, _ours: Result) -> tuple[Ground, ...]:
    text = "The wheel is random: builds differ in equal environments, too."
    return (Ground("random", text),)


def _only_there(theirs: Outcome2020, _ours: Result) -> tuple[Ground, ...]:
    """Return why the method of 2020 has different bytes, and ours are equal."""
    return _path_shown(theirs)


def _of_failures(theirs: Outcome2020, ours: Result) -> tuple[Ground, ...]:
    """Return why one of the two has no wheel, or neither has."""
    failed = theirs.verdict is Verdict2020.FAILED
    if failed and ours.verdict in {Verdict.FTBFS, Verdict.NO_SDIST}:
        return (Ground("no-wheel-anywhere", f"Neither method builds it; here: {_reason(ours)}."),)
    if failed:
        return (Ground("failed-there", f"The method of 2020 fails: {theirs.why}."),)
    if ours.verdict is Verdict.NO_SDIST:
        return (Ground("no-sdist-here", f"wheelproof finds no sdist: {_reason(ours)}."),)
    if ours.reason == Reason.NEEDS_NETWORK:
        return (Ground("needs-network", "The build uses the network, which builds of 2020 have and ours do not."),)
    return (Ground("failed-here", f"wheelproof's build fails: {_reason(ours)}."),)


_BY_VERDICT: dict[tuple[Verdict2020, Verdict], Callable[[Outcome2020, Result], tuple[Ground, ...]]] = {
    (Verdict2020.REPRODUCIBLE, Verdict.REPRODUCIBLE): _both_equal,
    (Verdict2020.REPRODUCIBLE, Verdict.SENSITIVE): _never_varied,
    (Verdict2020.REPRODUCIBLE, Verdict.INTRINSIC): _by_chance,
    (Verdict2020.NOT_REPRODUCIBLE, Verdict.REPRODUCIBLE): _only_there,
    (Verdict2020.NOT_REPRODUCIBLE, Verdict.SENSITIVE): _differs_there,
    (Verdict2020.NOT_REPRODUCIBLE, Verdict.INTRINSIC): _random_everywhere,
}


def _reason(ours: Result) -> str:
    evidence = ours.failure.evidence if ours.failure else ""
    return ": ".join(part for part in (ours.reason or "no reason is recorded", evidence) if part)


def _recipe(ours: Result) -> str:
    """Return the sentence on a recipe that was proven."""
    return f" The recipe {' + '.join(ours.recipe)} is proven to give the same bytes." if ours.recipe else ""


def _trace(theirs: Outcome2020) -> str:
    """Return the sentence on the folders of pip that the two wheels contain; empty if they contain no two."""
    found = _difference(theirs)
    if found is None or not found.first or not found.second or set(found.first) & set(found.second):
        return ""
    return f" The first wheel contains {found.first[0]}, the second {found.second[0]}."


def _difference(theirs: Outcome2020) -> PipDifference | None:
    if theirs.trial is None or theirs.first is None:
        return None
    name = theirs.first.filename
    return next((one for one in theirs.trial.differences if one.filename == name), None)


def _unexplained(theirs: Outcome2020) -> Ground:
    found = _difference(theirs)
    members = f": {_some(found.members)} differ there" if found and found.members else ""
    return Ground("unexplained", f"Nothing that was observed explains it{members}.")


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return f"{', '.join(listed[:_SHOWN])}{more}"
