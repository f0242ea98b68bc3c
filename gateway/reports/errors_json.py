"""The errors file of a JSON feed: an object per failed record, our keys first, one on each line.

The records stand where the layout looks for them: on lines of their own, or in an array at its path. Nested values are
named by their path, as the reader names them: it takes both spellings for the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import orjson
import polars as pl

from gateway.formats.layout import OUR_COLUMNS, JsonLayout
from gateway.model import ROW, Kind, Rows, Summary
from gateway.reports.stream import FailedBlock, failed_blocks
from gateway.reports.verdict import to_mend


class JsonErrorsWriter:
    """Rejected and refused records: a missing value has no key, an empty one is an empty text."""

    kind: ClassVar[str] = "errors.json"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write the failed records; False and no file where every record passed."""
        if to_mend(summary) == 0:
            return False
        layout = rows.layout()
        if not isinstance(layout, JsonLayout):
            raise TypeError(f"an errors.json needs a JSON layout, not {type(layout).__name__}")
        before, between, after = _frame(layout)
        with out.open("wb") as file:
            file.write(before)
            join = b""
            for block in failed_blocks(rows):
                for record in _records(block, summary.run):
                    file.write(join + orjson.dumps(record))
                    join = between
            file.write(after)
        return True


def _frame(layout: JsonLayout) -> tuple[bytes, bytes, bytes]:
    """Return what stands before, between and after the records."""
    if layout.lines:
        return b"", b"\n", b"\n"
    steps = [step for step in layout.record.split("/") if step != ""]
    opened = b"".join(b"{" + orjson.dumps(step) + b":" for step in steps)
    return opened + b"[\n", b",\n", b"\n]" + b"}" * len(steps) + b"\n"


def _records(block: FailedBlock, run: str) -> Iterator[dict[str, Any]]:
    table = block.table
    names = [name for name in table.frame.columns if not name.startswith("@")]
    texts = [(int(Kind.TEXT),) * len(names)] * table.frame.height
    kinds = texts if table.kinds is None else table.kinds.select(names).rows()
    keys = [header if header != "" else name for header, name in zip(table.headers, names, strict=True)]
    said = block.faults.select(pl.lit(run), ROW, *OUR_COLUMNS[2:]).rows()
    for ours, cells, kind in zip(said, table.frame.select(names).rows(), kinds, strict=True):
        record: dict[str, Any] = dict(zip(OUR_COLUMNS, ours, strict=True))
        record.update(
            {key: _typed(cell, of) for key, cell, of in zip(keys, cells, kind, strict=True) if cell is not None}
        )
        yield record


def _typed(cell: str, kind: int) -> object:
    if kind == Kind.NUMBER:
        return orjson.Fragment(cell)  # the digits as they came: no rounding on the way
    if kind == Kind.BOOLEAN and cell in ("true", "false"):
        return cell == "true"
    return cell
