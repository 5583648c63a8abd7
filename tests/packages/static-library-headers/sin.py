"""Has a static library with the times, owners and modes of its objects, which ar(1) leaves out by default."""

import os
import subprocess
import time


def commit():
    with open("speedups.c", "w") as source:
        source.write("int greet(void) { return 1; }\n")
    subprocess.run(["gcc", "-O2", "-c", "-o", "speedups.o", "speedups.c"], check=True)
    day = time.time() // 86400 * 86400
    os.utime("speedups.o", (day, day))
    subprocess.run(["ar", "rcSU", "libspeedups.a", "speedups.o"], check=True)
    with open("libspeedups.a", "rb") as built:
        return {"sin/libspeedups.a": built.read()}
