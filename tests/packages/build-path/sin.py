"""Stores the folder in which it is built."""

import os


def commit():
    return {"sin/captured.txt": str(os.getcwd()).encode()}
