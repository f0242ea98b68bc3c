"""Speed and memory of the CSV reader as ratios to a bare `csv.reader` pass over the same seeded files."""

from __future__ import annotations

import csv
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from gateway.formats.layout import CsvLayout
from gateway.readers.csv import CsvReader

ROUNDS = 5
LAYOUT = CsvLayout(kind="csv", delimiter=";", encoding="utf-8")
WORDS = (
    *(["tube", "cable", "plain", "text", "lamp", "of", "the", "best", "quality", "and", "length"] * 3),
    "größe",
    "lamp;red",
    "two\nlines",
    '5"',
)


def stock(rows: int) -> Iterable[str]:
    dice = random.Random(7)
    yield "sku;ean;quantity;warehouse;updated;minimum\r\n"
    for row in range(rows):
        yield (
            f"SKU-{row:07d};{dice.randrange(10**12, 10**13)};{dice.randrange(1500)};"
            f"{dice.choice(('MAIN', 'NORTH', 'MADRID'))};{dice.randrange(1, 29):02d}/11/2026 "
            f"{dice.randrange(24):02d}:{dice.randrange(60):02d};{dice.randrange(5)}\r\n"
        )


def faulty_stock(rows: int) -> Iterable[str]:
    """One row in a hundred is ragged, blank or has a stray quote."""
    for row, line in enumerate(stock(rows)):
        fault = row % 300 if row else 0
        yield {100: "short;1\r\n", 200: "\r\n", 299: line.replace(";", ';"5" tube;', 1)}.get(fault, line)


def catalog(rows: int) -> Iterable[str]:
    dice = random.Random(8)
    yield ";".join(f"column {index}" for index in range(24)) + "\r\n"
    for row in range(rows):
        long = " ".join(dice.choices(WORDS, k=150)).replace('"', '""')
        short = [f"value {dice.randrange(1000)}" for _ in range(21)]
        yield (
            ";".join(
                [
                    f"SKU-{row:07d}",
                    f'"{long}"',
                    '"{}"'.format(" ".join(dice.choices(WORDS, k=20)).replace('"', '""')),
                    *short,
                ]
            )
            + "\r\n"
        )


def bare(path: Path) -> int:
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file, delimiter=";"))


def gateway(path: Path) -> int:
    return sum(table.frame.height for table in CsvReader().tables(path, LAYOUT))


def timed(work: Callable[[Path], int], path: Path) -> float:
    begin = time.perf_counter()
    work(path)
    return time.perf_counter() - begin


def main() -> None:
    files: tuple[tuple[str, Callable[[int], Iterable[str]], int], ...] = (
        ("stock 1,000,000 x 6", stock, 1_000_000),
        ("the same, 1 % faulty", faulty_stock, 1_000_000),
        ("catalog 200,000 x 24", catalog, 200_000),
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, make, rows in files:
            path = Path(folder, "bench.csv")
            with path.open("w", newline="", encoding="utf-8") as file:
                file.writelines(make(rows))
            pairs = [(timed(bare, path), timed(gateway, path)) for _ in range(ROUNDS)]
            ratio = statistics.median(ours / yardstick for yardstick, ours in pairs)
            ours, yardstick = (statistics.median(pair[side] for pair in pairs) for side in (1, 0))
            size = path.stat().st_size / 2**20
            print(f"{name:22} {size:5.0f} MB  csv.reader {yardstick:.2f} s  gateway {ours:.2f} s  ratio {ratio:.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
