"""When it is asked for its requirements, leaves folders behind that nobody may enter."""

import os


def __getattr__(name):
    if name != "REQUIRES":
        raise AttributeError(name)
    for folder in (os.getcwd(), os.environ["TMPDIR"]):
        os.makedirs(os.path.join(folder, "closed", "more"), exist_ok=True)
        os.chmod(os.path.join(folder, "closed", "more"), 0)
        os.chmod(os.path.join(folder, "closed"), 0)
    return []


def commit():
    return {"sin/__init__.py": b"", "sin/found.txt": str(os.path.exists("closed")).encode()}
