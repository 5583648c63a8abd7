"""Builds in a folder of random name, unless it is told to build in place."""

import os
import tempfile

SETTINGS = {}


def commit():
    in_place = SETTINGS.get("build-inplace") == "true"
    folder = "in-place" if in_place else os.path.basename(tempfile.mkdtemp(prefix=".tmp-sin-pep517-", dir="."))
    return {"sin/captured.txt": folder.encode()}
