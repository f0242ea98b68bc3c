"""Offers as the list (OF21) and the export (OF54) give them, as frames; pure.

Source: Mirakl seller API documentation, OF21 `all_prices` and OF54 `prices` (verified): the default price has no
context; `discount_price` is left out where volume prices have discounts. Every price becomes one line of PRI01.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from gateway.destinations.mirakl.calls import Json
from gateway.transport import received

PRICE_COLUMNS = (
    "price",
    "price-ranges",
    "discount-price",
    "discount-ranges",
    "discount-start-date",
    "discount-end-date",
    "channels",
    "start-date",
    "end-date",
    "customer-organization-ids",
    "customer-group-ids",
    "price-type",
)
OFFER_SCHEMA: dict[str, type[pl.DataType]] = {
    "sku": pl.String, "currency": pl.String, "deleted": pl.Boolean, "quantity": pl.String,
}  # fmt: skip
PRICE_SCHEMA: dict[str, type[pl.DataType]] = {
    "sku": pl.String,
    "default": pl.Boolean,
    "place": pl.UInt16,
    **dict.fromkeys(PRICE_COLUMNS, pl.String),
}
"""One row per price of an offer: whether it is the default one, its place among them, and PRI01's columns as text."""


@dataclass(frozen=True, slots=True)
class Known:
    """Offers (OFFER_SCHEMA, one row per code) and all their prices (PRICE_SCHEMA)."""

    offers: pl.DataFrame
    prices: pl.DataFrame

    def only(self, skus: pl.Series) -> Known:
        """Return what is known of some codes."""
        wanted = skus.unique().implode()
        return Known(*(frame.filter(pl.col("sku").is_in(wanted)) for frame in (self.offers, self.prices)))

    def under(self, newer: Known) -> Known:
        """Return this with what a newer reading says instead; offers deleted there are gone."""
        here = newer.offers.select("sku")
        offers = pl.concat([self.offers.join(here, on="sku", how="anti"), newer.offers])
        prices = pl.concat([self.prices.join(here, on="sku", how="anti"), newer.prices])
        gone = offers.filter("deleted").select("sku")
        return Known(offers.filter(~pl.col("deleted")), prices.join(gone, on="sku", how="anti"))


def nothing() -> Known:
    """Return what is known before anything was read."""
    return Known(pl.DataFrame(schema=OFFER_SCHEMA), pl.DataFrame(schema=PRICE_SCHEMA))


def joined(parts: Sequence[Known]) -> Known:
    """Put parts of one reading together; of an offer that was read twice the later reading counts."""
    known = nothing()
    return known if not parts else _last(
        pl.concat([part.offers.with_columns(part=pl.lit(n)) for n, part in enumerate(parts)]),
        pl.concat([part.prices.with_columns(part=pl.lit(n)) for n, part in enumerate(parts)]),
    )  # fmt: skip


def _last(offers: pl.DataFrame, prices: pl.DataFrame) -> Known:
    newest = offers.group_by("sku").agg(pl.col("part").max())
    kept = (frame.join(newest, on=["sku", "part"], how="semi").drop("part") for frame in (offers, prices))
    return Known(*kept)


def parsed(body: bytes) -> Any:
    """Load JSON with every number as its own text: amounts never pass through binary fractions.

    Raises ValueError when it is no JSON.
    """
    return received.loaded(body, parse_float=str, parse_int=str)


def from_list(entries: Iterable[Json]) -> Known:
    """Read offers of OF21."""
    return _known((offer, list(_listed(offer))) for offer in entries)


def from_export(document: Any) -> Known:
    """Read a chunk of OF54: a list, or an object that holds one as `offers`."""
    entries = document.get("offers", []) if isinstance(document, Mapping) else document
    offers = (entry for entry in entries if isinstance(entry, Mapping)) if isinstance(entries, list) else iter(())
    return _known((offer, list(_exported(offer))) for offer in offers)


