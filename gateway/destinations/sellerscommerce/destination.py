"""Sellers Commerce as destination: every call is answered at once, so a batch is closed when it was sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import ClassVar

import polars as pl

from gateway.destinations._categories import categories
from gateway.destinations.sellerscommerce import bodies as shapes
from gateway.destinations.sellerscommerce import fitting, levels, product
from gateway.destinations.sellerscommerce.calls import Calls
from gateway.destinations.sellerscommerce.endpoints import READS
from gateway.destinations.sellerscommerce.known import Known
from gateway.destinations.sellerscommerce.pushing import Pushing
from gateway.destinations.sellerscommerce.reading import Reading
from gateway.destinations.sellerscommerce.sending import Sending, outgoing
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings
from gateway.errors import SettingsError
from gateway.model import (
    UNKNOWN,
    Batch,
    Clock,
    Operation,
    Outgoing,
    Receipt,
    Reference,
    RowState,
    Sent,
    Spec,
    Verdict,
)
from gateway.transport.http import Transport

_LEVELS = frozenset({levels.PRICE, levels.STOCK, levels.PROMOTION})


def _operations(settings: SellersCommerceSettings) -> tuple[Operation, ...]:
    own = shapes.load(settings.bodies)
    stock, products = levels.stock_operations(settings), product.operation(settings, own)
    priced = settings.model_copy(update={"price_basis": settings.price_basis or "net"})
    fitting.check(own, (*stock, products, *levels.price_operations(priced)), settings.bodies)
    return (*stock, products, *levels.price_operations(settings))


class SellersCommerceDestination:
    """One store. Holds no truth: what it remembers only saves calls within this process."""

    SPEC: ClassVar[Spec] = Spec(
        name="sellerscommerce",
        title="Sellers Commerce (products, prices, stock)",
        settings=SellersCommerceSettings,
        operations=_operations,
    )

    def __init__(
        self,
        settings: SellersCommerceSettings,
        *,
        transport: Transport | None = None,
        clock: Clock,
        account: str,
        name: str,
    ) -> None:
        if transport is None:
            raise SettingsError(f"Destination {name} needs an HTTP transport.", fix="Build it with http.connect.")
        self._settings = settings
        self._clock = clock
        self._account = account
        self._name = name
        self._bodies = shapes.load(settings.bodies)
        self._table = categories(settings.categories, f"destinations.{name}.categories")
        self._operations = self.SPEC.operations(settings)
        self._calls = Calls(settings, transport)
        self._known = Known(self._calls, settings, clock)
        self._sending = Sending(self._calls, settings, self._known)
        self.reading = Reading(self._calls, self._known, settings)
        """What `gateway pull` and `gateway reconcile` read."""
        self.pushing = Pushing(self._calls, settings, self._bodies)
        """What `gateway push` writes."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Operations under the present settings."""
        return self._operations

    @property
    def account(self) -> str:
        """The store's account name."""
        return self._account

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Read SKUs, categories and brands for products; SKUs for prices and stock where settings say so."""
        if operation == product.OPERATION and records.height:
            codes = product.product_codes(records).unique(maintain_order=True).to_list()
            categories, brands = self._known.categories(), self._known.brands()
            facts = {"skus": self._known.skus_of(codes), "categories": categories, "brands": brands}
            return Reference(self._clock.now(), facts)
        if operation in _LEVELS and self._settings.check_skus:
            return Reference(self._clock.now(), {"skus": self._known.skus()})
        return Reference()

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Return what the store would not take; what it has is looked at once it was asked."""
        del today
        if operation == product.OPERATION:
            return product.check(records, reference, self._settings, self._bodies, self._table)
        return levels.check(records, reference)

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield batches; the slot is one per family, or one of the whole store."""
        family = next((one.family for one in self._operations if one.name == operation), None)
        if family is None:
            known = ", ".join(dict.fromkeys(one.name for one in self._operations))
            raise SettingsError(f"Destination {self._name} has no operation {operation!r}; it has: {known}.")
        slot = f"{self._account}:{family if self._settings.writers == 'family' else 'write'}"
        if operation == product.OPERATION:
            return product.encode(records, reference, slot, self._settings, self._bodies, self._table)
        return levels.encode(operation, records, reference, slot, self._settings, self._bodies)

    def submit(self, batch: Batch) -> Receipt:
        """Send the calls of the batch. Raises OutcomeUnknown where an answer was lost: all calls may be repeated."""
        return self._sending.submit(batch)

    def outgoing(self, batch: Batch) -> Sequence[Outgoing]:
        """Return the calls of the batch, in their order."""
        return outgoing(batch)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """There is nothing to ask about: every call was answered when it was made."""
        del sent
        return {}

    def find(self, sent: Sent) -> Receipt | Verdict:
        """Calls leave no name behind by which they could be found; a batch with a ticket was answered."""
        if sent.ticket is None:
            return UNKNOWN
        return Receipt(ticket=sent.ticket, closed=True, rest=RowState.ACCEPTED, code="DEST_NOT_CONFIRMED")

    def probe(self) -> str:
        """Read the brands: that takes a token and a call."""
        count = sum(1 for _ in self._calls.listed(READS["brands"]))
        return f"{self._name}: reached {self._settings.host}; the store has {count} brands"

    def close(self) -> None:
        """Give back connections."""
        self._calls.close()
