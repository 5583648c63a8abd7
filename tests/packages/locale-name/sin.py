"""Stores the locale of its build."""

import os


def commit():
    return {"sin/captured.txt": f"LANG={os.environ['LANG']}\n".encode()}
