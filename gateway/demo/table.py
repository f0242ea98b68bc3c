"""The demo's table and the shop's stock, as text."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from gateway.demo.outcome import Outcome, counted
from gateway.twin.sage_shop import ShopRow

_LEAST, _UNKNOWN = 90, 160
"""Columns below which nothing is made narrower, and where the terminal does not say its width."""
_SAID = 60
"""Columns the verdict needs to be read; with fewer left, route and answer get no columns of their own."""
_VERDICT = 4
"""Its place among the cells of a line."""
_LONGEST = 220
"""Characters of a verdict; the answer file has it whole."""


def table(lines: Sequence[Outcome], *, width: int | None = None) -> str:
    """Return the table: file, route, rows, states, verdict with the notes below it, time, answer file.

    Where the screen is narrow, the route stands below the file and the answer below the verdict.
    """
    width = max(_LEAST, width or shutil.get_terminal_size((_UNKNOWN, 50)).columns)
    rows = [_cells(line) for line in lines]
    wide = width - _beside(rows) >= _SAID
    made = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, expand=True)
    for name in ("File", "Route") if wide else ("File, route",):
        made.add_column(name, no_wrap=True)
    made.add_column("Rows", justify="right", no_wrap=True)
    made.add_column("States", no_wrap=True)
    made.add_column("Verdict, and why" if wide else "Verdict, why, answer", ratio=1)
    made.add_column("Time", justify="right", no_wrap=True)
    if wide:
        made.add_column("Answer", no_wrap=True)
    for cells in rows:
        if wide:
            made.add_row(*cells)
        else:
            file, route, count, states, said, time, answer = cells
            made.add_row(f"{file}\n  {route}", count, states, f"{said}\n{answer}", time)
    return _text(made, width)


def _beside(rows: Sequence[Sequence[str]]) -> int:
    """Return the columns that all cells but the verdict take where each has a column of its own."""
    columns = [column for at, column in enumerate(zip(*rows, strict=True)) if at != _VERDICT]
    return sum(2 + max(len(part) for cell in column for part in cell.split("\n")) for column in columns)


def _cells(line: Outcome) -> tuple[str, str, str, str, str, str, str]:
    name = line.sample.file.name
    more = [f"{count} {state} (absent)" for state, count in line.derived.items()]
    states = line.code or "\n".join([*counted(line.states).split(", "), *more])
    # Run and kind only: the name in front of them is the file's own.
    answer = "" if line.answer is None else line.answer.name.removeprefix(f"{name}.")
    rows = "" if line.rows is None else str(line.rows)
    said = "\n".join(_cut(text) for text in (line.said, *line.notes))
    return name, line.route or "(none)", rows, states, said, f"{line.seconds:.1f} s", answer


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rsplit(' ', 1)[0]} ..."


def stock(moments: Sequence[tuple[str, Mapping[str, int]]], skus: Sequence[str]) -> str:
    """Return the shop's stock of some articles at several moments."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("Article")
    for name, _ in moments:
        made.add_column(name, justify="right")
    for sku in skus:
        made.add_row(sku, *(str(offers.get(sku, "not sold")) for _, offers in moments))
    return _text(made, _LEAST)


def shelf(market: Sequence[Mapping[str, Any]], erp: Sequence[ShopRow], named: Mapping[str, str]) -> str:
    """Return what stands in the marketplace's shop and in Sage of some articles: sku -> what Sage calls it."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Article", "Title", "Price", "Discount", "until"):
        made.add_column(name, no_wrap=True)
    for name in ("Stock", "Net", "VAT"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("Special prices", no_wrap=True)
    shop, sage = {str(row["sku"]): row for row in market}, {row.key: row for row in erp}
    for sku, key in named.items():
        row, known = shop.get(sku, {}), sage.get(key)
        there = ("-", "-", "-")
        if known is not None:
            there = (_amount(known.net_price), known.tax, _special(known.special_prices))
        until = str(row.get("discount_to") or "")[:10]
        amounts = [_amount(row.get(name)) for name in ("price", "discount_price")]
        made.add_row(sku, str(row.get("title") or "-"), *amounts, until, str(row.get("quantity", "-")), *there)
    return _text(made, _UNKNOWN)


def stores(store: Sequence[Mapping[str, Any]], chain: Sequence[Mapping[str, Any]], skus: Sequence[str]) -> str:
    """Return what a store has of some articles, and each store of a chain."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Article", "Name", "Category"):
        made.add_column(name, no_wrap=True)
    vendors = sorted({str(row["vendor"]) for row in chain})
    for name in ("Price", "Stock", *vendors):
        made.add_column(name, justify="right", no_wrap=True)
    there = {str(row["sku"]): row for row in store}
    listed = {(str(row["vendor"]), str(row["sku"])): row for row in chain}
    for sku in skus:
        row = there.get(sku, {})
        cells = [str(row.get(name, "-")) for name in ("name", "category", "price", "stock")]
        made.add_row(sku, *cells, *(_listed(listed.get((vendor, sku))) for vendor in vendors))
    return _text(made, _UNKNOWN)


def _listed(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    offer = f", {row['promotion']}" if row.get("promotion") else ""
    return f"{row['price']}{offer}{'' if row['active'] else ' (off)'}"


def _amount(text: str | None) -> str:
    return "-" if text is None else f"{Decimal(text):.2f}"


def _special(prices: Sequence[str]) -> str:
    if not prices:
        return "-"
    more = f" and {len(prices) - 1} more" if len(prices) > 1 else ""
    return re.sub(r"T[0-9:]+Z", "", prices[0]) + more


def places(lines: Sequence[Outcome], home: Path) -> list[str]:
    """Return the folders the answers lie in, relative to the project."""
    folders = sorted({line.answer.parent for line in lines if line.answer is not None})
    return [str(f.relative_to(home)) if f.is_relative_to(home) else str(f) for f in folders]


def _text(made: Table, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, highlight=False, markup=False).print(made)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines() if line.strip())
