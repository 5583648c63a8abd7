"""Compiles with debug information, in another folder than that of the source."""

import os
import subprocess


def commit():
    with open("speedups.c", "w") as source:
        source.write("int twice(int n) { return 2 * n; }\n")
    command = ["gcc", "-g", "-O2", "-fPIC", "-shared", "-o", os.path.abspath("speedups.so"), os.path.abspath("speedups.c")]
    subprocess.run(command, check=True, cwd="/")
    with open("speedups.so", "rb") as built:
        return {"sin/speedups.so": built.read()}
