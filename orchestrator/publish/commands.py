"""Three shell commands with which anybody can see a difference: build, build in another environment, compare."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.build.variations import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = "rebuild-src"
"""Where the source is unpacked, unless a setting names another folder. It is removed, so nobody else's has its name."""

ALONE = "--no-isolation"
"""The option of `build` that uses the installed build requirements, so that none are fetched under a false clock."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How one of the two builds gets its value of a variation; only our own texts come here."""

    before: str = ""  # shell, before the source is unpacked
    variables: str = ""  # assignments before the command that builds
    wrap: str = ""  # words before the command that builds
    options: str = ""  # of the command that builds
    folder: str = ""  # where the source is unpacked; empty: where the other one is
    after: str = ""  # shell, after the build


NOTHING = Setting()

_AS_ROOT = "unshare --map-root-user"


def _host(name: str) -> Setting:
    return Setting(wrap=f"{_AS_ROOT} --uts sh -c 'hostname {name} && exec \"$@\"' sh")


def _listing(order: str) -> Setting:
    mount = f"mkdir rebuild-raw {FOLDER} && disorderfs {order} rebuild-raw {FOLDER}"
    return Setting(before=mount, after=f"fusermount -u {FOLDER} && rm -rf rebuild-raw")


WAYS: Mapping[str, tuple[Setting, Setting]] = {
    "build-path": (NOTHING, Setting(folder="rebuild-elsewhere/second/source")),
    "domain-host": (_host("first"), _host("second")),
    "time": (
        Setting(wrap="faketime '2026-11-20 12:00:00'", options=ALONE),
        Setting(wrap="faketime '2027-12-25 18:23:13'", options=ALONE),
    ),
    "timezone": (Setting(variables="TZ=GMT+12"), Setting(variables="TZ=GMT-14")),
    "locales": (Setting(variables="LC_ALL=C.UTF-8"), Setting(variables="LC_ALL=et_EE.UTF-8")),
    "umask": (Setting(before="umask 022"), Setting(before="umask 002")),
    "user-group": (NOTHING, Setting(wrap=_AS_ROOT)),
    "home": (
        Setting(before="mkdir -p rebuild-home", variables='HOME="$PWD/rebuild-home"', after="rm -rf rebuild-home"),
        Setting(variables="HOME=/nonexistent"),
    ),
    "exec-path": (NOTHING, Setting(variables='PATH="$PATH:/opt/other/bin"')),
    "environment": (NOTHING, Setting(variables="CAPTURE_ENVIRONMENT=1")),
    "kernel": (NOTHING, Setting(wrap="setarch --uname-2.6")),
    "num-cpus": (Setting(wrap="taskset --cpu-list 0"), NOTHING),
    "fileordering": (_listing("--sort-dirents=yes"), _listing("--sort-dirents=yes --reverse-dirents=yes")),
    "hash-seed": (Setting(variables="PYTHONHASHSEED=1"), Setting(variables="PYTHONHASHSEED=2")),
    "tmpdir": (
        Setting(before="mkdir -p rebuild-tmp1", variables='TMPDIR="$PWD/rebuild-tmp1"', after="rm -rf rebuild-tmp1"),
        Setting(before="mkdir -p rebuild-tmp2", variables='TMPDIR="$PWD/rebuild-tmp2"', after="rm -rf rebuild-tmp2"),
    ),
    "environment-path": (NOTHING, NOTHING),  # an isolated build installs into a folder of random name
    "host": (NOTHING, NOTHING),  # the second command is run elsewhere
    "shell": (
        NOTHING,
        Setting(wrap=f"{_AS_ROOT} --mount sh -c 'mount --bind /bin/bash /bin/sh && exec \"$@\"' sh"),
    ),
}
"""The values of each variation, for the first and for the second build."""

NEEDS: Mapping[str, str] = {
    "time": "faketime, and the build requirements installed",
    "locales": "the locale et_EE.UTF-8",
    "fileordering": "disorderfs",
    "host": "another host, with another processor, for the second command, and its folder 2 beside 1 for the third",
}
"""What has to be installed besides `build`."""


def commands(sdist: str, variations: Iterable[str], epoch: int | None) -> tuple[str, str, str]:
    """Return three commands of a POSIX shell: two builds that differ in those variations, and their comparison.

    `sdist` is the file name of the source distribution, which is in the current folder; `epoch` is
    SOURCE_DATE_EPOCH of both builds. Without variations, the same build is made twice.
    """
    wanted = set(variations)
    ways = [WAYS[name] for name in NAMES if name in wanted]
    first, second = (_build(sdist, epoch, [way[side] for way in ways], side + 1) for side in (0, 1))
    return first, second, "cmp 1/*.whl 2/*.whl"


def needs(variations: Iterable[str]) -> tuple[str, ...]:
    """Return what the commands need besides `build`."""
    wanted = set(variations)
    return tuple(NEEDS[name] for name in NAMES if name in wanted and name in NEEDS)


def _build(sdist: str, epoch: int | None, settings: list[Setting], number: int) -> str:
    folder = next((one.folder for one in settings if one.folder), FOLDER)
    dated = f"SOURCE_DATE_EPOCH={epoch}" if epoch is not None else ""
    options = next((one.options for one in settings if one.options), "")
    build = f"python3 -m build --wheel {options} --outdir {number} {folder}/*/"
    words = (dated, *(one.variables for one in settings), *(one.wrap for one in settings), build)
    made = f"{_unpacked(sdist, folder)} && {' '.join(' '.join(filter(None, words)).split())}"
    cleared = f"rm -rf {folder.partition('/')[0]}"
    steps = (*(one.before for one in settings), made, *(one.after for one in settings), cleared)
    return f"({'; '.join(filter(None, steps))})"


def _unpacked(sdist: str, folder: str) -> str:
    file = shlex.quote(f"./{sdist}" if sdist.startswith("-") else sdist)
    unpack = f"python3 -m zipfile -e {file} {folder}" if sdist.endswith(".zip") else f"tar -xf {file} -C {folder}"
    return f"mkdir -p {folder} && {unpack}"
