"""Prices and discounts to price imports; pure.

Source: Mirakl seller API documentation, PRI01: delete and replace; every price of an offer that is not in the file is
deleted, offers not in the file are left alone; one line per price, lines of one offer together (verified). So the
present prices are read first and sent along: those of other channels, times and customers, the discount with a new
price, the price with a new discount.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from gateway.contracts.profiles import above_zero, discount_not_sent
from gateway.contracts.rules import given
from gateway.destinations.mirakl import discount, sheet
from gateway.destinations.mirakl.offers_read import PRICE_COLUMNS, Known, nothing
from gateway.destinations.mirakl.platform import Platform
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.destinations.mirakl.stock import bounds
from gateway.model import KEY, Batch, Operation, PriceTerms, Reference, Repeat, Requirement
from gateway.wording import filled

OPERATION = "price"
KEPT = "kept"
"""Memo of a batch: line, key and words of each offer whose discount stays as it was beside a new price (JSON list)."""
_ALWAYS = ("offer-sku", "price", "discount-price", "discount-start-date", "discount-end-date")
_DISCOUNT = ("discount-price", "discount-ranges", "discount-start-date", "discount-end-date")
_PRICE_FIELDS = ("price", "discount_price", "discount_from", "discount_to")


def terms(settings: MiraklSettings) -> PriceTerms | None:
    """Return the form prices are taken in; None where the settings do not say the basis."""
    if settings.price_basis is None:
        return None
    return PriceTerms(settings.price_basis, settings.price_decimals, settings.currency, settings.tax_rate)


def operation(settings: MiraklSettings, prices: PriceTerms) -> Operation:
    """Describe the price operation of price files under the settings."""
    ends = Requirement("DEST_COMMAND", "command", ("command",), pl.col("command") == "end")
    both = PriceTerms(prices.basis, prices.decimals, prices.currency, prices.tax_rate, ("price", "discount_price"))
    requires = (ends, *_taken(settings, "price", "discount_price"))
    return _operation(settings, "price", ("sku", *_PRICE_FIELDS, "currency"), both, requires=requires)


def of_catalog(settings: MiraklSettings, prices: PriceTerms) -> Operation:
    """Describe the price operation of catalog rows that give a price."""
    placed = "discount" in {*settings.product_columns, *settings.offer_columns}
    requires = (*_taken(settings, "price"), *(() if placed else (discount_not_sent(),)))
    return _operation(settings, "catalog", ("sku", "price", "currency"), prices, requires=requires, when=("price",))


def _taken(settings: MiraklSettings, *fields: str) -> tuple[Requirement, ...]:
    """Say which amounts are none to the marketplace: that it refuses 0 is inferred, so it is a setting."""
    return tuple(above_zero(field) for field in fields) if settings.price_above_zero else ()


def _operation(
    settings: MiraklSettings,
    contract: str,
    fields: tuple[str, ...],
    prices: PriceTerms,
    *,
    requires: tuple[Requirement, ...] = (),
    when: tuple[str, ...] = (),
    after: tuple[str, ...] = ("offer",),
) -> Operation:
    return Operation(
        name=OPERATION,
        contract=contract,
        family="price",
        fields=fields,
        batch_size=settings.price_batch_size,
        requires=requires,
        confirms="applied",
        repeat=Repeat.IF_NEWEST,
        searchable=True,
        deadline=settings.price_deadline,
        settle_first=True,
        slot_until="ticket",
        interval=settings.price_interval,
        # An offer without a price can't be: a price does not end, only its discount does.
        ends=False,
        key=("sku",),
        when=when,
        after=after,
        measure="price",
        prices=prices,
        gathers=True,
    )


def present(reference: Reference) -> Known:
    """Return what was read of the offers; nothing where nobody asked."""
    known: Known | None = reference.facts.get("offers")
    return nothing() if known is None else known


def wished(operation: str, records: pl.DataFrame, reference: Reference, settings: MiraklSettings) -> pl.DataFrame:
    """Lay the rows over what there is: the default line each offer is to have.

    Returns the records' own `effect`, `@row`, `@line` and `@key` where they have them, `sku`, `exists`, `theirs`
    (currency), `currency`, `base` (the present price), `act`, the fields asked for as `d_price`, `d_from`, `d_to`,
    PRI01's columns, and those of the present line as `old ...`.
    """
    known = present(reference)
    names = ("command", "sku", "currency", *_PRICE_FIELDS, *discount.FIELDS)
    missing = [name for name in dict.fromkeys(names) if name not in records.columns]
    rows = records.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
    here = known.offers.select("sku", pl.lit(value=True).alias("exists"), pl.col("currency").alias("theirs"))
    theirs = {name: f"old {name}" for name in PRICE_COLUMNS}
    default = known.prices.filter("default").unique("sku", keep="first").select("sku", *PRICE_COLUMNS).rename(theirs)
    rows = rows.join(here, on="sku", how="left", maintain_order="left")
    rows = rows.join(default, on="sku", how="left", maintain_order="left")
    if operation == discount.OPERATION:
        rows = rows.with_columns(
            pl.col("old price").alias("base"), *discount.wanted(pl.col("old price"), settings.price_decimals)
        )
        rows = discount.against(rows, reference, settings.price_dates_within)
    else:
        rows = rows.with_columns(pl.coalesce("price", "old price").alias("base"), *_asked())
    kept = (pl.col("act") == "keep") & ~_over("old discount-end-date", reference)
    ranges = pl.col("old price-ranges").str.replace(r"^1\|[^,]*", pl.concat_str(pl.lit("1|"), "base"))
    return rows.with_columns(
        pl.col("base").alias("price"),
        ranges.alias("price-ranges"),
        *(
            _discounted(name, new, kept)
            for name, new in zip(_DISCOUNT, ("d_price", None, "d_from", "d_to"), strict=True)
        ),
        *(pl.col(f"old {name}").alias(name) for name in PRICE_COLUMNS[PRICE_COLUMNS.index("channels") :]),
    )


def _asked() -> list[pl.Expr]:
    """Return what a price row says of the discount: one it gives is set, an empty one ends it, none keeps it."""
    empty = (pl.col("discount_price") == "").fill_null(value=False)
    act = pl.when(given("discount_price")).then(pl.lit("set")).when(empty).then(pl.lit("clear"))
    fields = {"d_price": "discount_price", "d_from": "discount_from", "d_to": "discount_to"}
    return [act.otherwise(pl.lit("keep")).alias("act"), *(pl.col(old).alias(new) for new, old in fields.items())]


def _discounted(column: str, new: str | None, kept: pl.Expr) -> pl.Expr:
    fresh = pl.lit(None, pl.String) if new is None else pl.when(given(new)).then(new)
    return pl.when(pl.col("act") == "set").then(fresh).when(kept).then(f"old {column}").alias(column)


def encode(
    operation: str, records: pl.DataFrame, reference: Reference, slot: str, settings: MiraklSettings
) -> Iterator[Batch]:
    """Yield price imports: of each offer its default line first, then all its other prices as they are.

    Effects whose offer was not read are in batches that cause no call: sending them would delete prices.
    """
    if not records.height:
        return
    known = present(reference)
    size = settings.price_batch_size
    ends = pl.lit(value=False)
    if operation == OPERATION and "command" in records.columns:
        ends = (pl.col("command") == "end").fill_null(value=False)
    memo = sheet.key_memo(records)
    rows = wished(operation, records.filter(~ends), reference, settings)
    aside = rows.filter(pl.col("act").is_in(discount.IDLE))
    rows = rows.filter(~pl.col("act").is_in(discount.IDLE))
    able = rows.filter(pl.col("exists").fill_null(value=False) & given("price")).with_row_index("offer")
    stays = _staying(able)
    lines = _tidy(_all_lines(able, known), reference, settings)
    for start, end in bounds(lines, size) if lines.height else ():
        part = lines.slice(start, end - start)
        columns = _columns(part)
        own = part.with_columns(pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias("line")).filter("own")
        yield Batch(
            operation,
            slot,
            sheet.write(part, columns),
            own.select("effect", "line"),
            {
                **memo,
                "lines": str(part.height),
                **_told(own.join(stays, on="effect", how="inner", maintain_order="left")),
            },
        )
    unread = rows.filter(~(pl.col("exists").fill_null(value=False) & given("price")))
    if "offers" in reference.facts:
        yield from sheet.unsent(operation, slot, unread.select("effect", KEY), "unknown", size)
    else:
        yield from _shown(operation, unread, slot, size)
    yield from sheet.unsent(operation, slot, records.filter(ends).select("effect", KEY), "nothing", size)
    for act, why, said in (("nothing", "gone", None), ("before", "other", None), ("over", "over", "ends_at")):
        yield from sheet.unsent(operation, slot, aside.filter(pl.col("act") == act), why, size, said=said)


def _staying(rows: pl.DataFrame) -> pl.DataFrame:
    """Return `effect`, `@key` and `said` of offers that get another price, and keep the discount they have."""
    here = rows.filter((pl.col("act") == "keep") & (given("discount-price") | given("discount-ranges")))
    old, new = (pl.col(name).cast(pl.Decimal(38, 10), strict=False) for name in ("old price", "price"))
    discounted = pl.coalesce("discount-price", "discount-ranges")
    ends = pl.col("discount-end-date").fill_null("further notice")
    said = filled("{} until {}, while the price went from {} to {}", discounted, ends, "old price", "price")
    return here.filter((old != new).fill_null(value=False)).select("effect", KEY, said=said)


def _told(staying: pl.DataFrame) -> dict[str, str]:
    return {KEPT: json.dumps(staying.select("line", KEY, "said").rows())} if staying.height else {}


def _shown(operation: str, rows: pl.DataFrame, slot: str, size: int | None) -> Iterator[Batch]:
    """Yield what a plan can show of the lines without the shop's prices; these files are never sent."""
    for part in sheet.slices(rows.rename({"sku": "offer-sku"}), size):
        if part.height:
            body = sheet.write(part, _columns(part))
            yield Batch(operation, slot, body, sheet.placed(part), {sheet.UNSENT: "unknown"})


