"""What two builds on two hosts have to show, and whether a record shows it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.failure_signs import printable
from orchestrator.build.variations import HOST, SECOND_HOST
from orchestrator.model import RecipeProof

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.model import Build, Result


@dataclass(frozen=True, slots=True)
class Expected:
    """A package of tests/packages, and what its record has to have."""

    project: str
    why: str  # it depends on that, or does not
    verdict: str
    holds: tuple[str, ...]
    proven: bool = False  # whether a recipe is proven, by builds on both hosts


PACKAGES = (
    Expected("host", "gcc -march=native", "sensitive", (HOST,)),
    Expected("cpu-flags", "options by the flags of /proc/cpuinfo", "sensitive", (HOST,)),
    Expected("umask", "nothing of the host, only the umask", "sensitive", ("umask",), proven=True),
)


def host_of(build: Build) -> str:
    """Return the host that has to do a build: SECOND_HOST, or "", the job's own."""
    return build.environment.host


def faults(expected: Expected, result: Result, boot_ids: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a result lacks; empty: it is as expected. `boot_ids` has the kernel of each host of `host_of`."""
    return (*_verdict(expected, result), *_builds(result, boot_ids), *_recipes(expected, result))


def _verdict(expected: Expected, result: Result) -> Iterator[str]:
    if (result.verdict, result.holds) != (expected.verdict, expected.holds):
        yield f"expected {expected.verdict}, holds {', '.join(expected.holds)}"
    if not any(one.name == HOST and one.acted for one in result.variations):
        yield "no probe shows that the variation host acted"


def _builds(result: Result, boot_ids: Mapping[str, str]) -> Iterator[str]:
    """Check that each build ran where its environment has it, by the identity of the kernel in its probe."""
    hosts = {build.name: host_of(build) for build in result.builds}
    if wrong := [
        name for name, host in (("first", ""), ("second", SECOND_HOST), ("control", "")) if hosts.get(name) != host
    ]:
        yield f"not there, or sent to the wrong host: {', '.join(wrong)}"
    for build in result.builds:
        seen = build.probe.boot_id if build.probe else "unknown"
        if seen != boot_ids[host_of(build)]:
            yield f"{build.name} ran on the kernel with the boot id {seen}, not on {boot_ids[host_of(build)]}"


def _recipes(expected: Expected, result: Result) -> Iterator[str]:
    proven = [one for one in result.recipes if one.proof is RecipeProof.PROVEN]
    if bool(proven) is not expected.proven:
        yield "no recipe is proven" if expected.proven else "a recipe is proven"
    hosts = {build.name: host_of(build) for build in result.builds}
    for recipe in proven:
        if {hosts.get(name) for name in recipe.builds} != {"", SECOND_HOST}:
            yield f"the builds that prove the recipe did not run on both hosts: {', '.join(recipe.builds)}"


# --- for readers -----------------------------------------------------------------------------


def report(expected: Expected, result: Result | None) -> Iterator[str]:
    """Yield lines: the verdict, and for each build its host, as its probe saw it, and the hash of its wheel."""
    if result is None:
        yield f"{expected.project} ({expected.why})"
        return
    holds = f", holds {', '.join(result.holds)}" if result.holds else ""
    yield f"{expected.project} ({expected.why}): {result.verdict}{holds}"
    for build in result.builds:
        yield f"  {_short(build.name):28} {host_of(build) or 'here':6} {_seen(build)}"


def _short(name: str) -> str:
    """Return the name of a build; where it holds many variations, the first of them and how many others."""
    first, *others = name.split("+")
    return f"{first}+{len(others)}" if others else first


def _seen(build: Build) -> str:
    probe = build.probe
    where = printable(f"{probe.processor}, Linux {_release(probe.kernel_version)}") if probe else "unknown"
    return (
        f"{where}, boot {probe.boot_id[:8] if probe else '?'}: {build.wheel.sha256[:12] if build.wheel else 'no wheel'}"
    )


def _release(version: str) -> str:
    """Return the release of a kernel from /proc/version: its third word."""
    return "".join(version.split()[2:3]) or "unknown"
