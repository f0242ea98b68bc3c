"""Stock, price and catalog rows to files: per vendor, or one for all vendors; pure.

Source: Partner API documentation, files: names `<prefix>_<vendor>.csv` or `<prefix>.csv`, a header in lower case,
columns left out are not touched, `vendors` with several ids is quoted (verified or inferred); limits of rows are
live-reported. A name is overwritten by the next file, so nothing in it says when it was written.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl

from gateway.destinations import _json
from gateway.destinations.partner_api import items
from gateway.destinations.partner_api.profile import Feed, Profile
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.model import EACH, LIST_SEPARATOR, Batch, Operation, Reference

TOO_MANY = "too_many"
"""Why rows are in no file: it is full, and the platform was not said to take files with numbers."""
RUNNING = "running"
"""Name of the promotion rows that run among the facts of a reference: one file for both must repeat them."""
_LINE_END = {"lf": "\n", "crlf": "\r\n"}
_TRUE = {"true/false": ("true", "false"), "1/0": ("1", "0")}
_PRICES = {
    "price+discounted_price": ("price", "discounted_price"),
    "original_price+discounted_price": ("original_price", "discounted_price"),
    "original_price+price": ("original_price", "price"),
}
_MEGABYTE = 1_000_000


def operations(settings: PartnerApiSettings, profile: Profile) -> tuple[Operation, ...]:
    """Describe the same updates as by calls, written to files; a row for many vendors is an effect for each of them."""
    rows = (most_rows(feed(settings), profile) - 1) * (len(settings.vendors) if settings.sftp_layout == "multi" else 1)
    read_back = settings.calls and profile.features.read_back != "none"
    silent = {items.STOCK} if profile.features.quantity_updates else set[str]()  # no catalog shows levels
    window = profile.confirm.window_s.catalog
    return tuple(
        replace(
            one,
            batch_size=rows,
            confirms="applied" if read_back and one.name not in silent else "accepted",
            deadline=3 * window + 3600.0,
            slot_until="ticket",
            interval=0.0,
            budget="",
            gathers=settings.sftp_layout == "single",
        )
        for one in items.operations(settings, profile)
    )


def feed(settings: PartnerApiSettings, *, promotions: bool = False) -> Feed:
    """Return which file rows go to."""
    if settings.sftp_layout == "single":
        return "assortment"
    return "promotions" if promotions else "catalog"


def most_rows(where: Feed, profile: Profile) -> int:
    """Return how many rows a file may have, the header counted."""
    most = profile.sftp.max_rows
    return {"catalog": most.catalog, "promotions": most.promotions, "assortment": most.single}[where]


def file_name(where: Feed, vendor: str, number: int, profile: Profile) -> str:
    """Return the name of a file; a wrong one is never picked up. `vendor` "": for many vendors."""
    prefix = str(getattr(profile.sftp.file_prefix, where)) + (str(number) if number else "")
    return f"{prefix}_{vendor}.csv" if vendor else f"{prefix}.csv"


def price_columns(profile: Profile, *, single: bool) -> tuple[str, str]:
    """Return the columns of the regular and of the promotion price."""
    return _PRICES[profile.sftp.price_variant] if single else ("price", "discounted_price")


def encode(
    operation: str,
    records: pl.DataFrame,
    reference: Reference,
    account: str,
    settings: PartnerApiSettings,
    profile: Profile,
) -> Iterator[Batch]:
    """Yield one file per vendor, or one for all. Lines count from 1, without the header."""
    rows = items.with_vendor(records, settings)
    # What is known of a product without a vendor is from before stores had effects of their own: theirs count now.
    idle = pl.col(EACH).is_null()
    if operation == items.PRICE and "command" in rows.columns:
        idle |= (pl.col("command") == "end").fill_null(value=False)
    if rows.filter(idle).height:
        yield Batch(operation, "", b"", items.placed(rows.filter(idle)), {items.UNSENT: "nothing"})
    rows = rows.filter(~idle)
    if not rows.height:
        return
    for vendor, part in _joint(rows, settings, profile) if settings.sftp_layout == "multi" else _by_vendor(rows):
        yield from _files(operation, vendor, part, reference, account, settings, profile)


def _by_vendor(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    for (name,), part in rows.partition_by(EACH, maintain_order=True, as_dict=True).items():
        yield str(name), part


def _joint(rows: pl.DataFrame, settings: PartnerApiSettings, profile: Profile) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield what goes into a file for many vendors, and then into those that follow it under its name.

    A row is for all vendors that are told the same of a product; what a file makes of two rows of one is not known.
    """
    content = [name for name in ("command", *items.FIELDS) if name in rows.columns]
    whole = items.together(rows, content, settings)
    nth = pl.lit(0, pl.UInt32) if profile.sftp.rows_per_vendor else pl.int_range(pl.len(), dtype=pl.UInt32).over("sku")
    for part in whole.with_columns(nth=nth).partition_by("nth", maintain_order=True, include_key=False):
        yield "", part


