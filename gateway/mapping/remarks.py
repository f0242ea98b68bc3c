"""What is told of cells that were read: fractions that are rates, numbers below 0, codes that became the same text."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from gateway.mapping.numbers import Factor

REMARK_SCHEMA: dict[str, type[pl.DataType]] = {"place": pl.UInt32, "code": pl.String, "detail": pl.String}
_FRACTION = "0."
"""Beginning of a canonical number between 0 and 1: it has no needless zeros, so it is not 0 itself."""


@dataclass(frozen=True, slots=True)
class Remarks:
    """What one field is looked at for.

    `fractions`: those of 1 become percentage points; `negative_as_zero`: numbers below 0 become 0; `told`: results that
    are told.
    """

    fractions: bool = False
    negative_as_zero: bool = False
    told: tuple[str, ...] = ()

    def look(self, values: pl.Series, texts: pl.Series) -> tuple[pl.Series, pl.DataFrame]:
        """Return canonical values as they are taken, and what is told of some (REMARK_SCHEMA), by their place.

        `texts`: the cells they were read from; one with a percent sign is no fraction.
        """
        found = []
        if self.fractions:
            places = (values.str.starts_with(_FRACTION) & ~texts.str.contains("%", literal=True)).arg_true()
            if places.len():
                points = Factor(Decimal(100)).run(values.gather(places), None)
                values = values.clone().scatter(places, points)  # it changes the column it is called on
                found.append(_remarks(places, "MAP_FRACTION", points))
        if self.negative_as_zero:
            places = values.str.starts_with("-").arg_true()
            if places.len():
                values = values.clone().scatter(places, "0")
                found.append(_remarks(places, "MAP_NEGATIVE", values.gather(places)))
        if self.told:
            places = values.is_in(list(self.told)).arg_true()
            if places.len():
                found.append(_remarks(places, "MAP_TOLD", values.gather(places)))
        return values, pl.concat(found) if found else pl.DataFrame(schema=REMARK_SCHEMA)


def _remarks(places: pl.Series, code: str, details: pl.Series) -> pl.DataFrame:
    columns = [places.cast(pl.UInt32).alias("place"), details.alias("detail")]
    return pl.DataFrame(columns).select("place", pl.lit(code).alias("code"), "detail")
