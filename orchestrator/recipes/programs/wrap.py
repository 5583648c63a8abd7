"""Writes wrappers of the compilers, which append flags to each call.

python3 wrap.py FOLDER WORK SOURCE ENV FLAG...

`$work`, `$source`, `$env`, `$HOME` and `$PWD` in a FLAG are expanded by the wrapper, at each call. Prints lines of
shell to evaluate: the compilers that Python calls by an absolute path, which no folder in PATH can replace.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig

NAMES = ("cc", "c++", "gcc", "g++", "clang", "clang++")
VARIABLES = ("CC", "CXX", "LDSHARED", "LDCXXSHARED")


def triplet() -> list[str]:
    """Return the compilers with the machine's GNU triplet in their names."""
    if not shutil.which("gcc"):
        return []
    done = subprocess.run(["gcc", "-dumpmachine"], capture_output=True, text=True, check=False)  # noqa: S607 - from PATH
    return [f"{done.stdout.strip()}-{name}" for name in ("gcc", "g++", "clang", "clang++")]


def wrap(folder: str, name: str, head: str, flags: str) -> str:
    """Write the wrapper of one compiler, if there is one of that name; return its path, or nothing."""
    real, place = shutil.which(name), os.path.join(folder, name.replace(os.sep, "-"))
    if not real:
        return ""
    with open(place, "w") as out:
        out.write(f'#!/bin/sh\n{head}\nexec {shlex.quote(os.path.abspath(real))} "$@" {flags}\n')
    os.chmod(place, 0o700)
    return place


def main(folder: str, work: str, source: str, env: str, *flags: str) -> None:
    """Run the program."""
    head = f"work={shlex.quote(work)} source={shlex.quote(source)} env={shlex.quote(env)}"
    text = " ".join(f'"{flag}"' for flag in flags)
    os.mkdir(folder)
    others = [one for one in os.environ.get("PATH", os.defpath).split(os.pathsep) if one != folder]
    os.environ["PATH"] = os.pathsep.join(others)  # a wrapper that calls itself would never end
    for name in (*NAMES, *triplet()):
        wrap(folder, name, head, text)
    for variable in VARIABLES:
        first, *rest = shlex.split(sysconfig.get_config_var(variable) or "") or [""]
        place = wrap(folder, first, head, text) if first else ""
        if place and "/" in first:
            print(f"export {variable}={shlex.quote(shlex.join([place, *rest]))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
