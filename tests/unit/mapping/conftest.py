from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import polars as pl
import pytest
from support.traits import traits

from gateway.mapping import Applier, MappingFile, compile_mapping, load_mapping
from gateway.model import ISSUE_SCHEMA, LINE, ROW, Draft, Kind, Table

HEAD = 'contract = "stock"\nversion = 1\n[format]\nkind = "csv"\ndelimiter = ";"\nencoding = "utf-8"\n'


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., MappingFile]:
    def _load(body: str, *, head: str = HEAD, files: dict[str, str] | None = None) -> MappingFile:
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        path = tmp_path / "feed.toml"
        path.write_text(head + body, encoding="utf-8")
        return load_mapping(path)

    return _load


@pytest.fixture
def table() -> Callable[..., Table]:
    return _table


@pytest.fixture
def applier() -> Callable[..., Applier]:
    return _applier


@pytest.fixture
def draft() -> Callable[..., Draft]:
    return lambda mapping, source, **given: _applier(mapping, source.headers, **given).apply(source)


@pytest.fixture
def faults() -> Callable[[Draft], list[tuple[object, ...]]]:
    return lambda result: result.issues.select(ROW, "code", "field", "value").rows()


def _table(
    columns: dict[str, list[str | None]],
    *,
    kinds: dict[str, list[Kind]] | None = None,
    issues: list[tuple[int, str, str | None, str]] = (),
    first: int = 2,
) -> Table:
    """Table of columns by header. `issues`: (row, code, field, value)."""
    size = len(next(iter(columns.values())))
    origin = pl.Series(range(first, first + size), dtype=pl.Int64)
    cells = {f"c{place}": pl.Series(column, dtype=pl.String) for place, column in enumerate(columns.values())}
    frame = pl.DataFrame({ROW: origin, LINE: origin + 100, **cells})
    kind_frame = None
    if kinds is not None:
        kind_frame = pl.DataFrame(
            {
                f"c{place}": pl.Series(kinds.get(name, [Kind.TEXT] * size), dtype=pl.UInt8)
                for place, name in enumerate(columns)
            }
        )
    rows = [(row, row + 100, code, field, value, "") for row, code, field, value in issues]
    return Table(frame, tuple(columns), kind_frame, pl.DataFrame(rows, schema=ISSUE_SCHEMA, orient="row"))


def _applier(
    mapping: MappingFile, headers: tuple[str, ...], *, zone: str | None = None, **sets: Collection[str]
) -> Applier:
    return compile_mapping(mapping, headers, traits(**sets), zone=zone)
