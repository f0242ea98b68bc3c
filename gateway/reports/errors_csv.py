"""The errors file of a CSV feed: the failed records in the partner's own dialect, ready to be mended and dropped back.

It knows the dialect of the layout and what the source file shows of it (byte order mark, line ends).
"""

from __future__ import annotations

import codecs
import functools
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

import polars as pl

from gateway.formats.layout import OUR_COLUMNS, CsvLayout
from gateway.formats.neutral import neutralised
from gateway.formats.parts import parts_of
from gateway.model import LINE, ROW, Rows, Summary
from gateway.reports.delimited import RISK
from gateway.reports.raw import RawRecords
from gateway.reports.stream import FailedBlock, failed_blocks, header_texts, positions
from gateway.reports.verdict import to_mend

_SNIFFED = 1 << 20
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class CsvErrorsWriter:
    """Rejected and refused records, as they came, behind five columns of ours."""

    kind: ClassVar[str] = "errors.csv"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write the failed records; False and no file where every record passed."""
        if to_mend(summary) == 0:
            return False
        layout = rows.layout()
        if not isinstance(layout, CsvLayout):
            raise TypeError(f"an errors.csv needs a CSV layout, not {type(layout).__name__}")
        dialect = _Dialect.of(layout, parts_of(rows.source())[0])
        raw = RawRecords(rows.source(), layout, dialect.codec)
        filled = functools.cache(rows.filled)
        with closing(raw), out.open("wb") as file:
            file.write(dialect.mark)
            headed = False
            for block in failed_blocks(rows):
                if not headed:
                    headers = header_texts(block.table.headers)
                    file.write(dialect.encoded(_header(headers, dialect) + dialect.newline))
                    headed = True
                if dialect.is_common and _is_whole(block):
                    _write_whole(block, summary.run, dialect, file)
                else:
                    file.write(_records(block, summary.run, dialect, raw, filled))
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
    def is_common(self) -> bool:
        """Whether polars can write it: UTF-8, marks of one byte, quotes where they are needed."""
        return self.codec == "utf-8" and self.quote != "" and (self.delimiter + self.quote).isascii()

    @property
    def escape(self) -> str:
        """Error handler by which bytes that could not be decoded go out as they came."""
        return "replace" if self.codec.startswith("utf-16") else "surrogateescape"

    def encoded(self, text: str) -> bytes:
        # the partner's cells came out of this encoding; only our own words may not fit into it
        return text.encode(self.codec, errors="replace")

    @property
    def special(self) -> str:
        """Pattern of the characters for whose sake a cell is quoted; it matches nothing where cells never are."""
        if self.quote == "":
            return "[^\\s\\S]"
        return "|".join(f"\\x{{{ord(mark):x}}}" for mark in (self.delimiter, self.quote, "\r", "\n"))

    def quoted(self, cell: pl.Expr) -> pl.Expr:
        """Return the cell as it stands in the file: quoted where it must be; null stays null."""
        if self.quote == "":
            return cell
        doubled = cell.str.replace_all(self.quote, self.quote * 2, literal=True)
        inside = pl.concat_str(pl.lit(self.quote), doubled, pl.lit(self.quote))
        return pl.when(cell.str.contains(self.special)).then(inside).otherwise(cell)

    def plain(self, ours: pl.Expr) -> pl.Expr:
        """Return a text of ours on one line and, where the file never quotes, without the delimiter."""
        one_line = ours.fill_null("").str.replace_all(r"[\r\n\t]+", " ")
        if self.quote != "":
            return one_line
        substitute = "," if self.delimiter == ";" else " "
        return one_line.str.replace_all(self.delimiter, substitute, literal=True)


def _newline(line: str) -> str:
    for end in ("\r\n", "\r"):
        if line.endswith(end):
            return end
    return "\n"


def _header(headers: tuple[str, ...], dialect: _Dialect) -> str:
    names = pl.DataFrame({"name": headers}, schema={"name": pl.String})
    theirs = names.select(dialect.quoted(neutralised(pl.col("name"))))
    return dialect.delimiter.join([*OUR_COLUMNS, *theirs.to_series()])


def _is_whole(block: FailedBlock) -> bool:
    """Whether every record has all of its cells and is no more than these."""
    return not block.faults["damaged"].any() and not sum(block.table.frame.null_count().row(0))


def _write_whole(block: FailedBlock, run: str, dialect: _Dialect, file: BinaryIO) -> None:
    """Write records as `_records` does, at half the work; of an empty cell polars writes nothing when it is null."""
    theirs = block.table.frame.select(name for name in block.table.frame.columns if not name.startswith("@"))
    frame = pl.concat([_said(block, run, dialect), theirs], how="horizontal")
    seen = frame.select(
        *(pl.col(name).str.contains(RISK).any().alias(f"risky {name}") for name in frame.columns),
        *((pl.col(name) == "").any().alias(f"empty {name}") for name in frame.columns),
    ).row(0, named=True)
    cells: list[pl.Expr] = []
    for name in frame.columns:
        cell = neutralised(pl.col(name)) if seen[f"risky {name}"] else pl.col(name)
        cells.append(pl.when(cell != "").then(cell) if seen[f"empty {name}"] else cell)
    frame.select(cell.alias(name) for name, cell in zip(frame.columns, cells, strict=True)).write_csv(
        file, include_header=False, separator=dialect.delimiter, quote_char=dialect.quote,
        line_terminator=dialect.newline, quote_style="necessary",
    )  # fmt: skip


def _records(
    block: FailedBlock, run: str, dialect: _Dialect, raw: RawRecords, filled: Callable[[], Sequence[str]]
) -> bytes:
    ours, cells = _ours(block, run, dialect), _cells(block, dialect)
    lines = pl.DataFrame([ours.alias("ours"), cells.alias("cells")]).select(
        line=pl.concat_str("ours", "cells", ignore_nulls=True)
    )["line"]
    if not block.faults["damaged"].any():
        return dialect.encoded(lines.str.join(dialect.newline).item() + dialect.newline)
    whole = [dialect.encoded(line) for line in lines]
    places = block.faults.select("damaged", "until").rows()
    known = _known(block, dialect, filled())
    for n, ((damaged, until), line) in enumerate(zip(places, block.table.frame[LINE], strict=True)):
        if damaged:
            text = dialect.delimiter + raw.record(line, until, known.row(n))
            whole[n] = dialect.encoded(ours[n]) + text.encode(dialect.codec, errors=dialect.escape)
    end = dialect.newline.encode(dialect.codec)
    return end.join([*whole, b""])


def _known(block: FailedBlock, dialect: _Dialect, filled: Sequence[str]) -> pl.DataFrame:
    """Return the cells of filled columns as they are written, the others null."""
    frame = block.table.frame.select(name for name in block.table.frame.columns if not name.startswith("@"))
    at = positions({name: name for name in filled}, block.table.headers)
    places = {at[name] for name in filled if name in at}
    cells = zip(frame.columns, _written(frame, dialect), strict=True)
    return frame.with_columns(
        (cell if place in places else pl.lit(None, pl.String)).alias(name) for place, (name, cell) in enumerate(cells)
    )


def _ours(block: FailedBlock, run: str, dialect: _Dialect) -> pl.Series:
    said = _said(block, run, dialect)
    return said.select(line=pl.concat_str(_written(said, dialect), separator=dialect.delimiter))["line"]


def _said(block: FailedBlock, run: str, dialect: _Dialect) -> pl.DataFrame:
    """Return the columns of ours, one line each."""
    return block.faults.select(
        pl.lit(run).alias("error_run"),
        pl.col(ROW).cast(pl.String).alias("error_row"),
        *(dialect.plain(pl.col(name)).alias(name) for name in OUR_COLUMNS[2:]),
    )


def _cells(block: FailedBlock, dialect: _Dialect) -> pl.Series:
    """Return the partner's cells with a delimiter before each; a short record stays short."""
    frame = block.table.frame.select(name for name in block.table.frame.columns if not name.startswith("@"))
    cells = _written(frame, dialect)
    delimiter = pl.lit(dialect.delimiter)
    if sum(frame.null_count().row(0)):
        at = enumerate(frame.columns)
        present = pl.max_horizontal(pl.when(pl.col(name).is_not_null()).then(n) for n, name in at)
        frame = frame.with_columns(present.alias("@present"))
        cells = [pl.when(pl.col("@present") >= n).then(delimiter + cell.fill_null("")) for n, cell in enumerate(cells)]
    else:
        cells = [delimiter + cell for cell in cells]
    return frame.select(line=pl.concat_str(cells, ignore_nulls=True))["line"]


def _written(frame: pl.DataFrame, dialect: _Dialect) -> list[pl.Expr]:
    """Return the columns as they stand in the file; one look at a column spares most of them the rewriting."""
    seen = frame.select(
        *(pl.col(name).str.contains(RISK).any().alias(f"risky {name}") for name in frame.columns),
        *(pl.col(name).str.contains(dialect.special).any().alias(f"special {name}") for name in frame.columns),
    ).row(0, named=True)
    cells: list[pl.Expr] = []
    for name in frame.columns:
        risky = seen[f"risky {name}"]
        cell = neutralised(pl.col(name)) if risky else pl.col(name)
        marked = risky and dialect.quote == "'"  # neutralising brings in the quote itself
        cells.append(dialect.quoted(cell) if marked or seen[f"special {name}"] else cell)
    return cells
