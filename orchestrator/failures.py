"""Reads a failed build's log for the reason of its failure. The log is the package's own text."""

from __future__ import annotations

import re

from orchestrator.model import Reason

_SIGNS = (
    (Reason.OUT_OF_SPACE, r"No space left on device"),
    (
        Reason.TOO_MANY_PROCESSES,
        r"(fork|vfork|clone|posix_spawn)\b.*Resource temporarily unavailable|can't start new thread",
    ),
    (Reason.OUT_OF_MEMORY, r"virtual memory exhausted|Cannot allocate memory|^MemoryError\b"),
    (
        Reason.NEEDS_NETWORK,
        (
            r"Temporary failure in name resolution|Name or service not known|Could not resolve host"
            r"|Network is unreachable|Failed to establish a new connection|NameResolutionError"
        ),
    ),
    (Reason.MISSING_BUILD_REQUIREMENT, r"^(ModuleNotFoundError|ImportError): No module named"),
)


def reason(log: str) -> Reason:
    """Tell from the end of a log why the build failed; what shows no sign is a plain build error."""
    for found, sign in _SIGNS:
        if re.search(sign, log, re.MULTILINE):
            return found
    return Reason.BUILD_ERROR
