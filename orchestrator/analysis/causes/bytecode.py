"""Causes that show in Python's bytecode: the source's time, its path, and the order of unordered values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.causes import upstream
from orchestrator.analysis.causes.content import build_places, without_random
from orchestrator.analysis.causes.erasers import Known, by_place, changed, differing, token
from orchestrator.analysis.causes.metadata import suspected_of_paths
from orchestrator.analysis.causes.model import Cause, Shown
from orchestrator.analysis.causes.planted_values import erase_telling, forms
from orchestrator.analysis.formats.pyc import FILENAME, FORM, KIND, TIME

if TYPE_CHECKING:
    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import SidePair


_PATHS = ("build-path", "tmpdir", "home", "environment-path")


def _filenames(texts: Texts, known: Known) -> Texts:
    """Erase the path of a source where each side has its build's path, or one that looks like a build's path."""
    ours = erase_telling(texts[0], forms(known.first, _PATHS), b"<path>")
    theirs = erase_telling(texts[1], forms(known.second, _PATHS), b"<path>")
    ours, theirs = without_random(ours), without_random(theirs)
    return (ours, theirs) if ours == theirs else build_places(texts, known)


def _path(pair: SidePair) -> SidePair:
    known = Known(pair[0].traces, pair[1].traces)
    places = [place for place in differing(pair) if place.endswith(FILENAME)]
    return changed(pair, {place: _filenames(token(pair, place), known) for place in places})


CAUSES: tuple[Cause, ...] = (
    Cause(
        name="bytecode-mtime",
        summary="Bytecode records the time of last change of its source, which is the time of the build.",
        why=(
            "A .pyc file that is validated by time (PEP 552) contains the time of last change of its source. "
            "A source that the build generates or copies has the time of the build."
        ),
        shows="Bytes 8 to 12 of a .pyc file.",
        example="source time 1795363083 | 1829773443",
        upstream=upstream.BYTECODE_MTIME,
        kinds=(KIND,),
        erase=by_place(lambda place: place == TIME),
        variations=("time",),
        remedies=("set-epoch", "fix-time"),
    ),
    Cause(
        name="bytecode-path",
        summary="Bytecode records the path of its source, which is in the folder of the build.",
        why="compileall and py_compile store the path of the source (co_filename), unless an option sets another.",
        shows="The name of the source in a code object.",
        example="/build/3f9c../pkg/a.py | /srv/77ab../pkg/a.py",
        upstream=upstream.BYTECODE_PATH,
        kinds=(KIND,),
        erase=_path,
        variations=_PATHS,
        remedies=("fix-build-path", "fix-tmpdir"),
        suspects=suspected_of_paths,
    ),
    Cause(
        name="bytecode-order",
        summary="The same bytecode is serialized differently: its references, or the order of a frozenset's items.",
        why=(
            "marshal marks objects for later references by their reference counts, which vary, and writes the items of "
            "frozensets in the order of their hashes."
        ),
        shows="The bytes differ, but all parts of the code objects are equal.",
        example="frozenset({'a', 'b'}) | frozenset({'b', 'a'})",
        upstream=upstream.BYTECODE_ORDER,
        kinds=(KIND,),
        shown=Shown.FILES,
        erase=by_place(lambda place: place == FORM),
        variations=("hash-seed",),
        remedies=("fix-hash-seed",),
    ),
)
