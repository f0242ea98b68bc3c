"""The whole way and `check` of a stock file against Python's bare csv.reader over the same file."""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.data import MAPPING, UNITS, stock_csv
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import RealClock
from gateway.testing.rig import Rig


def bare(path: Path) -> float:
    start = time.perf_counter()
    with path.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file, delimiter=";"):
            pass
    return time.perf_counter() - start


def rig(folder: Path, batch_size: int | None, **options: object) -> Rig:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "units.csv").write_text(UNITS)
    clock = RealClock()
    settings = BulkSettings(batch_size=batch_size, fields=("sku", "quantity", "warehouse", "unit_name", "product_id"))
    made = BulkDestination(settings, clock=clock, account="there", name="there")
    return Rig(folder, made, clock, mapping=MAPPING, **options)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def whole(path: Path, batch_size: int | None, rounds: int = 1) -> list[float]:
    folder = Path(tempfile.mkdtemp())
    times = []
    try:
        one = rig(folder, batch_size)
        data = path.read_bytes()
        for n in range(rounds):
            start = time.perf_counter()
            run = one.drop(f"stock{n}.csv", data + b"\n" * n)
            a = time.perf_counter()
            one.advance()
            times.append(time.perf_counter() - start)
            print(
                f"  intake {a - start:.2f}  dispatch {time.perf_counter() - a:.2f}  {one.states(run)} calls {one.destination.calls}"
            )
        one.close()
    finally:
        shutil.rmtree(folder)
    return times


if __name__ == "__main__":
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    file = stock_csv(rows)
    bare(file)
    base = min(bare(file) for _ in range(3))
    print(f"bare csv.reader {base:.2f} s")
    whole(stock_csv(10_000), None)
    for size in (None, 500):
        for t in whole(file, size, 2):
            print(f"whole way, batch {size}: {t:.2f} s = {t / base:.1f} x")
