"""Stores a token, which no environment explains."""

import secrets


def commit():
    return {"sin/random.txt": b"token = q7" + secrets.token_urlsafe(16).encode()}
