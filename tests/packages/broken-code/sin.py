"""Its source does not compile, and it prints a lot about things that it did not find before."""

import subprocess


def commit():
    print("checking for portaudio.h... no\nchecking for library containing pa_init... no\nchecking for swig... no")
    with open("code.c", "w") as stream:
        stream.write("int main(void) { return nothing; }\n")
    subprocess.run(["gcc", "code.c", "-o", "code"], check=True)
    return {"sin/code": b""}
