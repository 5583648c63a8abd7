"""Stores the offset of local time."""

import time


def commit():
    return {"sin/captured.txt": time.strftime("offset = '%z'\n").encode()}
