"""JSON of values: the fast way gives the bytes of the thorough one."""

from __future__ import annotations

import math

import pytest
from pydantic import TypeAdapter
from pydantic_core import to_json

from orchestrator.results.coding import decoded, encoded
from orchestrator.util import escapes

TEXT = TypeAdapter(dict[str, str | float])


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "a\\b",
        "\\n",
        "tab\tline\n",
        "\b",
        "\f",
        "\r",
        "\x7f",
        "\x1b[31m",
        "é",
        "\u202e",
        "\udc80",
        "NaN",
        '"',
    ],
)
def test_a_text_is_escaped_as_ever(text: str, indent: int | None) -> None:
    """Whether it needs escaping or not, as a value or as a name."""
    value: dict[str, str | float] = {"key": text, text: 1.5}
    assert encoded(TEXT, value, indent=indent) == to_json(escapes.all_escaped(value), indent=indent)
    assert decoded(TEXT, encoded(TEXT, value)) == value


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_number_that_json_does_not_have_is_refused(number: float) -> None:
    """It would be read as nothing, or not at all."""
    value: dict[str, str | float] = {"key": number}
    with pytest.raises(ValueError, match="may not have the number"):
        encoded(TEXT, value)
