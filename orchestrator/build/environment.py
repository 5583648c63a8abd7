"""The environment of the first build, and the folders in which a build may write."""

from __future__ import annotations

import re
from dataclasses import replace
from posixpath import dirname
from typing import TYPE_CHECKING

from orchestrator.build.variation import token
from orchestrator.model import Environment

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.model import Profile, Recreation

_ENDINGS = re.compile(r"\.(?:tar\.(?:gz|bz2|xz)|tgz|zip)$")


def first_environment(*, source: str, salt: str, source_date_epoch: int | None) -> Environment:
    """Return the environment of the first build: as plain as possible, and the same in every run.

    `source` is the name of the source's own folder. `salt` is a random word of hexadecimal digits,
    from which the second build's tokens are made, so that they differ from any other text. The
    tokens of the first build are made from the source's name, so that the first builds of two runs
    can be compared.
    """
    return Environment(
        salt=salt,
        build_path=f"/build/{token(source, 'build-path')}/{source}",
        hostname=f"first-{token(source, 'domain-host')}",
        domainname=f"{token(source, 'domain-host')}.first.example",
        clock_offset=0,
        timezone="GMT+12",
        locale="C.UTF-8",
        language="",
        umask=0o022,
        user="first-builder",
        uid=1111,
        login_shell="/bin/sh",
        home=f"/home/{token(source, 'home')}",
        path=("/usr/local/bin", "/usr/bin", "/bin"),
        variables=(),
        uname26=False,
        cpus=1,
        reverse_files=False,
        hash_seed=0,
        tmpdir=f"/tmp/{token(source, 'tmpdir')}",  # noqa: S108 - a folder of the container
        environment_path=f"/usr/lib/{token(source, 'environment-path')}/requirements",
        shell="/bin/dash",
        source_date_epoch=source_date_epoch,
    )


def folder_named(filename: str) -> str:
    """Return the name of an sdist's file without its ending, which a profile's {folder} means."""
    return _ENDINGS.sub("", filename)


def profiled(first: Environment, profile: Profile | None, filename: str) -> Environment:
    """Return the first environment with the values that a profile fixes; `filename` is the sdist's."""
    if profile is None:
        return first
    folder = folder_named(filename)
    return replace(
        first,
        build_path=profile.build_path.replace("{folder}", folder) or first.build_path,
        umask=first.umask if profile.umask is None else profile.umask,
        timezone=profile.timezone or first.timezone,
        hash_seed=first.hash_seed if profile.hash_seed is None else profile.hash_seed,
    )


def recreated(first: Environment, recreation: Recreation | None, now: datetime) -> Environment:
    """Return the first environment with what clues tell of the publisher's; `now` is the real time."""
    if recreation is None:
        return first
    return replace(
        first,
        source_date_epoch=recreation.source_date_epoch,
        clock_offset=first.clock_offset if recreation.clock is None else recreation.clock - int(now.timestamp()),
        timezone=recreation.timezone or first.timezone,
        umask=first.umask if recreation.umask is None else recreation.umask,
        line_ends=recreation.line_ends.value,
        repair=recreation.repair,
        config_settings=(*first.config_settings, *recreation.config_settings),
        variables=(*first.variables, *recreation.variables),
    )


def scratch_folders(environment: Environment) -> tuple[str, ...]:
    """Name the folders in which a build may write: that of the source, temporary folders, the home folder."""
    homes = () if environment.home.startswith("/nonexistent/") else (environment.home,)
    return tuple(dict.fromkeys((dirname(environment.build_path), "/tmp", environment.tmpdir, *homes)))  # noqa: S108 - of the container
