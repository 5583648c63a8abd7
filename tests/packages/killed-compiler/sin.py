"""Prints what a compiler prints that was killed, and fails."""

import sys


def commit():
    print("gcc: fatal error: Killed signal terminated program cc1", file=sys.stderr)
    sys.exit(1)
