"""The folders images/ and profiles/: at the top of a checkout, or inside an installed package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

INSTALLED = PACKAGE / "data"
"""Where a wheel has its copy of the folders (setup.py); a checkout and an editable installation have none."""

IS_INSTALLED = INSTALLED.is_dir()

ROOT = INSTALLED if IS_INSTALLED else PACKAGE.parent
"""The folder that contains both."""

IMAGES = ROOT / "images"
PROFILES = ROOT / "profiles"
