"""How long to wait before what failed is tried again; who waits, and what for, is the caller's."""

from __future__ import annotations

_DOUBLINGS = 30
"""Beyond so many no pause of ours grows: the number stays one that can be reckoned with."""


def growing(fails: int, *, first: float, longest: float) -> float:
    """Return the seconds to wait after `fails` failures in a row before, doubled each time up to `longest`."""
    return min(longest, first * 2.0 ** min(fails, _DOUBLINGS))
