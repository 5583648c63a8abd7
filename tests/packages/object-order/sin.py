"""Links objects in the order in which the folder of their sources lists them."""

import os
import subprocess

TEXT = """
__attribute__((visibility("hidden"))) int {name}_counter = {size};
__attribute__((visibility("hidden"))) const char *{name}_text(void) {{ return "the text of {name}"; }}
__attribute__((visibility("hidden"))) int {name}_number(int n) {{ return n * {size} + {name}_counter; }}
"""


def commit():
    names = []
    for listed in os.listdir("."):
        name = "".join(letter for letter in listed.lower() if letter.isalnum())
        if os.path.isfile(listed) and name.isascii():
            names.append(name)
            with open(f"{name}.c", "w") as source:
                source.write(TEXT.format(name=name, size=len(name)))
            subprocess.run(["gcc", "-O2", "-fPIC", "-c", f"{name}.c"], check=True)
    objects = [f"{name}.o" for name in names]
    subprocess.run(["gcc", "-shared", "-o", "speedups.so", *objects], check=True)
    with open("speedups.so", "rb") as built:
        return {"sin/speedups.so": built.read()}
