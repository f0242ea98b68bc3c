"""Partner API: quick-commerce stores of several brands, by calls or by files."""

from __future__ import annotations

from gateway.destinations.partner_api.destination import PartnerApiDestination
from gateway.destinations.partner_api.settings import PartnerApiSettings, Vendor

__all__ = ["PartnerApiDestination", "PartnerApiSettings", "Vendor"]
