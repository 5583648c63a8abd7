"""Names another generator each time, as if its backend were not pinned."""

import uuid


def commit():
    number = uuid.uuid4().int % 10_000_000
    text = f"Wheel-Version: 1.0\nGenerator: backend ({number})\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return {"sin/__init__.py": b"", "generator-1.0.dist-info/WHEEL": text.encode()}