def _files(
    operation: str,
    vendor: str,
    rows: pl.DataFrame,
    reference: Reference,
    account: str,
    settings: PartnerApiSettings,
    profile: Profile,
) -> Iterator[Batch]:
    where = feed(settings)
    size = most_rows(where, profile) - 1
    buffer = items.sales_buffer(vendor, settings, profile)
    sheet = _sheet(vendor, rows, reference, buffer, settings, profile)
    numbered = profile.promo.split_strategy == "numbered_prefix" and vendor != ""
    for number, start in enumerate(range(0, rows.height, size)):
        part = rows.slice(start, size)
        if number and not numbered:
            yield Batch(operation, "", b"", items.placed(rows.slice(start)), {items.UNSENT: TOO_MANY})
            return
        name = file_name(where, settings.vendor_id(vendor) if vendor else "", number, profile)
        memo = {"file": name, "feed": where, "vendor": vendor, "buffer": str(buffer)}
        if settings.calls and part.height <= profile.confirm.max_rows:
            texts = _json.objects(part, items.members(part, profile, buffer)).to_list()
            memo |= {"items": items.pack(texts)}
            if not vendor:
                memo |= {"vendors": items.pack(part["names"].list.join(LIST_SEPARATOR).to_list())}
                memo |= {"skus": items.pack([json.dumps(sku) for sku in part["sku"]])}
        body = written(sheet.slice(start, size), profile)
        yield Batch(operation, f"{account}:file:{name}", body, items.placed(part), memo)


def _sheet(
    vendor: str,
    rows: pl.DataFrame,
    reference: Reference,
    buffer: int,
    settings: PartnerApiSettings,
    profile: Profile,
) -> pl.DataFrame:
    single = settings.sftp_layout == "single"
    true, false = _TRUE[profile.sftp.booleans]
    made = rows.select(value.alias(name) for name, value in items.members(rows, profile, buffer))
    most = profile.rest.fields.max_sales_quantity_name
    cells = made.select(
        identified(rows, profile),
        pl.col("price").alias(price_columns(profile, single=single)[0]),
        pl.col("active").replace({"true": true, "false": false}),
        "quantity",
        pl.col(most).alias("maximum_sales_quantity"),
    )
    if settings.sftp_layout == "multi":
        cell = vendors_cell(items.vendors_of(settings, pl.col("names")))
        cells = cells.with_columns(rows.select(cell.alias("vendors")).to_series())
    if not single:
        return columns_of(cells, profile.sftp.catalog_columns, always=())
    running = reference.facts.get(RUNNING)
    if running is not None:
        mine = running.filter(pl.col("@vendor") == vendor).drop("@vendor")
        code = profile.rest.fields.identifier
        own = [name for name in mine.columns if name == code or name not in cells.columns]
        cells = cells.join(mine.select(own), on=code, how="left", maintain_order="left")
    wanted = dict.fromkeys([*profile.sftp.single_columns, "quantity", "maximum_sales_quantity"])
    return columns_of(cells, tuple(wanted), always=profile.sftp.single_columns)


def identified(rows: pl.DataFrame, profile: Profile) -> pl.Series:
    """Return the codes of rows under the column the platform knows them by."""
    fields, code = profile.rest.fields, pl.col("sku")
    if fields.identifier == "barcode" and fields.barcode_pad_to != "none":
        code = code.str.zfill(int(fields.barcode_pad_to))
    return rows.select(code.alias(fields.identifier)).to_series()


def vendors_cell(found: pl.Expr) -> pl.Expr:
    """Return vendors (as items.vendors_of does) for a file for many: joined by commas, `all` for the whole chain."""
    return pl.when(found == "*").then(pl.lit("all")).otherwise(found.str.replace_all(LIST_SEPARATOR, ",", literal=True))


def columns_of(cells: pl.DataFrame, wanted: Sequence[str], *, always: Sequence[str]) -> pl.DataFrame:
    """Return the columns in their order: those that say something, and those a file always has."""
    told = [
        name for name in wanted if name in always or (name in cells.columns and cells[name].null_count() < cells.height)
    ]
    missing = [name for name in told if name not in cells.columns]
    return cells.with_columns(pl.lit(None, pl.String).alias(name) for name in missing).select(told)


def written(cells: pl.DataFrame, profile: Profile) -> bytes:
    """Return the file."""
    out = io.BytesIO()
    cells.write_csv(
        out,
        separator=profile.csv.delimiter,
        include_bom=profile.csv.bom,
        line_terminator=_LINE_END[profile.csv.newline],
        quote_style="necessary",
    )
    return out.getvalue()


def rows_in(body: bytes, profile: Profile) -> int:
    """Return how many rows a written file has, its header not counted."""
    text = io.StringIO(body.decode("utf-8-sig"), newline="")
    return sum(1 for _ in csv.reader(text, delimiter=profile.csv.delimiter)) - 1


def large(body: bytes, profile: Profile) -> bool:
    """Whether a file is larger than the platform is known to take."""
    return len(body) > profile.sftp.warn_mb * _MEGABYTE


def unsent(why: str) -> str:
    """Say why rows are in no file."""
    return _UNSENT[why]


_UNSENT: Mapping[str, str] = {
    "nothing": "there is nothing to end by this file",
    "forgotten": "no promotion of this article, id and dates is known to be running",
    TOO_MANY: "the file is full; have the platform take numbered files (promo.split_strategy), or send fewer rows",
}
