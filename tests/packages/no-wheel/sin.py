"""Says that it made a wheel, and did not."""


def commit():
    return {}


def write(path, contents):
    pass
