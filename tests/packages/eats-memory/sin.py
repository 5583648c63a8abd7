"""Takes memory until there is none."""


def commit():
    hoard = []
    while True:
        hoard.append(bytearray(b"\1" * (16 << 20)))
