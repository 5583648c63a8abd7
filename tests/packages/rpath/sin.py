"""Links with a search path that is a folder of the build."""

import os
import subprocess


def commit():
    with open("speedups.c", "w") as source:
        source.write("int puts(const char *);\nint greet(void) { return puts(\"hello\"); }\nint count = 1;\n")
    subprocess.run(
        ["gcc", "-O2", "-fPIC", "-shared", f"-Wl,-rpath,{os.getcwd()}/lib", "-o", "speedups.so", "speedups.c"],
        check=True,
    )
    with open("speedups.so", "rb") as built:
        return {"sin/speedups.so": built.read()}
