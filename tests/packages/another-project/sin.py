"""Gives its wheel the name of another project, on which others rely."""

NAME = "requests"


def version():
    return "2.32.3"


def commit():
    return {"requests/__init__.py": b""}
