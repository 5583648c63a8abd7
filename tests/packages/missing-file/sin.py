"""Reads a file that its sdist left out."""


def commit():
    with open("requirements.txt", "rb") as stream:
        return {"sin/requirements.txt": stream.read()}
