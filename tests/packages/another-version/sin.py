"""Gives its wheel another version than its sdist has, as setuptools-scm does where it finds none."""


def version():
    return "0.0.0"


def commit():
    return {"sin/__init__.py": b""}
