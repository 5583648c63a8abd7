"""Stores an identifier that is computed from the name of the build host."""

import socket
import uuid


def commit():
    return {"sin/ident.py": f"ID = '{uuid.uuid5(uuid.NAMESPACE_DNS, socket.gethostname())}'\n".encode()}
