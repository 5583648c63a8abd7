"""The packages of tests/packages, as sdists that can be built."""

from __future__ import annotations

from pathlib import Path

from tests.loopback_index import sdist

PACKAGES = Path(__file__).parent / "packages"

PYPROJECT = b"""[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def contents(slug: str) -> dict[str, bytes]:
    """Return the files of a package, its build backend and all, by their paths below the top folder."""
    return {
        "NAME": slug.encode(),
        "backend.py": (PACKAGES / "backend.py").read_bytes(),
        "pyproject.toml": PYPROJECT,
        "sin.py": (PACKAGES / slug / "sin.py").read_bytes(),
    }


def packed(slug: str, version: str = "1.0") -> bytes:
    """Return the sdist of a package."""
    return sdist(slug.replace("-", "_"), version, contents(slug))


def pack(slug: str, folder: Path) -> Path:
    """Write the sdist of a package into a folder, and return its path."""
    path = folder / f"{slug.replace('-', '_')}-1.0.tar.gz"
    path.write_bytes(packed(slug))
    return path
