"""Write the pages of docs/ that come from the catalogues; `make docs` calls it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.publish.docs import docs

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write the generated pages of docs/."""
    for name, text in docs():
        (ROOT / "docs" / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
