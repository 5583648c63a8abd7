"""Stores when it was built, as C compilers write it and as a number in binary data, though there is an epoch."""

import struct
import time


def commit():
    now = time.time()
    return {
        "sin/built.py": time.strftime("BUILT = '%b %e %Y %H:%M:%S'\nYEAR = %Y\n", time.gmtime(now)).encode(),
        "sin/built.bin": b"\0\1\2\3" + struct.pack("<I", int(now)) + b"\0\0\0\0rest",
    }
