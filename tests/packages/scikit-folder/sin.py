"""Compiles as scikit-build-core has CMake do: in a folder of random name, the source by its whole path."""

import os
import subprocess
import tempfile

SOURCE = "const char *where(void) { return __FILE__; }\n"


def commit():
    folder = os.path.join(tempfile.mkdtemp(), "build")
    os.mkdir(folder)
    with open("where.c", "w") as source:
        source.write(SOURCE)
    command = ["gcc", "-O2", "-g", "-fPIC", "-shared", "-o", "where.so", os.path.abspath("where.c")]
    subprocess.run(command, check=True, cwd=folder)
    with open(os.path.join(folder, "where.so"), "rb") as built:
        return {"sin/where.so": built.read()}
