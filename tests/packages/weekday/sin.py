"""Stores the day of the week on which it was built."""

import time


def commit():
    return {"sin/captured.txt": time.strftime("%A", time.gmtime()).encode()}
