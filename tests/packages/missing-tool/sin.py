"""Calls a program that is not there."""

import subprocess


def commit():
    return {"sin/version.txt": subprocess.check_output(["swig", "-version"])}
