"""Stores the name of the folder for temporary files."""

import tempfile


def commit():
    return {"sin/captured.txt": str(tempfile.gettempdir()).encode()}
