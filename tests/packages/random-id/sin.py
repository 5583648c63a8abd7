"""Stores an identifier of its own."""

import uuid


def commit():
    return {"sin/ident.py": f"ID = '{uuid.uuid4()}'\n".encode()}
