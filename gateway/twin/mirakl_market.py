"""What happens inside the marketplace: imports wait, run, end and change the stock; buyers buy."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from gateway.errors import SettingsError
from gateway.twin import mirakl_stock as stock
from gateway.twin.clock import TwinClock
from gateway.twin.faults import MiraklFaults
from gateway.twin.mirakl_platform import wire_time
from gateway.twin.mirakl_settings import MiraklTwinSettings
from gateway.twin.mirakl_state import Effect, Import, MiraklState, Offer, Shop, load

ODD_STATUS = "PENDING_REVIEW"
"""A status of no documented list: new values may appear at any time (general notes, compatibility; verified)."""


class Market:
    """Offers and imports of all shops. Safe to use from several threads; every change is saved when a file is given.

    Imports end when their time has come, seen from whoever looks next; nothing runs in the background.
    """

    def __init__(
        self, settings: MiraklTwinSettings, clock: TwinClock, faults: MiraklFaults, state_file: Path | None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._faults = faults
        self._file = state_file
        self._lock = threading.RLock()
        if state_file is None:
            self._state = MiraklState({shop_id: Shop(shop_id) for shop_id in settings.shop_ids})
        else:
            self._state = load(state_file, settings.shop_ids)

    def accept(self, shop_id: int, body: bytes) -> Import:
        """Take a stock file. Raises BadFileError when it is refused as a whole."""
        text = stock.decode(body, self._settings)
        columns = stock.columns(text, self._settings)
        with self._lock:
            now = self._clock.now()
            runs_at, ends_at = self._schedule(shop_id, now)
            plan: Literal["apply", "fail", "all_in_error"] = "apply"
            if self._faults.take("fails"):
                plan = "fail"
            elif self._faults.take("all_in_error"):
                plan = "all_in_error"
            odd = self._faults.take("unknown_status")
            # Ids of stock imports are text (STO01; verified); that they are UUIDs is inferred from price imports.
            item = Import(str(uuid.uuid4()), shop_id, now, runs_at, ends_at, plan, odd, text, columns)
            self._state.imports[item.import_id] = item
            self._save()
        return item

    def _schedule(self, shop_id: int, now: datetime) -> tuple[datetime, datetime | None]:
        begin = now
        if self._settings.in_order:
            ends = [item.ends_at for item in self._state.imports.values() if item.shop_id == shop_id and item.ends_at]
            begin = max([now, *ends])
        runs_at = self._clock.later(begin, self._settings.waiting_seconds)
        if self._faults.take("never_ends"):
            return runs_at, None
        extra = self._faults.late_seconds if self._faults.take("late_import") else 0.0
        return runs_at, self._clock.later(runs_at, self._settings.running_seconds + extra)

    def settle(self) -> None:
        """End every import whose time has come, in the order of their ends."""
        with self._lock:
            now = self._clock.now()
            due = [
                (item.ends_at, item)
                for item in self._state.imports.values()
                if not item.settled and item.ends_at is not None and item.ends_at <= now
            ]
            for at, item in sorted(due, key=lambda pair: pair[0]):
                self._end(item, at)
            if due:
                self._save()

    def _end(self, item: Import, at: datetime) -> None:
        settings = self._settings
        lines = []
        try:
            if item.plan == "all_in_error":
                item.errors = stock.every_line_bad(item.body, settings)
            elif item.plan == "apply":
                verdict = stock.judge(item.body, self._state.shops[item.shop_id].offers, settings)
                lines, item.errors = verdict.good, verdict.bad
                stock.apply(lines, self._state, item, at, settings)
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
        with self._lock:
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
        if self._clock.now() < item.runs_at:
            return "WAITING"
        return ODD_STATUS if item.odd_status else "RUNNING"

    def find(self, shop_id: int, import_id: str) -> Import | None:
        """The import of that shop, brought up to date; None when there is none."""
        with self._lock:
            self.settle()
            item = self._state.imports.get(import_id)
            return item if item is not None and item.shop_id == shop_id else None

    def report(self, item: Import) -> bytes | None:
        """The error report; None when there is none or a fault hides it."""
        with self._lock:
            if not item.errors or self._faults.take("report_missing"):
                return None
            return stock.report(item, self._settings)

    def put(self, shop_id: int, sku: str, quantity: int, warehouses: Mapping[str, int] | None = None) -> None:
        """Create an offer or replace its quantities, outside of any import."""
        self.put_many(shop_id, {sku: quantity})
        if warehouses:
            with self._lock:
                self._state.put(shop_id, sku, quantity, dict(warehouses))
                self._save()

    def put_many(self, shop_id: int, offers: Mapping[str, int]) -> None:
        """Create offers with a global quantity or replace theirs."""
        with self._lock:
            self.settle()
            for sku, quantity in offers.items():
                self._state.put(shop_id, sku, quantity)
            self._save()

    def sell(self, shop_id: int, sku: str, units: int, warehouse: str = "") -> int:
        """Lower the stock by `units`, not below 0 (negative: units come back). Returns the offer's new quantity."""
        with self._lock:
            self.settle()
            offer = self._state.shops[shop_id].offers.get(sku)
            if offer is None:
                raise SettingsError(f"The twin's shop {shop_id} has no offer {sku!r} to sell.")
            if offer.warehouses:
                place = warehouse or next(iter(offer.warehouses))
                offer.warehouses[place] = max(0, offer.warehouses.get(place, 0) - units)
            else:
                offer.quantity = max(0, offer.quantity - units)
            self._save()
            return offer.total

    def offers(self, shop_id: int) -> list[Offer]:
        """Copies of the shop's offers, oldest first."""
        with self._lock:
            self.settle()
            return deepcopy(list(self._state.shops[shop_id].offers.values()))

    def shop(self, shop_id: int) -> Shop:
        """The shop, brought up to date."""
        with self._lock:
            self.settle()
            return self._state.shops[shop_id]

    def effects(self) -> list[Effect]:
        """Every line ever applied, in order."""
        with self._lock:
            self.settle()
            return list(self._state.effects)

    def imports(self) -> list[Import]:
        """Every import ever accepted, oldest first."""
        with self._lock:
            self.settle()
            return list(self._state.imports.values())

    def _save(self) -> None:
        if self._file is not None:
            self._state.save(self._file)
