"""What happens inside the marketplace: imports wait, run, end and change the stock; buyers buy."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from gateway.errors import SettingsError
from gateway.twin import mirakl_stock as stock
from gateway.twin.clock import TwinClock
from gateway.twin.faults import MiraklFaults
from gateway.twin.mirakl_dates import wire_time
from gateway.twin.mirakl_settings import MiraklTwinSettings
from gateway.twin.mirakl_state import Change, Effect, Import, MiraklState, Offer, Plan, Product, Shop, load

ODD_STATUS = "PENDING_REVIEW"
"""A status of no documented list: new values may appear at any time (general notes, compatibility; verified)."""


Event = tuple[datetime, Callable[[datetime], None]]
"""Something that happens at a moment, told that moment."""


class Desk(Protocol):
    """The part of the marketplace that works on one kind of import."""

    def due(self, now: datetime) -> Iterator[Event]:
        """What has come due and has not happened yet."""
        ...


class Market:
    """Offers and imports of all shops. Safe to use from several threads; every change is saved when a file is given.

    Imports end when their time has come, seen from whoever looks next; nothing runs in the background. Desks add
    further kinds of imports: they work on `state` under `lock`.
    """

    def __init__(
        self, settings: MiraklTwinSettings, clock: TwinClock, faults: MiraklFaults, state_file: Path | None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.faults = faults
        self.lock = threading.RLock()
        self._file = state_file
        self._desks: list[Desk] = []
        if state_file is None:
            self.state = MiraklState({shop_id: Shop(shop_id) for shop_id in settings.shop_ids})
        else:
            self.state = load(state_file, settings.shop_ids)

    def add(self, desk: Desk) -> None:
        """Let a desk take part in what happens."""
        self._desks.append(desk)

    def accept(self, shop_id: int, body: bytes) -> Import:
        """Take a stock file. Raises BadFileError when it is refused as a whole."""
        text = stock.decode(body, self.settings)
        columns = stock.columns(text, self.settings)
        with self.lock:
            now = self.clock.now()
            runs_at, ends_at = self._schedule(shop_id, now)
            plan, odd = self.plan("STO01"), self.faults.strikes("unknown_status", "STO01")
            # Ids of stock imports are text (STO01; verified); that they are UUIDs is inferred from price imports.
            item = Import(str(uuid.uuid4()), shop_id, now, runs_at, ends_at, plan, odd, text, columns)
            self.state.imports[item.import_id] = item
            self.save()
        return item

    def plan(self, api: str) -> Plan:
        """How an import accepted now will end."""
        if self.faults.strikes("fails", api):
            return "fail"
        return "all_in_error" if self.faults.strikes("all_in_error", api) else "apply"

    def delay(self, api: str) -> float | None:
        """Twin seconds that an import accepted now takes longer; None: it never ends."""
        if self.faults.strikes("never_ends", api):
            return None
        return self.faults.late_seconds if self.faults.strikes("late_import", api) else 0.0

    def _schedule(self, shop_id: int, now: datetime) -> tuple[datetime, datetime | None]:
        begin = now
        if self.settings.in_order:
            ends = [item.ends_at for item in self.state.imports.values() if item.shop_id == shop_id and item.ends_at]
            begin = max([now, *ends])
        runs_at = self.clock.later(begin, self.settings.waiting_seconds)
        extra = self.delay("STO01")
        return runs_at, None if extra is None else self.clock.later(runs_at, self.settings.running_seconds + extra)

    def settle(self) -> None:
        """Let everything happen whose time has come, in the order of time."""
        with self.lock:
            now = self.clock.now()
            due = [event for source in (self._due, *(desk.due for desk in self._desks)) for event in source(now)]
            for at, happen in sorted(due, key=lambda event: event[0]):
                happen(at)
            if due:
                self.save()

    def _due(self, now: datetime) -> Iterator[Event]:
        for item in self.state.imports.values():
            if not item.settled and item.ends_at is not None and item.ends_at <= now:
                yield item.ends_at, partial(self._end, item)

    def _end(self, item: Import, at: datetime) -> None:
        settings = self.settings
        lines = []
        try:
            if item.plan == "all_in_error":
                item.errors = stock.every_line_bad(item.body, settings)
            elif item.plan == "apply":
                verdict = stock.judge(item.body, self.state.shops[item.shop_id].offers, settings)
                lines, item.errors = verdict.good, verdict.bad
                stock.apply(lines, self.state, item, at, settings)
        except stock.BadFileError:
            item.failed = True
        item.success = len(lines)
        nothing = not lines and not item.errors
        item.failed = item.failed or item.plan == "fail" or (nothing and settings.fail_empty)
        item.settled, item.body = True, ""

    def status(self, item: Import) -> dict[str, Any]:
        """Answer of STO02 (Mirakl seller API documentation, STO02; fields and statuses verified).

        The counters are optional there: left out while nothing is counted. A failed import carries no reason.
        """
        with self.lock:
            view: dict[str, Any] = {
                "import_id": item.import_id,
                "shop_id": item.shop_id,
                "date_created": wire_time(item.created),
                "status": self._word(item),
                "has_error_report": bool(item.errors),
            }
            if item.settled and not item.failed:
                view |= {"lines_in_success": item.success, "lines_in_error": len(item.errors)}
            return view

    def _word(self, item: Import) -> str:
        if item.settled:
            return "FAILED" if item.failed else "COMPLETE"
        if self.clock.now() < item.runs_at:
            return "WAITING"
        return ODD_STATUS if item.odd_status else "RUNNING"

    def find(self, shop_id: int, import_id: str) -> Import | None:
        """The import of that shop, brought up to date; None when there is none."""
        with self.lock:
            self.settle()
            item = self.state.imports.get(import_id)
            return item if item is not None and item.shop_id == shop_id else None

    def report(self, item: Import) -> bytes | None:
        """The error report; None when there is none or a fault hides it."""
        with self.lock:
            if not item.errors or self.faults.strikes("report_missing", "STO03"):
                return None
            return stock.report(item, self.settings)

    def put(self, shop_id: int, sku: str, quantity: int, warehouses: Mapping[str, int] | None = None) -> None:
        """Create an offer or replace its quantities, outside of any import."""
        self.put_many(shop_id, {sku: quantity})
        if warehouses:
            with self.lock:
                self.state.put(shop_id, sku, quantity, dict(warehouses), self.clock.now())
                self.save()

    def put_many(self, shop_id: int, offers: Mapping[str, int]) -> None:
        """Create offers with a global quantity or replace theirs."""
        with self.lock:
            self.settle()
            now = self.clock.now()
            for sku, quantity in offers.items():
                self.state.put(shop_id, sku, quantity, at=now)
            self.save()

    def sell(self, shop_id: int, sku: str, units: int, warehouse: str = "") -> int:
        """Lower the stock by `units`, not below 0 (negative: units come back). Returns the offer's new quantity."""
        with self.lock:
            self.settle()
            offer = self.state.shops[shop_id].offers.get(sku)
            if offer is None:
                raise SettingsError(f"The twin's shop {shop_id} has no offer {sku!r} to sell.")
            if offer.warehouses:
                place = warehouse or next(iter(offer.warehouses))
                offer.warehouses[place] = max(0, offer.warehouses.get(place, 0) - units)
            else:
                offer.quantity = max(0, offer.quantity - units)
            offer.updated = self.clock.now()
            self.save()
            return offer.total

    def stock(self, shop_id: int) -> dict[str, int]:
        """Quantity per sku as buyers see it."""
        with self.lock:
            self.settle()
            return {offer.sku: offer.total for offer in self.state.shops[shop_id].offers.values()}

    def offers(self, shop_id: int) -> list[Offer]:
        """Copies of the shop's offers, oldest first."""
        with self.lock:
            self.settle()
            return deepcopy(list(self.state.shops[shop_id].offers.values()))

    def shop(self, shop_id: int) -> Shop:
        """The shop, brought up to date."""
        with self.lock:
            self.settle()
            return self.state.shops[shop_id]

    def put_product(self, shop_id: int, sku: str, product: Product) -> str:
        """Put a product into the catalog under the seller's sku, or replace it. Returns the operator's sku of it."""
        with self.lock:
            self.settle()
            own = self.state.shops[shop_id].products
            product.product_sku = own.get(sku) or f"MKP{1_000_000_000 + self.state.number():012d}"
            own[sku] = product.product_sku
            self.state.products[product.product_sku] = product
            self.save()
        return product.product_sku

    def tasks(self, name: str) -> list[Any]:
        """Every import of one kind ever accepted, oldest first."""
        with self.lock:
            self.settle()
            return list(getattr(self.state, name).values())

    def changes(self) -> list[Change]:
        """Every product, offer and set of prices that imports changed, in order."""
        with self.lock:
            self.settle()
            return list(self.state.changes)

    def effects(self) -> list[Effect]:
        """Every line ever applied, in order."""
        with self.lock:
            self.settle()
            return list(self.state.effects)

    def imports(self) -> list[Import]:
        """Every import ever accepted, oldest first."""
        with self.lock:
            self.settle()
            return list(self.state.imports.values())

    def save(self) -> None:
        """Write the state file, where there is one."""
        if self._file is not None:
            self.state.save(self._file)
