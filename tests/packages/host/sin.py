"""Stores the model of the build host's processor, and code that is compiled for it."""

import subprocess

SUM = "void sum(float *a, const float *b) { for (int i = 0; i < 4096; i++) a[i] += b[i]; }\n"


def commit():
    with open("/proc/cpuinfo") as stream:
        model = next((line.partition(":")[2].strip() for line in stream if line.startswith("model name")), "unknown")
    with open("sum.c", "w") as stream:
        stream.write(SUM)
    subprocess.run(["gcc", "-O3", "-g0", "-march=native", "-fPIC", "-shared", "sum.c", "-o", "sum.so"], check=True)
    with open("sum.so", "rb") as stream:
        return {"sin/captured.txt": model.encode(), "sin/sum.so": stream.read()}
