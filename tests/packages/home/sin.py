"""Stores the home folder."""

import os


def commit():
    return {"sin/captured.txt": str(os.path.expanduser("~")).encode()}
