"""Exports of offers at the Mirakl twin: OF52 asks, OF53 tells when they are ready, OF54 hands them out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from starlette.responses import Response

from gateway.twin import mirakl_apis as apis
from gateway.twin.answering import json_answer, number
from gateway.twin.mirakl_csv import write
from gateway.twin.mirakl_dates import read_moment, wire_time
from gateway.twin.mirakl_http import Ask, Door, RefusalError, csv_answer
from gateway.twin.mirakl_market import Event, Market
from gateway.twin.mirakl_offer_views import DEFAULT_LEAD_TIME, inactivity, present, ranges
from gateway.twin.mirakl_state import Export, Offer, Price
from gateway.twin.mirakl_tasks import begin, digest, duplicate, numbered

_CSV, _JSON = "text/csv", "application/json"
_FIELDS = frozenset(
    {
        *("channel_codes", "export_type", "include_fields", "include_inactive_offers", "items_per_chunk"),
        *("last_request_date", "megabytes_per_chunk", "ongoing_discount_campaign_identifiers", "rename_fields"),
        "shipping_zones",
    }
)
_MAX_ITEMS = 1_000_000
_MEGABYTES = (10, 1000)
_MEGABYTE = 1_000_000


class ExportDesk:
    """Writes exports of a shop's offers and hands them out."""

    def __init__(self, market: Market, door: Door) -> None:
        self._market = market
        self._settings = market.settings
        self._door = door
        market.add(self)

    def handlers(self) -> dict[apis.Api, Callable[[Ask], Response]]:
        """What answers which call."""
        return {apis.OF52: self._of52, apis.OF53: self._of53, apis.OF54: self._of54}

    def _of52(self, ask: Ask) -> Response:
        """The tracking id, that of an equal request where there is one (OF52; verified)."""
        market, request = self._market, dict(ask.document)
        full = request.get("last_request_date") is None
        self._door.limit(ask.shop_id, "OF52_FULL" if full else "OF52")
        self._check(request, full=full)
        mark = digest(orjson.dumps(request, option=orjson.OPT_SORT_KEYS))
        with market.lock:
            market.settle()
            item = duplicate(market, market.state.exports, ask.shop_id, mark)
            if item is None:
                plan = market.plan("OF52")
                last = "FAILED" if plan == "fail" else "COMPLETED"
                steps = [("PENDING", self._settings.export_seconds)]
                start = begin(market, "OF52", market.state.exports, ask.shop_id, steps, last)
                terms = numbered(market, ask.shop_id, start, mark, plan, b"")
                item = Export(**terms | {"import_id": str(uuid.uuid4())}, request=request)
                market.state.exports[item.import_id] = item
                market.save()
        return json_answer({"tracking_id": item.import_id})

    def _check(self, request: Mapping[str, Any], *, full: bool) -> None:
        unknown = sorted(set(request) - _FIELDS)
        if unknown and self._settings.refuse_unknown:
            raise RefusalError(400, f"Unknown field '{unknown[0]}'")
        if request.get("export_type", _CSV) not in {_CSV, _JSON}:
            raise RefusalError(400, f"Field 'export_type' does not take '{request['export_type']}'")
        if not full and "include_inactive_offers" in request:
            raise RefusalError(400, "Field 'include_inactive_offers' cannot be used with 'last_request_date'")
        if not full and read_moment(str(request["last_request_date"])) is None:
            raise RefusalError(400, "Field 'last_request_date' is not a date")
        bounds = {"items_per_chunk": (self._settings.export_minimum, _MAX_ITEMS), "megabytes_per_chunk": _MEGABYTES}
        for name, (least, most) in bounds.items():
            value = request.get(name, least)
            if type(value) is not int or not least <= value <= most:
                raise RefusalError(400, f"Field '{name}' must be between {least} and {most}")
        if request.get("rename_fields") and request.get("export_type", _CSV) != _CSV:
            raise RefusalError(400, "Field 'rename_fields' is for CSV only")

    # ------------------------------------------------------------ what happens

    def due(self, now: datetime) -> Iterator[Event]:
        """Ends of exports."""
        for item in self._market.state.exports.values():
            if not item.settled and item.ends_at is not None and item.ends_at <= now:
                yield item.ends_at, partial(self._end, item)

    def _end(self, item: Export, at: datetime) -> None:
        if item.plan == "fail":
            item.fail("Internal error", at)
            return
        shop, products = self._market.state.shops[item.shop_id], self._market.state.products
        since, rows = read_moment(str(item.request.get("last_request_date") or "")), []
        everything = since is not None or item.request.get("include_inactive_offers")
        as_csv = item.request.get("export_type", _CSV) == _CSV
        view = _csv_row if as_csv else _json_row
        for offer, deleted in [(one, False) for one in shop.offers.values()] + [(one, True) for one in shop.gone]:
            active = not deleted and not inactivity(offer, products[offer.product_sku], self._settings, at)
            recent = since is not None and offer.updated is not None and offer.updated >= since
            if recent or (since is None and not deleted and (active or everything)):
                facts = {"shop": item.shop_id, "currency": self._settings.currency, "active": active, "gone": deleted}
                rows.append(view(offer, facts, at))
        size = int(item.request.get("items_per_chunk", 100_000))
        parts = [rows[begins : begins + size] for begins in range(0, len(rows), size)] or [[]]
        write_out = partial(_csv_text if as_csv else _json_text, request=item.request)
        limit = int(item.request.get("megabytes_per_chunk", _MEGABYTES[1])) * _MEGABYTE
        item.chunks = [chunk for part in parts for chunk in _cut(part, write_out, limit)]
        item.settled = True

    # ------------------------------------------------------------ the seller API

    def _of53(self, ask: Ask) -> Response:
        item, now = self._find(ask), self._market.clock.now()
        status = item.status(now)
        view: dict[str, Any] = {"status": status, "last_updated": wire_time(item.changed(now))}
        if status == "FAILED":
            view["error"] = {"code": "1", "detail": item.reason}
        elif status == "COMPLETED":
            kind = "csv" if item.request.get("export_type", _CSV) == _CSV else "json"
            place = ask.address(apis.OF54.path.format(tracking_id=item.import_id))
            names = [f"of52-export/offers/{index}.{kind}" for index in range(len(item.chunks))]
            view["urls"] = [f"{place}?file={name}" for name in names]
        return json_answer(view)

    def _of54(self, ask: Ask) -> Response:
        """One chunk, with the same key as any other call (OF54; verified)."""
        item, name = self._find(ask), ask.query.get("file", "")
        kind = "csv" if item.request.get("export_type", _CSV) == _CSV else "json"
        for index, chunk in enumerate(item.chunks):
            if name == f"of52-export/offers/{index}.{kind}":
                return csv_answer(chunk, f"{index}.{kind}", _CSV if kind == "csv" else _JSON)
        raise RefusalError(404, f"Resource not available : file {name}")

    def _find(self, ask: Ask) -> Export:
        tracking_id = ask.request.path_params["tracking_id"]
        with self._market.lock:
            self._market.settle()
            item = self._market.state.exports.get(tracking_id)
        if item is None or item.shop_id != ask.shop_id:
            raise RefusalError(404, f"Resource not available : export {tracking_id}")
        return item


