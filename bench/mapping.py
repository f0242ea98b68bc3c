"""Time the mapping of a stock feed of 1,000,000 x 6 in blocks: trims, a number format, dates with a zone, a lookup.

Run: python -m bench.mapping [rows]
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from gateway.mapping import Applier, MappingFile, compile_mapping, load_mapping
from gateway.model import LINE, ROW, Table

BLOCK = 70_000
ROUNDS = 5
HEADERS = ("Artikel", "Padre", "Bestand", "Einheit", "gültig ab", "Lager")
MAPPING = """
contract = "stock"
version = 1
[format]
kind = "csv"
delimiter = ";"
encoding = "utf-8"
[fields]
sku = "Artikel"
product_id = "Padre"
quantity = { column = "Bestand", number = "1.234,5" }
unit = { column = "Einheit", lookup = { file = "units.csv", from = "code", to = "unit" } }
valid_from = { column = "gültig ab", date = "dd/MM/yyyy HH:mm", zone = "Europe/Madrid" }
warehouse = "Lager"
"""


def mapping(folder: Path) -> MappingFile:
    (folder / "units.csv").write_text("code,unit\nud,units\nkg,kilo\ncaja,box\n", encoding="utf-8")
    (folder / "stock.toml").write_text(MAPPING, encoding="utf-8")
    return load_mapping(folder / "stock.toml")


def blocks(rows: int, *, distinct_times: bool = False) -> list[Table]:
    """Return tables of a seeded feed; `distinct_times`: every row has a time of its own."""
    dice = random.Random(20261122)
    found = []
    for start in range(0, rows, BLOCK):
        size = min(BLOCK, rows - start)
        minutes = [dice.randrange(525_600 if distinct_times else 2_000) for _ in range(size)]
        quantities = [dice.randrange(20_000) if dice.random() < 0.1 else dice.randrange(1000) for _ in range(size)]
        cells = {
            "c0": [f"SKU-{start + row:07d}" for row in range(size)],
            "c1": [f"P-{(start + row) // 4:06d} " for row in range(size)],
            "c2": [f"{q // 1000}.{q % 1000:03d},5" if q >= 1000 else str(q) for q in quantities],
            "c3": [dice.choice(("ud", "kg", "caja")) for _ in range(size)],
            "c4": [
                f"{1 + m // 1440 % 28:02d}/{1 + m // 40320 % 12:02d}/2026 {m // 60 % 24:02d}:{m % 60:02d}"
                for m in minutes
            ],
            "c5": [dice.choice(("MAD", "BCN")) for _ in range(size)],
        }
        origin = pl.int_range(start + 2, start + 2 + size, eager=True)
        frame = pl.DataFrame({ROW: origin, LINE: origin, **cells})
        found.append(Table(frame, HEADERS))
    return found


def applier(spec: MappingFile) -> Applier:
    return compile_mapping(
        spec,
        HEADERS,
        numeric=frozenset({"quantity"}),
        instants=frozenset({"valid_from"}),
        days=frozenset(),
        flags=frozenset(),
    )


def seconds(spec: MappingFile, tables: list[Table]) -> float:
    apply = applier(spec).apply
    start = time.perf_counter()
    for table in tables:
        draft = apply(table)
        assert draft.issues.height < table.frame.height // 50
    return time.perf_counter() - start


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        spec = mapping(Path(name))
        for label, distinct in (("few distinct times", False), ("many distinct times", True)):
            tables = blocks(rows, distinct_times=distinct)
            taken = [seconds(spec, tables) for _ in range(ROUNDS)]
            print(
                f"{rows} x 6, {label}: median {statistics.median(taken):.3f} s, best {min(taken):.3f} s "
                f"({pl.thread_pool_size()} threads, blocks of {BLOCK})"
            )


if __name__ == "__main__":
    main()
