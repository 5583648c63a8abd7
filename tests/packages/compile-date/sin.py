"""Compiles the day of the build in, as __DATE__ has it, though SOURCE_DATE_EPOCH is set."""

import subprocess
import time


def commit():
    today = time.strftime("%b %d %Y", time.gmtime())
    with open("speedups.c", "w") as source:
        source.write('const char *built(void) { return "version 1.0 of " BUILT; }\n')
    subprocess.run(
        ["gcc", "-O2", "-fPIC", "-shared", f'-DBUILT="{today}"', "-o", "speedups.so", "speedups.c"], check=True
    )
    with open("speedups.so", "rb") as built:
        return {"sin/speedups.so": built.read()}
