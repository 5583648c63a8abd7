"""Stores a set in the order of its hashes."""


def commit():
    names = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"}
    return {"sin/names.py": f"NAMES = {names}\n".encode()}
