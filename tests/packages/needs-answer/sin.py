"""Asks its user to accept a licence while it is built."""


def commit():
    return {"sin/answer.txt": input("Do you accept the license? [y/N] ").encode()}
