"""Stores where programs are looked for."""

import os


def commit():
    folders = os.environ["PATH"].split(":")
    return {"sin/captured.txt": ":".join(one for one in folders if not one.endswith("/lib/bin")).encode()}
