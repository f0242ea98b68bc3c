"""Known keys that a full file does not leave out though they are not in it: a rejected row gives them other dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from gateway.model import KEY, KEY_SEPARATOR

_DATES = ("starts_at", "ends_at")


def moves(fields: Sequence[str]) -> bool:
    """Whether dates are of a key of these fields: a row with other dates is about what runs by the known ones."""
    return any(name in fields for name in _DATES)


def spared(fields: Sequence[str], known: Iterable[pl.DataFrame], rejected: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the known keys (`@key`) that are those of rejected rows but for their dates.

    `fields`: of the key. A row whose own key is known is about no other.
    """
    nothing = pl.DataFrame(schema={KEY: pl.String})
    faulty = pl.concat([nothing, *(rows.select(KEY) for rows in rejected)]).unique()
    if not faulty.height:
        return nothing
    there = pl.concat([nothing, *(rows.select(KEY) for rows in known)]).unique()
    moved = _placed(faulty.join(there, on=KEY, how="anti"), fields)
    return _placed(there, fields).join(moved, on="place", how="semi").select(KEY)


def _placed(keys: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Add a hash of all that is in a key but its dates."""
    parts = pl.col(KEY).str.splitn(KEY_SEPARATOR, len(fields)).struct
    rest = [parts.field(f"field_{n}") for n, name in enumerate(fields) if name not in _DATES]
    return keys.with_columns(place=pl.struct(rest).hash(seed=5))