def _flag(value: object) -> str:
    return "true" if value else "false"


def _csv_row(offer: Offer, facts: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """One offer with the columns of a CSV export (OF54; names verified)."""
    price = offer.price or Price("")
    amount = present(price, now)
    row = {
        "offer-id": offer.offer_id, "product-sku": offer.product_sku, "price": amount, "total-price": amount,
        "quantity": offer.total, "state-code": offer.state, "shop-id": facts["shop"],
        "active": _flag(facts["active"]), "deleted": _flag(facts["gone"]), "channels": "US",
        "origin-price": price.price, "discount-price": price.discount_price,
        "discount-start-date": price.discount_start, "discount-end-date": price.discount_end,
        "discount-ranges": price.discount_ranges, "price-ranges": price.price_ranges,
        "currency-iso-code": facts["currency"], "shop-sku": offer.sku,
        "date-created": _date(offer.created), "last-updated": _date(offer.updated),
    }  # fmt: skip
    names = ("description", "logistic-class", "min-order-quantity", "max-order-quantity", "package-quantity")
    row |= {name: offer.fields.get(name, "") for name in names}
    row["leadtime-to-ship"] = offer.fields.get("leadtime-to-ship", str(DEFAULT_LEAD_TIME))
    for one in offer.prices:
        if len(one.channels) == 1:
            end = f"[channel={one.channels[0]}]"
            row |= {f"price{end}": present(one, now), f"origin-price{end}": one.price}
            row |= {f"discount-price{end}": one.discount_price, f"discount-start-date{end}": one.discount_start}
            row[f"discount-end-date{end}"] = one.discount_end
    return row


def _json_row(offer: Offer, facts: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """One offer of a JSON export (OF54; names verified)."""
    del now
    row = {
        "offer_id": offer.offer_id, "product_sku": offer.product_sku, "shop_sku": offer.sku,
        "shop_id": facts["shop"], "quantity": offer.total, "state_code": offer.state, "active": facts["active"],
        "deleted": facts["gone"], "channels": ["US"], "currency_iso_code": facts["currency"],
        "date_created": _date(offer.created), "last_updated": _date(offer.updated),
        "prices": [_json_price(price) for price in offer.prices if price.kind == "PRICE"],
    }  # fmt: skip
    if offer.warehouses:
        row["warehouses"] = [{"code": code, "quantity": stock} for code, stock in sorted(offer.warehouses.items())]
    return row


def _json_price(price: Price) -> dict[str, Any]:
    steps = {1: price.price} | ranges(price.price_ranges)
    view: dict[str, Any] = {
        "origin_price": number(price.price),
        "volume_prices": [{"quantity_threshold": step, "unit_origin_price": number(steps[step])} for step in steps],
    }
    texts = {"discount_start_date": price.discount_start, "discount_end_date": price.discount_end}
    view |= {name: text for name, text in texts.items() if text}
    if price.discount_price:
        view["discount_price"] = number(price.discount_price)
    if not price.default:
        context = {"channel_codes": list(price.channels), "start_date": price.start, "end_date": price.end}
        context |= {"customer_organization_ids": list(price.organizations), "customer_group_ids": list(price.groups)}
        view["context"] = {name: value for name, value in context.items() if value}
    return view


def _date(moment: datetime | None) -> str:
    return "" if moment is None else wire_time(moment)


def _cut(rows: list[dict[str, Any]], write_out: Callable[[list[dict[str, Any]]], str], limit: int) -> Iterator[str]:
    """Write rows in as many files as it takes for none to be larger than `limit` bytes."""
    text = write_out(rows)
    if len(text.encode()) <= limit or len(rows) < 2:
        yield text
    else:
        middle = len(rows) // 2
        yield from _cut(rows[:middle], write_out, limit)
        yield from _cut(rows[middle:], write_out, limit)


def _csv_text(rows: list[dict[str, Any]], request: Mapping[str, Any]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["offer-id"]
    wanted = request.get("include_fields")
    columns = columns if not wanted else [name for name in columns if name in wanted]
    names = request.get("rename_fields") or {}
    return write([[names.get(name, name) for name in columns], *([row.get(n, "") for n in columns] for row in rows)])


def _json_text(rows: list[dict[str, Any]], request: Mapping[str, Any]) -> str:
    wanted = request.get("include_fields")
    shown = [row if not wanted else {name: row[name] for name in row if name in wanted} for row in rows]
    return orjson.dumps(shown).decode()
