"""Probes a build's environment. Standard library only: it runs inside the container."""

from __future__ import annotations

import os
import time

# Every build waits for what is imported here; so typing, dataclasses and zipfile are not.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST = 300
"""Characters of a text that shows the host."""

_HEAD = 16 << 10  # bytes: more than /proc/cpuinfo has for one processor


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
        **host(),
    }


def host(proc: str = "/proc") -> dict[str, str]:
    """Return what shows on which host this runs; a value that it does not offer is empty."""
    model, flags = processor(_head(f"{proc}/cpuinfo"))
    return {
        "processor": _shown(model),
        "cpu_flags": _digest(flags),
        "kernel_version": _shown(_head(f"{proc}/version").partition("\n")[0]),
    }


def processor(cpuinfo: str) -> tuple[str, list[str]]:
    """Return the model and the flags of the first processor that /proc/cpuinfo lists."""
    found: dict[str, str] = {}
    for line in cpuinfo.split("\n\n", 1)[0].splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    return found.get("model name", ""), sorted(set(found.get("flags", "").split()))


def _digest(flags: list[str]) -> str:
    import hashlib  # noqa: PLC0415 - not needed on the host

    return hashlib.sha256(" ".join(flags).encode()).hexdigest()[:16] if flags else ""


def _shown(text: str) -> str:
    """Return a text in one line, printable and cut."""
    return "".join(one if one.isprintable() else " " for one in text)[:LONGEST]


def _head(path: str) -> str:
    """Return the begin of a file; nothing where it cannot be read, as where a runtime does not offer it."""
    try:
        with open(path, "rb") as stream:  # cut, because /proc/cpuinfo grows with the processors
            return stream.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return ""


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
