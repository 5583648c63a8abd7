"""Compiles with debug information, by a compiler that no wrapper reaches, and heeds no flags of anybody."""

import subprocess


def commit():
    with open("speedups.c", "w") as source:
        source.write("int twice(int n) { return 2 * n; }\n")
    subprocess.run(["/usr/bin/gcc", "-g", "-fPIC", "-shared", "-o", "speedups.so", "speedups.c"], check=True)
    with open("speedups.so", "rb") as built:
        return {"sin/speedups.so": built.read()}
