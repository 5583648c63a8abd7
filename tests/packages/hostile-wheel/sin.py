"""Hands over a wheel whose member leads out of it."""


def commit():
    return {"../../evil.py": b"x = 1\n"}
