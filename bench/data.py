"""Seeded files of each format, kept below the data folder so that a second run need not write them again."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from gateway.wording import filled

FOLDER = Path(__file__).parent / "data"
SEED = 20261122
BAD = 0.01
"""Share of bad rows of a stock file."""
SHEET_COLUMNS = 20

STOCK_MAPPING = """contract = "stock"
version = 1
[format]
kind = "csv"
delimiter = ";"
encoding = "utf-8"
[fields]
sku = "sku"
product_id = "product"
quantity = { column = "quantity", number = "1.234,5" }
unit_name = { column = "unit", lookup = { file = "units.csv", from = "code", to = "unit" } }
timestamp = { column = "updated", date = "dd/MM/yyyy HH:mm", zone = "Europe/Madrid" }
warehouse = "warehouse"
"""
XML_MAPPING = """contract = "stock"
version = 1
[format]
kind = "xml"
record = "stock/items/item"
[fields]
sku = "sku"
product_id = "product"
quantity = { column = "quantity", number = "1.234,5" }
unit_name = { column = "unit", lookup = { file = "units.csv", from = "code", to = "unit" } }
timestamp = { column = "updated", date = "dd/MM/yyyy HH:mm", zone = "Europe/Madrid" }
warehouse = "warehouse/@code"
"""
"""The same with a column that is an attribute."""
CATALOG_MAPPING = """contract = "catalog"
version = 1
[format]
kind = "csv"
delimiter = ";"
encoding = "utf-8"
[fields]
sku = "sku"
product_id = "product"
reference = "reference"
name = "name"
short_description = "short text"
long_description = "long text"
barcode = "EAN"
brand = "brand"
category = { column = "category", replace = [[" > ", "\\\\"]] }
price = { column = "price", number = "1.234,5", currency = ["€"] }
price_basis = { constant = "gross" }
tax_rate = { column = "tax", number = "1.234,5", percent = true }
currency = "currency"
discount = { column = "discount", number = "1.234,5" }
date_added = { column = "added", date = "dd/MM/yyyy", zone = "Europe/Madrid" }
available = { column = "for sale", true = ["sí"], false = ["no"] }
variant1_type = "feature"
variant1_value = "value"
quantity = { column = "level", number = "1.234,5" }
unit_name = { column = "unit", lookup = { file = "units.csv", from = "code", to = "unit" } }
minimum_to_sell = "least"
maximum_sales_quantity = "most"
lead_time = "days"
image_urls = "image"
timestamp = { column = "updated", date = "dd/MM/yyyy HH:mm", zone = "Europe/Madrid" }
"""
UNITS = "code,unit\nud,units\nkg,kilo\ncaja,box\n"

_PART = 1_000_000
_WORDS = ("tube", "cable", "plain", "text", "lamp", "of", "the", "best", "quality", "and", "length") * 3 + (
    "größe", "lamp;red", "two\nlines", '5"',
)  # fmt: skip


def mapping(folder: Path, text: str) -> Path:
    """Write a mapping and the lookup it names into a folder; returns the mapping's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "units.csv").write_text(UNITS, encoding="utf-8")
    path = folder / "stock.toml"
    path.write_text(text, encoding="utf-8")
    return path


def stock_csv(folder: Path, rows: int, *, bad: float = BAD) -> Path:
    """Return a stock file of `rows` x 6 with a share of bad rows: no number, no key, no such day, unknown unit."""

    def write(path: Path) -> None:
        with path.open("wb") as out:
            for start in range(0, rows, _PART):
                frame = _stock(start, min(_PART, rows - start), bad)
                frame.write_csv(out, separator=";", include_header=start == 0)

    return made(folder / f"stock-{rows}-{bad}.csv", write)


