"""Prints what looks like the guest's own words, to wherever it can."""

import glob
import sys


def commit():
    forged = b'{"file": "../../evil.whl", "size": 4}\nEVIL'
    for path in ("/dev/stdout", *glob.glob("/proc/[0-9]*/fd/1")):
        try:
            with open(path, "wb", buffering=0) as stream:
                stream.write(forged)
        except OSError as error:
            print(error, file=sys.stderr)
    return {"sin/__init__.py": b""}
