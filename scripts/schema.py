"""Print a JSON Schema: of config.yaml, changes.json or a predicate of statements. `make docs` writes them to docs/."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.build.variations import NAMES
from orchestrator.config import schema
from orchestrator.images import recipe
from orchestrator.model.statement import MEMBER, VERDICT, VERIFICATION
from orchestrator.publish.statements import claims
from orchestrator.results import changes

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS: dict[str, Callable[[], dict[str, object]]] = {
    "config": lambda: schema(variations=NAMES, images=recipe.names(ROOT / "images")),
    "changes": changes.schema,
    "verdict-v1": lambda: claims.schema(VERDICT),
    "verification-v1": lambda: claims.schema(VERIFICATION),
    "member-v1": lambda: claims.schema(MEMBER),
}


def main(name: str = "config") -> None:
    """Print the schema of that name."""
    sys.stdout.write(json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
