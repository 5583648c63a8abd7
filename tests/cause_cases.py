"""Packs the small projects of tests/packages into sdists."""

from __future__ import annotations

from pathlib import Path

from tests.samples import tar

PACKAGES = Path(__file__).parent / "packages"
PYPROJECT = b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKENDS = {"build-in-place": "pep517_backend", "meson-build-dir": "mesonpy"}
"""Packages that stand for those of a build backend, and the name of its module."""


def pack(slug: str, folder: Path) -> Path:
    """Write the sdist of the project that shows that cause; return its path."""
    name, backend = slug.replace("-", "_"), BACKENDS.get(slug, "backend")
    members = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {slug}\nVersion: 1.0\n".encode(),
        "NAME": slug.encode(),
        "pyproject.toml": PYPROJECT.replace(b'"backend"', f'"{backend}"'.encode()),
        f"{backend}.py": (PACKAGES / "backend.py").read_bytes(),
        "sin.py": (PACKAGES / slug / "sin.py").read_bytes(),
    }
    return tar(folder / f"{name}-1.0.tar.gz", ((f"{name}-1.0/{path}", text) for path, text in members.items()))
