"""Stores a set in the order of its hashes."""


def commit():
    return {
        "sin/captured.txt": str(list({"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"})).encode()
    }
