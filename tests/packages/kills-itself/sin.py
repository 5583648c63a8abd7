"""Ends itself by a signal that nothing can catch."""

import os
import signal


def commit():
    os.kill(os.getpid(), signal.SIGKILL)
