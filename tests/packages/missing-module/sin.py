"""Imports what it does not require."""


def commit():
    return {}
