"""Goes on without a part of itself: it starts a hundred children, and the wheel tells how many it got."""

import os
import signal


def commit():
    children = []
    try:
        for _ in range(100):
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError:
        pass
    for child in children:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
    return {"sin/fallback.txt": str(len(children)).encode()}
