"""Imports what Python 3 has never had."""


def commit():
    import ConfigParser

    return {"sin/__init__.py": ConfigParser}
