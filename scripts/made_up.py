"""Random packages that nobody wrote, each defined by its seed: what its bytes follow from, and what may break.

A package is a few traits. A trait makes one member of the wheel follow some variations of the environment, chance, or
the clock, and names the cause that a diagnosis of two wheels would name. `outcome` gives what one build leaves.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.build.environment import first_environment
from orchestrator.build.variations import VARIATIONS, second_environment
from orchestrator.experiments.remedies import REMEDIES
from orchestrator.model import Budget, Environment, Reason, Severity, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Luck = Callable[[str, float, int], int]  # (what is drawn, the rate of other outcomes, how many) -> 0 or another

SALT = "0123456789ab"
EPOCH = 1_596_163_658
PROJECT, VERSION = "pkg", "1.0"

FIELDS = {
    "build-path": "build_path",
    "domain-host": "hostname",
    "time": "clock_offset",
    "timezone": "timezone",
    "locales": "locale",
    "umask": "umask",
    "user-group": "user",
    "home": "home",
    "exec-path": "path",
    "environment": "variables",
    "kernel": "uname26",
    "num-cpus": "cpus",
    "fileordering": "reverse_files",
    "hash-seed": "hash_seed",
    "tmpdir": "tmpdir",
    "environment-path": "environment_path",
    "shell": "shell",
    "host": "host",
}
"""By variation: the field of the environment by which a package sees it."""

AS_FIRST = frozenset({"umask", "locales", "hash-seed", "num-cpus"})
"""Variations for which a recipe sets the value of the first build."""

UNSCRIPTABLE = frozenset({"fileordering", "host"})
"""Variations that no recipe holds."""

_CHECKED = frozenset(one.variation for one in REMEDIES if one.variation and (one.written.check or one.written.note))
_CLOCK_STOPS = "fix-time"


class Rule(StrEnum):
    """How a trait combines the variations that it follows."""

    ANY = "any"  # each of them alone changes the bytes
    ALL = "all"  # only all of them together do; holding one is enough
    ODD = "odd"  # an odd number of them does: holding more may make it differ


class Effect(StrEnum):
    """What a remedy does to a trait that it is meant for."""

    WORKS = "works"
    BREAKS = "breaks"
    DEEPER = "deeper"  # the difference stays, and becomes one of code


@dataclass(frozen=True, slots=True)
class Trait:
    """One reason for which a member of the wheel differs between builds."""

    member: str
    cause: str = ""  # a slug of the catalogue; empty: it leaves no known trace
    variations: tuple[str, ...] = ()
    rule: Rule = Rule.ANY
    severity: Severity = Severity.DATA
    rate: float = 0.0  # at which a build gives another outcome by chance
    outcomes: int = 2  # of chance
    needs: str = ""  # chance acts only where this variation has its second value
    at_first: bool = False  # it acts where it has the first's instead
    ticks: float = 0.0  # the rate at which the clock runs on visibly between two builds
    effects: tuple[tuple[str, Effect], ...] = ()  # of remedies that hold no variation; others do nothing
    traced: bool = True  # whether a planted value shows the cause; else it is only possible
    silent: bool = False  # no diagnosis names it
    masked: bool = False  # a diagnosis names it only where nothing else differs
    taken_for: str = ""  # the cause that a diagnosis names instead


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason for which builds fail."""

    variation: str = ""  # with its second value, or with the first's; empty: by chance, or always
    at_first: bool = False
    rate: float = 1.0
    reason: Reason = Reason.BUILD_ERROR
    logged: bool = True  # whether the log quotes the value


@dataclass(frozen=True, slots=True)
class Package:
    """One package, and the task with which it is judged."""

    seed: str
    kind: str
    traits: tuple[Trait, ...]
    faults: tuple[Fault, ...]
    task: Task
    backend: str = "setuptools.build_meta"
    native: bool = False
    by_pip: bool = False  # a recipe's wheel has other bytes than the backend's hook gives
    costly: frozenset[str] = frozenset()  # remedies that make a program worse
    seconds: float = 1.0  # of each build
    unreadable: bool = False  # its wheels cannot be diagnosed

    @property
    def filename(self) -> str:
        """The name of its wheel."""
        tags = "cp311-cp311-linux_x86_64" if self.native else "py3-none-any"
        return f"{PROJECT}-{VERSION}-{tags}.whl"

    @property
    def names(self) -> tuple[str, ...]:
        """The variations that are varied for it."""
        every = (one.name for one in VARIATIONS if one.name != "host" or self.task.spread)
        return tuple(name for name in every if name not in self.task.unvaried)

    @property
    def first(self) -> Environment:
        """The first environment."""
        return _first(self.task.source_date_epoch)

    def held(self, names: Iterable[str]) -> Environment:
        """Return the second environment with some variations held."""
        return second_environment(self.first, (*self.task.unvaried, *names), spread=self.task.spread)


