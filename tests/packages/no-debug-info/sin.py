"""Compiles with debug information in a folder of random name that no map of paths names."""

import os
import subprocess
import tempfile


def commit():
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "speedups.c")
    with open(path, "w") as source:
        source.write("int twice(int n) { return 2 * n; }\n")
    command = ["gcc", "-g", "-O2", "-fPIC", "-shared", "-Wl,--build-id=none", "-o", path + ".so", path]
    subprocess.run(command, check=True, cwd="/")
    with open(path + ".so", "rb") as built:
        return {"sin/speedups.so": built.read()}
