"""Seeded stock files, kept below bench/data so that a second run need not write them again."""

from __future__ import annotations

import random
from pathlib import Path

FOLDER = Path(__file__).parent / "data"
HEADER = "sku;product;quantity;unit;valid from;warehouse\n"

MAPPING = """contract = "stock"
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
valid_from = { column = "valid from", date = "dd/MM/yyyy HH:mm", zone = "Europe/Madrid" }
warehouse = "warehouse"
"""
UNITS = "code,unit\nud,units\nkg,kilo\ncaja,box\n"


def stock_csv(rows: int, *, bad: float = 0.01) -> Path:
    """Return a stock file of `rows` x 6 with a share of bad rows (quantity no number, key missing, date impossible)."""
    path = FOLDER / f"stock-{rows}-{bad}.csv"
    if path.exists():
        return path
    FOLDER.mkdir(exist_ok=True)
    dice = random.Random(20261122)
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as out:
        out.write(HEADER)
        for row in range(rows):
            quantity = dice.randrange(20_000) if dice.random() < 0.1 else dice.randrange(1000)
            cells = [
                f"SKU-{row:08d}",
                f"P-{row // 4:07d}",
                f"{quantity // 1000}.{quantity % 1000:03d}" if quantity >= 1000 else str(quantity),
                dice.choice(("ud", "kg", "caja")),
                f"{1 + row % 28:02d}/{1 + row % 10:02d}/2026 {row % 24:02d}:{row % 4 * 15:02d}",
                dice.choice(("MAD", "BCN", "VLC")),
            ]
            if dice.random() < bad:
                fault = dice.randrange(4)
                if fault == 0:
                    cells[2] = "viele"
                elif fault == 1:
                    cells[0] = ""
                elif fault == 2:
                    cells[4] = "31/02/2026 10:00"
                else:
                    cells[3] = "??"
            out.write(";".join(cells))
            out.write("\n")
    part.replace(path)
    return path