_FIRSTS: dict[int | None, Environment] = {}


def _first(epoch: int | None) -> Environment:
    if epoch not in _FIRSTS:
        _FIRSTS[epoch] = first_environment(source=f"{PROJECT}-{VERSION}", salt=SALT, source_date_epoch=epoch)
    return _FIRSTS[epoch]


_SECOND = second_environment(_first(None), spread=True)

# --- what a build leaves ---------------------------------------------------------------------

Value = tuple[object, ...]
"""What one trait has in a wheel: a word, and for each of its variations the value, or how they combine."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A build that failed."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a wheel contains: the value of each trait."""

    values: tuple[Value, ...]
    by_pip: bool = False


def outcome(
    package: Package, environment: Environment, remedies: tuple[str, ...] | None, luck: Luck
) -> Content | Broken:
    """Return what a build leaves; `remedies` are those of the recipe that runs, None where the backend's hook does."""
    applied = frozenset(remedies or ())
    for number, fault in enumerate(package.faults):
        if _breaks(fault, environment, applied, luck, number):
            seen = getattr(environment, FIELDS[fault.variation], "") if fault.variation and fault.logged else ""
            return Broken(fault.reason, f"it broke {seen}")
    for trait in package.traits:
        if any(name in applied and effect is Effect.BREAKS for name, effect in trait.effects):
            return Broken(Reason.BUILD_ERROR, "a remedy broke it")
    values = tuple(_value(trait, environment, applied, luck, number) for number, trait in enumerate(package.traits))
    return Content(values, by_pip=package.by_pip and remedies is not None)


def _breaks(fault: Fault, environment: Environment, applied: frozenset[str], luck: Luck, number: int) -> bool:
    if fault.variation and _acts(fault.variation, environment, applied) is fault.at_first:
        return False
    return fault.rate >= 1 or bool(luck(f"fault {number}", fault.rate, 2))


def _value(trait: Trait, environment: Environment, applied: frozenset[str], luck: Luck, number: int) -> Value:
    effects = [effect for name, effect in trait.effects if name in applied]
    if Effect.WORKS in effects:
        return ("cured",)
    word = "deeper" if Effect.DEEPER in effects else "plain"
    chance = 0
    if trait.rate and (not trait.needs or _acts(trait.needs, environment, applied) is not trait.at_first):
        chance = luck(f"chance {number}", trait.rate, trait.outcomes)
    tick = luck(f"tick {number}", trait.ticks, 1 << 30) if trait.ticks and _CLOCK_STOPS not in applied else 0
    if trait.rule is Rule.ANY:
        return (word, chance, tick, *(_seen(name, environment, applied) for name in trait.variations))
    acting = sum(_acts(name, environment, applied) for name in trait.variations)
    return (word, chance, tick, acting == len(trait.variations) if trait.rule is Rule.ALL else acting % 2)


def _seen(name: str, environment: Environment, applied: frozenset[str]) -> object:
    """Return what a build sees of a variation: that of its environment, or what the recipe sets."""
    if f"fix-{name}" in applied and name not in _CHECKED:
        return getattr(_FIRSTS[None], FIELDS[name]) if name in AS_FIRST else "as the recipe has it"
    value: object = getattr(environment, FIELDS[name])
    return value


def _acts(name: str, environment: Environment, applied: frozenset[str]) -> bool:
    return bool(_seen(name, environment, applied) == getattr(_SECOND, FIELDS[name]))


# --- which packages there are ----------------------------------------------------------------

_SEVERITIES = {
    "archive-times": Severity.ARCHIVE,
    "archive-modes": Severity.ARCHIVE,
    "archive-order": Severity.ARCHIVE,
    "metadata-order": Severity.METADATA,
    "debug-path": Severity.DEBUG,
    "random-folder": Severity.DEBUG,
    "object-order": Severity.CODE,
}
_PATHS = ("build-path", "tmpdir", "environment-path", "home")
_BY_CONTENT = {
    "build-path": "build-path",
    "domain-host": "host-name",
    "timezone": "time-zone",
    "locales": "locale-name",
    "umask": "umask-value",
    "user-group": "user-name",
    "home": "home-folder",
    "exec-path": "exec-path",
    "environment": "environment-value",
    "kernel": "kernel-version",
    "num-cpus": "cpu-count",
    "tmpdir": "temporary-folder",
    "environment-path": "requirements-path",
    "shell": "shell-name",
    "host": "host-hardware",
}
"""By variation: the cause that a text with its planted value shows."""

