"""Sellers Commerce: products, prices and stock over its Open API, one answer per call."""

from __future__ import annotations

from gateway.destinations.sellerscommerce.destination import SellersCommerceDestination
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings

__all__ = ["SellersCommerceDestination", "SellersCommerceSettings"]
