"""Needs what only a newer Python has, and does not say so."""


def commit():
    from copy import replace  # since Python 3.13

    return {"sin/__init__.py": replace.__name__.encode()}
