"""Stores the permissions that the umask gave to a folder."""

import os


def commit():
    os.makedirs("made")
    return {"sin/captured.txt": f"mode = {os.stat('made').st_mode & 0o777:o}\n".encode()}
