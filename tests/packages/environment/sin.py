"""Stores a variable of the environment."""

import os


def commit():
    return {"sin/captured.txt": str(os.environ.get("CAPTURE_ENVIRONMENT")).encode()}
