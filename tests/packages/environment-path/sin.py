"""Stores where its build requirements lie."""

import os


def commit():
    return {"sin/captured.txt": str(os.environ["PYTHONPATH"]).encode()}
