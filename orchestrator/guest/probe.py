"""Probes a build's environment. Standard library only: it runs inside the container."""

from __future__ import annotations

import os
import time

# Every build waits for what is imported here; so typing, dataclasses and zipfile are not.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def probe(root: str, requirements: str, variables: list[str]) -> dict[str, Any]:
    """Return this process's view of its environment; of the environment variables, those with these names."""
    import locale  # noqa: PLC0415 - not needed on the host
    import pwd  # noqa: PLC0415

    umask = os.umask(0)
    os.umask(umask)
    me = pwd.getpwuid(os.getuid())
    return {
        "build_path": root,
        "hostname": os.uname().nodename,
        "domainname": line_of("/proc/sys/kernel/domainname"),
        "clock": time.time(),
        "utc_offset": time.localtime().tm_gmtoff,
        "locale": _locale(locale),
        "language": os.environ.get("LANGUAGE", ""),
        "umask": umask,
        "uid": os.getuid(),
        "user": me.pw_name,
        "login_shell": me.pw_shell,
        "home": os.environ.get("HOME", ""),
        "home_exists": os.path.isdir(os.environ.get("HOME", "")),
        # Without that of the build requirements, which are probed separately.
        "path": [one for one in os.environ.get("PATH", "").split(":") if not one.startswith(requirements)],
        "variables": [[name, os.environ[name]] for name in variables if name in os.environ],
        "kernel": os.uname().release,
        "cpus": len(os.sched_getaffinity(0)),
        "listing": os.listdir(root)[:64],
        "hash_of_word": hash("wheelproof"),
        "tmpdir": os.environ.get("TMPDIR", ""),
        "environment_path": requirements if os.path.isdir(requirements) else "",
        "shell": os.path.realpath("/bin/sh"),
        "interfaces": sorted(os.listdir("/sys/class/net")),
    }


def line_of(path: str) -> str:
    """Return the first line of a file."""
    with open(path) as stream:
        return stream.readline().strip()


def _locale(locale: Any) -> str:  # noqa: ANN401 - the module
    """Name the current locale; a locale that the image has not generated cannot be set."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        return str(locale.setlocale(locale.LC_ALL, ""))
    except locale.Error:
        return "not available"
    finally:
        locale.setlocale(locale.LC_ALL, before)
