"""Asks for something that is no text."""

REQUIRES = ["\ud800"]


def commit():
    return {"sin/__init__.py": b""}
