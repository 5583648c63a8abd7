"""Causes that show in Python's bytecode: the source's time, its path, and the order of what has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.causes.content import build_places, without_random
from orchestrator.analysis.causes.erasers import Known, by_place, changed, differing, unit
from orchestrator.analysis.causes.metadata import suspected_of_paths
from orchestrator.analysis.causes.model import Cause
from orchestrator.analysis.causes.planted_values import erase_telling, forms
from orchestrator.analysis.formats.pyc import FILENAME, FORM, KIND, TIME

if TYPE_CHECKING:
    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import SidePair


_PATHS = ("build-path", "tmpdir", "home", "environment-path")


def _filenames(texts: Texts, known: Known) -> Texts:
    """Erase the path of a source where each side has that of its own build, or one that looks like it."""
    ours = erase_telling(texts[0], forms(known.first, _PATHS), b"<path>")
    theirs = erase_telling(texts[1], forms(known.second, _PATHS), b"<path>")
    ours, theirs = without_random(ours), without_random(theirs)
    return (ours, theirs) if ours == theirs else build_places(texts, known)


def _path(pair: SidePair) -> SidePair:
    known = Known(pair[0].traces, pair[1].traces)
    places = [place for place in differing(pair) if place.endswith(FILENAME)]
    return changed(pair, {place: _filenames(unit(pair, place), known) for place in places})


CAUSES: tuple[Cause, ...] = (
    Cause(
        name="bytecode-mtime",
        summary="Bytecode records when its source was last changed, and that was during the build.",
        why=(
            "A .pyc file that is checked against its source by time (PEP 552) holds the source's time of last change. "
            "A source that the build generates or copies is as old as the build."
        ),
        shows="Bytes 8 to 12 of a .pyc file.",
        example="source time 1795363083 | 1829773443",
        kinds=(KIND,),
        erase=by_place(lambda place: place == TIME),
        variations=("time",),
        remedies=("set-epoch", "fix-time"),
    ),
    Cause(
        name="bytecode-path",
        summary="Bytecode records the path of its source, and that was the folder of the build.",
        why="compileall and py_compile store the path that they are given (co_filename), unless told another.",
        shows="The name of the source in a code object.",
        example="/build/3f9c../pkg/a.py | /srv/77ab../pkg/a.py",
        kinds=(KIND,),
        erase=_path,
        variations=_PATHS,
        remedies=("fix-build-path", "fix-tmpdir"),
        suspects=suspected_of_paths,
    ),
    Cause(
        name="bytecode-order",
        summary="The same bytecode is written in another form: references or the items of a frozenset stand otherwise.",
        why=(
            "marshal marks what it may refer to later by how many references an object happens to have, and writes "
            "frozensets in the order of their hashes."
        ),
        shows="The bytes differ, while the code objects that they stand for are equal in all parts.",
        example="frozenset({'a', 'b'}) | frozenset({'b', 'a'})",
        kinds=(KIND,),
        erase=by_place(lambda place: place == FORM),
        variations=("hash-seed",),
        remedies=("fix-hash-seed",),
    ),
)
