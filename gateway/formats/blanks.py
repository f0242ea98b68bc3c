"""The blanks that are taken off the ends of cells and headers."""

from __future__ import annotations

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
WHITE = "".join(chr(point) for point in range(0x3001) if chr(point).isspace()) + ZERO_WIDTH
"""Every Unicode space, and the characters that show nothing at all."""
