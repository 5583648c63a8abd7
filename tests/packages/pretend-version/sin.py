"""Puts the day of its build into its version, as setuptools-scm does, unless it is told another."""

import os
import time


def version():
    dated = time.strftime("1.1.dev3+g1a2b3c4.d%Y%m%d", time.gmtime())
    return os.environ.get("SETUPTOOLS_SCM_PRETEND_VERSION", dated)


def commit():
    return {"sin/_version.py": f"version = {version()!r}\n".encode()}
