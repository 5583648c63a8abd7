"""Stores who built it."""

import getpass
import os


def commit():
    return {"sin/captured.txt": str((getpass.getuser(), os.getuid())).encode()}
