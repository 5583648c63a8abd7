"""Ships an object of link-time optimisation, compiled with the flags of the environment."""

import os
import subprocess

PLACE = "/tmp/one-place-in-every-build"  # such objects hold the folder in which they are compiled, too


def commit():
    os.mkdir(PLACE)
    with open(f"{PLACE}/speedups.c", "w") as source:
        source.write("static int twice(int n) { return 2 * n; }\nint four(int n) { return twice(twice(n)); }\n")
    flags = os.environ.get("CFLAGS", "").split()
    subprocess.run(["gcc", "-O2", "-fPIC", "-flto", *flags, "-c", "speedups.c"], check=True, cwd=PLACE)
    subprocess.run(["gcc-ar", "rcsD", "libspeedups.a", "speedups.o"], check=True, cwd=PLACE)
    with open(f"{PLACE}/libspeedups.a", "rb") as built:
        return {"sin/libspeedups.a": built.read()}
