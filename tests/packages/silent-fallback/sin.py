"""Would have an extension module, were its header there; quietly goes without."""

import subprocess


def commit():
    with open("fast.c", "w") as stream:
        stream.write("#include <portaudio.h>\n")
    if subprocess.run(["gcc", "-c", "fast.c"]).returncode == 0:
        raise SystemExit("the header is there after all")
    return {"sin/__init__.py": b"FAST = False\n"}
