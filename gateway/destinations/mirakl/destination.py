"""A Mirakl shop as destination: products, offers, prices and discounts, stock; each family by imports of its own.

The modules beside this one say how a family is written (product, offer, price, discount, stock), how its imports are
followed (`*_imports`), and how what the shop has is read (offers_known, export, platform).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import ClassVar

import polars as pl

from gateway.destinations._categories import categories
from gateway.destinations.mirakl import discount, offer, platform, price, price_check, product, stock
from gateway.destinations.mirakl.account import AccountKnown
from gateway.destinations.mirakl.calls import Api, Calls
from gateway.destinations.mirakl.imports import Imports
from gateway.destinations.mirakl.offer_imports import OfferImports
from gateway.destinations.mirakl.offers_known import OffersKnown
from gateway.destinations.mirakl.platform import Platform
from gateway.destinations.mirakl.price_imports import PriceImports
from gateway.destinations.mirakl.product_imports import ProductImports
from gateway.destinations.mirakl.reading import Reading
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.destinations.mirakl.stock_imports import StockImports
from gateway.errors import CallRefused, GatewayError, MayWorkLater, Refused, SettingsError
from gateway.model import Batch, Clock, Facts, Operation, Receipt, Reference, Sent, Spec, Verdict, no_issues
from gateway.transport.http import Transport

_FAMILIES = {
    product.OPERATION: "product",
    offer.OPERATION: "offer",
    price.OPERATION: "price",
    discount.OPERATION: "price",
    stock.OPERATION: "stock",
}
_PRICED = frozenset({price.OPERATION, discount.OPERATION})


def _operations(settings: MiraklSettings) -> tuple[Operation, ...]:
    """Return what can be written; what needs a price can be once the settings say on which basis prices are."""
    terms = price.terms(settings)
    if terms is None:
        return (stock.operation(settings),)
    return (
        stock.operation(settings),
        product.operation(settings),
        offer.operation(settings, terms),
        price.of_catalog(settings, terms),
        stock.of_catalog(settings),
        price.operation(settings, terms),
        discount.operation(settings, terms),
    )


class MiraklDestination:
    """One shop. Holds no truth: what it remembers only saves calls within this process."""

    SPEC: ClassVar[Spec] = Spec(
        name="mirakl",
        title="Mirakl marketplaces (products, offers, prices, stock)",
        settings=MiraklSettings,
        operations=_operations,
    )

    def __init__(
        self, settings: MiraklSettings, *, transport: Transport | None = None, clock: Clock, account: str, name: str
    ) -> None:
        if transport is None:
            raise SettingsError(f"Destination {name} needs an HTTP transport.", fix="Build it with http.connect.")
        self._settings = settings
        self._clock = clock
        self._account = account
        self._name = name
        self._operations = self.SPEC.operations(settings)
        self._categories = categories(settings.categories, f"destinations.{name}.categories")
        self._calls = Calls(settings, transport, clock)
        self._known = OffersKnown(self._calls, settings)
        self.reading = Reading(self._known, settings, name)
        """What `gateway reconcile` reads."""
        self._imports: dict[str, Imports | StockImports] = {
            "product": ProductImports(self._calls, settings, name),
            "offer": OfferImports(self._calls, settings, name),
            "price": PriceImports(self._calls, settings, name),
            "stock": StockImports(self._calls, settings, name),
        }
        self._platform: tuple[datetime, Platform] | None = None
        self._account_known = AccountKnown(self._calls, settings, name)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Operations under the present settings."""
        return self._operations

    @property
    def account(self) -> str:
        """The shop's account name."""
        return self._account

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Read the offers of the records and, once a day, the platform's configuration. Raises MayWorkLater."""
        if operation not in _PRICED | {offer.OPERATION}:
            return Reference()
        self._account_known.know()
        found = self._read_platform()
        skus = records["sku"].drop_nulls().unique(maintain_order=True).to_list()
        at, known = self._known.of(skus, exported=found.customers_have_prices and operation in _PRICED)
        return Reference(at, {"offers": known, "platform": found, "asked": pl.Series(skus, dtype=pl.String)})

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Return what the marketplace would not take; prices and offers only once the shop was asked."""
        if operation == product.OPERATION:
            return product.check(records, self._settings, self._categories)
        if operation == offer.OPERATION:
            return offer.check(records, reference, today, self._settings)
        if operation in _PRICED:
            return price_check.check(operation, records, reference, today, self._settings)
        return no_issues()

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield one CSV per import; the slot is one per shop and family."""
        slot = f"{self._account}:{self._family(operation)}"
        if operation == product.OPERATION:
            return product.encode(records, slot, self._settings, self._categories)
        if operation == offer.OPERATION:
            return offer.encode(records, reference, slot, self._settings)
        if operation in _PRICED:
            return price.encode(operation, records, reference, slot, self._settings)
        return stock.encode(records, slot, self._settings)

    def submit(self, batch: Batch) -> Receipt:
        """Send the file of the batch. Raises OutcomeUnknown too when the answer names no import.

        A 400 is about the form of the file and the parameters beside it: rows are judged later, in reports.
        """
        family = self._family(batch.operation)
        try:
            return self._imports[family].submit(batch)
        except Refused as error:
            if error.status != "400":
                raise
            fix = "Compare the columns and codes of the settings with what the marketplace takes; then retry the run."
            raise CallRefused(error.message, fix=fix, status=error.status) from error
        finally:
            self._wrote(family)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Ask about the imports of every family; trouble with one family leaves the others be.

        Raises Unreachable or Refused when nothing was learnt of any.
        """
        receipts: dict[int, Receipt] = {}
        trouble: GatewayError | None = None
        for family, imports in self._imports.items():
            mine = [item for item in sent if _FAMILIES.get(item.operation) == family]
            if not mine:
                continue
            try:
                answers = imports.poll(mine)
            except (MayWorkLater, Refused) as error:
                trouble = error
                continue
            if any(receipt.closed for receipt in answers.values()):
                self._wrote(family)
            receipts |= answers
        if trouble is not None and not receipts:
            raise trouble
        return receipts

    def find(self, sent: Sent) -> Receipt | Verdict:
        """Look up a batch whose answer was lost; stock imports can't be listed. Raises MayWorkLater."""
        return self._imports[self._family(sent.operation)].find(sent)

    def probe(self) -> str:
        """Read the account (A01, which may be asked for once a day) and, where the key may, the platform."""
        seen = self._account_known.ask()
        if seen is not None:
            self._account_known.compare(seen)
        found = self._read_platform()
        told = "" if found.known else "; the key may not read the platform's configuration, so it is not heeded"
        if seen is None:
            once = "it may be asked for about once a day, and what it said is not known"
            look = "ask again tomorrow, or look both up in the back office"
            return f"{self._name}: reached; shop and currency were not compared with the account: {once}; {look}{told}"
        account, age = seen.account, seen.age(self._clock.now())
        closed = "" if account.state == "OPEN" else ": nothing is sold until it is OPEN"
        blind = self._account_known.uncompared(seen)
        compared = "the shop is" if blind else "shop and currency are"
        last = f"; {compared} compared with what the account said on {age}, as it is asked once a day"
        shop = f"{self._name}: shop {account.shop_id} ({account.name}) is {account.state}{closed}"
        return f"{shop}{last if age else ''}{f'; {blind}' if blind else ''}{told}"

    def remember(self, facts: Facts) -> None:
        """Keep what the account said in `facts`."""
        self._account_known.facts = facts

    def close(self) -> None:
        """Give back connections."""
        self._calls.close()

    def _read_platform(self) -> Platform:
        """Read PC01 once a day; a key that may not read it leaves it unknown, which is no fault."""
        now = self._clock.now()
        if self._platform is not None and now - self._platform[0] < timedelta(seconds=self._settings.platform_interval):
            return self._platform[1]
        try:
            found = platform.platform(self._calls.read(Api("PC01", "/api/platform/configuration")))
        except Refused as error:
            if error.status != "403":
                raise
            found = Platform()
        self._platform = (now, found)
        return found

    def _wrote(self, family: str) -> None:
        if family in {"offer", "price"}:
            self._known.written()

    def _family(self, operation: str) -> str:
        if operation not in _FAMILIES:
            raise SettingsError(
                f"Destination {self._name} has no operation {operation!r}; it has: {', '.join(_FAMILIES)}."
            )
        return _FAMILIES[operation]
