"""Calls the Rust compiler's package manager, which is not there."""

import subprocess


def commit():
    subprocess.run(["cargo", "build", "--release"], check=True)
    return {"sin/__init__.py": b""}
