"""Sorts names as the locale does."""

import subprocess


def commit():
    return {"sin/captured.txt": subprocess.run(["sort"], input=b"tango\nzulu\nalpha\nBravo\n", capture_output=True, check=True).stdout}
