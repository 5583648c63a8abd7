"""Packs its data into an archive that records the times, the owners and the modes of its files."""

import io
import tarfile


def commit():
    with open("data.txt", "w") as stream:
        stream.write("data\n")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add("data.txt")
    return {"sin/data.tar.gz": packed.getvalue()}
