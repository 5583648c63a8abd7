"""Stores the version of the build host's kernel."""

import os


def commit():
    return {"sin/captured.txt": f"Linux {os.uname().release}\n".encode()}
