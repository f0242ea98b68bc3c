"""Types of words that trade has agreed on or that name a place in a tree: currencies, categories."""

from __future__ import annotations

import csv
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, ClassVar

import polars as pl

from gateway.contracts.fields.base import CellCase, FieldType, Wording, wrong
from gateway.contracts.fields.text import HIDDEN, SPACE, Lettering


@functools.cache
def currencies() -> tuple[str, ...]:
    """Return the alphabetic codes of ISO 4217 that are money in use, in order (list of January 2026)."""
    text = (resources.files("gateway.contracts") / "data" / "currencies.csv").read_text(encoding="utf-8")
    return tuple(row["code"] for row in csv.DictReader(text.splitlines()))


@dataclass(frozen=True)
class Currency(FieldType):
    """An alphabetic currency code of ISO 4217, in capitals."""

    word: ClassVar[str] = "Currency"
    python: ClassVar[type] = str

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """A listed code."""
        return cell.is_in(currencies())

    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """Any other text."""
        return (CellCase("NOT_A_CURRENCY", ~self.plain(cell)),)

    def read(self, text: str) -> str:
        """Return the code."""
        if text not in currencies():
            raise wrong("NOT_A_CURRENCY")
        return text

    def typed(self, cell: pl.Expr) -> pl.Expr:
        """String."""
        return cell.replace("", None)

    def form(self) -> str:
        """Its standard."""
        return "currency code of ISO 4217, three capitals"

    def schema(self) -> dict[str, Any]:
        """String of listed codes."""
        return {"type": "string", "enum": list(currencies())}


@dataclass(frozen=True)
class Category(Lettering):
    r"""A place in a category tree: names from the root on, joined by a backslash, none of them empty."""

    max_length: int
    word: ClassVar[str] = "Category"
    python: ClassVar[type] = str

    def _wordings(self) -> tuple[Wording, ...]:
        edge = rf"(^|\\)([{SPACE}\\]|\z)|[{SPACE}](\\|\z)"
        return (HIDDEN, Wording("CHARACTERS", edge, "an empty part, or a space around a part"))

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """Names of letters to see, single spaces inside them at most."""
        word = r"[!-\[\]-~\u00a1-\u00ac\u00ae-\u024f]+"
        name = f"{word}( {word})*"
        return cell.str.contains(rf"^{name}(\\{name})*\z") & (cell.str.len_bytes() <= self.max_length)

    def form(self) -> str:
        """Path with its separator."""
        return f"names joined by a backslash, at most {self.max_length} characters together"