_ORDERS = ("hash-seed", "fileordering", "locales")
ALIKE = ("hash-order", "file-order", "locale-sorting")
"""The causes of these orders, which leave the same trace."""

_VARIED = tuple(name for name in FIELDS if name != "host")
_MEMBERS = ("a.py", "b.py", "a.so", "b.so", "data.txt", "")


class Maker:
    """Makes one package of a seed."""

    def __init__(self, seed: str) -> None:
        """Begin with that seed."""
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311 - nothing depends on that nobody can guess it

    def package(self) -> Package:
        """Return the package."""
        kind = self.random.choices(tuple(KINDS), tuple(weight for weight, _ in KINDS.values()))[0]
        task = Task(PROJECT, "bookworm", source_date_epoch=EPOCH)
        made = KINDS[kind][1](self, Package(self.seed, kind, (), (), task))
        return self._with_oddities(made)

    def chance(self, rate: float) -> bool:
        """Return whether something of that rate happens."""
        return self.random.random() < rate

    def trait(self, cause: str, *variations: str, member: str = "", **fields: object) -> Trait:
        """Return a trait of that cause, with the usual remedies for it."""
        found = Trait(
            member or self.random.choice(_MEMBERS[:5]),
            cause,
            variations,
            severity=_SEVERITIES.get(cause, Severity.DATA),
            effects=self.effects(cause),
        )
        return replace(found, **fields)  # type: ignore[arg-type] # its fields

    def effects(self, cause: str) -> tuple[tuple[str, Effect], ...]:
        """Return what remedies do to a trait of a cause; in most packages the first works."""
        odds: Mapping[str, tuple[tuple[str, float], ...]] = {
            "archive-modes": (("canonical-archive", 0.95),),
            "archive-order": (("canonical-archive", 0.95),),
            "archive-times": (("set-epoch", 0.8), ("canonical-archive", 0.95)),
            "debug-path": (
                ("prefix-map-source", 0.75),
                ("prefix-map-folder", 0.5),
                ("no-debug-info", 0.8),
                ("strip-debug", 0.9),
            ),
            "embedded-path": (("prefix-map-source", 0.5), ("prefix-map-folder", 0.3), ("same-length-path", 0.1)),
            "compile-date": (("set-epoch", 0.9),),
            "build-date": (("set-epoch", 0.5),),
            "random-folder": (
                ("meson-build-dir", 0.9),
                ("scikit-build-dir", 0.9),
                ("prefix-map-folder", 0.4),
                ("no-debug-info", 0.7),
                ("strip-debug", 0.8),
            ),
            "lto-symbols": (("random-seed", 0.8), ("prefix-map-source", 0.5)),
        }
        found = []
        for name, rate in odds.get(cause, ()):
            if self.chance(rate):
                found.append((name, Effect.WORKS))
            elif self.chance(0.2):
                found.append((name, self.random.choice((Effect.BREAKS, Effect.DEEPER))))
        return tuple(found)

    def of_variation(self, name: str) -> Trait:
        """Return a trait that follows one variation, by the cause that is usual for it."""
        if name in _ORDERS and self.chance(0.8):
            return self.order(name)
        if name == "time":
            return self.trait("build-date", "time", "timezone", ticks=self.random.choice((0.0, 1.0)))
        return self.trait(_BY_CONTENT[name], name) if name in _BY_CONTENT else self.order(name)

    def order(self, name: str) -> Trait:
        """Return a trait of an order: the variations that can leave its trace are several."""
        if self.chance(0.3):
            return self.trait("object-order", name, member="a.so", traced=False)
        if self.chance(0.3):
            return self.trait("metadata-order", name, member="METADATA", traced=False)
        named = ALIKE[_ORDERS.index(name)]
        return self.trait(named, name, taken_for=self.random.choice((named, *ALIKE)), traced=False)

    def any_trait(self) -> Trait:
        """Return any trait that follows the environment."""
        name = self.random.choice((*_VARIED, "umask", "umask", "build-path", "build-path"))
        if name == "umask":
            return self.modes()
        if name == "build-path":
            return self.path()
        return self.of_variation(name)

    def modes(self) -> Trait:
        """Return the modes of an archive, which follow the umask."""
        return self.trait("archive-modes", "umask", member="a.py")

    def path(self) -> Trait:
        """Return a path in a library."""
        cause = self.random.choice(("debug-path", "debug-path", "debug-path", "embedded-path"))
        name = self.random.choices(_PATHS, (8, 1, 1, 1))[0]
        return self.trait(cause, name, member=self.random.choice(("a.so", "b.so")))

    def unknown(self, *names: str, rule: Rule = Rule.ANY) -> Trait:
        """Return a trait that leaves no known trace."""
        return Trait(self.random.choice(_MEMBERS[:5]), "", names, rule, Severity.CODE)

    def some(self, least: int, most: int) -> tuple[str, ...]:
        """Return a few variations."""
        return tuple(self.random.sample(_VARIED, self.random.randint(least, most)))

    def coin(self, *, needs: str = "", at_first: bool = False) -> Trait:
        """Return a trait of chance: one with few outcomes or many, at any rate."""
        cause = self.random.choice(("random-folder", "random-id", "object-address", "", ""))
        return self.trait(
            cause,
            rate=self.random.choice((0.02, 0.1, 0.3, 0.5, 0.9, 1.0)),
            outcomes=self.random.choice((2, 2, 3, 1 << 30)),
            needs=needs,
            at_first=at_first,
        )

    def _with_oddities(self, package: Package) -> Package:
        """Return the package with what is rare: an odd diagnosis, remedies that cost, a budget, a held variation."""
        traits = tuple(map(self._told_oddly, package.traits))
        costly = frozenset(
            name
            for one in traits
            for name, effect in one.effects
            if effect is Effect.WORKS and self.chance(0.4 if name in ("no-debug-info", "strip-debug") else 0.04)
        )
        budget = self.random.choices(
            (
                Budget(),
                Budget(builds=self.random.randint(1, 9)),
                Budget(builds=0),
                Budget(remedies=False),
                Budget(recipes=()),
                Budget(seconds=self.random.randint(1, 20)),
            ),
            (88, 5, 2, 2, 2, 1),
        )[0]
        hold = self.some(1, 2) if self.chance(0.02) else ()
        remove = () if hold or not self.chance(0.01) else self.some(1, 1)
        return replace(
            package,
            traits=traits,
            costly=costly,
            task=replace(package.task, budget=budget, hold=hold, remove=remove),
            by_pip=self.chance(0.04),
            seconds=130.0 if self.chance(0.03) else 1.0,
            unreadable=self.chance(0.01),
        )

    def _told_oddly(self, trait: Trait) -> Trait:
        """Return the trait, rarely with a diagnosis that is silent, or that misleads."""
        if self.chance(0.03):
            return replace(trait, silent=True)
        if self.chance(0.03):
            return replace(trait, masked=True)
        if self.chance(0.02):
            return replace(
                trait, taken_for=self.random.choice(("archive-modes", "debug-path", "hash-order", "build-date"))
            )
        return trait


