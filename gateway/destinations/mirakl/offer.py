"""Catalog rows to offer imports; pure.

Source: Mirakl seller API documentation, OF01: upsert by `sku` in mode NORMAL, columns that are absent are left as they
are (verified), a present but empty cell probably clears (inferred). So existing offers are sent without price and
quantity, which the price and stock families write, and rows with different cells missing go in different files.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl

from gateway.contracts import barcodes, profiles
from gateway.contracts.rules import given, issues_of
from gateway.destinations.mirakl import sheet
from gateway.destinations.mirakl.offers_read import Known
from gateway.destinations.mirakl.platform import Platform
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.model import KEY, ROW, Batch, Operation, PriceTerms, Reference, Repeat, no_issues
from gateway.wording import filled

OPERATION = "offer"
_FIXED = ("sku", "product-id", "product-id-type")
_OWN = ("sku", "barcode", "barcode_type", "available")
_OF_NEW = ("price", "currency", "quantity")
"""What a new offer begins with; later the families of price and stock write it."""


def operation(settings: MiraklSettings, prices: PriceTerms) -> Operation:
    """Describe the offer operation under the settings."""
    return Operation(
        name=OPERATION,
        contract="catalog",
        family="offer",
        fields=tuple(dict.fromkeys([*_OWN, *settings.offer_columns])),
        context=_OF_NEW,
        batch_size=settings.offer_batch_size,
        requires=(profiles.whole("minimum_to_sell"), profiles.whole("quantity")),
        confirms="applied",
        repeat=Repeat.IF_NEWEST,
        searchable=True,
        deadline=settings.offer_deadline,
        slot_until="ticket",
        interval=settings.offer_interval,
        ends=True,
        after=("product",),
        prices=prices,
        gathers=True,
    )


def check(records: pl.DataFrame, reference: Reference, today: date, settings: MiraklSettings) -> pl.DataFrame:
    """Say what new offers lack; before the shop was asked nothing is known to be new."""
    del today
    known: Known | None = reference.facts.get("offers")
    if known is None or not records.height:
        return no_issues()
    rows = _filled(records, ("command", "price", "quantity", "condition", "currency"))
    rows = rows.join(known.offers.select("sku", pl.col("currency").alias("theirs")), on="sku", how="left")
    is_new = ~pl.col("sku").is_in(known.offers["sku"].implode()) & (pl.col("command") != "end").fill_null(value=True)
    lacks = [("price", "a new offer needs one")]
    if settings.new_offer_quantity is None:
        lacks.append(("quantity", "a new offer needs one"))
    if settings.condition is None and "condition" in settings.offer_columns:
        lacks.append(("condition", "a new offer needs its code"))
    found = [
        issues_of(rows.filter(is_new & ~given(field)), "DEST_REQUIRED", field, value=pl.lit(""), detail=pl.lit(detail))
        for field, detail in lacks
    ]
    found.append(other_currency(rows))
    usable = _usable(reference, settings)
    for field, column in settings.offer_columns.items():
        if column not in usable and field in records.columns:
            detail = f"the marketplace has not activated {column}"
            told = rows.filter(given(field))
            found.append(issues_of(told, "DEST_NOT_SENT", field, value=pl.col(field), detail=pl.lit(detail)))
    return pl.concat(found).sort(ROW)


def other_currency(rows: pl.DataFrame) -> pl.DataFrame:
    """Return issues of rows whose `currency` is not `theirs`, the one the shop's offer has."""
    other = rows.filter(given("currency") & (pl.col("currency") != pl.col("theirs")).fill_null(value=False))
    detail = filled("the shop's offer is in {}", "theirs")
    return issues_of(other, "DEST_LIMIT", "currency", value=pl.col("currency"), detail=detail)


