"""Links with a library that is not there."""

import subprocess


def commit():
    with open("map.c", "w") as stream:
        stream.write("int main(void) { return 0; }\n")
    subprocess.run(["gcc", "map.c", "-o", "map", "-lgeos_c"], check=True)
    with open("map", "rb") as stream:
        return {"sin/map": stream.read()}
