"""Sends every signal that it can to the process that reports the build's outcome, many times."""

import os
import signal
import time


def flood(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for number in signal.valid_signals():
            os.kill(os.getppid() if os.getppid() == 1 else 1, number)


def commit():
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            flood(1)
            os._exit(0)
        children.append(child)
    flood(1)
    for child in children:
        os.waitpid(child, 0)
    return {"sin/__init__.py": b""}
