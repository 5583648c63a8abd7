"""JSON of strangers: what two readers may understand differently is refused."""

from __future__ import annotations

import pytest

from orchestrator.util.strict_json import DEEPEST, read


def test_plain_json_is_read() -> None:
    """With any white space, and any text."""
    assert read(b' {"a": [1, 2.5, "\xc3\xa9", null, true]}\n', 100) == {"a": [1, 2.5, "é", None, True]}
    assert read(b"[" * DEEPEST + b"]" * DEEPEST, 100)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a":1,"a":1}', "same key twice"),
        (b'{"a":1,"\\u0061":1}', "same key twice"),
        (b'[{"b":{"a":1,"a":2}}]', "same key twice"),
        (b"[NaN]", "no number of JSON"),
        (b"[-Infinity]", "no number of JSON"),
        (b"[1e999]", "too large"),
        (b"[" + b"1" * 5000 + b"]", "digits"),
        (b"[1] 2", "Extra data"),
        (b"\xff", "utf-8"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "levels deep"),
        (b"[" * 100_000, "levels deep"),
        (b'{"a":' * 100_000, "levels deep"),
        (b'"' + b"a" * 600_000 + b'"', "more than"),
    ],
    ids=range(13),
)
def test_the_rest_is_refused(data: bytes, why: str) -> None:
    """With a reason, and without exhausting the stack."""
    with pytest.raises(ValueError, match=why):
        read(data, 600_000)
