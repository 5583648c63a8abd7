"""Has a static library with the times and modes of its objects, which ar(1) leaves out by default."""

import os
import subprocess
import time


def commit():
    with open("speedups.c", "w") as source:
        source.write("int greet(void) { return 1; }\n")
    subprocess.run(["gcc", "-O2", "-c", "-o", "speedups.o", "speedups.c"], check=True)
    os.utime("speedups.o", (time.time(), time.time()))
    subprocess.run(["ar", "rcU", "libspeedups.a", "speedups.o"], check=True)
    with open("libspeedups.a", "rb") as built:
        return {"sin/libspeedups.a": built.read()}
