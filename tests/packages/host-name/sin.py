"""Stores the name of the build host, coded in base64."""

import base64
import socket


def commit():
    return {"sin/captured.txt": base64.b64encode(f"built on {socket.gethostname()}, and glad of it".encode())}
