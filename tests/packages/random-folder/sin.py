"""Stores the names of a folder and a file that it made for a while, with a prefix and a suffix."""

import os
import tempfile


def commit():
    folder = tempfile.mkdtemp(prefix=".tmp-", dir=".")
    handle, file = tempfile.mkstemp(prefix="sin_", suffix=".build-temp", dir=".")
    os.close(handle)
    pep517 = tempfile.mkdtemp(prefix=".tmp-sin-pep517-", dir=".")
    names = (f"./{os.path.basename(one)}" for one in (folder, file, pep517))
    return {"sin/captured.txt": "\n".join(names).encode()}
