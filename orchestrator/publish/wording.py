"""Verdicts and reasons as plain sentences that claim no more than is known."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.model import LADDER, Aspect, Frontend, Mode, Policy, Proof, Reason, Severity, Verdict, Want
from orchestrator.model.names import is_path
from orchestrator.publish import proof
from orchestrator.publish.phrases import DEPTHS, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orchestrator.model import Build, CauseFinding, Difference, Failure, Result, Tool, Unexplained

OPEN = "open"
"""The slug of a tracked project that has no verdict yet."""


@dataclass(frozen=True, slots=True)
class Word:
    """A verdict for readers: its name, what it means, and what it does not mean."""

    slug: str
    label: str
    meaning: str
    caution: str


WORDS = (
    Word(
        Verdict.REPRODUCIBLE,
        "reproducible",
        "Two builds in deliberately different environments gave the same bytes, and every requested "
        "variation was seen to take effect.",
        "It does not mean that the package is safe, or that the wheel on the index is this one. Anybody "
        "with the same inputs can check this wheel by building it.",
    ),
    Word(
        Verdict.SENSITIVE,
        "sensitive",
        "The wheel depends on its environment: two builds in the same environment gave the same bytes.",
        "A build in an equal environment can be expected to give the same bytes. The difference may not matter "
        "when the wheel is used.",
    ),
    Word(
        Verdict.INTRINSIC,
        "intrinsic",
        "Two builds in the same environment gave different bytes.",
        "It does not mean that the package is faulty: a random folder's name is enough.",
    ),
    Word(
        Verdict.FTBFS,
        "fails to build",
        "The source did not build here; the reason and the phase of the failure are shown.",
        "It may build elsewhere: it may need a network, a library or a Python that builds here do not have.",
    ),
    Word(
        Verdict.NO_SDIST,
        "no sdist",
        "The release was published without a source distribution, so there is nothing to build it from.",
        "The published wheels are not judged.",
    ),
    Word(
        Verdict.EXCLUDED,
        "excluded",
        "The configuration excludes it, for the reason and since the date that are shown.",
        "Whether it is reproducible is not known.",
    ),
    Word(OPEN, "open", "It is tracked, and has no verdict yet.", "A later run will judge it."),
)

PERHAPS = "perhaps "
"""What precedes the name of a cause that is only possible."""

_FEW = 3  # causes that one line names

LABELS = {word.slug: word.label for word in WORDS}

REASONS: Mapping[str, str] = {
    Reason.BROKEN_SDIST: "the source distribution is broken",
    Reason.UNSAFE_SDIST: "the source distribution is not safe to unpack",
    Reason.SDIST_TOO_LARGE: "the source distribution unpacks to more than the limit",
    Reason.WRONG_PYTHON: "it does not support this image's Python",
    Reason.MISSING_BUILD_REQUIREMENT: "a build requirement is missing",
    Reason.MISSING_HEADER: "a header that it includes is missing",
    Reason.MISSING_LIBRARY: "a library that it links with is missing",
    Reason.MISSING_TOOL: "a program that its build calls is missing",
    Reason.MISSING_PKG_CONFIG: "pkg-config does not find a library that it needs",
    Reason.MISSING_CMAKE_PACKAGE: "CMake does not find a package that it needs",
    Reason.MISSING_FILE: "its build opens a file that is not there",
    Reason.MISSING_CRATE: "a Rust crate is missing, and builds have no network to fetch it",
    Reason.NEEDS_RUST: "it needs a Rust compiler that the image does not have",
    Reason.NEEDS_NETWORK: "its build needs the network, and builds have none",
    Reason.NEEDS_CRATES: "the crates that its Cargo.lock names could not be fetched",
    Reason.NEEDS_CHECKOUT: "it needs a checkout: its build asks version control for data that the source does not have",
    Reason.NEEDS_ANSWER: "its build asks a question, such as to accept a licence, and nobody answers",
    Reason.BUILD_ERROR: "its build ends with an error",
    Reason.TIME_OUT: "its build took longer than the limit",
    Reason.OUT_OF_MEMORY: "its build needs more memory than the limit",
    Reason.OUT_OF_SPACE: "its build needs more space than the limit",
    Reason.TOO_MANY_PROCESSES: "its build starts more processes than the limit",
    Reason.TOO_MUCH_OUTPUT: "its build prints more than the limit",
    Reason.BROKEN_CHANNEL: "its build interferes with the process that reports its outcome",
    Reason.KILLED: "a signal ends a process of its build each time, and no limit explains it",
    Reason.NO_WHEEL: "its build succeeds, but gives no wheel",
    Reason.BROKEN_WHEEL: "the wheel that it builds is broken",
    Reason.WRONG_NAME: "the wheel that it builds has the name of another project or version",
    Reason.UNSAFE_WHEEL: "the wheel that it builds is not safe to unpack",
    Reason.WHEEL_TOO_LARGE: "the wheel that it builds is larger than the limit",
}


WANTS = {
    Want.HEADER: "the header",
    Want.LIBRARY: "the library",
    Want.TOOL: "the program",
    Want.PKG_CONFIG: "the pkg-config module",
    Want.CMAKE: "the CMake package",
    Want.PYTHON_MODULE: "the Python module",
    Want.DEPENDENCY: "the library",
}

_NO_SDIST = "no source distribution was published"

BASES = {
    "registry": "the official image, by its digest",
    "snapshot": "Debian's snapshot archive, at the locked date",
    "archive": "Debian's archive, as it was when the image was made",
}


def reason(result: Result) -> str:
    """Return why there is no verdict on bytes, in words; "" if there is one."""
    if result.verdict is Verdict.FTBFS:
        given = result.failure.reason if result.failure else result.reason
        return REASONS.get(given, given)
    return result.reason or (_NO_SDIST if result.verdict is Verdict.NO_SDIST else "")


def told_apart(subjects: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return a name for each (project, requirement): with the path, where several folders or sdists share a name."""
    pairs = tuple(subjects)
    asked: dict[str, set[str]] = {}
    for project, requirement in pairs:
        asked.setdefault(project, set()).add(requirement)
    return tuple(
        f"{project} ({requirement})" if len(asked[project]) > 1 and is_path(requirement) else project
        for project, requirement in pairs
    )