def _known(offers: Iterable[tuple[Json, list[dict[str, str | None]]]]) -> Known:
    heads: list[tuple[str, str | None, bool, str | None]] = []
    lines: list[dict[str, Any]] = []
    for offer, prices in offers:
        sku = offer.get("shop_sku")
        if not isinstance(sku, str) or sku == "":
            continue
        told = _text(offer.get("currency_iso_code")), offer.get("deleted") is True, _text(offer.get("quantity"))
        heads.append((sku, *told))
        for place, price in enumerate(prices):
            price_type = price["price-type"]
            context = PRICE_COLUMNS[PRICE_COLUMNS.index("channels") : PRICE_COLUMNS.index("price-type")]
            default = price_type is None and all(price[name] is None for name in context)
            lines.append({"sku": sku, "default": default, "place": place, **price})
    offers_frame = pl.DataFrame(heads, schema=OFFER_SCHEMA, orient="row").unique("sku", keep="last")
    return Known(offers_frame, pl.DataFrame(lines, schema=PRICE_SCHEMA))


def _listed(offer: Json) -> Iterator[dict[str, str | None]]:
    for price in _entries(offer, "all_prices"):
        context = _context(price.get("context"))
        channel = _text(price.get("channel_code"))
        if channel is not None and context["channels"] is None:
            context["channels"] = channel
        yield _line(price, "unit_origin_price", "unit_discount_price", context)
    yield from _retail(offer, "unit_origin_price", "unit_discount_price")


def _exported(offer: Json) -> Iterator[dict[str, str | None]]:
    for price in _entries(offer, "prices"):
        yield _line(price, "origin_price", "discount_price", _context(price.get("context")))
    yield from _retail(offer, "origin_price", "discount_price")


def _retail(offer: Json, origin: str, discount: str) -> Iterator[dict[str, str | None]]:
    for price in _entries(offer, "retail_prices"):
        yield _line(price, origin, discount, {**_context(None), "price-type": "RETAIL-PRICE"})


def _line(price: Json, origin: str, discount: str, context: dict[str, str | None]) -> dict[str, str | None]:
    volumes = [
        (_text(v.get("quantity_threshold")), _text(v.get("unit_origin_price")), _text(v.get("unit_discount_price")))
        for v in _entries(price, "volume_prices")
    ]
    volumes.sort(key=lambda one: int(one[0] or "1"))
    single = next((one for one in volumes if one[0] == "1"), (None, None, None))
    several = len(volumes) > 1
    return {
        "price": _text(price.get(origin)) or single[1],
        "price-ranges": _ranges((n, p) for n, p, _ in volumes) if several else None,
        "discount-price": _text(price.get(discount)) or single[2],
        "discount-ranges": _ranges((n, d) for n, _, d in volumes) if several else None,
        "discount-start-date": _text(price.get("discount_start_date")),
        "discount-end-date": _text(price.get("discount_end_date")),
        **context,
    }


def _ranges(pairs: Iterable[tuple[str | None, str | None]]) -> str | None:
    told = [f"{threshold}|{amount}" for threshold, amount in pairs if threshold is not None and amount is not None]
    return ",".join(told) or None


def _context(found: object) -> dict[str, str | None]:
    given = found if isinstance(found, Mapping) else {}
    return {
        "channels": _codes(given.get("channel_codes")),
        "start-date": _text(given.get("start_date")),
        "end-date": _text(given.get("end_date")),
        "customer-organization-ids": _codes(given.get("customer_organization_ids")),
        "customer-group-ids": _codes(given.get("customer_group_ids")),
        "price-type": None,
    }


def _codes(found: object) -> str | None:
    codes = [code for one in found if (code := _text(one)) is not None] if isinstance(found, list) else []
    return "|".join(codes) or None


def _entries(entry: Json, name: str) -> list[Json]:
    found = entry.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value != "" else None
