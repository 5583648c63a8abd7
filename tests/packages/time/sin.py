"""Stores when it was built, though there is an epoch."""

import time


def commit():
    return {"sin/captured.txt": str(time.strftime("%Y-%m", time.gmtime())).encode()}
