"""Puts the day of its build into its version, unless it is told another."""

import os
import time


def commit():
    dated = time.strftime("1.1.dev3+g1a2b3c4.d%Y%m%d", time.gmtime())
    version = os.environ.get("SETUPTOOLS_SCM_PRETEND_VERSION", dated)
    return {"sin/_version.py": f"__version__ = version = {version!r}\n".encode()}
