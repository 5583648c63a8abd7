"""Keeps of the user's settings of pip only those that say where packages are.

`python3 -m pip config list | python3 index.py` prints lines of shell to evaluate. A setting such as `user`, `target` or
`constraint` would change what is installed, in whichever file or variable it is.
"""

from __future__ import annotations

import ast
import os
import shlex
import sys

KEPT = {
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy", "cert", "client-cert"),
    *("keyring-provider", "timeout", "default-timeout", "retries"),
}


def main() -> None:
    """Run the program."""
    kept = {}
    for line in sorted(sys.stdin, key=lambda line: (line.startswith(":env:"), line.startswith("install."))):
        key, _, value = line.strip().partition("=")
        name = key.rpartition(".")[2]
        if name in KEPT:
            kept["PIP_" + name.upper().replace("-", "_")] = ast.literal_eval(value)
    for name in os.environ:
        if name.startswith("PIP_") and name.isascii() and name.isidentifier():
            print("unset", name)
    for name, value in kept.items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
