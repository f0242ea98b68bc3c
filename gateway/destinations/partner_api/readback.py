"""Vendors' catalogs read back, and what they say of items that no log spoke of.

Source: Partner API documentation: export of a snapshot (verified), its columns, pages of the list and their members
(live-reported). Sending `page_number` yields page 1 for ever, so a page without anything new is the last.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from gateway.destinations.partner_api import answers
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.answers import News
from gateway.destinations.partner_api.calls import AT_A_TIME, Calls, loaded
from gateway.destinations.partner_api.profile import Profile
from gateway.errors import OutcomeUnknown, Refused
from gateway.model import RowState

_PAGES_MOST = 5000
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
Heard = Callable[[str], News | None]


@dataclass(frozen=True, slots=True)
class Shown:
    """A product as the platform shows it; None: not shown."""

    price: Decimal | None
    active: bool | None
    maximum: int | None


@dataclass(slots=True)
class _Reading:
    began: datetime
    how: str
    items: dict[str, Shown] = field(default_factory=dict)
    page: int = 0
    job: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What reading back says of one item of a call, by its position."""

    at: int
    state: RowState
    code: str = ""
    message: str = ""
    settled: bool = True
    """False: the difference may go away with time."""


class ReadBack:
    """Reads catalogs of vendors; what is kept here only spreads the calls over time within this process."""

    def __init__(self, account: Account, calls: Calls) -> None:
        self._account = account
        self._calls = calls
        self._under: dict[str, _Reading] = {}
        self._known: dict[str, tuple[datetime, dict[str, Shown]]] = {}

    @property
    def on(self) -> bool:
        """Whether catalogs are read back at all."""
        return self._account.profile.features.read_back != "none"

    def catalog(self, vendor: str, since: datetime, heard: Heard) -> Mapping[str, Shown] | None:
        """Return a vendor's products as read after `since`; None while they are being read.

        Raises what calls raise: what was read by then is kept for the next time.
        """
        known = self._known.get(vendor)
        if known is not None and known[0] >= since:
            return known[1]
        reading = self._under.get(vendor)
        if reading is None or reading.began < since:
            reading = _Reading(self._account.clock.now(), self._account.profile.features.read_back)
            self._under[vendor] = reading
        whole = self._exported(vendor, reading, heard) if reading.how == "export" else self._paged(vendor, reading)
        if not whole:
            return None
        del self._under[vendor]
        self._known[vendor] = (reading.began, reading.items)
        return reading.items

    def awaits(self, job: str) -> bool:
        """Whether a job is an export that was ordered here."""
        return any(one.job == job for one in self._under.values())

    def forget(self, vendor: str) -> None:
        """Drop what was read of a vendor: it is to be read anew."""
        self._known.pop(vendor, None)

    def _paged(self, vendor: str, reading: _Reading) -> bool:
        """Read some pages; False while there are more, which are read when others have had their turn."""
        for _ in range(AT_A_TIME):
            data = self._calls.page(vendor, reading.page + 1)
            listed = data.get("products")
            rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
            before = len(reading.items)
            for row in rows:
                _keep(reading.items, row)
            reading.page += 1
            total = data.get("total_pages")
            over = isinstance(total, int) and reading.page >= total
            if over or len(reading.items) == before or reading.page >= _PAGES_MOST:
                return True
        return False

    def _exported(self, vendor: str, reading: _Reading, heard: Heard) -> bool:
        if reading.job == "" and not self._ordered(vendor, reading):
            return self._paged(vendor, reading)
        found = heard(reading.job)
        if found is None:
            state = self._calls.catalog_job(reading.job)
            found = None if state is None else answers.news(state)
        late = self._account.clock.now() - reading.began > timedelta(
            seconds=self._account.profile.confirm.window_s.catalog
        )
        if found is None or not found.ended:
            if not late:
                return False
        elif found.url and found.state == answers.DONE:
            try:
                if _export(self._calls.download(found.url), reading.items):
                    return True
            except Refused:
                pass  # the address has ended, or its host is not allowed: pages say the same
        reading.how = "pages"
        return self._paged(vendor, reading)

    def _ordered(self, vendor: str, reading: _Reading) -> bool:
        try:
            answer = self._calls.export(vendor)
        except OutcomeUnknown:
            reading.how = "pages"
            return False
        data = loaded(answer.body) if answer.status < 300 else None
        reading.job = "" if data is None else answers.news(data).job
        if reading.job == "":
            reading.how = "pages"
        return reading.job != ""


