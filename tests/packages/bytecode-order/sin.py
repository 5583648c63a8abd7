"""Has bytecode with a set, which is written in the order of its hashes."""

import py_compile


def commit():
    with open("generated.py", "w") as stream:
        stream.write("def one(x):\n    return x in {'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'}\n")
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile("generated.py", "generated.pyc", "generated.py", doraise=True, invalidation_mode=unchecked)
    with open("generated.pyc", "rb") as stream:
        return {"sin/generated.pyc": stream.read()}
