"""What is said of single effects as the partner knows it: its dates, what its mapping set, the field that is meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

import polars as pl

from gateway.contracts.rules import shown_key
from gateway.delivery.dates import Dates
from gateway.delivery.setup import Pinned
from gateway.issues import BY_MAPPING
from gateway.model import ROW

_DATED = (
    *("SCHEDULED", "PROMOTION_RUNS", "PROMOTION_OVER", "PROMOTION_GONE", "DISCOUNT_KEPT", "DEST_DISCOUNT"),
    *("DEST_PRICE", "DEST_LIMIT", "DEST_ONE_PER_KEY", "DEST_ONE_RECORD", "DEST_GOES_ON"),
)
"""Codes whose details we word, with points in time in canonical text; what others say stays as they say it."""
_LAST = "PROMOTION_OVER"
"""Code whose detail is the last moment of a promotion and nothing else."""
_FREE = "DEST_REFUSED"
"""Code whose detail is the other side's own text."""
_QUOTES = r"""['"`\[«“”\x{2018}\x{2019}]""", r"""['"`\]»“”\x{2018}\x{2019}]"""


class Worded:
    """The words of one run. `pinned`: what it began with."""

    def __init__(self, pinned: Pinned | None = None) -> None:
        self._dates = Dates({} if pinned is None else pinned.dates)
        self._constants = {} if pinned is None else pinned.constants
        self._sometimes: frozenset[str] = frozenset() if pinned is None else pinned.sometimes
        set_by_it = () if pinned is None else (*pinned.constants, *pinned.sometimes)
        self._fields = {} if pinned is None else _patterns({*pinned.columns, *set_by_it})

    def said(self, extra: pl.DataFrame, value_of: Callable[[str], pl.DataFrame] | None = None) -> pl.DataFrame:
        """Return what there is to say of effects (EXTRA_SCHEMA) in these words, with a `value` (String).

        The value is null but for a field that the mapping sets by itself: no cell of the file says that one.
        `value_of`: a contract field as the rows have it (`@row`, that field), asked for where only some rows have what
        the mapping sets.
        """
        if not extra.height or extra["code"].null_count() == extra.height:
            return extra.with_columns(pl.lit(None, pl.String).alias("value"))
        said = extra.with_columns(self._detail(extra), self._field(extra))
        value = pl.col("field").replace_strict(self._constants, default=None, return_dtype=pl.String)
        said = said.with_columns(value=value)
        if value_of is not None:
            for field in sorted(self._sometimes.intersection(said["field"].drop_nulls())):
                own = value_of(field).select(ROW, own=pl.col(field).replace("", None))
                said = said.join(own, on=ROW, how="left", maintain_order="left")
                here = pl.when(pl.col("field") == field).then("own").otherwise("value")
                said = said.with_columns(value=here).drop("own")
        return said.with_columns(value=pl.concat_str("value", pl.lit(BY_MAPPING)))

    def keys(self, derived: pl.DataFrame) -> pl.DataFrame:
        """Return issues of keys without a row with the key as `value` where it has dates: no cell shows them."""
        shown = derived.select(shown_key(pl.col("key"))).to_series()
        told = self._dates.shown(shown)
        return derived.with_columns(value=pl.select(pl.when(told != shown).then(told)).to_series())

    def _detail(self, extra: pl.DataFrame) -> pl.Series:
        """Return details with their dates as the file's columns write them."""
        details = extra["detail"]
        at = (extra["code"].is_in(_DATED) & details.is_not_null()).fill_null(value=False).arg_true()
        if not at.len():
            return details
        last = extra["code"].gather(at) == _LAST
        mark = pl.select(pl.when(last).then(pl.lit("until ")).otherwise(pl.lit(""))).to_series()
        shown = self._dates.shown(mark + details.gather(at))
        return details.scatter(at, shown.str.slice(mark.str.len_chars()))

    def _field(self, extra: pl.DataFrame) -> pl.Series:
        """Return the fields; where nobody said one, that which the other side's text names, if it names one alone."""
        fields = extra["field"]
        at = ((extra["code"] == _FREE) & fields.is_null()).fill_null(value=False).arg_true()
        if not at.len() or not self._fields:
            return fields
        texts = extra["detail"].gather(at)
        told = texts.drop_nulls().unique()
        found = told.to_frame("text").select(
            "text",
            names=pl.concat_list(
                pl.when(pl.col("text").str.contains(pattern)).then(pl.lit(name))
                for name, pattern in self._fields.items()
            ).list.drop_nulls(),
        )
        one = found.filter(pl.col("names").list.len() == 1).select("text", pl.col("names").list.first())
        named = texts.replace_strict(one["text"], one["names"], default=None, return_dtype=pl.String)
        return fields.scatter(at, named)


def _patterns(fields: Collection[str]) -> Mapping[str, str]:
    """Return by which pattern a text names a field, and does not only use a word that is the same.

    The name stands in quotes, before a colon at the beginning, or behind a word like `field`; one with an underscore is
    no word of a sentence anyway. What is free to name goes by its own code too.
    """
    opened, closed = _QUOTES
    found: dict[str, str] = {}
    for field in sorted(fields):
        prefix, dot, code = field.partition(".")
        name = f"(?:{re.escape(prefix + dot)})?{re.escape(code)}" if dot else re.escape(field)
        ways = [f"{opened}{name}{closed}", rf"^\s*{name}\s*:", rf"\b(?:field|attribute|column|property)\s+{name}\b"]
        found[field] = "(?i)" + "|".join([*ways, *([rf"\b{name}\b"] if "_" in field else [])])
    return found
