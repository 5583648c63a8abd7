"""Hands over a link to a file of the host instead of a wheel."""

import os


def commit():
    return {}


def write(path, contents):
    os.symlink("/etc/passwd", path)
