"""Rates given one after another, like 10+5, to the one rate that has the same effect; nothing is rounded."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal

import polars as pl

from gateway.formats.blanks import WHITE
from gateway.mapping.numbers import Number
from gateway.mapping.steps import blame, choose, present
from gateway.model import Kind

_RATE = r"^(?:100|[0-9]{1,2}(?:\.[0-9]+)?)$"
_INT128_DIGITS = 37


@dataclass(frozen=True, slots=True)
class Chained:
    """Combines the rates of a text cut at `mark`: each is taken from what the ones before it left."""

    mark: str
    number: Number

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:
        """Return canonical rates; null where a part is not a number as agreed or not from 0 to 100."""
        read = choose(present(texts), self._combined(texts), texts)
        if kinds is None:
            return read
        return choose(kinds == Kind.NUMBER, choose(present(texts), _in_range(Number().read(texts)), texts), read)

    def _combined(self, texts: pl.Series) -> pl.Series:
        lists = texts.str.split(self.mark)
        longest = lists.list.len().max()
        count = longest if isinstance(longest, int) else 0
        parts = [lists.list.get(place, null_on_oob=True).str.strip_chars(WHITE) for place in range(count)]
        rates = [_in_range(self.number.read(part)) for part in parts]
        bad = pl.Series([False]).new_from_index(0, len(texts))
        for part, rate in zip(parts, rates, strict=True):
            bad |= part.is_not_null() & rate.is_null()
        if count < 2:
            return rates[0] if rates else texts
        decimals = max(_decimals(rate) for rate in rates)
        known = [rate.fill_null("0") for rate in rates]
        combined = _exact(known, decimals) if (decimals + 2) * count <= _INT128_DIGITS else _slowly(known)
        none = pl.Series([None], dtype=pl.String).new_from_index(0, len(texts))
        return choose(bad | texts.is_null(), none, Number().read(combined))

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:  # noqa: ARG002  one reason only
        """Name the agreed form."""
        agreed = f"rates from 0 to 100 like 10{self.mark}5, each like {self.number.example}"
        return blame(texts.len(), "MAP_NUMBER", agreed)


def _in_range(rates: pl.Series) -> pl.Series:
    """Rates from 0 to 100; null for other numbers and for none."""
    return choose(rates.str.contains(_RATE), rates, pl.Series([None], dtype=pl.String).new_from_index(0, len(rates)))


def _decimals(rates: pl.Series) -> int:
    most = rates.str.splitn(".", 2).struct.field("field_1").str.len_bytes().max()
    return most if isinstance(most, int) else 0


def _exact(rates: list[pl.Series], decimals: int) -> pl.Series:
    """Combine by whole numbers: 100 less the product of what each rate leaves of 100."""
    whole = 100 * 10**decimals
    frame = pl.DataFrame([rate.alias(f"r{place}") for place, rate in enumerate(rates)])
    left = pl.lit(1, dtype=pl.Int128)
    for name in frame.columns:
        cut = pl.col(name).str.splitn(".", 2).struct
        digits = cut.field("field_0") + cut.field("field_1").fill_null("").str.pad_end(decimals, "0")
        left = left * (pl.lit(whole, dtype=pl.Int128) - digits.cast(pl.Int128))
    scale = decimals * len(rates) + 2 * (len(rates) - 1)
    taken = (pl.lit(whole ** len(rates), dtype=pl.Int128) - left).cast(pl.String).str.zfill(scale + 1)
    point = taken.str.len_bytes() - scale
    return frame.select(taken.str.slice(0, point) + pl.lit(".") + taken.str.slice(point)).to_series()


def _slowly(rates: list[pl.Series]) -> pl.Series:
    # Rates of more digits than anybody writes: exact all the same, row by row of what are distinct texts.
    context = Context(prec=1000)
    found = []
    for row in zip(*rates, strict=True):
        left = Decimal(100)
        for rate in row:
            left = context.divide(context.multiply(left, context.subtract(Decimal(100), Decimal(rate))), Decimal(100))
        found.append(f"{context.subtract(Decimal(100), left):f}")
    return pl.Series(found, dtype=pl.String)
