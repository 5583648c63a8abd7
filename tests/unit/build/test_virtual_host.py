"""How a virtual host runs, and what two hosts have to show: the builds of a record ran where they had to."""

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.model import Build, Mode, Recipe, RecipeForm, RecipeProof, Result, Variant, Verdict
from tests.sample_results import sample
from tests.samples import ELSEWHERE, FIRST, built, probe
from tests.virtual_host.expected import Expected, faults, report
from tests.virtual_host.machine import accelerator, processor_flags


@pytest.mark.parametrize(
    ("flags", "kvm", "expected"),
    [
        ({"sse2", "vmx"}, True, "kvm"),
        ({"sse2", "svm"}, True, "kvm"),
        ({"sse2", "vmx"}, False, "tcg,thread=multi"),
        ({"sse2"}, True, "tcg,thread=multi"),  # a paravirtual KVM
    ],
)
def test_only_a_processor_with_the_extension_runs_an_ordinary_kernel(
    flags: set[str],
    kvm: bool,  # noqa: FBT001 - a column
    expected: str,
) -> None:
    """A machine without it is emulated, even if it has a device for virtual machines."""
    assert accelerator(frozenset(flags), kvm=kvm) == expected


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nvmx flags\t: ept\nflags\t\t: fpu svm\n\nprocessor\t: 1\nflags\t\t: fpu\n", {"fpu", "svm"}),
        ("processor\t: 0\n", set()),
    ],
)
def test_the_flags_are_those_of_the_first_processor(cpuinfo: str, expected: set[str]) -> None:
    """Other lines with flags, and other processors, do not count."""
    assert processor_flags(cpuinfo) == expected


BOOT_IDS = {one.host: probe(one).boot_id for one in (FIRST, ELSEWHERE)}
UMASK = Expected("pkg", "the umask", "sensitive", ("umask",), proven=True)


def judged(**changes: Any) -> Result:  # noqa: ANN401 - by name
    """Return a result of a package with a recipe, whose builds ran on the right hosts."""
    builds = (
        built("first", FIRST, "1" * 64),
        built("second", ELSEWHERE, "2" * 64),
        built("control", FIRST, "1" * 64),
        built("recipe-first", FIRST, "1" * 64),
        built("recipe-second", ELSEWHERE, "1" * 64),
    )
    recipe = Recipe(RecipeForm.SH, "make", "pkg.whl", "1" * 64, RecipeProof.PROVEN, ("recipe-first", "recipe-second"))
    good = replace(
        sample(verdict=Verdict.SENSITIVE),
        holds=("umask",),
        builds=builds,
        variations=(Variant("host", Mode.VARIED, acted=True),),
        recipes=(recipe,),
    )
    return replace(good, **changes)


def moved(name: str) -> tuple[Build, ...]:
    """Return the builds, of which one ran on the other host than its environment has."""
    other = {"": ELSEWHERE, "second": FIRST}
    return tuple(
        replace(one, probe=probe(other[one.environment.host])) if one.name == name else one for one in judged().builds
    )


def test_a_record_of_two_hosts_is_as_expected_and_shows_both() -> None:
    """Each build is in the report, with its host and its processor."""
    assert faults(UMASK, judged(), BOOT_IDS) == ()
    head, *lines = report(UMASK, judged())
    assert head == "pkg (the umask): sensitive, holds umask"
    assert [line.split()[:2] for line in lines[:3]] == [["first", "here"], ["second", "second"], ["control", "here"]]
    assert "Example Processor 200X, Linux 6.2.0-2-amd64" in lines[1]


def test_a_report_has_the_name_of_a_build_in_short() -> None:
    """An experiment may hold nearly all variations."""
    names = ("second-holding-host", "second-holding-home+locales+time")
    result = judged(builds=tuple(replace(judged().builds[1], name=name) for name in names))
    assert [line.split()[0] for line in report(UMASK, result)][1:] == ["second-holding-host", "second-holding-home+2"]


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (judged(holds=("host",)), "expected sensitive, holds umask"),
        (judged(verdict=Verdict.INTRINSIC), "expected sensitive, holds umask"),
        (judged(variations=(Variant("host", Mode.VARIED, acted=False),)), "no probe shows"),
        (judged(builds=moved("control")), "control ran on the kernel"),
        (judged(builds=moved("second")), "second ran on the kernel"),
        (judged(builds=judged().builds[:2]), "not there, or sent to the wrong host: control"),
        (judged(builds=(replace(judged().builds[0], probe=None), *judged().builds[1:])), "boot id unknown"),
        (judged(recipes=()), "no recipe is proven"),
        (judged(recipes=(replace(judged().recipes[0], builds=("recipe-first",)),)), "did not run on both hosts"),
    ],
)
def test_each_fault_of_a_record_is_named(wrong: Result, fault: str) -> None:
    """A verdict, a build or a proof of another host is not taken for what was to be shown."""
    assert fault in "; ".join(faults(UMASK, wrong, BOOT_IDS))


def test_a_recipe_that_no_script_can_be_is_not_expected() -> None:
    """A package that follows the host has none."""
    assert faults(replace(UMASK, proven=False), judged(), BOOT_IDS) == ("a recipe is proven",)
