"""Errors of the farm itself. A package's own failure is a value, never one of these.

WheelproofError            the root: one message: what was being done, what went wrong, what to do
├── UsageError             2   the command line is wrong, or asks for something that does not exist
├── ConfigError            3   config.yaml has mistakes; the message lists all of them
├── EngineError            4   the container engine is absent, or fails
├── ImageError             5   an image cannot be built from its lock
├── PackageIndexError      6   the package index does not answer, or answers wrongly
├── FaultError             1   a fault of this program
├── ResultsError           7   results/ or the cache cannot be read or written
│   └── NoRoomError            their file system is full: that ends a run
├── BusyError              8   another run uses the same results
├── OpenJobsError          9   the run ended, but some jobs got no verdict
├── DisagreementError     10   a rebuild does not give the hashes that a file or a record lists
├── UnverifiedError       11   a published wheel does not reach the outcome that is required
├── RequirementError      12   a release does not reach the verdict that is required
├── RegressionError       13   a verdict, or the bytes of a wheel, got worse than they were
├── EvidenceError         14   a statement is not what it should be, or its signature is not
├── NotAgreedError        15   too few farms built the same wheel
├── WorkersError          16   Dask's scheduler or its workers do not answer, or none is left
│   └── LostSchedulerError     the scheduler: that ends a run
└── Interrupted          130   the run was asked to stop
"""

from __future__ import annotations

import errno

_LONGEST = 500  # characters of a foreign exception's text

_OF_THE_HOST = frozenset(
    {
        errno.ENOENT, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT,
        errno.ESTALE, errno.EROFS, errno.ENXIO, errno.ENODEV,
    }
)  # fmt: skip


class WheelproofError(Exception):
    """The farm failed; the message is what was being done, what went wrong and what to do."""

    exit_status = 1

    is_transient = False
    """Whether the same command may succeed if it is run again, with nothing changed by the user."""


class UsageError(WheelproofError):
    """The command line is wrong, or asks for something that does not exist."""

    exit_status = 2


class ConfigError(WheelproofError):
    """config.yaml has mistakes; the message lists each of them with its place."""

    exit_status = 3


class EngineError(WheelproofError):
    """The container engine is absent, or fails."""

    exit_status = 4


class TransientEngineError(EngineError):
    """The engine failed in a way that may pass."""

    is_transient = True


class ImageError(WheelproofError):
    """An image cannot be built from its lock."""

    exit_status = 5


class PackageIndexError(WheelproofError):
    """The package index does not answer, or answers wrongly."""

    exit_status = 6


class TransientIndexError(PackageIndexError):
    """The index failed in a way that may pass: a time-out, a 5xx."""

    is_transient = True

    retry_after: float = 0
    """Seconds that the index asks to wait before the next try."""


class AbsentError(PackageIndexError):
    """The address that was asked for does not exist: status 404."""


class NoReleaseError(PackageIndexError):
    """The index has the project, but no release that a requirement admits."""


class ResultsError(WheelproofError):
    """The results or the cache cannot be read or written."""

    exit_status = 7


class NoRoomError(ResultsError):
    """The file system of the results or the cache is full: nothing more can be written, and the run ends."""


class FaultError(WheelproofError):
    """A fault of this program, in one job or one page; its `__cause__` is the exception."""

    @classmethod
    def of(cls, cause: BaseException) -> FaultError:
        """Wrap an unforeseen exception."""
        fault = cls(f"a fault of wheelproof, please report it with the traceback in the log: {_named(cause)}")
        fault.__cause__ = cause
        return fault


def _named(cause: BaseException) -> str:
    text = str(cause)[:_LONGEST]
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__


class BusyError(WheelproofError):
    """Another run uses the same results."""

    exit_status = 8


class OpenJobsError(WheelproofError):
    """The run ended, but some jobs got no verdict."""

    exit_status = 9


class DisagreementError(WheelproofError):
    """A rebuild does not give the hashes that a file or a record lists."""

    exit_status = 10


class UnverifiedError(WheelproofError):
    """A published wheel does not reach the outcome that is required."""

    exit_status = 11


class RequirementError(WheelproofError):
    """A release does not reach the verdict that is required."""

    exit_status = 12


class RegressionError(WheelproofError):
    """A verdict, or the bytes of a wheel, got worse than they were in an earlier run."""

    exit_status = 13


class EvidenceError(WheelproofError):
    """A statement is not what it should be, or its signature is not."""

    exit_status = 14


class NotAgreedError(WheelproofError):
    """Too few farms built the same wheel of a release."""

    exit_status = 15


class WorkersError(WheelproofError):
    """Dask's scheduler or its workers do not answer, or none is left."""

    exit_status = 16

    is_transient = True


class LostSchedulerError(WorkersError):
    """The connection to Dask's scheduler is lost: no job can be done any more, and the run ends."""


class IncompleteError(WheelproofError):
    """A wheelhouse lacks wheels that were asked for, since one recipe does not give them."""

    exit_status = 17


class Interrupted(WheelproofError):  # noqa: N818 - a request, not an error
    """The run was asked to stop; the next run goes on with what was under way."""

    is_transient = True
    exit_status = 130


def is_of_the_host(error: BaseException) -> bool:
    """Return whether an error is the host's and not the file's: for example, the disk is full."""
    return isinstance(error, OSError) and error.errno in _OF_THE_HOST