def help_with(failure: Failure, project: str = "", images: Sequence[str] = ()) -> str:
    """Return in sentences what would help: what was not found, which Debian packages have it, which images; or "".

    `images` are the names of images that have what the failed build of `project` lacked.
    """
    return " ".join(filter(None, (_ADVICE.get(failure.reason, ""), _not_found(failure), _on_image(project, images))))


_ADVICE: Mapping[str, str] = {
    Reason.NEEDS_CHECKOUT: (
        "An sdist or a packed folder has no history, so installing git does not help: "
        "write the version or revision into a file when the sdist is made, and read it from there."
    ),
    Reason.NEEDS_ANSWER: "A build has no terminal and its input is empty: take the answer from a file or a variable.",
}


def _on_image(project: str, images: Sequence[str]) -> str:
    if not images:
        return ""
    return f"The image {images[0]} has it: wheelproof run {shlex.quote(project)} --image {images[0]}"


def _not_found(failure: Failure) -> str:
    if not failure.missing:
        return ""
    sentence = (
        f"It did not find {listed(dict.fromkeys(f'{WANTS[item.want]} {item.name}' for item in failure.missing))}."
    )
    if failure.debian_packages:
        sentence += f" On the image's Debian, that is in {listed(failure.debian_packages)}."
    return sentence


def qualifiers(result: Result) -> tuple[str, ...]:
    """Return what was not varied: "umask held", "kernel removed"."""
    return tuple(
        f"{variation.name} {variation.mode}" for variation in result.variations if variation.mode is not Mode.VARIED
    )


def held_names(result: Result, hold: Sequence[str]) -> tuple[str, ...]:
    """Return what a build held, in short if that is all that varies."""
    varied = {one.name for one in result.variations if one.mode is Mode.VARIED}
    return ("all variations",) if len(hold) > _FEW and varied and set(hold) >= varied else tuple(hold)


def sentences(result: Result) -> tuple[str, ...]:
    """Return the verdict as sentences, each of which is true of this result."""
    return (*_SENTENCES[result.verdict](result), *_reservations(result))


