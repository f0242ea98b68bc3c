"""The errors file of pictures: a list of those that failed, by name; the pictures themselves stay with the partner."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import polars as pl

from gateway.formats.csv_writer import CsvWriter
from gateway.formats.layout import OUR_COLUMNS, CsvLayout, ImageLayout
from gateway.formats.neutral import neutralised
from gateway.model import ROW, Rows, Summary
from gateway.reports.stream import failed_blocks
from gateway.reports.verdict import to_mend

_LISTED = ("name", "size")


class ImageErrorsWriter:
    """Rejected and refused pictures: our columns, name and size. It is for people: dropped back it is refused."""

    kind: ClassVar[str] = "errors.csv"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write the list; False and no file where every picture passed."""
        if to_mend(summary) == 0:
            return False
        layout = rows.layout()
        if not isinstance(layout, ImageLayout):
            raise TypeError(f"a list of pictures needs an image layout, not {type(layout).__name__}")
        with out.open("wb") as file:
            target = CsvWriter(file, CsvLayout(kind="csv", delimiter=",", encoding="utf-8"), bom=True)
            target.header([*OUR_COLUMNS, *_LISTED])
            for block in failed_blocks(rows):
                places = [f"c{block.table.headers.index(name)}" for name in _LISTED]
                listed = block.table.frame.select(ROW, *places)
                said = block.faults.select(
                    pl.lit(summary.run).alias("run"), pl.col(ROW).cast(pl.String).alias("row"),
                    *(pl.col(name).str.replace_all(r"[\r\n\t]+", " ") for name in OUR_COLUMNS[2:]),
                )  # fmt: skip
                frame = pl.concat([said, listed.drop(ROW)], how="horizontal")
                target.rows(frame.select(neutralised(pl.col(name)) for name in frame.columns))
        return True
