"""Times reading 200,000 XML records against a bare `iterparse` that visits, reads and clears every element.

    python bench/xml_reader.py [records] [rounds]

Prints medians, their ratio (the aim is at most 1.4) and the most memory the reader took.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from gateway.formats.layout import XmlLayout
from gateway.readers.xml import XmlReader

LAYOUT = XmlLayout(
    kind="xml",
    record="stock/items/item",
    columns=("sku", "ean", "quantity", "warehouse", "updated", "price", "price/@currency"),
)


def generate(path: Path, records: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<stock>\n  <items>\n')
        for number in range(records):
            file.write(
                f"    <item>\n      <sku>SKU-{number:07}</sku>\n      <ean>{5_012_345_678_900 + number}</ean>\n"
                f"      <quantity>{number % 500}</quantity>\n      <warehouse>W{number % 5}</warehouse>\n"
                f"      <updated>2026-11-22T09:30:00Z</updated>\n"
                f'      <price currency="EUR">{number % 1000}.99</price>\n    </item>\n'
            )
        file.write("  </items>\n</stock>\n")


def bare(path: Path) -> int:
    records = 0
    for _, element in etree.iterparse(path, events=("end",), resolve_entities=False, no_network=True):
        if element.tag == "item":
            records += 1
        element.text  # noqa: B018  reading it is what is timed
        element.clear()
    return records


def ours(path: Path) -> int:
    return sum(len(table.frame) for table in XmlReader().tables(path, LAYOUT))


def timed(work: Callable[[Path], int], path: Path, records: int) -> float:
    start = time.perf_counter()
    found = work(path)
    if found != records:
        raise SystemExit(f"{work.__name__} read {found} records of {records}")
    return time.perf_counter() - start


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stock.xml"
        generate(path, records)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours(path)
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        pairs = [(timed(bare, path, records), timed(ours, path, records)) for _ in range(rounds)]
    yardstick, read = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(second / first for first, second in pairs)
    print(
        f"XML {records} records: bare {yardstick:.2f} s, reader {read:.2f} s, ratio {ratio:.2f} (aim 1.4), "
        f"{memory:.0f} MB more memory"
    )


if __name__ == "__main__":
    main()
