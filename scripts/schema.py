"""Print the JSON Schema of config.yaml; `make docs` writes docs/config.schema.json with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from orchestrator.build.variations import NAMES
from orchestrator.config import schema
from orchestrator.images import recipe

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print the schema."""
    found = schema(variations=NAMES, images=recipe.names(ROOT / "images"))
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
