"""Has bytecode that names the time of its source."""

import py_compile


def commit():
    with open("generated.py", "w") as stream:
        stream.write('x = 1\n')
    by_time = py_compile.PycInvalidationMode.TIMESTAMP
    py_compile.compile("generated.py", "generated.pyc", "generated.py", doraise=True, invalidation_mode=by_time)
    with open("generated.pyc", "rb") as stream:
        return {"sin/generated.pyc": stream.read()}
