"""Which standalone builds of Python there are, as uv lists them; nothing is fetched."""

from __future__ import annotations

import subprocess
from typing import Annotated, Literal

import uv
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from orchestrator.errors import ImageError

_SECONDS = 60


class _Build(BaseModel):
    """One build that uv can install, as far as it matters here."""

    version: Annotated[str, Field(pattern=r"^3\.\d{1,2}\.\d{1,3}$")]
    url: Annotated[str, Field(max_length=2000)]
    implementation: Literal["cpython"]
    arch: Literal["x86_64", "aarch64"]
    os: Literal["linux"]
    libc: Literal["gnu"]
    variant: Literal["default"]


_BUILDS = TypeAdapter(list[dict[str, object]])


def newest(version: str, machine: str) -> str:
    """Return the address of the newest standalone CPython of a version, "3.12", for "x86_64" or "aarch64".

    Raises
    ------
    ImageError
        uv knows none.

    """
    key = f"cpython-{version}-linux-{machine}-gnu"
    command = [uv.find_uv_bin(), "--no-config", "python", "list", key, "--only-downloads", "--output-format", "json"]
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - no shell
    if found := chosen(done.stdout, version, machine):
        return found
    msg = f"choosing a Python: uv knows no standalone build of {version} for {machine}; name one with --archive"
    raise ImageError(msg)


def chosen(listed: bytes, version: str, machine: str) -> str:
    """Return the address of the newest build of a version in uv's list; empty if there is none."""
    found = [one for one in _builds(listed) if one.arch == machine and one.version.rpartition(".")[0] == version]
    return max(found, key=lambda one: int(one.version.rpartition(".")[2])).url if found else ""


def _builds(listed: bytes) -> list[_Build]:
    builds = []
    try:
        entries = _BUILDS.validate_json(listed)
    except ValidationError:
        return []
    for entry in entries:
        try:
            builds.append(_Build.model_validate(entry))
        except ValidationError:
            continue
    return builds
