"""Runs pip for an environment that has none.

python3 -c install.py FOLDER here|apart ARGUMENT...

FOLDER is the one from which pip is imported; all that Python finds elsewhere comes first. This is what pip's option
--python does, but Python and pip are started once instead of twice. `apart`: in its own process group, so that a signal
to that ends all of it.
"""

from __future__ import annotations

import sys

sys.path = [*filter(None, sys.path), sys.argv.pop(1)]

import os  # noqa: E402 - without the current folder, where any file may be
import runpy  # noqa: E402
import signal  # noqa: E402

if sys.argv.pop(1) == "apart":
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("pip", run_name="__main__", alter_sys=True)
