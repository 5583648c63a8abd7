"""Compiles for some seconds, and goes on without what its compiler does not make."""

import subprocess

LINES = 1200


def commit():
    with open("slow_compile.c", "w") as stream:
        for number in range(LINES):
            stream.write(f"int f{number}(int a) {{ int s = a; while (s < {number}) s += s % 7 + a * {number}; return s; }}\n")
    done = subprocess.run(["gcc", "-O2", "-g0", "-c", "slow_compile.c", "-o", "slow.o"], check=False)
    if done.returncode:
        return {"sin/__init__.py": b""}
    return {"sin/__init__.py": b"", "sin/slow.o": open("slow.o", "rb").read()}
