"""Stores the folder in which it is built, and the name of its host, in one member."""

import os
import socket


def commit():
    return {"sin/captured.txt": f"built in {os.getcwd()}\non {socket.gethostname()}\n".encode()}
