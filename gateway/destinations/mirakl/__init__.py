"""Mirakl marketplaces: products, offers, prices and stock of one shop, by imports."""

from __future__ import annotations

from gateway.destinations.mirakl.destination import MiraklDestination
from gateway.destinations.mirakl.settings import MiraklSettings

__all__ = ["MiraklDestination", "MiraklSettings"]
