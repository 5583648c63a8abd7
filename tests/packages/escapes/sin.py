"""Tries to write where it may not, and to reach the network and the host; stores how that went."""

import os
import socket


def attempt(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "DONE"


def commit():
    tried = {
        "root": attempt(lambda: open("/etc/evil", "w")),
        "guest": attempt(lambda: open("/usr/lib/wheelproof/orchestrator/guest/main.py", "a")),
        "requirements": attempt(lambda: open(os.environ["PYTHONPATH"] + "/evil.py", "w")),
        "sdist": attempt(lambda: open("/usr/lib/wheelproof-sdist/evil", "w")),
        "network": attempt(lambda: socket.create_connection(("192.0.2.1", 80), timeout=5)),
        "setuid": attempt(lambda: os.setuid(0)),
        "mount": attempt(lambda: os.chroot("/")),
        "device": attempt(lambda: os.mknod("device", 0o60600, os.makedev(8, 0))),
        "capabilities": open("/proc/self/status").read().split("CapEff:\t")[1].split("\n")[0],
    }
    return {"sin/tried.txt": "\n".join(f"{name} {how}" for name, how in tried.items()).encode()}
