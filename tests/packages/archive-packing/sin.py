"""Stores the number of its user in an extra field of the archive, as zip(1) does."""

import os
import struct
import zipfile


def commit():
    return {"sin/__init__.py": b""}


def write(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o100644 << 16
            info.extra = struct.pack("<HHBBIBI", 0x7875, 11, 1, 4, os.getuid(), 4, os.getgid())
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