def _all_lines(able: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Put the default lines and the other prices of the same offers together, offer by offer."""
    first = able.select(
        "offer", "effect", pl.lit(value=True).alias("own"), pl.lit(0, pl.UInt16).alias("place"),
        pl.col("sku").alias("offer-sku"), *PRICE_COLUMNS,
    )  # fmt: skip
    others = known.prices.filter(~pl.col("default")).join(able.select("offer", "effect", "sku"), on="sku", how="inner")
    others = others.select(
        "offer", "effect", pl.lit(value=False).alias("own"), pl.col("place") + 1,
        pl.col("sku").alias("offer-sku"), *PRICE_COLUMNS,
    )  # fmt: skip
    return pl.concat([first, others], how="vertical_relaxed").sort(
        "offer", "own", "place", descending=[False, True, False]
    )


def _columns(part: pl.DataFrame) -> list[str]:
    more = [name for name in PRICE_COLUMNS if name not in _ALWAYS and part[name].null_count() < part.height]
    return [*_ALWAYS, *more]


def _tidy(lines: pl.DataFrame, reference: Reference, settings: MiraklSettings) -> pl.DataFrame:
    """Leave out what is over, write dates as the marketplace takes them, say the kind of price where kinds differ."""
    lines = lines.filter(pl.col("own") | ~_over("end-date", reference))
    here = pl.col("own") | ~_over("discount-end-date", reference)
    lines = lines.with_columns(pl.when(here).then(name).alias(name) for name in _DISCOUNT)
    dates = ("discount-start-date", "discount-end-date", "start-date", "end-date")
    if settings.price_dates == "day":
        lines = lines.with_columns(_day(name, _zone(reference), ends=name.endswith("end-date")) for name in dates)
    retail = lines["price-type"].null_count() < lines.height
    return lines.with_columns(pl.col("price-type").fill_null("PRICE")) if retail else lines


def _over(name: str, reference: Reference) -> pl.Expr:
    """Whether a time was past when the prices were read; false where either is not known."""
    if reference.taken_at is None:
        return pl.lit(value=False)
    return (discount.moment(name) < pl.lit(reference.taken_at)).fill_null(value=False)


def _day(name: str, zone: str, *, ends: bool) -> pl.Expr:
    """Return the day in the platform's zone; an end at midnight is the day before."""
    at = discount.moment(name) - pl.duration(seconds=1) if ends else discount.moment(name)
    return at.dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d").alias(name)


def _zone(reference: Reference) -> str:
    found: Platform | None = reference.facts.get("platform")
    name = "UTC" if found is None or found.timezone is None else found.timezone
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        return "UTC"
