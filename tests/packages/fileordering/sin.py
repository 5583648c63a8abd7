"""Lists files in the order in which the file system has them."""

import os


def commit():
    return {"sin/captured.txt": str(os.listdir(".")).encode()}
