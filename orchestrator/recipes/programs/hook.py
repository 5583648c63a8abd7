"""Calls the hook build_wheel of a build backend by PEP 517, as the farm's own builds do, in its own process group.

python3 -c hook.py SOURCE OUT BACKEND OPTION...

An OPTION is `--backend-path=FOLDER` or `--config-setting=KEY=VALUE`. A key that occurs more than once has a list.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys


def main(source: str, out: str, backend: str, *options: str) -> None:
    """Run the program."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has it ignored in the background
    settings: dict[str, list[str]] = {}
    folders = []
    for option in options:
        name, _, value = option.partition("=")
        if name == "--backend-path":
            folders.append(os.path.join(source, value))
        else:
            key, _, value = value.partition("=")
            settings.setdefault(key, []).append(value)
    os.chdir(source)
    sys.argv[1:] = []
    sys.path = [*folders, *filter(None, sys.path)]
    module, _, attributes = backend.partition(":")
    found = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    found.build_wheel(out, {key: given if given[1:] else given[0] for key, given in settings.items()} or None)


if __name__ == "__main__":
    main(*sys.argv[1:])
