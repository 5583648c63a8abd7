"""What a farm in a virtual host needs of this side: Python packages, and the authorities that it trusts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from requests.adapters import DEFAULT_CA_BUNDLE_PATH

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_FROZEN = ".versions"  # in the folder, when its packages are complete


def install(folder: Path, python: str) -> bytes:
    """Install what pyproject.toml asks for into a folder, and Dask; return what decides whether it is current.

    `python` is the version of the Python that runs there. The packages are wheels, in the versions that the virtual
    environment of this process has; scripts and bytecode are not needed.

    Raises:
        subprocess.CalledProcessError: uv fails; its reason is on standard error.

    """
    uv = shutil.which("uv", path=f"{Path(sys.prefix, 'bin')}:{os.environ.get('PATH', os.defpath)}") or "uv"
    listing = subprocess.run([uv, "pip", "freeze", "--python", sys.executable], capture_output=True, check=True)
    versions = b"".join(line for line in listing.stdout.splitlines(keepends=True) if b"==" in line)
    kept = folder / _FROZEN
    if kept.exists() and kept.read_bytes() == versions:
        return versions
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    place = ("--target", str(folder), "--python-version", python, "--python-platform", "linux", "--only-binary=:all:")
    wanted = ("--requirements", str(_PROJECT), "distributed", "--constraints", "-")
    subprocess.run([uv, "pip", "install", "--quiet", *place, *wanted], input=versions, check=True)
    kept.write_bytes(versions)
    return versions


def authorities() -> bytes:
    """Read the certificates that this side trusts, as requests chooses them: a network may have an authority."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return Path(next((path for name in names if (path := os.environ.get(name))), DEFAULT_CA_BUNDLE_PATH)).read_bytes()
