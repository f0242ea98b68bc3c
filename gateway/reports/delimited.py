"""Our own CSV answers: result, issues, corrections; the partner's dialect is not its concern.

UTF-8 with a byte order mark (a spreadsheet opens accents right), commas, CRLF, quotes only where needed: RFC 4180.
"""

from __future__ import annotations

import codecs
import io
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import BinaryIO, ClassVar

import polars as pl

from gateway.ahead import beside, mapped
from gateway.contracts.rules import shown_key
from gateway.formats.neutral import neutralised
from gateway.issues import with_text
from gateway.model import KEY, KEY_SEPARATOR, LINE, ROW, Rows, Summary
from gateway.reports.stream import gathered

RESULT_COLUMNS = ("row", "line", "key", "state", "faults", "code", "field", "value", "message", "remote_id")
ISSUE_COLUMNS = ("row", "line", "key", "severity", "state", "code", "field", "value", "message", "fix")

_SPECIAL = '[",\r\n]'
"""Pattern of the cells that are quoted."""
_GAP = re.compile(f"{KEY_SEPARATOR}{{2,}}")
"""Parts of a key that are not given, between given ones."""
_FEW = 8
"""Rows of a block with something to say of each are few when they are at most one in so many."""
_WORKERS = 2
"""Blocks of results put into words at the same time."""

_KEPT_FROM = 4 << 20
"""Bytes of results that are brought to the disk while others are put into words."""

_RISKY = ("key", "field", "value", "message", "remote_id")
RISK = r"^['=+\-@\t\r\n]"
"""Pattern of the cells that neutralising may change: cheaper to look for than to rewrite."""


class ResultWriter:
    """One line per input row: what became of it, and its gravest fault."""

    kind: ClassVar[str] = "result.csv"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write a line for every row of the run, or the header alone where it has none."""
        del summary
        with out.open("wb") as file:
            _write_results(file, rows.results())
        return True


class IssuesWriter:
    """Every fault of every row and every effect that has something to say."""

    kind: ClassVar[str] = "issues.csv"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write a line per issue; False and no file where there is none."""
        del summary
        frames = (_issue(frame) for frame in gathered(rows.issues()))
        first = next(frames, None)
        if first is None:
            return False
        with out.open("wb") as file:
            _write(file, ISSUE_COLUMNS, _chain(first, frames))
        return True


def correction_kind(number: int) -> str:
    """Return the suffix of the correction of that number, from 1."""
    return f"correction-{number}.csv"


def write_correction(rows: Rows, changed: pl.Series, out: Path) -> bool:
    """Write the result lines of the rows in `changed` (Int64 row numbers); False and no file where it is empty."""
    if changed.len() == 0:
        return False
    kept = changed.cast(pl.Int64).implode()
    with out.open("wb") as file:
        _write_results(file, (frame.filter(pl.col(ROW).is_in(kept)) for frame in rows.results()))
    return True


def _write_results(file: BinaryIO, frames: Iterable[pl.DataFrame]) -> None:
    """Write results; what is written is brought to the disk beside, so that at the end little is left to be."""
    file.write(_header(RESULT_COLUMNS))
    kept: Future[None] | None = None
    begun = 0
    try:
        for lines in mapped(iter(frames), _result_lines, workers=_WORKERS):
            file.write(lines)
            if file.tell() - begun >= _KEPT_FROM and (kept is None or kept.done()):
                file.flush()
                if kept is not None:
                    kept.result()
                kept, begun = beside(os.fsync, file.fileno()), file.tell()
    finally:
        wait([] if kept is None else [kept])
    if kept is not None:
        kept.result()  # the disk tells of what it could not take only once


def _result_lines(frame: pl.DataFrame) -> bytes:
    """Return the lines of results: where little is said of single rows, what follows the key is worked out once."""
    out = io.BytesIO()
    said = frame["faults"] != 0
    for name in ("field", "value", "detail", "remote_id"):
        if frame[name].null_count() < frame.height:
            said |= frame[name].is_not_null()
    if said.sum() * _FEW > frame.height:
        told = with_text(frame, ("message",)).rename({ROW: "row", LINE: "line", KEY: "key"})
        _safe(told.select(RESULT_COLUMNS)).write_csv(out, include_header=False, line_terminator="\r\n")
    else:
        lines = frame.select(ROW, LINE, _key_cell(frame[KEY]), _tail(frame, said))
        lines.write_csv(out, include_header=False, line_terminator="\r\n", quote_style="never")
    return out.getvalue()


def _key_cell(keys: pl.Series) -> pl.Series:
    """The keys as cells of the file."""
    shown = _shown_keys(keys)
    # one pattern for all of it takes three times as long
    if not ((shown == "").any() or shown.str.contains(RISK).any() or shown.str.contains(_SPECIAL).any()):
        return shown
    return shown.to_frame().select(_quoted(neutralised(pl.col(KEY))).alias(KEY)).to_series()


