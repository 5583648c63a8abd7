"""Writes until there is no room."""


def commit():
    with open("big", "wb") as stream:
        while True:
            stream.write(b"\1" * (1 << 20))
