"""Waits for ever, and leaves children that wait too."""

import os
import signal
import time


def commit():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.fork()
    while True:
        time.sleep(60)
