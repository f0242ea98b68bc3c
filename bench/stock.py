"""Time of a stock file of 1,000,000 x 6: its check, whole way, the same again, and all rows bad."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import data
from bench.measure import Broken, Line, Options, Taken, Watch, taken
from bench.way import WARM_UP, Way, checked

ROWS = 1_000_000
YARDSTICK = "csv.reader"
CALL = 500
"""Records per call of the destination with small calls."""


def bare(path: Path) -> Taken:
    """Pass over a file with Python's csv.reader."""

    def work() -> int:
        with path.open(encoding="utf-8", newline="") as file:
            return sum(1 for _ in csv.reader(file, delimiter=";"))

    return taken(work)[1]


def lines(options: Options, progress: Callable[[str], None]) -> list[Line]:
    """Measure all in interleaved rounds."""
    rows = options.sized(ROWS)
    progress("writing stock files")
    file, faulty = data.stock_csv(options.data, rows), data.stock_csv(options.data, rows, bad=1.0)
    few = data.stock_csv(options.data, WARM_UP)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        mapping = data.mapping(Path(folder), data.STOCK_MAPPING)
        _warm_up(options, mapping)
        watch, watch_bad = Watch(lambda: bare(file)), Watch(lambda: bare(faulty))
        for number in range(options.rounds):
            progress(f"stock, round {number + 1} of {options.rounds}")
            _check(watch, file, mapping, rows)
            _whole(watch, file, few, rows)
            _small_calls(watch, file, few, rows)
            _all_bad(watch_bad, faulty, few, rows)
    return [
        Line("check", "x", 2.0, YARDSTICK, watch.ratio("check")),
        Line("whole way, one import per portion", "x", 4.5, YARDSTICK, watch.ratio("whole")),
        Line("whole way, 500 records per call", "x", 8.0, YARDSTICK, watch.ratio("calls")),
        Line("the same rows again, delta on", "x", 1.0, "the first run", watch.between("again", "whole")),
        Line("whole way, every row bad", "x", 15.0, YARDSTICK, watch_bad.ratio("bad")),
    ]


def _warm_up(options: Options, mapping: Path) -> None:
    for bad in (data.BAD, 1.0):
        few = data.stock_csv(options.data, WARM_UP, bad=bad)
        bare(few)
        checked(few, mapping)
        for size in (None, CALL):
            with Way(data.STOCK_MAPPING, size) as way:
                way.go(few)


def _check(watch: Watch, file: Path, mapping: Path, rows: int) -> None:
    seen, bad = watch.time("check", lambda: checked(file, mapping))
    if seen != rows or not 0 < bad < rows * data.BAD * 2 + 20:
        raise Broken(f"{rows} rows went in, check saw {seen}, {bad} of them bad")


def _whole(watch: Watch, file: Path, few: Path, rows: int) -> None:
    with Way(data.STOCK_MAPPING, few=few) as way:
        first = way.settled(watch.time("whole", lambda: way.go(file)), rows)
        calls = way.destination.calls
        same = way.folder / "again.csv"
        same.write_bytes(file.read_bytes() + b"\n")  # the same bytes would be a duplicate, and no run at all
        again = way.settled(watch.time("again", lambda: way.go(same)), rows)
    if again.get("unchanged", 0) != first["applied"] or way.destination.calls != calls:
        raise Broken(f"the second run should have sent nothing: {first}, then {again}")


def _small_calls(watch: Watch, file: Path, few: Path, rows: int) -> None:
    with Way(data.STOCK_MAPPING, CALL, few=few) as way:
        before = way.destination.records
        states = way.settled(watch.time("calls", lambda: way.go(file)), rows)
        if (sent := way.destination.records - before) != states["applied"]:
            raise Broken(f"{states['applied']} rows were applied, {sent} were sent")


def _all_bad(watch: Watch, file: Path, few: Path, rows: int) -> None:
    with Way(data.STOCK_MAPPING, few=few) as way:
        states = way.settled(watch.time("bad", lambda: way.go(file)), rows)
        if states != {"rejected": rows}:
            raise Broken(f"all of {rows} rows are bad, found {states}")
