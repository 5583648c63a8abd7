"""Stores the address of a file in the home folder, as browsers write it."""

import os
import urllib.parse


def commit():
    return {"sin/captured.txt": urllib.parse.quote(os.path.expanduser("~/.cache/pip"), safe="").encode()}
