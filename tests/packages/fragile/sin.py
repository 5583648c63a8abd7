"""Fails to build where there is no home folder."""

import os


def commit():
    os.listdir(os.path.expanduser("~"))
    return {"sin/__init__.py": b""}
