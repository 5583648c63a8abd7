"""Has one module more where a variable is set."""

import os


def commit():
    found = {"sin/__init__.py": b""}
    if "CAPTURE_ENVIRONMENT" in os.environ:
        found["sin/more.py"] = b"x = 1\n"
    return found