def _keep(items: dict[str, Shown], row: Mapping[str, Any]) -> None:
    codes = row.get("barcodes", row.get("barcode"))
    listed = codes if isinstance(codes, list) else re.split(r"[,;]", codes) if isinstance(codes, str) else []
    shown = Shown(_amount(row.get("price")), _flag(row.get("active")), _count(_most(row)))
    sku = row.get("sku")
    if isinstance(sku, str | int) and not isinstance(sku, bool) and sku != "":
        items[f"sku {sku}"] = shown
    for code in listed:
        if str(code).strip():
            items[f"barcode {str(code).strip().lstrip('0')}"] = shown


def _most(row: Mapping[str, Any]) -> Any:
    return row.get("maximum_sales_quantity", row.get("max_sales_quantity"))


def _export(body: bytes, items: dict[str, Shown]) -> bool:
    """Take what an export has; False, and nothing of it, where it is no table that can be read."""
    table = csv.DictReader(io.StringIO(body.decode("utf-8-sig", "replace"), newline=""))
    found: dict[str, Shown] = {}
    try:
        for row in table:
            _keep(found, {(name or "").strip().lower(): value for name, value in row.items() if isinstance(value, str)})
    except csv.Error:
        return False
    items.update(found)
    return True


def _amount(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else _FLAGS.get(str(value).strip().lower())


def _count(value: Any) -> int | None:
    found = _amount(value)
    return None if found is None or not found.is_finite() else int(found)


def compared(texts: Sequence[str], shown: Mapping[str, Shown], buffer: int, profile: Profile) -> list[Verdict]:
    """Say of items as they were sent whether the platform shows them so; what does not show is accepted, no more."""
    return [
        _verdict(at, json.loads(text, parse_float=Decimal), shown, buffer, profile) for at, text in enumerate(texts)
    ]


def overtaken(one: Verdict) -> Verdict:
    """Return a verdict where something else was sent since: another value may be the newer one, and no failure."""
    if one.state is not RowState.UNCERTAIN:
        return one
    message = f"{one.message}, and newer values may have been sent since"
    return replace(one, state=RowState.ACCEPTED, code="DEST_NOT_CONFIRMED", message=message)


def _verdict(at: int, item: dict[str, Any], shown: Mapping[str, Shown], buffer: int, profile: Profile) -> Verdict:
    fields = profile.rest.fields
    code = str(item[fields.identifier])
    found = shown.get(f"sku {code}" if fields.identifier == "sku" else f"barcode {code.lstrip('0')}")
    if found is None:
        message = "the vendor's catalog, read back, does not have it"
        return Verdict(at, RowState.REFUSED, "DEST_ONBOARDING", message, settled=False)
    price = _amount(item.get("price"))
    if price is not None and found.price is not None and price != found.price:
        return _other(at, f"the price reads back as {found.price}, sent was {price}")
    most = item.get(fields.max_sales_quantity_name)
    if most is not None and found.maximum is not None and most != found.maximum:
        return _other(at, f"the most per order reads back as {found.maximum}, sent was {most}")
    quantity, active = item.get("quantity"), item.get("active")
    wanted = active if quantity is None or active is False else quantity > buffer
    if wanted is False and found.active is True:
        return _other(at, "it reads back as on sale, which it was not to be")
    if wanted is True and found.active is False:
        # Not a failed update: the platform compares with a buffer only its own people know.
        return _unproven(at, "it reads back as off sale: the sales buffer of the vendor may be above its level")
    unseen = [
        name
        for name, sent, seen in (
            ("price", price, found.price),
            ("most per order", most, found.maximum),
            ("being on sale", wanted, found.active),
            # Nothing of the catalog has a level; none at all shows in what is off sale.
            ("level", quantity or None, None),
        )
        if sent is not None and seen is None
    ]
    if unseen:
        return _unproven(at, f"the vendor's catalog, read back, does not show its {', '.join(unseen)}", settled=True)
    return Verdict(at, RowState.APPLIED)


def _unproven(at: int, message: str, *, settled: bool = False) -> Verdict:
    return Verdict(at, RowState.ACCEPTED, "DEST_NOT_CONFIRMED", message, settled=settled)


def _other(at: int, message: str) -> Verdict:
    return Verdict(at, RowState.UNCERTAIN, "DEST_UNCERTAIN", message, settled=False)
