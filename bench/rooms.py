"""Where the time of a check goes: reading, mapping and checking apart; for comparison, without targets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import data
from bench.measure import Line, Options, Watch
from bench.stock import ROWS, YARDSTICK, bare
from bench.way import WARM_UP
from gateway import contracts
from gateway.contracts import Contract, contract
from gateway.formats.layout import CsvLayout
from gateway.mapping import compile_mapping, load_mapping
from gateway.model import Draft, Table
from gateway.readers.csv import CsvReader

CATALOG_ROWS = 200_000
LAYOUT = CsvLayout(kind="csv", delimiter=";", encoding="utf-8")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def lines(options: Options, progress: Callable[[str], None]) -> list[Line]:
    """Measure the reading of three files, then mapping and contract on the blocks of the first."""
    rows, wide = options.sized(ROWS), options.sized(CATALOG_ROWS)
    progress("writing files")
    file = data.stock_csv(options.data, rows)
    files = {
        f"reading CSV {rows:,} x 6": file,
        "the same, 1 % ragged": data.ragged_csv(options.data, rows),
        f"reading CSV {wide:,} x 24": data.catalog_csv(options.data, wide),
    }
    _read(data.stock_csv(options.data, WARM_UP))
    found: list[Line] = []
    for name, each in files.items():
        watch = Watch(lambda each=each: bare(each))  # type: ignore[misc]  # mypy can't type a lambda's default
        for number in range(options.rounds):
            progress(f"{name}, round {number + 1} of {options.rounds}")
            watch.time(name, lambda each=each: _read(each))  # type: ignore[misc]  # likewise
        found.append(Line(name, "x", None, YARDSTICK, watch.ratio(name)))
    return [*found, *_mapped(options, progress, file)]


def _mapped(options: Options, progress: Callable[[str], None], file: Path) -> list[Line]:
    agreed = contract("stock")
    watch = Watch(lambda: bare(file))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        mapping = data.mapping(Path(folder), data.STOCK_MAPPING)
        tables = list(CsvReader().tables(file, LAYOUT))
        drafts = _drafts(agreed, mapping, tables)
        _checks(agreed, drafts)
        for number in range(options.rounds):
            progress(f"mapping and contract, round {number + 1} of {options.rounds}")
            watch.time("mapping", lambda: _drafts(agreed, mapping, tables))
            watch.time("contract", lambda: _checks(agreed, drafts))
    return [
        Line("mapping its blocks", "x", None, YARDSTICK, watch.ratio("mapping")),
        Line("checking its blocks", "x", None, YARDSTICK, watch.ratio("contract")),
    ]


def _read(path: Path) -> int:
    return sum(table.frame.height for table in CsvReader().tables(path, LAYOUT))


def _drafts(agreed: Contract, mapping: Path, tables: list[Table]) -> list[Draft]:
    applier = compile_mapping(load_mapping(mapping), tables[0].headers, agreed.traits)
    return [applier.apply(table) for table in tables]


def _checks(agreed: Contract, drafts: list[Draft]) -> int:
    judged = (contracts.check(agreed, draft.frame, faulty=draft.issues, now=NOW) for draft in drafts)
    return sum(one.issues.height for one in judged)
