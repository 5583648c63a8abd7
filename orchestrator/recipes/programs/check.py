"""Checks that Python has what a recipe needs, and prints its version as X.Y.

python3 check.py VERSION [native] [pip]

With `native`, the version must be VERSION, and there must be a C compiler and Python.h. If something is missing, the
exit status is 2.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec

OLDEST_PIP = (22, 3)  # the first with the option --python


def need(text: str) -> None:
    """End the program with a line that says what to do."""
    print(f"{sys.executable}: {text}", file=sys.stderr)
    sys.exit(2)


def check_compiler() -> None:
    """Check that there is what compiles an extension module."""
    if not shutil.which(shlex.split(sysconfig.get_config_var("CC") or "cc")[0]):
        need("no C compiler; install gcc (on Debian: build-essential)")
    if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
        need("no Python.h; install Python's headers (on Debian: python3-dev)")


def check_pip() -> None:
    """Check that pip can install into another environment."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, text=True, check=False, env=others
    )
    found = re.match(r"pip (\d+)\.(\d+)", done.stdout)
    if not found or (int(found[1]), int(found[2])) < OLDEST_PIP:
        need("no pip 22.3 or later; install it (on Debian: python3-pip)")


def main(wanted: str, *needs: str) -> None:
    """Run the program."""
    version = "{}.{}".format(*sys.version_info)
    if sys.version_info < (3, 10) or not find_spec("venv"):
        need("install Python 3.10 or later, with its module venv")
    if "native" in needs and version != wanted:
        need(f"this is Python {version}, and the wheel is for {wanted}; set PYTHON to a Python {wanted}")
    if version != wanted:
        print(f"note: this is Python {version}; the recipe was written for {wanted}", file=sys.stderr)
    if "native" in needs:
        check_compiler()
    if "pip" in needs:
        check_pip()
    print(version)


if __name__ == "__main__":
    main(*sys.argv[1:])
