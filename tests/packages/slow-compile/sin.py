"""Compiles for some seconds, so that its compiler can be killed meanwhile."""

import subprocess

LINES = 1200


def commit():
    with open("slow_compile.c", "w") as stream:
        for number in range(LINES):
            stream.write(f"int f{number}(int a) {{ int s = a; while (s < {number}) s += s % 7 + a * {number}; return s; }}\n")
    subprocess.run(["gcc", "-O2", "-g0", "-c", "slow_compile.c", "-o", "slow.o"], check=True)
    return {"sin/__init__.py": b"", "sin/slow.o": open("slow.o", "rb").read()}
