"""Time of workbooks and XML documents beside what a bare pass over the same file takes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from lxml import etree
from python_calamine import CalamineWorkbook

from bench import data
from bench.measure import Broken, Line, Options, Watch, taken
from bench.memory import XML_RECORDS
from bench.way import WARM_UP, checked
from gateway.formats.layout import XlsxLayout
from gateway.readers.xlsx import XlsxReader

XLSX_ROWS = 100_000


def lines(options: Options, progress: Callable[[str], None]) -> list[Line]:
    """Measure the reading of a workbook and the check of a document."""
    return [_xlsx(options, progress), _xml(options, progress)]


def _xlsx(options: Options, progress: Callable[[str], None]) -> Line:
    rows = options.sized(XLSX_ROWS)
    progress("writing a workbook")
    file = data.stock_xlsx(options.data, rows)
    few = data.stock_xlsx(options.data, WARM_UP // 10)
    calamine(few)
    sheet(few)
    watch = Watch(lambda: taken(lambda: calamine(file))[1])
    for number in range(options.rounds):
        progress(f"XLSX, round {number + 1} of {options.rounds}")
        if (seen := watch.time("read", lambda: sheet(file))) != rows:
            raise Broken(f"{seen} of {rows} rows of the workbook were read")
    return Line(f"XLSX {rows:,} x {data.SHEET_COLUMNS}, reading", "x", 1.6, "calamine", watch.ratio("read"))


def calamine(file: Path) -> int:
    """Count the rows of a workbook with calamine alone."""
    return sum(1 for _ in CalamineWorkbook.from_path(file).get_sheet_by_name("Stock").iter_rows()) - 1


def sheet(file: Path) -> int:
    """Count the rows of a workbook as the gateway reads it."""
    return sum(table.frame.height for table in XlsxReader().tables(file, XlsxLayout(kind="xlsx")))


def _xml(options: Options, progress: Callable[[str], None]) -> Line:
    records = options.sized(XML_RECORDS)
    progress("writing a document")
    file, few = data.stock_xml(options.data, records), data.stock_xml(options.data, WARM_UP // 10)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        mapping = data.mapping(Path(folder), data.XML_MAPPING)
        visit(few)
        checked(few, mapping)
        watch = Watch(lambda: taken(lambda: visit(file))[1])
        for number in range(options.rounds):
            progress(f"XML, round {number + 1} of {options.rounds}")
            seen, _ = watch.time("check", lambda: checked(file, mapping))
            if seen != records:
                raise Broken(f"{seen} of {records} elements were read")
    return Line(f"XML {records:,} elements, check", "x", 1.8, "bare iterparse", watch.ratio("check"))


def visit(file: Path) -> int:
    """Visit the end of every element, read its text and clear it."""
    seen = 0
    for _, element in etree.iterparse(file, events=("end",), resolve_entities=False, no_network=True):
        element.text  # noqa: B018  reading it is what is timed
        element.clear()
        seen += 1
    return seen
