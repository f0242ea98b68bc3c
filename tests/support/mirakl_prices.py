"""Prices and discounts of Mirakl offers as a shop shows them, and the files written from them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

from pydantic import SecretStr

from gateway.destinations.mirakl import (
    MiraklSettings,
    offers_read,
    price,
    price_check,
)
from gateway.destinations.mirakl.platform import Platform
from gateway.model import Reference

TODAY = date(2026, 11, 22)
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
TAIL = "\x1fdiscount"
BASE = {"origin_price": "20", "volume_prices": [{"quantity_threshold": "1", "unit_origin_price": "20"}]}
RUNNING = {**BASE, "discount_price": "15", "discount_end_date": "2026-12-01T00:00:00Z"}
CHANNEL = {"context": {"channel_codes": ["FR", "CA"]}, "origin_price": "25", "discount_price": "22"}


def settings(**more) -> MiraklSettings:
    return MiraklSettings(**{"host": "x.net", "api_key": SecretStr("k"), "price_basis": "gross", **more})


def reference(offers: dict[str, list[dict]], platform: Platform | None = None, currency: str = "EUR") -> Reference:
    known = offers_read.from_export(
        [{"shop_sku": sku, "currency_iso_code": currency, "prices": prices} for sku, prices in offers.items()]
    )
    return Reference(AT, {"offers": known, "platform": platform or Platform()})


def encode(operation, frame, known, **more):
    return list(price.encode(operation, frame, known, "a:price", settings(**more)))


def lines(batch) -> list[dict[str, str]]:
    found = csv.DictReader(io.StringIO(batch.body.decode()), delimiter=";")
    return [{name: cell for name, cell in line.items() if cell != ""} for line in found]


def issues(operation, frame, known, **more):
    found = price_check.check(operation, frame, known, TODAY, settings(**more))
    return found.select("@row", "code", "detail").rows()