def _reproducible(result: Result) -> tuple[str, ...]:
    if any(variation.acted for variation in result.variations):
        return ("Two builds in deliberately different environments gave the same bytes.",)
    return ("Two builds gave the same bytes, in environments that were not made different.",)


def _sensitive(result: Result) -> tuple[str, ...]:
    first, second, control = (_build(result, name) for name in ("first", "second", "control"))
    if first and first.wheel and second and second.failure:
        return ("It builds in the first environment and fails in the second, which was made different on purpose.",)
    again = (
        ("A third build, in the environment of the first, gave the first one's bytes again.",)
        if _same_wheel(first, control)
        else ()
    )
    return ("Two builds in deliberately different environments gave different bytes.", *again, _isolated(result))


def _isolated(result: Result) -> str:
    if result.holds:
        return proof.of_hold(result)
    why = f"{result.left_open.rstrip('.')}." if result.left_open else "isolation was not done."
    return f"Which of the variations does it is not known: {why}"


def _intrinsic(result: Result) -> tuple[str, ...]:
    first, control = _build(result, "first"), _build(result, "control")
    if first and control and first.wheel and control.wheel and not _same_wheel(first, control):
        return ("Even two builds in the same environment gave different bytes.",)
    return ("It differs even when nothing is varied.",)


def _ftbfs(result: Result) -> tuple[str, ...]:
    failed = f"It fails to build from source: {reason(result)}."
    built = [build.name for build in result.builds if build.wheel]
    missed = [build.name for build in result.builds if build.failure]
    if not built or not missed:
        return (failed,)
    return (failed, f"The {listed(built)} {_plural('build', built)} gave a wheel, the {listed(missed)} did not.")


def _no_sdist(result: Result) -> tuple[str, ...]:
    recorded = (f"Recorded reason: {result.reason}",) if result.reason else ()
    return ("The release was published without a source distribution, so there is nothing to build it from.", *recorded)


def _excluded(result: Result) -> tuple[str, ...]:
    return (f"It was not built: {result.reason or 'no reason is recorded'}",)


_SENTENCES = {
    Verdict.REPRODUCIBLE: _reproducible,
    Verdict.SENSITIVE: _sensitive,
    Verdict.INTRINSIC: _intrinsic,
    Verdict.FTBFS: _ftbfs,
    Verdict.NO_SDIST: _no_sdist,
    Verdict.EXCLUDED: _excluded,
}


def _reservations(result: Result) -> tuple[str, ...]:
    """List the variations that the verdict does not cover: held, removed, or without effect."""
    held = [variation.name for variation in result.variations if variation.mode is Mode.HELD]
    removed = [variation.name for variation in result.variations if variation.mode is Mode.REMOVED]
    idle = [variation.name for variation in result.variations if variation.mode is Mode.VARIED and not variation.acted]
    return (
        *([f"Held the same in both, as configured: {listed(held)}."] if held else ()),
        *([f"Neither varied nor watched, as configured: {listed(removed)}."] if removed else ()),
        *([f"Asked for, but not seen to act: {listed(idle)}."] if idle else ()),
    )


def _build(result: Result, name: str) -> Build | None:
    return next((build for build in result.builds if build.name == name), None)


def _same_wheel(first: Build | None, other: Build | None) -> bool:
    return bool(first and other and first.wheel and other.wheel and first.wheel.sha256 == other.wheel.sha256)


def blamed(result: Result) -> str:
    """Name the first causes that were found; "" if there is none."""
    names = tuple(dict.fromkeys(map(claimed, result.causes)))
    few = names if len(names) <= _FEW else (*names[: _FEW - 1], f"{len(names) - _FEW + 1} more")
    return listed(few) if few else ""


def because(result: Result) -> str:
    """Return in a few words what is behind a verdict: its reason, or its variations or causes, and the severity."""
    if result.reason:
        return result.reason
    summary = f"holds {listed(result.holds)}" if result.holds else blamed(result)
    summary = summary or (differing(result) if result.differences else "")
    deep = DEPTHS[result.severity][0] if result.severity and result.differences else ""
    return "; ".join(part for part in (summary, deep) if part)


