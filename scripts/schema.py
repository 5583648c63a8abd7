"""Print the JSON Schema of config.yaml; `make docs` keeps docs/config.schema.json by it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from orchestrator.config import schema
from orchestrator.variations import VARIATIONS

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print the schema."""
    images = [one.parent.name for one in ROOT.glob("images/*/Dockerfile")]
    found = schema(variations=[one.name for one in VARIATIONS], images=images)
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
