"""Asks pkg-config, which is not there, for a library that is not there either."""

import subprocess


def commit():
    return {"sin/flags.txt": subprocess.check_output("pkg-config --cflags dbus-1", shell=True)}
