"""Catalog rows to product imports; pure.

Source: Mirakl seller API documentation, P41: a CSV whose header are the operator's attribute codes; category and
listed values by code (verified). Codes differ per operator, so every column is a setting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from gateway.contracts.rules import given, issues_of
from gateway.destinations.mirakl import sheet
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.model import KEY, ROW, Batch, Operation, Repeat, no_issues
from gateway.wording import filled

OPERATION = "product"
ATTRIBUTE = "attributes."
_VARIANTS = ("variant1_type", "variant1_value", "variant2_type", "variant2_value")


def operation(settings: MiraklSettings) -> Operation:
    """Describe the product operation under the settings."""
    return Operation(
        name=OPERATION,
        contract="catalog",
        family="product",
        fields=tuple(dict.fromkeys(["sku", *settings.product_columns, "image_urls", *_VARIANTS, f"{ATTRIBUTE}*"])),
        batch_size=settings.product_batch_size,
        confirms="applied",
        repeat=Repeat.IF_NEWEST,
        searchable=True,
        deadline=settings.product_deadline,
        slot_until="ticket",
        interval=settings.product_interval,
        # Only the operator deletes products: an article ends by its offer.
        ends=False,
    )


def check(records: pl.DataFrame, settings: MiraklSettings, table: Mapping[str, str] | None) -> pl.DataFrame:
    """Say which categories have no code, which variants no column, and which images have no place."""
    present = records.columns
    if not records.height:
        return no_issues()
    rows = records
    if "command" in present:
        rows = records.filter((pl.col("command") != "end").fill_null(value=True))
    found = [no_issues()]
    if table is not None and "category" in present and "category" in settings.product_columns:
        strange = rows.filter(given("category") & ~pl.col("category").is_in(list(table)))
        detail = "the table of categories has no code for it"
        found.append(issues_of(strange, "DEST_LIMIT", "category", value=pl.col("category"), detail=pl.lit(detail)))
    for field in (name for name in _VARIANTS[::2] if name in present):
        strange = rows.filter(given(field) & ~pl.col(field).is_in(list(settings.variant_columns)))
        detail = f"variant_columns names {', '.join(settings.variant_columns) or 'none'}"
        found.append(issues_of(strange, "DEST_LIMIT", field, value=pl.col(field), detail=pl.lit(detail)))
    if "image_urls" in present:
        many = pl.col("image_urls").str.split("|").list.len()
        more = rows.filter(given("image_urls") & (many > len(settings.image_columns)))
        detail_of = filled(
            f"the first {len(settings.image_columns)} of {{}} images, as many as image_columns has", many
        )
        found.append(issues_of(more, "DEST_PART_SENT", "image_urls", value=pl.lit(""), detail=detail_of))
    return pl.concat(found).sort(ROW)


def encode(
    records: pl.DataFrame, slot: str, settings: MiraklSettings, table: Mapping[str, str] | None
) -> Iterator[Batch]:
    """Yield one CSV per import: columns nothing is given for are left out; ended rows are not sent."""
    size = settings.product_batch_size
    ends = (pl.col("command") == "end").fill_null(value=False) if "command" in records.columns else pl.lit(value=False)
    rows = records.filter(~ends)
    memo = sheet.key_memo(rows)
    for part in sheet.slices(rows, size):
        if part.height:
            cells = _cells(part, settings, table)
            columns = [name for name in cells if cells[name].null_count() < part.height]
            body = sheet.write(pl.DataFrame([cells[name].alias(name) for name in columns]), columns)
            first = str(part["sku"][0])
            yield Batch(OPERATION, slot, body, sheet.placed(part), {**memo, "first": first})
    yield from sheet.unsent(OPERATION, slot, records.filter(ends).select("effect", KEY), "nothing", size)


def _cells(part: pl.DataFrame, settings: MiraklSettings, table: Mapping[str, str] | None) -> dict[str, pl.Series]:
    """Return the columns by attribute code, in order; an attribute of the row's own fills what is empty."""
    named: list[tuple[str, pl.Expr]] = []
    for field, code in settings.product_columns.items():
        if field in part.columns:
            cell = pl.col(field)
            if field == "category" and table is not None:
                cell = cell.replace_strict(list(table), list(table.values()), default=None)
            named.append((code, cell))
    if "image_urls" in part.columns:
        images = pl.col("image_urls").str.split("|")
        named += [(code, images.list.get(place, null_on_oob=True)) for place, code in enumerate(settings.image_columns)]
    for kind, value in zip(_VARIANTS[::2], _VARIANTS[1::2], strict=True):
        if kind in part.columns and value in part.columns:
            named += [
                (code, pl.when(pl.col(kind) == word).then(value)) for word, code in settings.variant_columns.items()
            ]
    own = set(settings.offer_columns)
    named += [
        (name.removeprefix(ATTRIBUTE), pl.col(name))
        for name in part.columns
        if name.startswith(ATTRIBUTE) and name not in own
    ]
    merged: dict[str, list[pl.Expr]] = {}
    for code, cell in named:
        merged.setdefault(code, []).append(cell)
    frame = part.select(pl.coalesce(cells).alias(code) for code, cells in merged.items())
    return {name: frame[name] for name in frame.columns}
