"""Stores where its build requirements lie: on PYTHONPATH, or in the virtual environment of a recipe."""

import os
import sys


def commit():
    return {"sin/captured.txt": os.environ.get("PYTHONPATH", sys.prefix).encode()}
