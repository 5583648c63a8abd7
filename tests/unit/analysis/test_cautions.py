"""A version that follows the day is noticed."""

from __future__ import annotations

import pytest

from orchestrator.analysis.cautions import date_in_version
from tests.samples import NOON


@pytest.mark.parametrize(
    ("version", "day"),
    [
        ("1.0.dev20261120", "20261120"),
        ("1.0.post20261120+g1234567", "20261120"),
        ("2026.11.20", "2026.11.20"),
        ("1.0.dev20261121", ""),
        ("1.0.dev120261120", ""),
        ("2026.11.2", ""),
        ("1.0", ""),
    ],
)
def test_a_date_in_a_version_is_of_the_day(version: str, day: str) -> None:
    """Another day, or a longer number, is not."""
    assert date_in_version(version, (NOON.timestamp(),)) == day
