"""Compiles against a header of a library that is not there, after it has seen that another one is not needed."""

import os
import subprocess


def commit():
    with open("conftest.c", "w") as stream:
        stream.write("#include <optional/feature.h>\n")
    subprocess.run(["gcc", "-c", "conftest.c"])
    with open("sound.c", "w") as stream:
        stream.write("#include <portaudio.h>\n")
    subprocess.run(["gcc", "-c", "sound.c"], check=True)
    return {"sin/sound.o": os.path.getsize("sound.o")}
