"""Print the JSON Schema of config.yaml, or with `changes` that of changes.json; `make docs` writes both to docs/."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from orchestrator.build.variations import NAMES
from orchestrator.config import schema
from orchestrator.images import recipe
from orchestrator.results import changes

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print the schema."""
    of_changes = sys.argv[1:] == ["changes"]
    found = changes.schema() if of_changes else schema(variations=NAMES, images=recipe.names(ROOT / "images"))
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
