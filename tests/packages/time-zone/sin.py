"""Stores the epoch in local time."""

import os
import time


def commit():
    return {"sin/captured.txt": time.strftime("%Y-%m-%dT%H:%M:%S\n", time.localtime(int(os.environ["SOURCE_DATE_EPOCH"]))).encode()}
