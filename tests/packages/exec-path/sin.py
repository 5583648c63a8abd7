"""Stores where programs are looked for."""

import os


def commit():
    return {"sin/captured.txt": str(len(os.environ["PATH"].split(":"))).encode()}
