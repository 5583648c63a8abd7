"""A wheelhouse: wheels of a set of releases that one recipe gives, each proven by two builds of that recipe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.model.build import Build, WheelFile
from orchestrator.model.inputs import Pin, Sdist, UsedImage

WHEELHOUSE_SCHEMA = 1
"""Version of a wheelhouse's JSON form."""


class MemberKind(StrEnum):
    """What a wheel of a wheelhouse is for."""

    WHEEL = "wheel"  # one of the releases that were asked for
    TOOL = "tool"  # a build requirement that is built here, too


@dataclass(frozen=True, slots=True)
class MemberWheel:
    """A wheel that both builds of the common recipe gave."""

    kind: MemberKind
    requirement: str  # as it was asked for; of a tool: NAME==VERSION
    project: str  # normalized (PEP 503)
    version: str  # normalized (PEP 440)
    job: str  # the id of the job whose verdict and inputs are the ground for the recipe; of a tool: empty
    image: UsedImage
    sdist: Sdist
    pins: tuple[Pin, ...]  # all that the recipe installs, sorted by name
    data: str  # the text of rebuild/NAME-VERSION.txt
    wheel: WheelFile
    builds: tuple[Build, ...]  # two, which ran rebuild.sh with that text


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A release that the common recipe does not give, and why."""

    requirement: str
    project: str  # normalized; empty if it is not known
    version: str  # empty if it is not known
    image: str
    job: str  # the id of its job; empty if there is none
    reason: str  # one sentence; untrusted where it quotes a log, printable and cut
    nearest: tuple[str, ...] = ()  # the remedies that come closest; empty: none is known
    nearest_why: str = ""  # what these remedies give, or why there is none, in one sentence
    builds: tuple[Build, ...] = ()  # those of the common recipe, if it was tried


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """A set of wheels, and the recipe for all of them; the JSON of results/wheelhouses/, field by field."""

    schema: int
    id: str  # digest of all that it was made from: the members' jobs, texts and wheels
    wheelproof: str
    started: datetime
    finished: datetime
    remedies: tuple[str, ...]  # the common recipe, in the catalogue's order
    source_date_epoch: int | None
    script: str  # the text of rebuild.sh
    dockerfile: str
    wheels: tuple[MemberWheel, ...]  # tools first, in the order in which they are built; then sorted by name
    left_out: tuple[LeftOut, ...]  # sorted by name
    builds: int  # how many builds it took, those of the verdicts included
    profile: str = ""
    open: tuple[str, ...] = ()  # requirements without a verdict or a proof, because the farm failed; sorted
