"""The errors file of a CSV feed: the failed records in the partner's own dialect, ready to be mended and dropped back.

It knows the dialect of the layout and what the source file shows of it (byte order mark, line ends).
"""

from __future__ import annotations

import codecs
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from gateway.formats.layout import OUR_COLUMNS, CsvLayout
from gateway.formats.neutral import neutralised
from gateway.model import LINE, ROW, Rows, Summary
from gateway.reports.raw import RawRecords
from gateway.reports.stream import FailedBlock, failed_blocks, header_texts
from gateway.reports.verdict import failed

_SNIFFED = 1 << 20
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class CsvErrorsWriter:
    """Rejected and refused records, as they came, behind five columns of ours."""

    kind: ClassVar[str] = "errors.csv"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write the failed records; False and no file where every record passed."""
        if failed(summary.states) == 0:
            return False
        layout = rows.layout()
        if not isinstance(layout, CsvLayout):
            raise TypeError(f"an errors.csv needs a CSV layout, not {type(layout).__name__}")
        dialect = _Dialect.of(layout, rows.source())
        raw = RawRecords(rows.source(), layout, dialect.codec)
        with closing(raw), out.open("wb") as file:
            file.write(dialect.mark)
            headed = False
            for block in failed_blocks(rows):
                if not headed:
                    headers = header_texts(block.table.headers)
                    file.write(dialect.encoded(_header(headers, dialect) + dialect.newline))
                    headed = True
                file.write(_records(block, summary.run, dialect, raw))
        return True


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How the partner's file is written; `mark` is its byte order mark, if it has one."""

    delimiter: str
    quote: str
    codec: str
    mark: bytes
    newline: str

    @classmethod
    def of(cls, layout: CsvLayout, source: Path) -> _Dialect:
        with source.open("rb") as file:
            start = file.read(4)
        mark, codec = b"", layout.encoding.replace("utf-16", "utf-16-le")
        if layout.encoding == "utf-8" and start.startswith(codecs.BOM_UTF8):
            mark = codecs.BOM_UTF8
        if layout.encoding == "utf-16":
            mark = next((bom for bom in _UTF16 if start.startswith(bom)), codecs.BOM_UTF16_LE)
            codec = _UTF16[mark]
        with source.open(encoding=codec, errors="replace", newline="") as text:
            newline = _newline(text.readline(_SNIFFED))
        return cls(layout.delimiter, layout.quote, codec, mark, newline)

    @property
    def escape(self) -> str:
        """Error handler by which bytes that could not be decoded go out as they came."""
        return "replace" if self.codec.startswith("utf-16") else "surrogateescape"

    def encoded(self, text: str) -> bytes:
        # the partner's cells came out of this encoding; only our own words may not fit into it
        return text.encode(self.codec, errors="replace")

    def cell(self, cell: pl.Expr) -> pl.Expr:
        """Return the cell as it stands in the file: quoted where it must be; null stays null."""
        if self.quote == "":
            return cell
        doubled = cell.str.replace_all(self.quote, self.quote * 2, literal=True)
        special = "|".join(_hex(mark) for mark in (self.delimiter, self.quote, "\r", "\n"))
        quoted = pl.concat_str(pl.lit(self.quote), doubled, pl.lit(self.quote))
        return pl.when(cell.str.contains(special)).then(quoted).otherwise(cell)

    def plain(self, ours: pl.Expr) -> pl.Expr:
        """Return a text of ours on one line and, where the file never quotes, without the delimiter."""
        one_line = ours.fill_null("").str.replace_all(r"[\r\n\t]+", " ")
        if self.quote != "":
            return one_line
        substitute = "," if self.delimiter == ";" else " "
        return one_line.str.replace_all(self.delimiter, substitute, literal=True)


def _hex(mark: str) -> str:
    return f"\\x{{{ord(mark):x}}}"


def _newline(line: str) -> str:
    for end in ("\r\n", "\r"):
        if line.endswith(end):
            return end
    return "\n"


def _header(headers: tuple[str, ...], dialect: _Dialect) -> str:
    names = pl.Series([*OUR_COLUMNS, *headers], dtype=pl.String).to_frame("name")
    ours = pl.col("name").is_in(list(OUR_COLUMNS))
    cells = names.select(pl.when(ours).then("name").otherwise(dialect.cell(neutralised(pl.col("name")))))
    return dialect.delimiter.join(cells.to_series())


def _records(block: FailedBlock, run: str, dialect: _Dialect, raw: RawRecords) -> bytes:
    ours, cells = _ours(block, run, dialect), _cells(block, dialect)
    lines = pl.select(pl.concat_str(pl.lit(ours), pl.lit(cells), ignore_nulls=True)).to_series().to_list()
    if not block.faults["damaged"].any():
        return dialect.encoded(dialect.newline.join([*lines, ""]))
    whole = [dialect.encoded(line) for line in lines]
    places = block.faults.select("damaged", "until").rows()
    for n, ((damaged, until), line) in enumerate(zip(places, block.table.frame[LINE], strict=True)):
        if damaged:
            text = dialect.delimiter + raw.record(line, until)
            whole[n] = dialect.encoded(ours[n]) + text.encode(dialect.codec, errors=dialect.escape)
    end = dialect.newline.encode(dialect.codec)
    return end.join([*whole, b""])


def _ours(block: FailedBlock, run: str, dialect: _Dialect) -> pl.Series:
    said = block.faults.select(
        error_run=pl.lit(run),
        error_row=pl.col(ROW).cast(pl.String),
        error_code=dialect.plain(pl.col("error_code")),
        error_field=neutralised(dialect.plain(pl.col("error_field"))),
        error_message=neutralised(dialect.plain(pl.col("error_message"))),
    )
    cells = [dialect.cell(pl.col(name)) for name in OUR_COLUMNS]
    return said.select(line=pl.concat_str(cells, separator=dialect.delimiter))["line"]


def _cells(block: FailedBlock, dialect: _Dialect) -> pl.Series:
    """Return the partner's cells with a delimiter before each; a short record stays short."""
    frame = block.table.frame
    names = [name for name in frame.columns if not name.startswith("@")]
    present = pl.max_horizontal(pl.when(pl.col(name).is_not_null()).then(n) for n, name in enumerate(names))
    cells = [
        pl.when(pl.col("@present") >= n).then(
            pl.lit(dialect.delimiter) + dialect.cell(neutralised(pl.col(name).fill_null("")))
        )
        for n, name in enumerate(names)
    ]
    return frame.with_columns(present.alias("@present")).select(line=pl.concat_str(cells, ignore_nulls=True))["line"]