def _stock(start: int, rows: int, bad: float) -> pl.DataFrame:
    dice = np.random.default_rng([SEED, start])
    large = dice.random(rows) < 0.1
    faults = np.where(dice.random(rows) < bad, dice.integers(4, size=rows), -1)
    drawn = pl.DataFrame(
        {
            "row": np.arange(start, start + rows),
            "quantity": np.where(large, dice.integers(1_000, 20_000, rows), dice.integers(1_000, size=rows)),
            "unit": dice.integers(3, size=rows),
            "minute": dice.integers(28 * 24 * 60, size=rows),
            "warehouse": dice.integers(3, size=rows),
            "padded": dice.random(rows) < 0.1,
            "fault": faults,
        }
    )
    digits = pl.col("quantity").cast(pl.String)
    grouped = pl.concat_str(digits.str.slice(0, digits.str.len_chars() - 3), pl.lit("."), digits.str.tail(3))
    moment = pl.datetime(2026, 3, 1) + pl.duration(minutes=pl.col("minute"))
    fault = pl.col("fault")
    padding = pl.when("padded").then(pl.lit(" ")).otherwise(pl.lit(""))
    number = pl.when(pl.col("quantity") >= 1000).then(grouped).otherwise(digits)
    return drawn.select(
        sku=pl.when(fault == 1).then(None).otherwise(filled("SKU-{}", _padded("row", 8))),
        product=filled("P-{}{}", _padded(pl.col("row") // 4, 7), padding),
        quantity=pl.when(fault == 0).then(pl.lit("viele")).otherwise(number),
        unit=pl.when(fault == 3).then(pl.lit("??")).otherwise(_one_of("unit", "ud", "kg", "caja")),
        updated=pl.when(fault == 2).then(pl.lit("31/02/2026 10:00")).otherwise(moment.dt.strftime("%d/%m/%Y %H:%M")),
        warehouse=_one_of("warehouse", "MAD", "BCN", "VLC"),
    )


def _padded(column: str | pl.Expr, digits: int) -> pl.Expr:
    number = pl.col(column) if isinstance(column, str) else column
    return number.cast(pl.String).str.zfill(digits)


def _one_of(column: str, *words: str) -> pl.Expr:
    return pl.col(column).replace_strict(dict(enumerate(words)), return_dtype=pl.String)


def ragged_csv(folder: Path, rows: int) -> Path:
    """Return the stock file with one row in a hundred short, blank or with a stray quote."""

    def lines() -> Iterator[str]:
        with stock_csv(folder, rows).open(encoding="utf-8", newline="") as file:
            for row, line in enumerate(file):
                fault = row % 300 if row else 0
                yield {100: "short;1\n", 200: "\n", 299: line.replace(";", ';"5" tube;', 1)}.get(fault, line)

    return made(folder / f"ragged-{rows}.csv", written(lines))


def catalog_csv(folder: Path, rows: int) -> Path:
    """Return a catalog of `rows` x 24: two quoted texts with line breaks and doubled quotes, 22 short cells."""

    def lines() -> Iterator[str]:
        dice = random.Random(SEED)
        yield ";".join(f"column {index}" for index in range(24)) + "\r\n"
        for row in range(rows):
            texts = (" ".join(dice.choices(_WORDS, k=words)).replace('"', '""') for words in (150, 20))
            short = [f"value {dice.randrange(1000)}" for _ in range(21)]
            yield ";".join([f"SKU-{row:07d}", *(f'"{text}"' for text in texts), *short]) + "\r\n"

    return made(folder / f"catalog-{rows}.csv", written(lines))


def articles_csv(folder: Path, rows: int) -> Path:
    """Return articles of `rows` x 24 in groups of four variants, 1 % of them bad.

    Two quoted texts, the long one of some 900 characters with line breaks, doubled quotes and markup; prices, dates,
    barcodes. A bad row has no number, no such day, no such unit, or a wrong check digit.
    """
    header = (
        "sku;product;name;short text;long text;reference;EAN;brand;category;price;tax;currency;discount;added;for sale;"
        "feature;value;level;unit;least;most;days;image;updated"
    )

    def lines() -> Iterator[str]:
        dice = random.Random(SEED)
        yield header + "\r\n"
        for row in range(rows):
            yield _article(row, dice) + "\r\n"

    return made(folder / f"articles-{rows}.csv", written(lines))


def _article(row: int, dice: random.Random) -> str:
    group, fault = row // 4, dice.randrange(400)
    long, short = (" ".join(dice.choices(_WORDS, k=words)).replace('"', '""') for words in (150, 20))
    price = f"{dice.randrange(1, 3)}.{dice.randrange(1000):03},{dice.randrange(10)}5" if row % 10 == 0 else (
        f"{dice.randrange(1, 1000)},{dice.randrange(1, 100):02}"
    )  # fmt: skip
    digits = f"84{row:010}"
    check = -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10
    cells = [
        f"ART-{row:07}", f"P-{group:07}", f"Lamp no. {group}", f'"{short}"', f'"<p>{long}</p>"', f"REF {row:07}",
        f"{digits}{(check + (fault == 1)) % 10}", f"Brand {group % 300}", f"Light > Lamps {group % 40}",
        "ask" if fault == 0 else price, "21 %", "EUR", "" if row % 3 else "7,5",
        "31/02/2026" if fault == 2 else f"{group % 28 + 1:02}/{group % 12 + 1:02}/20{group % 10 + 15}",
        "no" if group % 20 == 0 else "sí", "Size", "SMLX"[row % 4], f"{dice.randrange(500)}",
        "??" if fault == 3 else ("ud", "kg", "caja")[group % 3], "1", "10", f"{group % 9 + 1}",
        f"https://img.example.com/{group % 100}/{row}.jpg",
        f"{dice.randrange(1, 29):02}/03/2026 {dice.randrange(24):02}:{dice.randrange(60):02}",
    ]  # fmt: skip
    return ";".join(cells)


def stock_xml(folder: Path, records: int) -> Path:
    """Return a document of `records` elements with five children and an attribute each, 1 % bad."""

    def lines() -> Iterator[str]:
        yield '<?xml version="1.0" encoding="UTF-8"?>\n<stock>\n  <items>\n'
        for start in range(0, records, _PART):
            for sku, product, quantity, unit, updated, warehouse in _stock(
                start, min(_PART, records - start), BAD
            ).iter_rows():
                yield (
                    f"    <item>\n      <sku>{sku or ''}</sku>\n      <product>{product}</product>\n"
                    f"      <quantity>{quantity}</quantity>\n      <unit>{unit}</unit>\n"
                    f'      <updated>{updated}</updated>\n      <warehouse code="{warehouse}"/>\n    </item>\n'
                )
        yield "  </items>\n</stock>\n"

    return made(folder / f"stock-{records}.xml", written(lines))


def stock_xlsx(folder: Path, rows: int) -> Path:
    """Return a workbook of `rows` x 20.

    Eight texts, four whole numbers, four prices, a date, a flag, an EAN as text, one as number with gaps.
    """

    def write(path: Path) -> None:
        import xlsxwriter  # noqa: PLC0415  start-up is measured too, and of it only what the gateway loads

        book = xlsxwriter.Workbook(path, {"constant_memory": True})
        page = book.add_worksheet("Stock")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        page.write_row(0, 0, [f"column {number}" for number in range(SHEET_COLUMNS)])
        for row in range(1, rows + 1):
            for column in range(8):
                page.write_string(row, column, f"text {row * 7919 % 5000} {column}")
            for column in range(8, 12):
                page.write_number(row, column, (row * 31 + column) % 1000)
            for column in range(12, 16):
                page.write_number(row, column, round((row * 37 + column) % 99_999 / 100, 2))
            page.write_datetime(row, 16, dt.datetime(2026, 1, 1) + dt.timedelta(days=row % 365), day)  # noqa: DTZ001  a sheet has no zone
            page.write_boolean(row, 17, row % 2 == 0)
            page.write_string(row, 18, str(5_012_345_678_900 + row))
            if row % 3:
                page.write_number(row, 19, 5_012_345_678_900 + row)
        book.close()

    return made(folder / f"stock-{rows}.xlsx", write)


def blob(folder: Path, size: int) -> Path:
    """Return a file of `size` bytes that no compression makes smaller."""

    def write(path: Path) -> None:
        dice = np.random.default_rng(SEED)
        with path.open("wb") as out:
            for start in range(0, size, _PART):
                out.write(dice.bytes(min(_PART, size - start)))

    return made(folder / f"blob-{size}.bin", write)


def written(lines: Callable[[], Iterator[str]]) -> Callable[[Path], None]:
    """Return what writes the lines to a file."""

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as out:
            out.writelines(lines())

    return write


def made(path: Path, write: Callable[[Path], None]) -> Path:
    """Write the file by temporary name, unless it is there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        write(part)
        part.replace(path)
    return path
