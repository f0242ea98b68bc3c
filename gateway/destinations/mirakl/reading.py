"""What people read of a shop: the price and quantity of its offers, to be compared with what was confirmed."""

from __future__ import annotations

import polars as pl

from gateway.destinations.mirakl.offers_known import OffersKnown
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.errors import SettingsError


class Reading:
    """Reads of one shop that nothing is sent by."""

    def __init__(self, known: OffersKnown, settings: MiraklSettings, name: str) -> None:
        self._known = known
        self._settings = settings
        self._name = name

    def levels(self) -> pl.DataFrame:
        """Return `sku`, `price` and `quantity` of every offer of the shop, by `sku`, read anew (OF21).

        `price` is the one for all channels, without discount; `quantity` that of all warehouses. Raises SettingsError
        where the list may not be read.
        """
        if self._settings.offers_from == "export":
            raise SettingsError(
                f"Destination {self._name} reads offers by exports only, and these do not say the quantity.",
                fix='Set offers_from = "auto" if the list of offers (OF21) may be read.',
            )
        found = self._known.listed()
        default = found.prices.filter("default").unique("sku", keep="first").select("sku", "price")
        here = found.offers.filter(~pl.col("deleted"))
        levels = here.join(default, on="sku", how="left", maintain_order="left")
        return levels.select("sku", "price", "quantity").sort("sku")
