"""Stores how many processors it was built on."""

import os


def commit():
    return {"sin/captured.txt": str(len(os.sched_getaffinity(0))).encode()}
