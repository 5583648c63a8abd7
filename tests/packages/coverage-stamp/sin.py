"""Compiles with --coverage, which gives each object and its notes a stamp; its path is the same in every build."""

import os
import subprocess

SOURCE = """
int half(int which)
{
    return which > 3 ? which / 2 : which;
}
"""
FOLDER = "/tmp/coverage-stamp"


def commit():
    os.makedirs(FOLDER, exist_ok=True)
    with open(f"{FOLDER}/speedups.c", "w") as source:
        source.write(SOURCE)
    subprocess.run(["gcc", "--coverage", "-O1", "-fPIC", "-c", "speedups.c"], check=True, cwd=FOLDER)
    subprocess.run(["gcc", "--coverage", "-shared", "-o", "speedups.so", "speedups.o"], check=True, cwd=FOLDER)
    found = {}
    for name in ("speedups.so", "speedups.gcno"):
        with open(f"{FOLDER}/{name}", "rb") as built:
            found[f"sin/{name}"] = built.read()
    return found
