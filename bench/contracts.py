"""Time of checking 1,000,000 stock rows in blocks of 70,000, beside Python's bare csv pass over the same rows.

    .venv/bin/python bench/contracts.py

Data is made from a seed. `good`: every row sound; `1 %`: every hundredth has a fault; `all bad`: every row has two.
"""

from __future__ import annotations

import csv
import io
import random
import statistics
import time
from datetime import UTC, datetime

import polars as pl

from gateway.contracts import check, contract
from gateway.model import LINE, ROW

ROWS, BLOCK, ROUNDS = 1_000_000, 70_000, 5
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def stock(bad_every: int) -> pl.DataFrame:
    draw = random.Random(20261122)
    columns: dict[str, list[str]] = {
        name: [] for name in ("sku", "quantity", "warehouse", "unit_name", "timestamp", "command")
    }
    for place in range(ROWS):
        bad = bad_every and place % bad_every == 0
        columns["sku"].append(f"SKU {place}\t" if bad else f"SKU-{place:07d}")
        columns["quantity"].append("minus" if bad else str(draw.randrange(500)))
        columns["warehouse"].append(draw.choice(("", "MAIN", "NORTH")))
        columns["unit_name"].append("units")
        columns["timestamp"].append(f"2026-11-{draw.randrange(1, 22):02d}T{draw.randrange(24):02d}:00:00Z")
        columns["command"].append("")
    frame = pl.DataFrame(columns)
    return frame.select(pl.int_range(2, ROWS + 2).alias(ROW), pl.int_range(2, ROWS + 2).alias(LINE), pl.all())


def timed(work) -> float:
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def main() -> None:
    judged = contract("stock")
    text = stock(0).drop(ROW, LINE).write_csv()
    bare = timed(lambda: sum(1 for _ in csv.reader(io.StringIO(text, newline=""))))
    print(f"{'bare csv.reader':16} {bare:6.3f} s")
    for name, bad_every in (("good", 0), ("1 % bad", 100), ("all bad", 1)):
        frame = stock(bad_every)
        blocks = list(frame.iter_slices(BLOCK))
        issues = sum(check(judged, block, now=NOW).issues.height for block in blocks)
        seconds = timed(lambda blocks=blocks: [check(judged, block, now=NOW) for block in blocks])
        print(f"{name:16} {seconds:6.3f} s  {seconds / bare:5.2f} x bare  {issues:9,} issues")
    keyed = stock(100).with_columns(judged.key_expr(present=frame.columns))
    for rule in judged.rows_rules:
        full = judged.complete(keyed)
        print(f"{rule.code:16} {timed(lambda rule=rule, full=full: rule.find(rule.concerned(full))):6.3f} s")


if __name__ == "__main__":
    main()
