"""Stores how many jobs ran at once when it was built."""

import os


def commit():
    return {"sin/captured.txt": f"jobs = {len(os.sched_getaffinity(0))}\n".encode()}
