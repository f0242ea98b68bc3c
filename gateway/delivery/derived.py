"""Changes that no row asked for: keys that a full file left out, named one by one with what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from gateway.delivery.left_out import Lost
from gateway.delivery.outcomes import effect_states
from gateway.issues import WARNINGS
from gateway.model import ISSUE_SCHEMA, KEY, LINE, ROW, RowState
from gateway.wording import filled

_WANTED = ["run", KEY, "derived", "ended", "measure"]


def derived_issues(lost: Sequence[Lost], families: Mapping[int, str]) -> Iterator[pl.DataFrame]:
    """Yield frames of ISSUE_SCHEMA plus `state`, `key`, `severity`, without a row: each key, then what is said of it.

    `families`: by the place of their legs, where rows have several effects.
    """
    for folder, sent, position, open_state, place in lost:
        for part in effect_states(folder, sent, _WANTED):
            mine = part.filter((pl.col("run") == position) & pl.col("derived"))
            if mine.height:
                yield _told(mine, open_state, families.get(place))


def _told(effects: pl.DataFrame, open_state: RowState, family: str | None) -> pl.DataFrame:
    changed = filled("set to {}", pl.col("measure").fill_null("what is known"))
    done = pl.when("ended").then(pl.lit("ended")).otherwise(changed)
    came = pl.col("state") == str(RowState.APPLIED)
    told = effects.with_row_index("place").with_columns(pl.col("state").cast(pl.String).fill_null(str(open_state)))
    named = told.select(
        "place", "state", pl.lit("ABSENT").alias("code"), pl.lit(family, pl.String).alias("field"),
        pl.when(came).then(done).otherwise(filled("to be {}: {}", done, "state")).alias("detail"), key=KEY,
    )  # fmt: skip
    said = told.filter(pl.col("code").is_not_null()).select(
        "place", "state", "code", pl.coalesce("field", pl.lit(family, pl.String)).alias("field"),
        pl.col("message").alias("detail"), key=KEY,
    )  # fmt: skip
    warning = pl.col("code").is_in(sorted(WARNINGS))
    both = pl.concat([named, said]).sort("place", maintain_order=True).with_columns(
        pl.lit(None, pl.Int64).alias(ROW), pl.lit(None, pl.Int64).alias(LINE), pl.lit(None, pl.String).alias("value"),
        severity=pl.when(warning).then(pl.lit("warning")).otherwise(pl.lit("error")),
    )  # fmt: skip
    return both.select(*ISSUE_SCHEMA, "state", "key", "severity")
