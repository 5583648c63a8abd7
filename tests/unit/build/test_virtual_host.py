"""How a virtual host runs follows from the processor of this side."""

import pytest

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
