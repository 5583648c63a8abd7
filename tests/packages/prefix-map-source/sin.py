"""Compiles with debug information, by a compiler that no wrapper reaches, with the flags of the environment."""

import os
import subprocess


def commit():
    with open("speedups.c", "w") as source:
        source.write("int twice(int n) { return 2 * n; }\n")
    flags = os.environ.get("CFLAGS", "").split()
    command = ["/usr/bin/gcc", "-g", "-O2", "-fPIC", "-shared", *flags, "-o", "speedups.so", os.path.abspath("speedups.c")]
    subprocess.run(command, check=True)
    with open("speedups.so", "rb") as built:
        return {"sin/speedups.so": built.read()}
