"""Hands over a wheel that unpacks to a thousand times its size."""


def commit():
    return {"sin/bomb.bin": b"\0" * (64 << 20)}
