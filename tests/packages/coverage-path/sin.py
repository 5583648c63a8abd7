"""Compiles with --coverage by the whole path, which the notes and the checksums of functions follow."""

import os
import subprocess

SOURCE = r"""
#include <stdio.h>
static int half(int which) { return which > 3 ? which / 2 : which; }
int choose(int which)
{
    if (which > 7)
        return puts("more than seven");
    return half(which) + 1;
}
"""


def commit():
    with open("speedups.c", "w") as source:
        source.write(SOURCE)
    subprocess.run(["gcc", "--coverage", "-O1", "-fPIC", "-c", os.path.abspath("speedups.c")], check=True)
    subprocess.run(["gcc", "--coverage", "-shared", "-o", "speedups.so", "speedups.o"], check=True)
    found = {}
    for name in ("speedups.so", "speedups.gcno"):
        with open(name, "rb") as built:
            found[f"sin/{name}"] = built.read()
    return found
