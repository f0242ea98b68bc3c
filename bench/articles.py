"""Files of the other feeds: promotions as CSV, articles as document and workbook; the same bytes for the same size."""

from __future__ import annotations

import csv
import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from bench import data

PROMOTION_MAPPING = """contract = "promotion"
version = 1
[format]
kind = "csv"
delimiter = ";"
encoding = "utf-8"
[fields]
promotion_id = "code"
sku = "article"
product_id = "product"
type = { column = "kind", words = { precio = "final_price", porcentaje = "percentage" } }
price = { column = "now", number = "1.234,5", currency = ["€"] }
price_basis = { constant = "gross" }
tax_rate = { column = "tax", number = "1.234,5", percent = true }
currency = "currency"
percentage = { column = "off", number = "1.234,5", percent = true }
regular_price = { column = "before", number = "1.234,5", currency = ["€"] }
starts_at = { column = "from", date = "dd/MM/yyyy", zone = "Europe/Madrid" }
ends_at = { column = "to", date = "dd/MM/yyyy", zone = "Europe/Madrid", end_of_day = true }
quantity_from = "least"
campaign = "campaign"
"""
PROMOTION_HEADER = "code;article;product;kind;now;tax;currency;off;before;from;to;least;campaign"


def xml_mapping() -> str:
    """The catalog's mapping for the document: the same columns as elements."""
    text = data.CATALOG_MAPPING.replace(
        'kind = "csv"\ndelimiter = ";"\nencoding = "utf-8"', 'kind = "xml"\nrecord = "articles/article"'
    )
    for name in ("short text", "long text", "for sale"):
        text = text.replace(f'"{name}"', f'"{name.replace(" ", "_")}"')
    return text


def promotions_csv(folder: Path, rows: int) -> Path:
    """Return promotions of `rows` x 13, 1 % bad: no number, no such day, above the regular price."""

    def lines() -> Iterator[str]:
        dice = random.Random(data.SEED)
        yield PROMOTION_HEADER + "\r\n"
        for row in range(rows):
            yield _promotion(row, dice) + "\r\n"

    return data.made(folder / f"promotions-{rows}.csv", data.written(lines))


def _promotion(row: int, dice: random.Random) -> str:
    fault, before = dice.randrange(300), dice.randrange(2_000, 90_000)
    now = before * dice.randrange(50, 95) // 100 if fault != 2 else before * 2
    final = row % 2 == 0
    return ";".join([
        f"C{row % 50:03}", f"ART-{row:07}", f"P-{row // 4:07}", "precio" if final else "porcentaje",
        ("gratis" if fault == 0 else _spanish(now)) if final else "", "21 %", "EUR",
        "" if final else f"{dice.randrange(5, 60)} %", _spanish(before),
        "31/02/2026" if fault == 1 else f"{dice.randrange(1, 29):02}/11/2026", f"{dice.randrange(1, 29):02}/12/2030",
        "1" if row % 3 else "2", f"Campaña {row % 40}",
    ])  # fmt: skip


def _spanish(cents: int) -> str:
    whole = f"{cents // 100:,}".replace(",", ".")
    return f"{whole},{cents % 100:02} €"


def articles_xml(folder: Path, rows: int) -> Path:
    """Return the articles of `data.articles_csv` as a document: one element per cell."""
    source = data.articles_csv(folder, rows)

    def lines() -> Iterator[str]:
        yield '<?xml version="1.0" encoding="UTF-8"?>\n<articles>\n'
        with source.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, delimiter=";")
            names = [name.replace(" ", "_") for name in next(reader)]
            for cells in reader:
                inside = "".join(f"<{n}>{escape(cell)}</{n}>" for n, cell in zip(names, cells, strict=True))
                yield f"<article>{inside}</article>\n"
        yield "</articles>\n"

    return data.made(folder / f"articles-{rows}.xml", data.written(lines))


def articles_xlsx(folder: Path, rows: int) -> Path:
    """Return the articles of `data.articles_csv` as a workbook: levels as numbers, dates typed, the rest as text."""
    source = data.articles_csv(folder, rows)

    def write(path: Path) -> None:
        import xlsxwriter  # noqa: PLC0415  start-up is measured too, and of it only what the gateway loads

        book = xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_numbers": False})
        page = book.add_worksheet("Stock")
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        with source.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, delimiter=";")
            names = next(reader)
            page.write_row(0, 0, names)
            for row, cells in enumerate(reader, start=1):
                for column, (name, cell) in enumerate(zip(names, cells, strict=True)):
                    if name in {"level", "least", "most", "days"}:
                        page.write_number(row, column, int(cell))
                    elif name == "added" and not cell.startswith("31/02"):
                        page.write_datetime(row, column, dt.datetime.strptime(cell, "%d/%m/%Y"), day)  # noqa: DTZ007  a sheet has no zone
                    else:
                        page.write_string(row, column, cell)
        book.close()

    return data.made(folder / f"articles-{rows}.xlsx", write)
