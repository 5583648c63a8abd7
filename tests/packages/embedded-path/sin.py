"""Compiles a source by its whole path, which __FILE__ stores; other strings, and tables, stand behind it."""

import os
import subprocess

SOURCE = r"""
#include <stdio.h>
static const char *const names[] = {"a name", "another name", __FILE__, "the last name"};
int choose(int which, char *out, int size)
{
    switch (which) {
    case 0: return snprintf(out, size, "%s: nothing chosen", __FILE__);
    case 1: return snprintf(out, size, "one %s", names[0]);
    case 2: return snprintf(out, size, "two of them: %s", names[1]);
    case 3: return size;
    case 4: return puts("a text that stands somewhere behind the path");
    case 5: return puts("and one more");
    case 6: return snprintf(out, size, "six %p", out);
    default: return snprintf(out, size, "%s", names[which & 3]);
    }
}
"""


def commit():
    with open("speedups.c", "w") as source:
        source.write(SOURCE)
    subprocess.run(["gcc", "-O2", "-fPIC", "-c", os.path.abspath("speedups.c")], check=True)
    subprocess.run(["gcc", "-shared", "-o", "speedups.so", "speedups.o"], check=True)
    with open("speedups.so", "rb") as built:
        return {"sin/speedups.so": built.read()}
