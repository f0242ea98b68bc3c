"""Types with few or fixed forms: flags, choices, days and points in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import polars as pl

from gateway.contracts.fields.base import CellCase, FieldType, Wording, wrong

# The Gregorian calendar from year 1 as a pattern: one statement of it for columns and cells.
_YEAR = r"(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP_YEAR = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_MONTH_DAY = r"((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
_DAY = f"({_YEAR}-{_MONTH_DAY}|{_LEAP_YEAR}-02-29)"
_TIME = "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"


@dataclass(frozen=True)
class Flag(FieldType):
    """`true` or `false`."""

    word: ClassVar[str] = "Flag"
    python: ClassVar[type] = bool

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """One of the two words."""
        return (cell == "true") | (cell == "false")

    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """Any other text."""
        return (CellCase("NOT_A_FLAG", ~self.plain(cell)),)

    def read(self, text: str) -> bool:
        """Return the truth value."""
        if text not in {"true", "false"}:
            raise wrong("NOT_A_FLAG")
        return text == "true"

    def typed(self, cell: pl.Expr) -> pl.Expr:
        """Boolean."""
        return pl.when(self.plain(cell)).then(cell == "true")

    def form(self) -> str:
        """Both words."""
        return "true or false"

    def schema(self) -> dict[str, Any]:
        """String of two words: the text is canonical, not JSON's boolean."""
        return {"type": "string", "enum": ["true", "false"]}


@dataclass(frozen=True)
class Choice(FieldType):
    """One of some words, upper and lower case told apart."""

    words: tuple[str, ...]
    word: ClassVar[str] = "Choice"
    python: ClassVar[type] = str

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """One of the words."""
        return cell.is_in(self.words)

    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """Any other text."""
        return (CellCase("NOT_LISTED", ~self.plain(cell), ", ".join(self.words)),)

    def read(self, text: str) -> str:
        """Return the word."""
        if text not in self.words:
            raise wrong("NOT_LISTED", ", ".join(self.words))
        return text

    def typed(self, cell: pl.Expr) -> pl.Expr:
        """String."""
        return cell.replace("", None)

    def form(self) -> str:
        """All words."""
        return f"one of {', '.join(self.words)}"

    def schema(self) -> dict[str, Any]:
        """String of listed words."""
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True)
class Day(FieldType):
    """A day of the Gregorian calendar, years 0001 to 9999: `2026-11-22`."""

    word: ClassVar[str] = "Day"
    python: ClassVar[type] = date
    _wording: ClassVar[Wording] = Wording("NOT_A_DAY", rf"^{_DAY}\z", wanted=True)

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """Exactly the canonical form of a day that exists."""
        return cell.str.contains(self._wording.pattern)

    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """Any other text."""
        return (self._wording.case(cell),)

    def read(self, text: str) -> date:
        """Return the day."""
        self._wording.judge(text)
        return date.fromisoformat(text)

    def typed(self, cell: pl.Expr) -> pl.Expr:
        """Date."""
        return cell.str.to_date("%Y-%m-%d", strict=False)

    def form(self) -> str:
        """Its pattern."""
        return "day like 2026-11-22"

    def schema(self) -> dict[str, Any]:
        """String of format date."""
        return {"type": "string", "format": "date"}


@dataclass(frozen=True)
class Instant(FieldType):
    """A point in time in UTC, to the second: `2026-11-22T09:30:00Z`. Canonical texts sort as the times do."""

    word: ClassVar[str] = "Instant"
    python: ClassVar[type] = datetime
    _wording: ClassVar[Wording] = Wording("NOT_A_TIME", rf"^{_DAY}{_TIME}\z", wanted=True)

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """Exactly the canonical form of a time that exists."""
        return cell.str.contains(self._wording.pattern)

    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """Any other text."""
        return (self._wording.case(cell),)

    def read(self, text: str) -> datetime:
        """Return the aware time."""
        self._wording.judge(text)
        return datetime.fromisoformat(text)

    def typed(self, cell: pl.Expr) -> pl.Expr:
        """Datetime in microseconds, zone UTC."""
        return cell.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False, time_unit="us").dt.replace_time_zone("UTC")

    def form(self) -> str:
        """Its pattern."""
        return "UTC time like 2026-11-22T09:30:00Z"

    def schema(self) -> dict[str, Any]:
        """String of format date-time, always with Z."""
        return {"type": "string", "format": "date-time", "pattern": "Z$"}

    @staticmethod
    def text(moment: datetime) -> str:
        """Return canonical text of an aware time, cut to whole seconds."""
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
