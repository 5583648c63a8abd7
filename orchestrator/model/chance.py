"""What builds that agree show about chance."""

from __future__ import annotations

_CONFIDENCE = 3  # -ln(0.05): n builds that agree bound the rate of others by 3/n, at 95 %


def bound(compared: int) -> float | None:
    """Return the highest rate at which builds may differ after so many agreed, at 95 % confidence."""
    return min(1.0, _CONFIDENCE / compared) if compared else None
