"""Goes on without a part of itself: a child takes half a gigabyte, and the wheel tells what became of it."""

import os


def commit():
    child = os.fork()
    if child == 0:
        hoard = bytearray(b"\1" * (512 << 20))
        os._exit(len(hoard) == 0)
    _, status = os.waitpid(child, 0)
    return {"sin/fallback.txt": str(status).encode()}
