"""Settings of all tests."""

from __future__ import annotations

from hypothesis import settings

# A time that an example takes says nothing of the code where builds run beside it.
settings.register_profile("patient", settings.default, deadline=None)
settings.load_profile("patient")
