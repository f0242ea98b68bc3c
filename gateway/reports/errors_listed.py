"""The errors file in place of one that could not be written in the partner's own format: a plain list, as CSV.

It is for people: a feed of another format does not take it back.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import polars as pl

from gateway.formats.csv_writer import CsvWriter
from gateway.formats.layout import OUR_COLUMNS, CsvLayout
from gateway.formats.neutral import neutralise, neutralised
from gateway.model import ROW, Rows, Summary
from gateway.reports.stream import failed_blocks, header_texts
from gateway.reports.verdict import to_mend

_LAYOUT = CsvLayout(kind="csv", delimiter=",", encoding="utf-8")


class ListedErrorsWriter:
    """Rejected and refused records of any feed: our columns, then the partner's as far as they could be read."""

    kind: ClassVar[str] = "errors.csv"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write the list; False and no file where every record passed."""
        if to_mend(summary) == 0:
            return False
        with out.open("wb") as file:
            target = CsvWriter(file, _LAYOUT, bom=True, lossy=True)
            headed = False
            for block in failed_blocks(rows):
                if not headed:
                    target.header([*OUR_COLUMNS, *map(neutralise, header_texts(block.table.headers))])
                    headed = True
                theirs = block.table.frame.select(c for c in block.table.frame.columns if not c.startswith("@"))
                said = block.faults.select(
                    pl.lit(summary.run).alias(OUR_COLUMNS[0]), pl.col(ROW).cast(pl.String).alias(OUR_COLUMNS[1]),
                    *(pl.col(name).str.replace_all(r"[\r\n\t]+", " ") for name in OUR_COLUMNS[2:]),
                )  # fmt: skip
                frame = pl.concat([said, theirs], how="horizontal")
                target.rows(frame.select(neutralised(pl.col(name)) for name in frame.columns))
        return True
