"""Stores the text of an object that has none."""


def commit():
    return {"sin/captured.txt": f"DEFAULT = {object()!r}\n".encode()}