def encode(records: pl.DataFrame, reference: Reference, slot: str, settings: MiraklSettings) -> Iterator[Batch]:
    """Yield imports of new offers, of offers there are, and of offers to end."""
    if not records.height:
        return
    rows = _filled(records, ("command", *_OWN, *_OF_NEW, *settings.offer_columns))
    known: Known | None = reference.facts.get("offers")
    here = pl.lit(value=False) if known is None else pl.col("sku").is_in(known.offers["sku"].implode())
    ends = (pl.col("command") == "end").fill_null(value=False)
    # What nobody asked about may be there: it is ended by a call, and only what is known to be absent is not.
    asked = reference.facts.get("asked")
    absent = ~here & (pl.lit(known is not None) if asked is None else pl.col("sku").is_in(asked.implode()))
    lines = rows.select(
        "effect", KEY, here.alias("here"), absent.alias("absent"), ends.alias("ends"), *_cells(settings)
    )
    size = settings.offer_batch_size
    memo = sheet.key_memo(records)
    fresh = lines.filter(~pl.col("here") & ~pl.col("ends"))
    usable = _usable(reference, settings)
    columns = [*_FIXED, "price", "quantity", *usable, "update-delete"]
    yield from _files(fresh, columns, slot, size, memo)
    present = lines.filter(pl.col("here") & ~pl.col("ends"))
    for columns, part in _patterns(present, usable):
        yield from _files(part, [*_FIXED, *columns, "update-delete"], slot, size, memo)
    gone = lines.filter(pl.col("ends") & ~pl.col("absent"))
    gone = gone.with_columns(quantity=pl.lit("0"), **{"update-delete": pl.lit(_word(settings))})
    columns = ["sku", "quantity", "update-delete"] if settings.end_offers == "zero" else ["sku", "update-delete"]
    yield from _files(gone, columns, slot, size, memo)
    yield from sheet.unsent(OPERATION, slot, lines.filter(pl.col("ends") & pl.col("absent")), "absent", size)


def _usable(reference: Reference, settings: MiraklSettings) -> list[str]:
    """Return the columns of the settings without those the platform says are not activated: it refuses their lines."""
    platform: Platform = reference.facts.get("platform") or Platform()
    return [name for name in dict.fromkeys(settings.offer_columns.values()) if name not in platform.unusable]


def _word(settings: MiraklSettings) -> str:
    return "update" if settings.end_offers == "zero" else "delete"


def _filled(records: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    missing = dict.fromkeys(name for name in names if name not in records.columns)
    return records.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)


def _cells(settings: MiraklSettings) -> list[pl.Expr]:
    kinds = settings.product_id_types
    kind = barcodes.inferred_type()
    by_barcode = pl.lit(settings.offer_reference == "barcode") & kind.is_in(list(kinds)).fill_null(value=False)
    named = kind.replace_strict(list(kinds), list(kinds.values()), default=None)
    no_stock = (pl.col("available") == "false").fill_null(value=False)
    fresh = pl.when(no_stock).then(pl.lit("0")).when(given("quantity")).then("quantity")
    begins = None if settings.new_offer_quantity is None else str(settings.new_offer_quantity)
    cells = [
        pl.col("sku"),
        pl.when(by_barcode).then(barcodes.restored()).otherwise("sku").alias("product-id"),
        pl.when(by_barcode).then(named).otherwise(pl.lit("SHOP_SKU")).alias("product-id-type"),
        pl.col("price"),
        fresh.otherwise(pl.lit(begins, pl.String)).alias("quantity"),
        pl.lit("update").alias("update-delete"),
    ]
    for field, column in settings.offer_columns.items():
        default = pl.lit(settings.condition, pl.String) if field == "condition" else pl.lit(None, pl.String)
        cells.append(pl.coalesce(field, default).alias(column))
    return cells


def _patterns(lines: pl.DataFrame, optional: list[str]) -> Iterator[tuple[list[str], pl.DataFrame]]:
    """Yield rows that miss the same cells, with the columns they have: what is missing must not be cleared."""
    if not lines.height:
        return
    marked = lines.with_columns(
        pl.concat_str([pl.col(name).is_null().cast(pl.UInt8).cast(pl.String) for name in optional] or [pl.lit("")])
        .alias("pattern")
    )  # fmt: skip
    for part in marked.partition_by("pattern", maintain_order=True):
        pattern = part["pattern"][0]
        yield [name for name, missing in zip(optional, pattern, strict=True) if missing == "0"], part.drop("pattern")


def _files(
    lines: pl.DataFrame, columns: list[str], slot: str, size: int | None, memo: dict[str, str]
) -> Iterator[Batch]:
    for part in sheet.slices(lines, size):
        if part.height:
            yield Batch(OPERATION, slot, sheet.write(part, columns), sheet.placed(part), memo)
