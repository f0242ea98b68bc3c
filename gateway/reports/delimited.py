"""Our own CSV answers: result, issues, corrections; the partner's dialect is not its concern.

UTF-8 with a byte order mark (a spreadsheet opens accents right), commas, CRLF, quotes only where needed: RFC 4180.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, ClassVar

import polars as pl

from gateway.formats.neutral import neutralised
from gateway.issues import with_text
from gateway.model import KEY, KEY_SEPARATOR, LINE, ROW, Rows, Summary
from gateway.reports.stream import gathered

RESULT_COLUMNS = ("row", "line", "key", "state", "faults", "code", "field", "value", "message", "remote_id")
ISSUE_COLUMNS = ("row", "line", "key", "severity", "state", "code", "field", "value", "message", "fix")

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
            _write(file, RESULT_COLUMNS, (_result(frame) for frame in rows.results()))
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
        _write(file, RESULT_COLUMNS, (_result(frame.filter(pl.col(ROW).is_in(kept))) for frame in rows.results()))
    return True


def _result(frame: pl.DataFrame) -> pl.DataFrame:
    told = with_text(frame, ("message",)).rename({ROW: "row", LINE: "line", KEY: "key"})
    return _safe(told.select(RESULT_COLUMNS))


def _issue(frame: pl.DataFrame) -> pl.DataFrame:
    keyed = frame.rename({KEY: "key"}) if "key" not in frame.columns else frame
    return _safe(with_text(keyed).rename({ROW: "row", LINE: "line"}).select(ISSUE_COLUMNS))


def _safe(frame: pl.DataFrame) -> pl.DataFrame:
    frame = frame.with_columns(_shown_keys(frame["key"]))
    risky = [name for name in _RISKY if name in frame.columns and frame[name].null_count() < frame.height]
    # one cheap look per block spares the good rows the rewriting
    flags = frame.select(pl.col(name).str.contains(RISK).any() for name in risky)
    return frame.with_columns(neutralised(pl.col(name)).alias(name) for name in risky if flags[name].item())


def _shown_keys(keys: pl.Series) -> pl.Series:
    """The keys as people read them; most have one part only, which spares the replacing."""
    short = keys.str.strip_chars_end(KEY_SEPARATOR)
    if not short.str.contains(KEY_SEPARATOR, literal=True).any():
        return short
    return short.str.replace_all(KEY_SEPARATOR, " / ", literal=True)


def shown_key(key: pl.Expr) -> pl.Expr:
    """Return the key as people read it: its parts joined by " / ", empty parts at the end left out."""
    trimmed = key.str.strip_chars_end(KEY_SEPARATOR)
    return trimmed.str.replace_all(KEY_SEPARATOR, " / ", literal=True)


def _chain(first: pl.DataFrame, rest: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    yield first
    yield from rest


def _write(file: BinaryIO, columns: tuple[str, ...], frames: Iterable[pl.DataFrame]) -> None:
    file.write(codecs.BOM_UTF8 + ",".join(columns).encode() + b"\r\n")
    for frame in frames:
        frame.write_csv(file, include_header=False, line_terminator="\r\n")
