"""Whether a worker may judge: what would make its verdicts wrong, or stop its builds."""

from __future__ import annotations

CLOCK = 60.0
"""Seconds by which a worker's clock may differ from the scheduler's: verdicts compare times of builds, and names in
certificates and locks have dates."""


def unfit(*, clock: float, scarce: bool, folder: str) -> str:
    """Return why a worker may not judge at present; empty if it may.

    `clock` is the time of the scheduler less that of the worker, in seconds; `scarce`: its `folder` is nearly full.
    """
    if not abs(clock) <= CLOCK:  # nor if it is no number
        direction = "behind" if clock > 0 else "ahead of"
        return f"its clock is {abs(clock):.0f} s {direction} the scheduler's; set both by NTP"
    return f"too little space is left in {folder}; make room there" if scarce else ""


def other_image(name: str, *, wanted: tuple[str, str], found: tuple[str, str]) -> str:
    """Return why a worker cannot use its image; empty if it can. Each is (manifest, runtime)."""
    if wanted[0] != found[0]:
        return (
            f"its image {name} has the manifest {found[0][:12]}, that of the run is {wanted[0][:12]}: the archive gave "
            "it other packages; renew the image's lock, or copy the image to that host"
        )
    if wanted[1] != found[1]:
        return f"its containers run with {found[1] or 'the engine'}, those of the run with {wanted[1] or 'the engine'}"
    return ""
