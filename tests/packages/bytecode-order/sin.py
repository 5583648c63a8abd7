"""Has bytecode that is written with references where Python's hashes are not random, and without where they are."""

import importlib.util
import marshal
import sys


def commit():
    code = compile("def one(x):\n    return x in {'alpha', 'beta'} or x == one\n", "generated.py", "exec")
    written = marshal.dumps(code, 2 if sys.flags.hash_randomization else 4)
    return {"sin/generated.pyc": importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + b"\0" * 8 + written}