def _with(package: Package, *traits: Trait, **fields: object) -> Package:
    return replace(package, traits=(*package.traits, *traits), **fields)  # type: ignore[arg-type] # its fields


def _native(maker: Maker, package: Package) -> Package:
    more = [maker.path() for _ in range(maker.random.randint(1, 2))]
    return _with(package, maker.modes(), *more, native=True)


def _undated(maker: Maker, package: Package) -> Package:
    """Return a package whose archive keeps times, because SOURCE_DATE_EPOCH is not set."""
    task = replace(package.task, source_date_epoch=None)
    zone = ("timezone",) if maker.chance(0.3) else ()
    ticks = maker.random.choice((0.5, 1.0))
    more = (maker.modes(),) if maker.chance(0.6) else ()
    return _with(package, maker.trait("archive-times", "time", *zone, ticks=ticks), *more, task=task)


def _dated(maker: Maker, package: Package, ticks: float) -> Package:
    cause = maker.random.choice(("build-date", "compile-date"))
    zone = ("timezone",) if maker.chance(0.4) else ()
    more = (maker.modes(),) if maker.chance(0.5) else ()
    return _with(package, maker.trait(cause, "time", *zone, ticks=ticks), *more)


def _random_folder(maker: Maker, package: Package) -> Package:
    backend = maker.random.choice(("mesonpy", "scikit_build_core.build", "setuptools.build_meta"))
    folder = maker.trait("random-folder", member="a.so", rate=1.0, outcomes=1 << 30)
    return _with(package, folder, maker.modes(), native=True, backend=backend)


