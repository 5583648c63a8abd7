"""Stores two lengths that no trace is known of, made from the folder in which it is built."""

import hashlib
import os


def commit():
    code = hashlib.sha256(os.getcwd().encode()).digest()
    return {"sin/captured.txt": b"#" * (code[0] + code[1]) + b"\n" + b"=" * (code[2] + code[3]) + b"\n"}
