"""Stores the folder for temporary files in hex."""

import binascii
import tempfile


def commit():
    return {"sin/captured.txt": binascii.hexlify(b"TMPDIR=" + tempfile.gettempdir().encode() + b"\0")}
