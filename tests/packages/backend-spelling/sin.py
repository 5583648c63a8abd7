"""Spells a requirement in another way each time, as two backends would."""

import uuid


def commit():
    blanks = " " * (1 + uuid.uuid4().int % 1000)
    text = f"Metadata-Version: 2.1\nName: backend-spelling\nVersion: 1.0\nRequires-Dist: idna{blanks}(>=3.0)\n"
    return {"sin/__init__.py": b"", "backend_spelling-1.0.dist-info/METADATA": text.encode()}
