"""Compiles with debug information, by a compiler that no wrapper reaches, and heeds no map of paths."""

import os
import subprocess


def commit():
    with open("speedups.c", "w") as source:
        source.write("int twice(int n) { return 2 * n; }\n")
    flags = [flag for flag in os.environ.get("CFLAGS", "").split() if "prefix-map" not in flag]
    subprocess.run(["/usr/bin/gcc", "-g", "-fPIC", "-shared", *flags, "-o", "speedups.so", "speedups.c"], check=True)
    with open("speedups.so", "rb") as built:
        return {"sin/speedups.so": built.read()}
