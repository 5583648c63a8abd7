"""Asks for something that is no list of texts."""

REQUIRES = [1, {"setuptools": None}]


def commit():
    return {"sin/__init__.py": b""}
