"""Stores files in the order in which the file system lists them; RECORD is sorted."""

import os
import zipfile


def commit():
    return {f"sin/{name}": b"" for name in sorted(os.listdir(".")) if os.path.isfile(name)}


def write(path, contents):
    names = [f"sin/{name}" for name in os.listdir(".") if f"sin/{name}" in contents]
    names += [name for name in contents if name not in names]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o100644 << 16
            archive.writestr(info, contents[name], zipfile.ZIP_DEFLATED)
