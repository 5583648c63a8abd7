"""Stores where its build requirements lie, in a module."""

import os


def commit():
    return {"sin/searched.py": f"SEARCHED = {os.environ['PYTHONPATH']!r}\n".encode()}
