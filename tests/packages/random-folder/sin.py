"""Stores the name of a folder that it made for a while."""

import os
import tempfile


def commit():
    return {"sin/captured.txt": os.path.basename(tempfile.mkdtemp(prefix=".tmp-sin-pep517-", dir=".")).encode()}