def differing(result: Result) -> str:
    """Return in a few words how two wheels differ: "mode and content of 9 files"; consequences do not count."""
    causes = [difference for difference in result.differences if not difference.consequence]
    if not causes:
        return reason(result) or "differs"
    aspects = listed(dict.fromkeys(difference.aspect.value for difference in causes))
    files = len({difference.path for difference in causes if difference.path})
    return f"{aspects} of {files} {'file' if files == 1 else 'files'}" if files else aspects


def _plural(noun: str, names: Sequence[object]) -> str:
    return noun if len(names) == 1 else f"{noun}s"


# --- what differs, and why ----------------------------------------------------------------


_MODULES_SAME = "All code and all data of its modules and libraries is the same; debug information and metadata differ."
_MODULES_SAME_AT_LEAST = "All code and all data of its modules and libraries is the same."


def depth(severity: Severity | None, differences: Iterable[Difference] | None) -> str:
    """Return in a sentence how serious the difference of two wheels is; "" if it is unknown.

    "Everything loaded at run time is the same" must be true: a program may read metadata that
    differs at run time. `differences` is None if the single differences are not known.
    """
    if severity is None:
        return ""
    if severity is Severity.DEBUG and differences is None:
        return _MODULES_SAME_AT_LEAST
    if severity is Severity.DEBUG and any(_is_metadata(difference) for difference in differences or ()):
        return _MODULES_SAME
    return DEPTHS[severity][1]


def _is_metadata(difference: Difference) -> bool:
    return difference.severity is Severity.METADATA and not difference.consequence


def gathered(
    unexplained: Iterable[Unexplained], differences: Iterable[Difference] = ()
) -> tuple[tuple[str, Aspect, tuple[Unexplained, ...]], ...]:
    """Group unexplained differences by member and aspect: (path, aspect, places).

    The most serious are first, and before them those whose severity the `differences` do not have.
    """
    rank = _rank(differences)
    places: dict[tuple[str, Aspect], list[Unexplained]] = {}
    for one in unexplained:
        places.setdefault((one.path, one.aspect), []).append(one)
    order = sorted(places, key=lambda key: rank(*key), reverse=True)
    return tuple((path, aspect, tuple(places[path, aspect])) for path, aspect in order)


def by_severity(causes: Iterable[CauseFinding], differences: Iterable[Difference]) -> tuple[CauseFinding, ...]:
    """Return causes in the order of what differs in their members, the most serious first."""
    known: dict[str, int] = {}
    for (path, _), severity in _severities(differences).items():
        known[path] = max(severity, known.get(path, 0))
    return tuple(
        sorted(causes, key=lambda cause: max((known.get(path, 0) for path in cause.members), default=0), reverse=True)
    )


def unexplained_first(
    causes: Iterable[CauseFinding], unexplained: Iterable[Unexplained], differences: Iterable[Difference]
) -> bool:
    """Check whether nothing that has a cause is known to be more serious than what is unexplained."""
    differences = tuple(differences)
    rank, known = _rank(differences), _severities(differences)
    explained = {path for cause in causes for path in cause.members}
    left = max((rank(one.path, one.aspect) for one in unexplained), default=-1)
    return left >= max((severity for (path, _), severity in known.items() if path in explained), default=-1)


def _severities(differences: Iterable[Difference]) -> dict[tuple[str, Aspect], int]:
    """Return the place in LADDER of each difference whose severity is known."""
    return {(one.path, one.aspect): LADDER.index(one.severity) for one in differences if one.severity}


def _rank(differences: Iterable[Difference]) -> Callable[[str, Aspect], int]:
    """Return a function from path and aspect to a place in LADDER; an unknown severity is after its end.

    A renamed member is one difference, of presence, whose severity is also that of its content.
    """
    known = _severities(differences)
    return lambda path, aspect: known.get((path, aspect), known.get((path, Aspect.PRESENCE), len(LADDER)))


def notes(one: Unexplained) -> tuple[str, ...]:
    """Return what builds show of an unexplained difference, and what it looks like, as sentences."""
    return (
        *(["Builds in one environment differ here, too."] if one.chance else []),
        *([f"It differs only when {listed(one.variations)} {_vary(one.variations)}."] if one.variations else []),
        *([f"It looks like {one.looks_like}, which nothing shows."] if one.looks_like else []),
    )


def _vary(names: Sequence[str]) -> str:
    return "varies" if len(names) == 1 else "vary"