def _race_at_first(maker: Maker, package: Package) -> Package:
    """Return a package that chance changes only where a variation has the first build's value."""
    more = (maker.modes(),) if maker.chance(0.7) else ()
    return _with(package, maker.coin(needs=maker.random.choice(_VARIED), at_first=True), *more)


def _spread(maker: Maker, package: Package) -> Package:
    more = (maker.any_trait(),) if maker.chance(0.5) else ()
    trait = maker.trait("host-hardware", "host", silent=maker.chance(0.5))
    return _with(package, trait, *more, task=replace(package.task, spread=True))


def _failing(maker: Maker, package: Package) -> Package:
    name = maker.random.choice(_VARIED)
    fault = Fault(name, at_first=maker.chance(0.2), logged=maker.chance(0.5))
    more = (maker.any_trait(),) if maker.chance(0.5) else ()
    return _with(package, *more, faults=(fault,))


def _mixed(maker: Maker, package: Package) -> Package:
    return _with(package, *(maker.any_trait() for _ in range(maker.random.randint(2, 4))))


def _limited(maker: Maker, package: Package) -> Package:
    name = maker.random.choice(("", *_VARIED))
    fault = Fault(name, rate=maker.random.choice((0.1, 0.5, 1.0)), reason=Reason.TIME_OUT)
    return _with(package, maker.any_trait(), faults=(fault,))


KINDS: Mapping[str, tuple[float, Callable[[Maker, Package], Package]]] = {
    "modes": (28, lambda maker, made: _with(made, maker.modes())),
    "native": (14, _native),
    "constant": (12, lambda _maker, made: made),
    "order": (6, lambda maker, made: _with(made, maker.order(maker.random.choice(_ORDERS)))),
    "order-and-modes": (3, lambda maker, made: _with(made, maker.order(maker.random.choice(_ORDERS)), maker.modes())),
    "other": (5, lambda maker, made: _with(made, maker.of_variation(maker.random.choice(_VARIED)))),
    "clock-by-day": (3, lambda maker, made: _dated(maker, made, 0.0)),
    "clock-by-second": (3, lambda maker, made: _dated(maker, made, 1.0)),
    "clock-by-hour": (1, lambda maker, made: _dated(maker, made, 0.3)),
    "undated": (3, _undated),
    "flaky": (4, lambda maker, made: _with(made, maker.coin())),
    "flaky-and-modes": (3, lambda maker, made: _with(made, maker.coin(), maker.modes())),
    "race": (2, lambda maker, made: _with(made, maker.coin(needs="num-cpus"))),
    "race-at-first": (1, _race_at_first),
    "random-folder": (2, _random_folder),
    "unknown": (2, lambda maker, made: _with(made, maker.unknown(*maker.some(1, 2)))),
    "all-of": (2, lambda maker, made: _with(made, maker.unknown(*maker.some(2, 3), rule=Rule.ALL))),
    "odd": (1, lambda maker, made: _with(made, maker.unknown(*maker.some(2, 3), rule=Rule.ODD))),
    "mixed": (6, _mixed),
    "failing": (2, _failing),
    "failing-by-chance": (
        1,
        lambda maker, made: _with(made, faults=(Fault(rate=maker.random.choice((0.1, 0.5, 0.9))),)),
    ),
    "failing-always": (1, lambda _maker, made: _with(made, faults=(Fault(),))),
    "limited": (0.5, _limited),
    "spread": (1, _spread),
}
"""The kinds of packages: how many there are of each, in relation to the others, and how one is made."""


def package(seed: int, number: int) -> Package:
    """Return the package of that number, of a list of packages that a seed defines."""
    return Maker(f"{seed}/{number}").package()


def telling(package: Package) -> Package:
    """Return the package with a full budget and a helpful diagnosis, without chance and what is not monotone."""
    traits = tuple(
        replace(
            one,
            silent=False,
            masked=False,
            taken_for=one.taken_for if one.cause in ALIKE and one.taken_for in ALIKE else "",
            rate=0.0,
            ticks=0.0,
            rule=Rule.ALL if one.rule is Rule.ODD else one.rule,
        )
        for one in package.traits
    )
    faults = tuple(replace(one, rate=1.0) for one in package.faults if one.reason is Reason.BUILD_ERROR)
    task = replace(package.task, budget=Budget(builds=200, seconds=1_000_000))
    return replace(package, traits=traits, faults=faults, task=task, seconds=1.0, unreadable=False)
