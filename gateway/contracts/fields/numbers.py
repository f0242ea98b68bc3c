"""Types whose value is a decimal number; never a float."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import polars as pl

from gateway.contracts.fields.base import CellCase, FieldType, Wording, wrong

_WIDEST = Decimal(10) ** 15 - 1


@dataclass(frozen=True)
class Number(FieldType):
    """A decimal number without exponent, plus sign, grouping or spare zeros: `0`, `12`, `-3`, `1.5`.

    `low` and `high` are inclusive; `decimals` is the most digits after the dot, 0 means a whole number. Raises
    ValueError for bounds beyond 15 digits.
    """

    decimals: int = 0
    low: Decimal = Decimal(0)
    high: Decimal = _WIDEST
    word: ClassVar[str] = "Number"
    python: ClassVar[type] = Decimal

    def __post_init__(self) -> None:
        if not -_WIDEST <= self.low <= self.high <= _WIDEST or not 0 <= self.decimals <= 15:
            raise ValueError(f"{self.word} needs -{_WIDEST} <= low <= high <= {_WIDEST} and 0 to 15 decimals.")

    def _wordings(self) -> tuple[Wording, ...]:
        code, detail = ("DECIMALS", str(self.decimals)) if self.decimals else ("NOT_WHOLE", "")
        return (
            Wording("NOT_A_NUMBER", r"^-?[0-9]+(\.[0-9]+)?\z", wanted=True),
            Wording("NOT_PLAIN", r"^-?0[0-9]|\.[0-9]*0\z|^-0\z", "no spare zeros, like 7 or 1.5"),
            Wording(code, rf"\.[0-9]{{{self.decimals + 1}}}", detail),
        )

    @property
    def _fraction(self) -> str:
        return rf"(\.[0-9]{{0,{self.decimals - 1}}}[1-9])?" if self.decimals else ""

    def _decimal(self, cell: pl.Expr) -> pl.Expr:
        return cell.cast(pl.Decimal(38, self.decimals), strict=False)

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """Not negative, and of so few digits that it is below `high` whatever they are."""
        digits = len(str(int(self.high))) - 1 if self.high >= 10 else 0
        if digits == 0:
            return pl.lit(False)
        shape = cell.str.contains(rf"^(0|[1-9][0-9]{{0,{digits - 1}}}){self._fraction}\z")
        return shape & (self._decimal(cell) >= self.low) if self.low > 0 else shape

    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """Not a number, spare zeros, too many decimals, out of bounds."""
        value, minus = self._decimal(cell), cell.str.starts_with("-")
        # null: more digits than a decimal column holds, so beyond any bound
        small = (value < self.low).fill_null(minus)
        large = (value > self.high).fill_null(~minus)
        return (
            *(wording.case(cell) for wording in self._wordings()),
            CellCase("TOO_SMALL", small, f"{self.low:f}"),
            CellCase("TOO_LARGE", large, f"{self.high:f}"),
        )

    def read(self, text: str) -> Decimal:
        """Return the number."""
        for wording in self._wordings():
            wording.judge(text)
        value = Decimal(text)
        if value < self.low:
            raise wrong("TOO_SMALL", f"{self.low:f}")
        if value > self.high:
            raise wrong("TOO_LARGE", f"{self.high:f}")
        return value

    def typed(self, cell: pl.Expr) -> pl.Expr:
        """Int64 where whole, else Decimal(38, decimals)."""
        return cell.cast(pl.Int64, strict=False) if self.decimals == 0 else self._decimal(cell)

    def form(self) -> str:
        """Number with its bounds."""
        kind = f"number with at most {self.decimals} decimals" if self.decimals else "whole number"
        return f"{kind}, {self.low:f} to {self.high:f}, no spare zeros"

    def schema(self) -> dict[str, Any]:
        """String with a pattern: the text is what keeps decimals exact."""
        return {"type": "string", "pattern": rf"^-?(0|[1-9][0-9]*){self._fraction}$"}


@dataclass(frozen=True)
class Quantity(Number):
    """Pieces, metres, kilos: not negative and at most 3 decimals unless said otherwise."""

    decimals: int = 3
    high: Decimal = Decimal(999_999_999)
    word: ClassVar[str] = "Quantity"


@dataclass(frozen=True)
class Money(Number):
    """An amount in the currency its contract names, at most 2 decimals; price basis and tax are fields of their own."""

    decimals: int = 2
    high: Decimal = Decimal("99999999.99")
    word: ClassVar[str] = "Money"


@dataclass(frozen=True)
class Rate(Number):
    """Percentage points: 20 means 20 %."""

    decimals: int = 4
    high: Decimal = Decimal(100)
    word: ClassVar[str] = "Rate"
