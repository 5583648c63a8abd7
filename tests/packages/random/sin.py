"""Stores what no environment explains."""

import uuid


def commit():
    return {"sin/random.txt": uuid.uuid4().hex.encode()}