def claimed(cause: CauseFinding) -> str:
    """Name a cause; one that is only possible, with "perhaps"."""
    return f"{PERHAPS}{cause.name}" if cause.proof is Proof.POSSIBLE else cause.name


def repeats(result: Result) -> str:
    """Return how many builds gave the same bytes, and what all builds with these inputs show of chance; "" below two.

    In records of earlier releases, the bound is of this result's own builds.
    """
    if result.builds_compared < 2:  # noqa: PLR2004 - one alone is the same as nothing
        return ""
    count = f"{result.builds_compared} builds gave the bytes of the first, itself included"
    if result.flake_bound is None or result.flake_bound >= 1:
        return f"{count}: too few to say how rare a build is that differs by chance."
    rate = f"at 95 % certainty, fewer than {100 * result.flake_bound:.0f} % of builds differ by chance"
    return f"{count}. With those of other nights that had the same inputs, {rate}."


def kind(result: Result) -> str:
    """Return a warning if our wheel lacks the extension modules of every wheel on the index, or ""."""
    tags = result.kind
    if tags is None or not tags.fallback:
        return ""
    return (
        f"Its build fell back: this wheel ({listed(tags.ours)}) has no extension module, and all that the index has "
        "for this version is for a platform. The wheel that was judged is not the one that users get."
    )


def third_party(result: Result) -> str:
    """Return how the published wheel compares with the first build's; "" if they were not compared."""
    published = result.published
    if published is None:
        return ""
    if not published.filename:
        return "The index has no wheel for the same Python, ABI and kind of machine."
    if published.same:
        return "The wheel on the index is the same bytes as the first build's."
    if published.severity is None:
        return "The wheel on the index has other bytes than the first build's."
    return f"The wheel on the index has other bytes than the first build's. {depth(published.severity, None)}"


# --- what it was built with ---------------------------------------------------------------

_POLICIES: Mapping[Policy, str] = {
    Policy.INDEX: "",
    Policy.DEBIAN: "Only build tools of the image's Debian were allowed.",
    Policy.PINNED: "Only build tools that a file pins were allowed.",
    Policy.SOURCE: "Each build tool had to be built here first, from its source distribution.",
}


def built_with(result: Result) -> tuple[str, ...]:
    """Return the profile, frontend, runtime, source of the tools, and result of tools built here, as sentences."""
    inputs = result.inputs
    if inputs is None:
        return ()
    as_others = f"It was built as the profile {inputs.profile.name} has it." if inputs.profile else ""
    by_pip = "It was built by pip wheel, as the tracker of 2020 did." if inputs.frontend is Frontend.PIP else ""
    by_runtime = f"Its containers were run by {inputs.runtime}." if inputs.runtime else ""
    final = tuple(tool for tool in result.tools if not tool.bootstrap)
    return tuple(
        filter(None, (as_others, by_pip, by_runtime, _POLICIES[inputs.policy], _made_here(final), _as_pinned(final)))
    )


def _made_here(tools: tuple[Tool, ...]) -> str:
    """Return how many tools were built here, and which did not rebuild."""
    if not tools:
        return ""
    other = [tool.name for tool in tools if not tool.reproducible]
    count = f"{len(tools)} {_plural('tool', tools)} {_was_were(tools)} built here, twice each"
    return f"{count}; two builds of {listed(other)} did not agree." if other else f"{count}, to the same bytes."


def _as_pinned(tools: tuple[Tool, ...]) -> str:
    """Return which tools differ from the hash in the file that pins them."""
    pinned = [tool for tool in tools if tool.expected]
    other = [tool.name for tool in pinned if not tool.as_expected]
    if not pinned:
        return ""
    if not other:
        return "Each has the hash in the file."
    return f"These do not have the hash in the file: {listed(other)}."


def expectation(result: Result) -> str:
    """Return whether the first build has a hash that was given; "" if none was given."""
    first = _build(result, "first")
    if not result.expected or first is None or first.wheel is None:
        return ""
    if first.wheel.sha256 in result.expected:
        return "The first build is, bit for bit, the wheel whose hash was given."
    return f"The first build is not the wheel whose hash was given, {listed(result.expected)}."


def _was_were(names: Sequence[object]) -> str:
    return "was" if len(names) == 1 else "were"
