"""Compiles with debug information, which holds the folder of the build."""

import os
import subprocess


def commit():
    with open("speedups.c", "w") as source:
        source.write("#include <string.h>\nint length(const char *text) { return (int)strlen(text); }\n")
    subprocess.run(["gcc", "-g", "-O2", "-fPIC", "-c", "speedups.c"], check=True)
    subprocess.run(["gcc", "-shared", "-o", "speedups.so", "speedups.o"], check=True)
    with open(os.path.abspath("speedups.so"), "rb") as built:
        return {"sin/speedups.so": built.read()}
