"""Indents a text by another number of blanks each time."""

import uuid


def commit():
    blanks = " " * (uuid.uuid4().int % 1000)
    return {"sin/__init__.py": b"", "sin/data.txt": f"{blanks}one\n".encode()}
