"""Choose the experiments that isolate the variations behind a difference, until the answer is proven. Pure.

Each experiment builds once more in the second environment, with some variations held as in the
first, and asks whether that gives what the first build gave. The answers are assumed to be monotone:
holding more never makes a build less like the first. `contradiction` detects answers that are not.
The control build has already shown what holding everything gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    Seen = Mapping[frozenset[str], bool]

_CUT_TWICE = 3  # more candidates than that are cut into three by two experiments at once


@dataclass(frozen=True, slots=True)
class Suspects:
    """The variations that traces suggest: those that must be held, and those of which some may have to be."""

    certain: tuple[str, ...] = ()  # each the only variation of a cause
    possible: tuple[str, ...] = ()  # of causes that have several variations

    @property
    def all(self) -> frozenset[str]:
        """All suspected variations."""
        return frozenset((*self.certain, *self.possible))


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next: the sets to hold, each in a separate build; or the proven answer."""

    hold: tuple[frozenset[str], ...] = ()
    found: frozenset[str] | None = None  # the minimal set: no smaller part of it is enough
    searched: bool = False  # the traces named nothing or were wrong, so all variations were searched


class _Unknown(Exception):  # noqa: N818 - a question, not an error
    """The answers that are needed are not known yet."""

    def __init__(self, *questions: frozenset[str]) -> None:
        """Ask what holding each of those sets gives."""
        super().__init__()
        self.questions = tuple(dict.fromkeys(questions))


def next_step(names: Sequence[str], suspects: Suspects, seen: Seen, needed: frozenset[str] = frozenset()) -> Step:
    """Choose what to build next. `seen` maps held variations to whether the build was like the first.

    `names` are all the variations that differ between the two builds, in the order in which they
    are searched. It must be known that holding all of them is like the first, and that holding none
    is not. `needed` are known to be in the answer. The builds of one step can run at once.
    """
    every = frozenset(names)
    lacking = {every - {name}: False for name in needed}
    known = {frozenset(): False, every: True} | lacking | dict(seen)
    base, searched = (suspects.all | needed) & every, False
    try:
        if not base or not _like(base, known):
            searched = True
            base |= _needed(base, [name for name in names if name not in base], known)
        likely = [name for name in names if name in base and name not in suspects.possible]
        _ask_at_once([base - {name} for name in likely], known)
        sure = frozenset(name for name in likely if not _like(base - {name}, known))
        rest = [name for name in names if name in base - sure]
        if not suspects.possible:
            _like(sure, known)  # each of the rest can be left out, so most likely all of them can
        return Step(found=sure | _needed(sure, rest, known), searched=searched)
    except _Unknown as unknown:
        return Step(hold=unknown.questions, searched=searched)


def contradiction(seen: Seen) -> tuple[frozenset[str], frozenset[str]] | None:
    """Return a set that was like the first and a larger one that was not; None where all answers agree."""
    return next(
        (
            (less, more)
            for less, like in seen.items()
            if like
            for more, also in seen.items()
            if not also and less < more
        ),
        None,
    )


def _answer(held: frozenset[str], known: Seen) -> bool | None:
    """Return whether holding that set is like the first, where it was seen or follows from what was seen."""
    if held in known:
        return known[held]
    if any(like and less <= held for less, like in known.items()):
        return True
    if any(not like and held <= more for more, like in known.items()):
        return False
    return None


def _like(held: frozenset[str], known: Seen) -> bool:
    if (answer := _answer(held, known)) is None:
        raise _Unknown(held)
    return answer


def _ask_at_once(sets: Collection[frozenset[str]], known: Seen) -> None:
    if unknown := [held for held in sets if _answer(held, known) is None]:
        raise _Unknown(*unknown)


def _needed(held: frozenset[str], candidates: Sequence[str], known: Seen) -> frozenset[str]:
    """Return a minimal set of candidates that must also be held; holding all must be known to be enough.

    That none is needed is unlikely at first, and is asked only where the search does not show it.
    """
    found: frozenset[str] = frozenset()
    while candidates and _answer(held | found, known) is not True:
        if found and _like(held | found, known):
            break
        last = _first_enough(held | found, candidates, known)
        if last == 0 and _like(held | found, known):
            break
        found |= {candidates[last]}
        candidates = candidates[:last]
    return found


def _first_enough(held: frozenset[str], candidates: Sequence[str], known: Seen) -> int:
    """Return the index of the candidate up to which, in their order, holding them is enough."""
    too_few, enough = 0, len(candidates)
    while enough - too_few > 1:
        cuts = _cuts(too_few, enough)
        _ask_at_once([held | set(candidates[:cut]) for cut in cuts], known)
        for cut in cuts:
            if _like(held | set(candidates[:cut]), known):
                enough = min(enough, cut)
            else:
                too_few = max(too_few, cut)
    return enough - 1


def _cuts(too_few: int, enough: int) -> tuple[int, ...]:
    between = enough - too_few
    if between <= _CUT_TWICE:
        return ((too_few + enough) // 2,)
    return too_few + between // 3, too_few + 2 * between // 3
