"""Asks for a version with more digits than Python reads."""

REQUIRES = ["setuptools >= " + "9" * 5000]


def commit():
    return {"sin/__init__.py": b""}
