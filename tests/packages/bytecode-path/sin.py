"""Has bytecode that names the path of its source."""

import os
import py_compile


def commit():
    with open("generated.py", "w") as stream:
        stream.write('def one():\n    return 1\n')
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile("generated.py", "generated.pyc", os.path.abspath("generated.py"), doraise=True, invalidation_mode=unchecked)
    with open("generated.pyc", "rb") as stream:
        return {"sin/generated.pyc": stream.read()}
