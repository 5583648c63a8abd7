"""Commits no sin: it works with times, copies, processes and threads, and always gives the same."""

import importlib.util
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time


def commit():
    ready = threading.Event()
    threading.Timer(0.01, ready.set).start()
    assert ready.wait(30)
    begun = time.time()
    with open("one.c", "w") as stream:
        stream.write("int one(void) { return 1; }\n")
    subprocess.run(["make", "one.o"], check=True)
    first = os.stat("one.o").st_mtime_ns
    shutil.copy2("one.o", "copy.o")
    assert os.stat("copy.o").st_mtime_ns == first, "a copy has the times of what was copied"
    subprocess.run(["make", "one.o"], check=True)
    assert os.stat("one.o").st_mtime_ns == first, "what is new enough is not made again"
    assert begun - 5 < first / 1e9 < time.time() + 5, "a new file is as old as the clock says"
    assert time.sleep(0.01) is None
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(len, ["word"]) == [4], "a process that is spawned begins like any other"
    assert importlib.util.find_spec("orchestrator") is None, "modules are the package's own, or its requirements'"
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    old = os.stat("sin.py").st_mtime
    return {"sin/blameless.txt": f"{epoch} {old:.0f} {sys.version_info[:2]}".encode()}
