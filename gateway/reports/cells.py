"""Cells of a workbook written as what they were: number, text, date, time, boolean, error; it knows no record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Self

from openpyxl.styles.numbers import is_date_format

from gateway.formats.neutral import neutralise, restore
from gateway.model import Kind

_ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"})
_FAULTY = {"bg_color": "#FFC7CE", "font_color": "#9C0006"}
_OLDEST = date(1900, 3, 1)  # before it spreadsheets disagree about the calendar
_NUMERIC = frozenset({Kind.NUMBER, Kind.DATE, Kind.TIME})
LONGEST = 32_767
"""UTF-16 units that a cell holds."""


class ExactNumber(float):
    """A number written with the digits it came with: the writer would round it to sixteen."""

    digits: str

    def __new__(cls, digits: str) -> Self:
        """Take the digits. Raises ValueError when they are no number."""
        number = super().__new__(cls, digits)
        number.digits = digits
        return number

    def __format__(self, spec: str, /) -> str:
        return self.digits


def is_cut(text: str) -> bool:
    """Whether a text loses its end in a cell."""
    return len(text) >= LONGEST // 2 and not _held(text)[1]


def _held(text: str) -> tuple[str, bool]:
    """Return a text as a cell holds it, neutralised, and whether all of it comes back when it is read.

    Where there is no room for our apostrophe the text goes without: a formula has 8,192 characters at most, so that no
    spreadsheet runs it.
    """
    marked = neutralise(text)
    if _fits(marked):
        return marked, True
    if _fits(text) and restore(text) == text:
        return text, True
    return marked.encode("utf-16-le")[: 2 * LONGEST].decode("utf-16-le", "ignore"), False


def _fits(text: str) -> bool:
    return len(text) <= LONGEST // 2 or len(text.encode("utf-16-le")) <= 2 * LONGEST


class CellWriter:
    """Writes cells of one sheet; formats are made once per number format and fault."""

    def __init__(self, book: Any, sheet: Any, formats: Mapping[int, str]) -> None:
        self._book = book
        self._sheet = sheet
        self._known: dict[tuple[str, bool], Any] = {}
        self._formats = formats
        self.said = book.add_format({"bg_color": "#F1F3F5", "valign": "top", "num_format": "@", "text_wrap": True})

    def put(self, row: int, column: int, cell: str | None, kind: int | None, *, faulty: bool) -> None:
        """Write one source cell: `cell` in canonical text, `kind` a value of Kind or None where every cell is text.

        A cell that can't be what its kind says is written as text. A formula without a stored value becomes #N/A.
        """
        if kind == Kind.FORMULA_WITHOUT_VALUE or (kind == Kind.ERROR and cell in _ERRORS):
            self._error(row, column, "#N/A" if cell not in _ERRORS else str(cell), faulty=faulty)
        elif cell is None or kind == Kind.EMPTY:
            if faulty:
                self._sheet.write_blank(row, column, None, self._format("@", faulty=True))
        elif kind in _NUMERIC and self._value(row, column, cell, int(kind or 0), faulty=faulty):
            return
        elif kind == Kind.BOOLEAN and cell in ("true", "false"):
            self._sheet.write_boolean(row, column, cell == "true", self._format("General", faulty=faulty))
        else:
            self.text(row, column, cell, self._format("@", faulty=faulty))

    def text(self, row: int, column: int, text: str, style: Any) -> None:
        """Write a text as a text; one that a spreadsheet would run if typed is neutralised.

        One that is too long for a cell is cut.
        """
        text, _ = _held(text)
        if text.startswith("<r>") and text.endswith("</r>"):
            # the writer takes such a text for markup of its own: in pieces it is escaped like any other
            self._sheet.write_rich_string(row, column, "<", "r>", text[3:], style)
        else:
            self._sheet.write_string(row, column, text, style)

    def _value(self, row: int, column: int, cell: str, kind: int, *, faulty: bool) -> bool:
        try:
            moment = None if kind == Kind.NUMBER else _moment(cell)
            number = ExactNumber(cell) if moment is None else None
        except ValueError:
            return False
        if moment is not None:
            usual = self._usual(column, _moment_format(moment), dated=True)
            self._sheet.write_datetime(row, column, moment, self._format(usual, faulty=faulty))
            return True
        if number is None or not math.isfinite(number):
            return False
        usual = self._usual(column, "General", dated=False)
        self._sheet.write_number(row, column, number, self._format(usual, faulty=faulty))
        return True

    def _usual(self, column: int, otherwise: str, *, dated: bool) -> str:
        """Return the format of the column where it leaves a cell what it is: it may be another record's."""
        usual = self._formats.get(column, otherwise)
        return usual if is_date_format(usual) == dated else otherwise

    def _error(self, row: int, column: int, error: str, *, faulty: bool) -> None:
        self._sheet.write_formula(row, column, f"={error}", self._format("General", faulty=faulty), error)

    def _format(self, number_format: str, *, faulty: bool) -> Any:
        key = (number_format, faulty)
        if key not in self._known:
            colours = _FAULTY if faulty else {}
            self._known[key] = self._book.add_format({"num_format": number_format, "valign": "top", **colours})
        return self._known[key]


Moment = date | datetime | time | timedelta


def _moment(cell: str) -> Moment:
    """Return the day, moment, time of day or duration that a canonical text says. Raises ValueError when none."""
    if len(cell) == len("2026-11-22"):
        return _modern(date.fromisoformat(cell))
    if "T" in cell:
        moment = datetime.fromisoformat(cell)
        _modern(moment.date())
        return moment
    hours = cell.partition(":")[0]
    if len(hours) == 2 and int(hours) < 24:
        return time.fromisoformat(cell)
    _, minutes, seconds = cell.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), milliseconds=round(1000 * float(seconds)))


def _modern(day: date) -> date:
    if day < _OLDEST:
        raise ValueError(f"{day} is before the days on which spreadsheets agree")
    return day


def _moment_format(moment: Moment) -> str:
    match moment:
        case timedelta():
            return "[h]:mm:ss"
        case time():
            return "hh:mm:ss"
        case datetime():
            return "yyyy-mm-dd hh:mm:ss"
    return "yyyy-mm-dd"
