"""Print the JSON Schema of config.yaml; `make docs` keeps docs/config.schema.json by it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from orchestrator import images
from orchestrator.config import schema
from orchestrator.variations import NAMES

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print the schema."""
    found = schema(variations=NAMES, images=images.names(ROOT / "images"))
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
