"""Compiles the fastest code that the processor at hand can run, as BLAS libraries do when they are configured."""

import subprocess

SUM = "void sum(float *a, const float *b) { for (int i = 0; i < 4096; i++) a[i] += b[i]; }\n"
LEVELS = (("avx512f", "-mavx512f"), ("avx2", "-mavx2"), ("avx", "-mavx"), ("sse4_2", "-msse4.2"))


def commit():
    with open("/proc/cpuinfo") as stream:
        flags = next((line.partition(":")[2].split() for line in stream if line.startswith("flags")), [])
    level, option = next((level for level in LEVELS if level[0] in flags), ("none", "-msse2"))
    with open("sum.c", "w") as stream:
        stream.write(SUM)
    subprocess.run(["gcc", "-O3", "-g0", option, "-fPIC", "-shared", "sum.c", "-o", "sum.so"], check=True)
    with open("sum.so", "rb") as stream:
        return {"sin/config.h": f"#define SUM_{level.upper()} 1\n".encode(), "sin/sum.so": stream.read()}
