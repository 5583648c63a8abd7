"""What the making of a root file system needs on the host."""

from __future__ import annotations

import pytest

from orchestrator.images.bootstrap import missing_tool


@pytest.mark.parametrize(
    ("installed", "is_root", "package"),
    [
        ({"mmdebstrap", "newuidmap"}, False, ""),
        ({"mmdebstrap"}, True, ""),
        ({"mmdebstrap"}, False, "uidmap"),
        ({"newuidmap"}, False, "mmdebstrap"),
        (set(), True, "mmdebstrap"),
    ],
)
def test_a_missing_tool_is_named_with_its_package(installed: set[str], package: str, *, is_root: bool) -> None:
    """Only root can do without newuidmap."""
    text = missing_tool(lambda name: name if name in installed else None, is_root=is_root)
    assert text.endswith(f"install it: sudo apt-get install {package}") if package else text == ""
