"""Stores the names of files in the order in which the file system lists them, a line each."""

import os


def commit():
    return {"sin/captured.txt": "".join(f"{name}\n" for name in os.listdir(".") if os.path.isfile(name)).encode()}
