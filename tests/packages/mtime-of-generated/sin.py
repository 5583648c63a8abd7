"""Stores the time of a file that it makes, in steps of two seconds, as a zip does; there is an epoch."""

import os
import time
import zipfile


def commit():
    return {"sin/generated.py": b"x = 1\n"}


def write(path, contents):
    with open("generated.py", "w") as stream:
        stream.write("x = 1\n")
    when = time.gmtime(os.stat("generated.py").st_mtime)[:6]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, when), content, zipfile.ZIP_DEFLATED)
