"""Stores the version of the build host's kernel, by itself and within the name of its platform."""

import os
import platform


def commit():
    release = os.uname().release
    return {"sin/captured.txt": f"Linux {release}\n{platform.platform()}\n".encode()}
