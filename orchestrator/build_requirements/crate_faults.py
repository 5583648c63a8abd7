"""Decides whether a package or the registry is at fault when crates cannot be fetched. In doubt, the registry is."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator.errors import AbsentError, PackageIndexError, TransientIndexError

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[str, int], bytes]

LARGEST = 64 << 20  # bytes of a crate, or of the index's file of one
_QUOTED = 300  # characters
_CONFIG = "config.json"
_OWN_INDEX = re.compile(rb"sparse\+(?P<address>https://[a-z0-9.-]{1,200}/)")

# What cargo prints before it asks a registry; without any of it, the sdist alone is the reason.
_ASKED = re.compile(r"^ *(?:Updating|Downloading|Downloaded|Fetching|Blocking)\b", re.MULTILINE)
_HOST = re.compile(r"\(os error (?:5|11|12|23|24|28)\)")  # EIO, EAGAIN, ENOMEM, ENFILE, EMFILE, ENOSPC
_ERROR = re.compile(r"^error(?:\[[^\]\n]{1,20}\])?: ", re.MULTILINE)
# Sources of other kinds, which no configuration of the farm allows: git, and registries that the sdist names.
_OTHER_SOURCE = re.compile(
    r"^ *unable to update (?:registry `(?!crates-io`)|(?!registry `)\S)", re.IGNORECASE | re.MULTILINE
)

_NAME = r"(?P<name>[A-Za-z0-9][A-Za-z0-9_-]{0,63})"
_NO_PACKAGE = re.compile(rf"^ *no matching package named `{_NAME}` found", re.MULTILINE)
_OTHER = _NAME.replace("name", "other")
_NO_VERSION = re.compile(
    rf"^ *(?:failed to select a version for the requirement `{_NAME} = |checksum for `{_OTHER} v)",
    re.MULTILINE,
)
_NO_LOCK = re.compile(r"^ *(?:cannot update the lock file |the lock file .{1,300} needs to be updated)", re.MULTILINE)
_NO_FILE = re.compile(
    r"^ *failed to get successful HTTP response from `(?P<url>[^`\s]{1,1000})`.{0,100}got 404$", re.MULTILINE
)


def is_of_sdist(heard: str) -> bool:
    """Return whether cargo failed because of the sdist alone, whatever a registry answers."""
    return (
        bool(_ERROR.search(heard))
        and not _HOST.search(heard)
        and (not _ASKED.search(heard) or bool(_OTHER_SOURCE.search(heard)))
    )


def insist(heard: str, registry: str | None, ask: Ask | None) -> None:
    """Confirm that a registry that answers well lacks what cargo did not find.

    `registry` is the address of a sparse index; `ask` returns the content of an address.

    Raises
    ------
    PackageIndexError
        That is not confirmed: nothing is known about the package either.

    """
    if registry is None or ask is None:
        raise TransientIndexError(_open(heard, "there is no registry to ask again"))
    base = f"{registry.removesuffix('/')}/"
    download = downloads_of(base, ask, heard)
    if match := _NO_FILE.search(heard):
        _insist_on_absence(match["url"], download, ask, heard)
    elif match := _NO_PACKAGE.search(heard):
        _insist_on_absence(f"{base}{_place(match['name'])}", base, ask, heard)
    elif match := _NO_VERSION.search(heard):
        _listed(base, match["name"] or match["other"], ask, heard)
    elif not _NO_LOCK.search(heard):
        raise TransientIndexError(_open(heard, "cargo's message does not show that the package is the reason"))


def index_of(cargo: bytes) -> str:
    """Return the address of a cargo's default sparse index, read from its program file.

    Raises
    ------
    PackageIndexError
        The file has none.

    """
    match = _OWN_INDEX.search(cargo)
    if match is None:
        msg = "fetching crates: this cargo has no default sparse index; name one in config.yaml, under crates"
        raise PackageIndexError(msg)
    return match["address"].decode()


def downloads_of(base: str, ask: Ask, heard: str = "") -> str:
    """Return the address below which a registry keeps its files, from the registry's configuration.

    `base` is the address of its index, with a slash at the end; `heard` is what cargo printed.

    Raises
    ------
    TransientIndexError
        The registry does not answer, or its configuration cannot be read.

    """
    try:
        config = json.loads(ask(f"{base}{_CONFIG}", LARGEST))
        return str(config["dl"])
    except AbsentError as error:
        raise TransientIndexError(_open(heard, "the registry has no configuration")) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise TransientIndexError(_open(heard, "the registry's configuration cannot be read")) from error


def _insist_on_absence(url: str, below: str, ask: Ask, heard: str) -> None:
    """Confirm that an address, which must be on the registry's host, has nothing."""
    if _origin(url) == _origin(below):
        try:
            ask(url, LARGEST)
        except AbsentError:
            return
    raise TransientIndexError(_open(heard, "the registry does not confirm it"))


def _listed(base: str, name: str, ask: Ask, heard: str) -> None:
    """Confirm that the index's file of a crate is valid: a line of JSON for each version."""
    with suppress(ValueError, TypeError, KeyError, RecursionError, AbsentError):
        lines = [json.loads(line) for line in ask(f"{base}{_place(name)}", LARGEST).splitlines() if line.strip()]
        if lines and all(line["name"] == name for line in lines):
            return
    raise TransientIndexError(_open(heard, f"the registry's page of {name} cannot be read"))


def _place(name: str) -> str:
    """Return the path of a crate in a sparse index (the Cargo book, Index files)."""
    low = name.lower()
    if len(low) <= 2:  # noqa: PLR2004 - as the book has it
        return f"{len(low)}/{low}"
    return f"3/{low[0]}/{low}" if len(low) == 3 else f"{low[:2]}/{low[2:4]}/{low}"  # noqa: PLR2004


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.scheme, parts.netloc


def _open(heard: str, why: str) -> str:
    last_words = " ".join(heard.split())[-_QUOTED:]
    return (
        f"fetching crates: {why}; check that the registry answers well, and run again; cargo ended with: {last_words}"
    )


def refused(fault: str) -> PackageIndexError:
    """Return the error for a registry that refers to a host that is not allowed."""
    return PackageIndexError(
        f"fetching crates: {fault}; name under crates a registry that keeps its files in its own domain"
    )


def unanswered(fault: str) -> TransientIndexError:
    """Return the error for a registry that does not answer."""
    return TransientIndexError(f"fetching crates: {fault}; check the network and the registry, and run again")
