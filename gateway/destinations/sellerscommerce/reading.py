"""What people read of a store: reference lists, orders, returns and shoppers, and its levels to compare with ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from gateway.destinations.sellerscommerce import enums, odata
from gateway.destinations.sellerscommerce.calls import Calls, Entry
from gateway.destinations.sellerscommerce.endpoints import READS
from gateway.destinations.sellerscommerce.known import Known
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings
from gateway.errors import SettingsError

_EMBELLISHMENTS = frozenset({"embellishments", "product-embellishments"})


class Reading:
    """Reads of one store by the names of lists."""

    def __init__(self, calls: Calls, known: Known, settings: SellersCommerceSettings) -> None:
        self._calls = calls
        self._known = known
        self._settings = settings

    @property
    def lists(self) -> Mapping[str, str]:
        """Names of what can be read, and what key each needs ("": none)."""
        return {name: "" if one.paging == "plain" else one.key for name, one in READS.items()}

    def read(
        self,
        name: str,
        *,
        key: str | None = None,
        where: Sequence[str] = (),
        order_by: str = "",
        most: int | None = None,
    ) -> Iterator[Entry]:
        """Yield the entries of a list. Raises SettingsError for a name, key or condition that can't be.

        `where`: conditions like `OrderPlacedDate ge 2026-01-31`; `order_by`: a property, `-` before it turns it round.
        """
        endpoint = READS.get(name)
        if endpoint is None:
            raise SettingsError(f"There is no list {name!r}; it has: {', '.join(READS)}.")
        if self.lists[name] and not key:
            raise SettingsError(f"{name} needs a {self.lists[name]}.", fix="Name it with --key.")
        if key and not endpoint.key:
            raise SettingsError(f"{name} takes no key.", fix="Leave --key out.")
        if (where or order_by) and endpoint.paging != "odata":
            raise SettingsError(f"{name} can't be filtered or sorted.", fix="Leave the conditions out.")
        try:
            conditions = [odata.condition(one) for one in where]
            query = odata.query(conditions, order_by=order_by.lstrip("-"), descending=order_by.startswith("-"))
        except ValueError as error:
            raise SettingsError(str(error)) from error
        found = self._calls.listed(endpoint, key, query)
        for number, entry in enumerate(found):
            if most is not None and number >= most:
                return
            yield _named(entry, of_embellishment=name in _EMBELLISHMENTS)

    def levels(self) -> pl.DataFrame:
        """Return `sku`, `price` and `quantity` of everything the store has, read anew; null where it does not say."""
        self._known.wrote("price")
        return self._known.skus().select("sku", "price", "quantity")


def _named(entry: Entry, *, of_embellishment: bool) -> dict[str, Any]:
    """Add the documented name beside each id of an enumeration, as `<column> name`."""
    columns = {column.casefold(): column for column in enums.enumerations()}
    named: dict[str, Any] = {}
    for member, value in entry.items():
        named[member] = value
        column = columns.get(str(member).casefold())
        if column == "DiscountTypeId" and of_embellishment:
            column = "EmbellishmentDiscountTypeId"
        if column is not None and isinstance(value, int) and not isinstance(value, bool):
            named[f"{member} name"] = enums.name_of(column, value)
    return named
