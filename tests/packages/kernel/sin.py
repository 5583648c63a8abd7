"""Stores the version of the build host's kernel."""

import os


def commit():
    return {"sin/captured.txt": str(os.uname().release).encode()}
