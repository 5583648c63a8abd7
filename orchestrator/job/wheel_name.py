"""The file name that a build gives its wheel: whether it is the release's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.analysis import failure_signs
from orchestrator.model import DETAIL, Failure, Phase, Reason
from orchestrator.model.names import BadNameError, WrongNameError, wheel_of

if TYPE_CHECKING:
    from orchestrator.model import Build, Release


def of_release(release: Release, first: Build, second: Build) -> tuple[Build, Build]:
    """Return both builds, as failed ones where both wheels have the same version and it is not the release's.

    pip refuses such a wheel. Where the two versions differ, that is a difference like any other: the
    build generates the version, and the cause can be found.
    """
    if first.wheel is None or second.wheel is None:
        return first, second
    filenames = first.wheel.filename, second.wheel.filename
    wrong = [_wrong_name(filename, release) for filename in filenames]
    versions = {tuple(filename.split("-")[1:2]) for filename in filenames}
    if None in wrong or len(versions) > 1:
        return first, second
    return replace(first, wheel=None, failure=wrong[0]), replace(second, wheel=None, failure=wrong[1])


def _wrong_name(filename: str, release: Release) -> Failure | None:
    try:
        wheel_of(filename, release.project, release.version)
    except BadNameError as error:
        return wrong_name(error)
    return None


def wrong_name(error: BadNameError) -> Failure:
    """Return the failure of a build whose wheel has a name that it must not have."""
    reason = Reason.WRONG_NAME if isinstance(error, WrongNameError) else Reason.BROKEN_WHEEL
    return Failure(reason, Phase.WHEEL, str(error)[:DETAIL], failure_signs.printable(str(error)))
