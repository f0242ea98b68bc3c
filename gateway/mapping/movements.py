"""Movements to levels: what a file moves per record, added to a level known before; nothing is rounded or guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from gateway.issues import WARNINGS
from gateway.mapping.numbers import Number
from gateway.model import ISSUE_SCHEMA, KEY_SEPARATOR, LINE, ROW, Draft
from gateway.wording import filled

SIGN, OPENING, DAY = "@sign", "@opening", "@day"
"""Columns of a draft that say how a row counts; they are in no contract."""
ID = "@id"
KNOWN_SCHEMA: dict[str, type[pl.DataType]] = {ID: pl.String, "@known": pl.String, "@since": pl.String}

_DECIMALS = 12
_NUMBER = rf"^-?[0-9]{{1,18}}(?:\.[0-9]{{1,{_DECIMALS}}})?$"
_EXACT = pl.Decimal(38, _DECIMALS)
"""Holds the sum of a hundred million rows of the largest number that is taken."""


@dataclass(frozen=True, slots=True)
class Movements:
    """How rows count. `by`: fields that name the record; `field`: what a row moves, and after `levelled` the level.

    `known`: frame of KNOWN_SCHEMA, the level (canonical text) and its day or null per record; None: rows tell it.
    `source`: what levels are looked for in. `names`: by which name a partner knows what fills SIGN, OPENING and DAY.
    """

    by: tuple[str, ...]
    field: str
    known: pl.DataFrame | None
    source: str
    names: Mapping[str, str]

    def counted(self, draft: Draft) -> pl.DataFrame:
        """Return ID, `@moved` (Decimal) and OPENING of every row that counts."""
        rows = self._judged(draft.frame)
        return rows.filter(pl.col("@fault").is_null() & pl.col("@before").is_null()).select(ID, "@moved", OPENING)

    def totals(self, counted: Iterable[pl.DataFrame]) -> pl.DataFrame:
        """Sum up what `counted` gave of each block: ID, `@first` (opening level), `@level` or null if none is known."""
        moved = pl.DataFrame(schema={ID: pl.String, "@moved": _EXACT, OPENING: pl.String})
        for rows in counted:  # block by block: no more is held than one row per record
            sums = pl.col("@moved").sum(), pl.col(OPENING).drop_nulls().first()
            moved = pl.concat([moved, rows]).group_by(ID).agg(*sums)
        if self.known is None:
            known = moved.with_columns(pl.col(OPENING).alias("@known"))
        else:
            known = moved.join(self.known, on=ID, how="left")
        level = (_exact("@known") + pl.col("@moved")).alias("@level")
        return known.select(ID, pl.col(OPENING).alias("@first"), level)

    def levelled(self, draft: Draft, totals: pl.DataFrame) -> Draft:
        """Return the draft with levels instead of movements.

        Rows that can't be counted, or without a level to add them to, have an issue; those that a known level has in
        it already are skipped.
        """
        rows = self._judged(draft.frame).join(totals, on=ID, how="left", maintain_order="left")
        differs = (_exact(OPENING) != _exact("@first")).fill_null(False)
        opening = filled("its opening level is {}, not {} as in the rows above", OPENING, "@first")
        rows = rows.with_columns(pl.coalesce("@fault", pl.when(differs).then(opening)).alias("@fault"))
        past = pl.col("@before").is_not_null()
        out = rows.filter(past).select(ROW, LINE, pl.lit("SKIPPED").alias("code"), pl.col("@before").alias("detail"))
        rows = rows.filter(~past)
        level = Number().read(rows["@level"].cast(pl.String)).alias(self.field)
        good = rows.with_columns(level).with_columns(pl.when(pl.col("@fault").is_null()).then(self.field))
        kept = [column for column in draft.frame.columns if column not in {SIGN, OPENING, DAY}]
        skipped = pl.concat([draft.skipped, out]).sort(ROW, maintain_order=True)
        return Draft(good.select(kept), self._issues(rows, draft.issues), skipped, draft.filled)

    def _judged(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows with ID, what they move (`@moved`), why they can't be counted (`@fault`) or are in the level already."""
        absent = [name for name in (SIGN, OPENING, DAY) if name not in frame.columns]
        parts = [pl.col(name).fill_null("") for name in self.by]
        rows = frame.with_columns(
            pl.concat_str(parts, separator=KEY_SEPARATOR).alias(ID),
            *(pl.lit(None, pl.String).alias(name) for name in absent),
        )
        since = pl.lit(None, pl.String).alias("@since")
        rows = rows.with_columns(since) if self.known is None else self._since(rows)
        rows = rows.with_columns(
            self._fault().alias("@fault"),
            pl.when(pl.col(SIGN) == "-").then(-_exact(self.field)).otherwise(_exact(self.field)).alias("@moved"),
            pl.when(pl.col(OPENING) != "").then(OPENING).alias(OPENING),
        )
        inside = filled("the level of {} has this movement of {} in it", "@since", DAY)
        past = pl.col("@fault").is_null() & (pl.col(DAY) <= pl.col("@since"))
        return rows.with_columns(pl.when(past).then(inside).alias("@before"))

    def _since(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self.known is None:
            raise AssertionError(self.field)
        return rows.join(self.known.select(ID, "@since"), on=ID, how="left", maintain_order="left")

    def _fault(self) -> pl.Expr:
        quantity = pl.col(self.field)
        digits = f"its {self.field} has more than 18 digits or {_DECIMALS} decimals"
        faults = [
            (quantity.fill_null("") == "", f"it says no {self.field}"),
            (~quantity.str.contains(_NUMBER), digits),
        ]
        if SIGN in self.names:
            faults.append((~pl.col(SIGN).is_in(["+", "-"]).fill_null(False), f"{self.names[SIGN]} does not say + or -"))
            signed = f"{self.names[SIGN]} says whether it is added, so its {self.field} can't be below 0"
            faults.append((quantity.str.starts_with("-"), signed))
        if DAY in self.names:
            faults.append((pl.col(DAY).fill_null("") == "", f"{self.names[DAY]} does not say its day"))
        return pl.coalesce(pl.when(where).then(pl.lit(text)) for where, text in faults)

    def _issues(self, rows: pl.DataFrame, issues: pl.DataFrame) -> pl.DataFrame:
        """Issues of the draft and ours; of a row that has a fault already, what follows from it is not told."""
        shown = pl.concat_str([pl.col(name).fill_null("") for name in self.by], separator=" / ").alias("value")
        field = pl.lit(self.field).alias("field")
        faulty, named = pl.col("@fault").is_not_null(), pl.col(ID) != KEY_SEPARATOR * (len(self.by) - 1)
        code = pl.when(faulty).then(pl.lit("MAP_MOVEMENT")).otherwise(pl.lit("MAP_NO_BASELINE")).alias("code")
        detail = pl.coalesce("@fault", pl.lit(self.source)).alias("detail")
        ours = rows.filter(faulty | (named & pl.col("@level").is_null())).select(ROW, LINE, code, field, shown, detail)
        grave = issues.filter(~pl.col("code").is_in(sorted(WARNINGS)))
        named_issues = issues.with_columns(pl.col("field").replace(dict(self.names)))
        told = [named_issues.select(*ISSUE_SCHEMA), ours.join(grave, on=ROW, how="anti").select(*ISSUE_SCHEMA)]
        return pl.concat(told).sort(ROW, maintain_order=True)


def _exact(name: str) -> pl.Expr:
    return pl.when(pl.col(name).str.contains(_NUMBER)).then(pl.col(name)).cast(_EXACT, strict=False)
