"""Ends other lines with CR LF in each build, as tools of several systems would."""

import uuid


def commit():
    number = uuid.uuid4().int
    lines = (f"line {place}" + ("\r\n" if number >> place & 1 else "\n") for place in range(60))
    return {"sin/__init__.py": b"", "sin/data.txt": "".join(lines).encode()}
