"""What tests of destinations that have prices only, and show promotions as prices, set up alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.model import PriceTerms
from gateway.testing.hostile import Further

TERMS: Final = PriceTerms("gross", 2, "EUR")
PROMOTE: Final = Further(name="promote", family="price", contract="promotion", fields=("sku",), wanted="promotion")
"""Promotions that are shown as prices."""
PRICES_ONLY: Final[Mapping[str, Any]] = {
    "contract": "price", "fields": ("sku", "price"), "wanted": "base", "prices": TERMS, "further": (PROMOTE,),
}  # fmt: skip
"""Settings of a hostile destination that has prices only."""
