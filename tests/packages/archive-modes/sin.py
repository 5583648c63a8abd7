"""Stores in the archive the permissions that the umask gave to a file."""

import os
import zipfile


def commit():
    with open("generated.py", "w") as stream:
        stream.write("x = 1\n")
    return {"sin/generated.py": b"x = 1\n"}


def write(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = os.stat("generated.py").st_mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
