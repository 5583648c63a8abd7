"""Stores the name and the number of its user, in UTF-16."""

import getpass
import os


def commit():
    return {"sin/captured.txt": f"{getpass.getuser()} is {os.getuid()}".encode("utf-16")}
