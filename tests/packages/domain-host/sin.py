"""Stores the name of the build host."""

import socket


def commit():
    return {"sin/captured.txt": str(socket.gethostname()).encode()}
