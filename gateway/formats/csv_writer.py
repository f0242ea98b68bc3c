"""Strict CSV writer: frames of text to bytes in a given layout; what it writes, the CSV reader reads back alike.

A cell is quoted when it holds the delimiter, the quote, CR or LF, or begins or ends with a blank; else it is written
as it is. Null and "" are both written as nothing: a CSV file can't tell them apart within a full record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import polars as pl

from gateway.formats.layout import CsvLayout

_BLANKS = " \\t\u00a0\u2007\u202f\u3000\ufeff"


class CsvWriter:
    """Appends records to an open binary file.

    `newline` ends each record. `bom`: begin a UTF-8 file with a byte order mark (UTF-16 always has one).
    `lossy`: write "?" for a character the encoding does not have; without it UnicodeEncodeError is raised and nothing
    of the block is written. In a layout without a quote character, delimiters and line ends inside cells become
    spaces, which needs `lossy` too: without it ValueError is raised.
    """

    def __init__(
        self, out: BinaryIO, layout: CsvLayout, *, newline: str = "\r\n", bom: bool = False, lossy: bool = False
    ) -> None:
        self._out = out
        self._delimiter, self._quote, self._newline = layout.delimiter, layout.quote, newline
        self._encoding = "utf-16-le" if layout.encoding == "utf-16" else layout.encoding
        self._errors = "replace" if lossy else "strict"
        self._lossy = lossy
        self._mark = "\ufeff" if layout.encoding == "utf-16" or (bom and layout.encoding == "utf-8") else ""
        delimiter, quote = (f"\\x{{{ord(mark):x}}}" if mark else "" for mark in (self._delimiter, self._quote))
        self._splits = f"[{delimiter}\r\n]"
        self._special = f"[{delimiter}{quote}\r\n]|\\A[{_BLANKS}]|[{_BLANKS}]\\z"

    def header(self, names: Sequence[str]) -> None:
        """Write one record of column names (or of any texts)."""
        self.rows(pl.DataFrame({f"c{index}": [name] for index, name in enumerate(names)}))

    def rows(self, frame: pl.DataFrame) -> None:
        """Write every row of a frame of String columns, in order. Column names are not written."""
        if not frame.height:
            return
        cells = frame.select(self._written(frame, name).alias(name) for name in frame.columns)
        # a record of one empty cell would be an empty line, which no reader can tell from a blank one
        line = pl.concat_str(pl.all(), separator=self._delimiter)
        if frame.width == 1 and self._quote:
            line = pl.when(pl.all().str.len_bytes() == 0).then(pl.lit(self._quote * 2)).otherwise(line)
        text = cells.select(line.str.join(self._newline)).item() + self._newline
        self._out.write((self._mark + text).encode(self._encoding, self._errors))
        self._mark = ""

    def _written(self, frame: pl.DataFrame, name: str) -> pl.Expr:
        cell = pl.col(name).fill_null("")
        if not frame.select(cell.str.contains(self._special).any()).item():
            return cell
        if not self._quote:
            return self._flattened(frame, name, cell)
        doubled = cell.str.replace_all(self._quote, self._quote * 2, literal=True)
        quoted = pl.concat_str(pl.lit(self._quote), doubled, pl.lit(self._quote))
        return pl.when(cell.str.contains(self._special)).then(quoted).otherwise(cell)

    def _flattened(self, frame: pl.DataFrame, name: str, cell: pl.Expr) -> pl.Expr:
        if not self._lossy and frame.select(cell.str.contains(self._splits).any()).item():
            raise ValueError(
                f"A cell of column {name} holds the delimiter or a line end, and the layout has no quote character: "
                "write it lossy, or give the layout one."
            )
        return cell.str.replace_all(f"\r\n|{self._splits}", " ")
