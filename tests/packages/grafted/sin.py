"""Builds an extension module that needs a library of the system; no cause: `tests/docker/test_repair.py` repairs it."""

import subprocess
import sys
import sysconfig

TAG = f"cp3{sys.version_info[1]}-cp3{sys.version_info[1]}-linux_x86_64"
OPTIONS = ()
SOURCE = """\
#include <Python.h>
#include <yaml.h>
static PyObject *version(PyObject *self, PyObject *none) { return PyUnicode_FromString(yaml_get_version_string()); }
static PyMethodDef methods[] = {{"version", version, METH_NOARGS, "The library's version."}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_grafted", 0, -1, methods};
PyMODINIT_FUNC PyInit__grafted(void) { return PyModule_Create(&module); }
"""


def commit():
    with open("grafted.c", "w") as source:
        source.write(SOURCE)
    subprocess.run(
        [
            *("gcc", "-O2", "-fPIC", "-shared", "-I", sysconfig.get_path("include")),
            *("-o", "_grafted.so", "grafted.c", "-lyaml", *OPTIONS),
        ],
        check=True,
    )
    with open("_grafted.so", "rb") as built:
        return {
            "grafted/__init__.py": b"from grafted._grafted import version\n",
            "grafted/_grafted.so": built.read(),
            "grafted-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {TAG}\n".encode(),
        }