def _tail(frame: pl.DataFrame, said: pl.Series) -> pl.Series:
    """The cells after the key, joined: one text per state and code of the rows of which nothing more is said."""
    more = frame.filter(said)
    both = ["state", "code"]
    kinds = _first_kind(frame, said)
    if kinds is None:
        kinds = frame.filter(~said).select(both).unique(keep="first", maintain_order=True)
    texts = _tails(pl.concat([kinds, more], how="diagonal"))
    place = pl.repeat(0, frame.height, dtype=pl.UInt32, eager=True)
    if kinds.height > 1:
        known = kinds.with_row_index("place")
        place = frame.select(both).join(known, on=both, how="left", nulls_equal=True, maintain_order="left")["place"]
    if more.height:
        place = place.scatter(said.arg_true(), pl.int_range(kinds.height, texts.len(), dtype=pl.UInt32, eager=True))
    return texts.gather(place)


def _first_kind(frame: pl.DataFrame, said: pl.Series) -> pl.DataFrame | None:
    """State and code of the rows of which nothing more is said (one row, none without such rows); None: they differ."""
    at = said.arg_min()
    if at is None or said[at]:
        return frame.select("state", "code").clear()
    first = frame.select("state", "code").slice(at, 1)
    same = (frame["state"] == first["state"][0]) & frame["code"].eq_missing(first["code"][0])
    return first if (same | said).all() else None


def _tails(frame: pl.DataFrame) -> pl.Series:
    """The cells after the key of each row, joined as they stand in the file."""
    worded = with_text(frame.with_columns(pl.col("faults").fill_null(0)), ("message",))
    cells = _neutral(worded).select(pl.col(name).cast(pl.String) for name in RESULT_COLUMNS[3:])
    special = cells.select((pl.all() == "") | pl.all().str.contains(_SPECIAL)).select(pl.all().any()).row(0)
    whole = zip(cells.columns, special, strict=True)
    return cells.select(
        tail=pl.concat_str([(_quoted(pl.col(n)) if q else pl.col(n)).fill_null("") for n, q in whole], separator=",")
    ).to_series()


def _quoted(text: pl.Expr) -> pl.Expr:
    """Return a text as it stands in the file: quoted where it must be or where it is empty; null stays null."""
    doubled = pl.concat_str(pl.lit('"'), text.str.replace_all('"', '""', literal=True), pl.lit('"'))
    return pl.when((text == "") | text.str.contains(_SPECIAL)).then(doubled).otherwise(text)


def _issue(frame: pl.DataFrame) -> pl.DataFrame:
    keyed = frame.rename({KEY: "key"}) if "key" not in frame.columns else frame
    return _safe(with_text(keyed).rename({ROW: "row", LINE: "line"}).select(ISSUE_COLUMNS))


def _safe(frame: pl.DataFrame) -> pl.DataFrame:
    return _neutral(frame.with_columns(_shown_keys(frame["key"])))


def _neutral(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with the cells neutralised that a spreadsheet would run."""
    risky = [name for name in _RISKY if name in frame.columns and frame[name].null_count() < frame.height]
    # one cheap look per block spares the good rows the rewriting
    flags = frame.select(pl.col(name).str.contains(RISK).any() for name in risky)
    return frame.with_columns(neutralised(pl.col(name)).alias(name) for name in risky if flags[name].item())


def _shown_keys(keys: pl.Series) -> pl.Series:
    """The keys as people read them (`shown_key`); one look spares most of them the trimming, and the replacing."""
    ends = keys.str.ends_with(KEY_SEPARATOR).any() or keys.str.starts_with(KEY_SEPARATOR).any()
    short = keys.str.strip_chars(KEY_SEPARATOR) if ends else keys
    first = (short[0] or "") if short.len() else ""
    if KEY_SEPARATOR not in first and not short.str.contains(KEY_SEPARATOR, literal=True).any():
        return short
    for gap in sorted(set(_GAP.findall(first)), key=len, reverse=True):  # mostly all leave out what the first does
        short = short.str.replace_all(gap, KEY_SEPARATOR, literal=True)
    if short.str.contains(KEY_SEPARATOR * 2, literal=True).any():
        return short.to_frame().select(shown_key(pl.col(short.name))).to_series()
    return short.str.replace_all(KEY_SEPARATOR, " / ", literal=True)


def _chain(first: pl.DataFrame, rest: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    yield first
    yield from rest


def _write(file: BinaryIO, columns: tuple[str, ...], frames: Iterable[pl.DataFrame]) -> None:
    file.write(_header(columns))
    for frame in frames:
        frame.write_csv(file, include_header=False, line_terminator="\r\n")


def _header(columns: tuple[str, ...]) -> bytes:
    return codecs.BOM_UTF8 + ",".join(columns).encode() + b"\r\n"
