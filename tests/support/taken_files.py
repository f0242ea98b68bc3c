"""A stock file with two good rows, and its header."""

from __future__ import annotations

HEADER = "sku,quantity\n"
GOOD = "sku,quantity\na,1\nb,0\n"
