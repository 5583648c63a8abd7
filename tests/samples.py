"""Small values and archives for tests to build on."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.build.environment import first_environment
from orchestrator.build.variations import second_environment
from orchestrator.model import (
    Build,
    Environment,
    Failure,
    Image,
    Phase,
    Probe,
    Reason,
    Release,
    Sdist,
    Target,
    Task,
    WheelFile,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EPOCH = 1_596_163_658
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""When samples are built."""

SALT = "0123456789ab"
TASK = Task("pkg", "bookworm", source_date_epoch=EPOCH)
SDIST = Sdist("pkg-1.0.tar.gz", "https://index.example/pkg-1.0.tar.gz", "5" * 64, 1000)
RELEASE = Release("pkg", "1.0", SDIST)
IMAGE = Image("bookworm", "sha256:1", "m" * 64, "archive", Target("3.11", "x86_64-manylinux_2_36"))
FIRST = first_environment(source="pkg-1.0", salt=SALT, source_date_epoch=EPOCH)
SECOND = second_environment(FIRST)
ELSEWHERE = second_environment(FIRST, spread=True)
"""The second environment of a task that is spread over hosts."""


def probe(environment: Environment) -> Probe:
    """Return what a container sees that is just as it was ordered, on a host of four processors."""
    return Probe(
        build_path=environment.build_path,
        hostname=environment.hostname,
        domainname=environment.domainname,
        clock=NOON.timestamp() + environment.clock_offset,
        utc_offset=-43_200 if environment.timezone == "GMT+12" else 50_400,
        locale=environment.locale,
        language=environment.language,
        umask=environment.umask,
        uid=environment.uid,
        user=environment.user,
        login_shell=environment.login_shell,
        home=environment.home,
        home_exists=not environment.home.startswith("/nonexistent"),
        path=environment.path,
        variables=environment.variables,
        kernel="2.6.78" if environment.uname26 else f"6.{2 if environment.host else 1}.0",
        cpus=environment.cpus or 4,
        listing=("a", "b") if environment.reverse_files else ("b", "a"),
        hash_of_word=environment.hash_seed,
        tmpdir=environment.tmpdir,
        environment_path=environment.environment_path,
        shell=environment.shell,
        interfaces=("lo",),
        **host(environment),
    )


def host(environment: Environment) -> dict[str, str]:
    """Return what a container sees of its host, which is another one if that was ordered."""
    number = 2 if environment.host else 1
    return {
        "processor": f"Example Processor {number}00X",
        "cpu_flags": f"{number}" * 16,
        "kernel_version": f"Linux version 6.{number}.0-{number}-amd64 (builder@example) #1 SMP",
        "boot_id": f"0d8f3c52-7a51-4f0e-9c56-00000000000{number}",
    }


def built(name: str, environment: Environment, sha256: str, filename: str = "pkg-1.0-py3-none-any.whl") -> Build:
    """Return a build that gave a wheel of that hash."""
    return Build(name, environment, WheelFile(filename, sha256, 100), None, probe(environment), 1.0, 0.5, "7" * 64)


def failed(name: str, environment: Environment, reason: Reason = Reason.BUILD_ERROR) -> Build:
    """Return a build that failed for that reason."""
    failure = Failure(reason, Phase.BUILD_WHEEL, "it broke")
    return replace(built(name, environment, ""), wheel=None, failure=failure)


def tar(path: Path, members: Iterable[tarfile.TarInfo | tuple[str, bytes]]) -> Path:
    """Write a tar archive of files, or of any members that there can be."""
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                info.mtime = EPOCH
                archive.addfile(info, io.BytesIO(member[1]))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """Return a tar member that is no plain file."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def wheel(path: Path, members: Mapping[str, bytes] | Iterable[tuple[zipfile.ZipInfo | str, bytes]]) -> Path:
    """Write a wheel of those members, in that order."""
    pairs = members.items() if hasattr(members, "items") else members
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in pairs:
            if isinstance(name, str):
                name = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))  # noqa: PLW2901
                name.external_attr = 0o100644 << 16
            archive.writestr(name, content, zipfile.ZIP_DEFLATED)
    return path
