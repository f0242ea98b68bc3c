"""Stock records to the CSV of a Mirakl stock import; pure.

Source: Mirakl seller API documentation, STO01: columns `offer-sku;quantity;warehouse-code;update-delete`, one line per
offer and warehouse, lines of one offer adjacent, no warehouse = the offer's whole quantity (verified). Quoting every
cell, LF line ends and no byte order mark are what other imports of the platform take (inferred).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.rules import given
from gateway.destinations.mirakl import sheet
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.model import KEY, KEY_SEPARATOR, Batch, Operation, Repeat, Requirement

OPERATION = "stock"
COLUMNS = ("offer-sku", "quantity", "warehouse-code", "update-delete")
MAX_QUANTITY = 2_147_483_647
"""Quantities are int32 (offer listing; that imports refuse more is inferred). The contract stays below it."""
_KEY_SHAPES = (("sku",), ("sku", "warehouse"))


def operation(settings: MiraklSettings) -> Operation:
    """Describe the stock operation of stock files under the settings."""
    return Operation(
        name=OPERATION,
        contract="stock",
        family="stock",
        fields=("sku", "quantity", "warehouse"),
        batch_size=settings.batch_size,
        requires=_requires(settings),
        drifts=True,
        confirms="applied",
        # A level is absolute: repeating it is harmless unless a newer one was sent since.
        repeat=Repeat.IF_NEWEST,
        searchable=False,
        deadline=settings.deadline,
        slot_until="ticket",
        interval=settings.import_interval,
        ends=True,
        after=("offer",),
    )


def of_catalog(settings: MiraklSettings) -> Operation:
    """Describe the stock operation of catalog rows that give a quantity; what is not available has none."""
    return replace(
        operation(settings),
        contract="catalog",
        fields=("sku", "quantity", "available"),
        requires=(profiles.whole("quantity"),),
        key=("sku", "warehouse"),
        when=("quantity",),
        measure="quantity",
    )


def _requires(settings: MiraklSettings) -> tuple[Requirement, ...]:
    rules = [profiles.whole("quantity")]
    if settings.warehouses is not None:
        strange = given("warehouse") & ~pl.col("warehouse").is_in(list(settings.warehouses))
        rules.append(Requirement("NOT_LISTED", "warehouse", ("warehouse",), strange, ", ".join(settings.warehouses)))
    return tuple(rules)


def encode(records: pl.DataFrame, slot: str, settings: MiraklSettings) -> Iterator[Batch]:
    """Yield imports of at most `batch_size` lines. Lines of one offer stay together unless they exceed a batch."""
    if "available" in records.columns and "command" in records.columns:
        # The offer operation of the same row ends what it offers, and the level with it.
        ends = (pl.col("command") == "end").fill_null(value=False)
        yield from sheet.unsent(OPERATION, slot, records.filter(ends), "along", settings.batch_size)
        records = records.filter(~ends)
    if not records.height:
        return
    lines = records.select("effect", KEY, *_cells(records, settings))
    if lines["warehouse-code"].null_count() < lines.height:
        lines = lines.sort("offer-sku", "warehouse-code", maintain_order=True, nulls_last=False)
    shape = _key_shape(lines)
    first = 2 if settings.report_counts_header else 1
    for start, end in bounds(lines, settings.batch_size):
        part = lines.slice(start, end - start)
        out = io.BytesIO()
        part.select(COLUMNS).write_csv(out, separator=";", quote_style="always", line_terminator="\n")
        effects = part.select("effect", pl.int_range(first, pl.len() + first, dtype=pl.Int64).alias("line"))
        yield Batch(OPERATION, slot, out.getvalue(), effects, {"key": shape} if shape else {})


def _cells(records: pl.DataFrame, settings: MiraklSettings) -> list[pl.Expr]:
    ends = (pl.col("command") == "end").fill_null(False) if "command" in records.columns else pl.lit(False)
    zero, word = ("0", "update") if settings.end_as == "zero" else ("", "delete")
    gone = (pl.col("available") == "false").fill_null(value=False) if "available" in records.columns else pl.lit(False)
    warehouse = pl.col("warehouse") if "warehouse" in records.columns else pl.lit(None, pl.String)
    level = pl.col("quantity") if "quantity" in records.columns else pl.lit(None, pl.String)
    return [
        pl.col("sku").alias("offer-sku"),
        pl.when(ends).then(pl.lit(zero)).when(gone).then(pl.lit("0")).otherwise(level).alias("quantity"),
        pl.when(warehouse != "").then(warehouse).alias("warehouse-code"),
        pl.when(ends).then(pl.lit(word)).otherwise(pl.lit("update")).alias("update-delete"),
    ]


def _key_shape(lines: pl.DataFrame) -> str:
    """Say of which columns the keys are made, so that a report's cells can be read as a key; "" when of others."""
    renamed = {"sku": pl.col("offer-sku"), "warehouse": pl.col("warehouse-code").fill_null("")}
    for shape in _KEY_SHAPES:
        made = pl.concat_str([renamed[name] for name in shape], separator=KEY_SEPARATOR)
        if lines.select((pl.col(KEY) == made).all()).item():
            return ",".join(shape)
    return ""


def bounds(lines: pl.DataFrame, size: int | None) -> Iterator[tuple[int, int]]:
    """Yield first and end of parts of at most `size` lines; lines of one offer (`offer-sku`) stay in one part.

    Only an offer with more lines than that is cut.
    """
    if size is None or lines.height <= size:
        yield 0, lines.height
        return
    offers = lines["offer-sku"]
    start = 0
    while start < lines.height:
        end = min(start + size, lines.height)
        if end < lines.height and offers[end] == offers[end - 1]:
            alike = int(offers.slice(start, end - start).reverse().eq_missing(offers[end]).arg_min() or 0)
            end = end - alike if 0 < alike < end - start else end
        yield start, end
        start = end
