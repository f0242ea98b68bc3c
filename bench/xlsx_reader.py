"""Times reading a workbook of 100,000 x 20 against calamine's own `iter_rows` over the same file.

    python bench/xlsx_reader.py [rows] [rounds]

Prints medians and their ratio; the aim is at most 1.6.
"""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import xlsxwriter
from python_calamine import CalamineWorkbook

from gateway.formats.layout import XlsxLayout
from gateway.readers.xlsx import XlsxReader

COLUMNS = 20


def generate(path: Path, rows: int) -> None:
    """Eight texts, four whole numbers, four prices, a date, a flag, an EAN as text, one as number with gaps."""
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    page = book.add_worksheet("Stock")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    page.write_row(0, 0, [f"column {number}" for number in range(COLUMNS)])
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


def bare(path: Path) -> int:
    return sum(1 for _ in CalamineWorkbook.from_path(path).get_sheet_by_name("Stock").iter_rows()) - 1


def ours(path: Path) -> int:
    return sum(len(table.frame) for table in XlsxReader().tables(path, XlsxLayout(kind="xlsx")))


def timed(work: Callable[[Path], int], path: Path, rows: int) -> float:
    start = time.perf_counter()
    found = work(path)
    if found != rows:
        raise SystemExit(f"{work.__name__} read {found} rows of {rows}")
    return time.perf_counter() - start


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stock.xlsx"
        generate(path, rows)
        ours(path)
        pairs = [(timed(bare, path, rows), timed(ours, path, rows)) for _ in range(rounds)]
    yardstick, read = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(second / first for first, second in pairs)
    print(f"XLSX {rows} x {COLUMNS}: calamine {yardstick:.2f} s, reader {read:.2f} s, ratio {ratio:.2f} (aim 1.6)")


if __name__ == "__main__":
    main()
