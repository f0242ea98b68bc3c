"""What of the waiting rows must be sent: newest wins per key, unchanged rows stay; pure frames, part by part.

A part is the set of rows whose key hash falls into one bucket, so memory is bounded by the part, not by the file.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from gateway.model import KEY, ROW
from gateway.routes import DeltaRules

PART_ROWS = 100_000
"""Rows a part should hold."""

HASHER = f"polars-{pl.__version__}-2"
"""Digests are compared only with digests of the same hasher: another release may hash differently, and so may we."""

SEGMENT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    KEY: pl.String,
    "seq": pl.Int64,
    "digest": pl.UInt64,
    "measure": pl.String,
    "ended": pl.Boolean,
    "at": pl.Datetime("us", "UTC"),
}
"""One row per key: what the destination confirmed last; `measure` is the value the guard compares."""

INFLIGHT_SCHEMA: dict[str, type[pl.DataType]] = {KEY: pl.String, "seq_sent": pl.Int64}


def parts_for(rows: int) -> int:
    """Number of parts for so many rows."""
    return max(1, -(-rows // PART_ROWS))


def part_of(parts: int, of: pl.Expr | None = None) -> pl.Expr:
    """UInt32 expression: the part a row's key falls into, or what `of` gives of it."""
    return ((pl.col(KEY) if of is None else of).hash(seed=7) % parts).cast(pl.UInt32)


def digest_expr(fields: Sequence[str]) -> pl.Expr:
    """UInt64 digest of canonical text fields; null and "" differ, and so do ("a", "bc") and ("ab", "c").

    A missing cell adds nothing: a file without a column and one that leaves it out in every row say the same.
    """
    nothing = pl.lit(0, pl.UInt64)
    parts = [
        pl.when(pl.col(f).is_not_null()).then(pl.col(f).hash(seed=zlib.crc32(f.encode()))).otherwise(nothing)
        for f in fields
    ]
    return functools.reduce(lambda all_, one: all_.xor(one), parts, nothing)


def fold(segments: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Fold segments (SEGMENT_SCHEMA) into one row per key, the one of the newest sequence, then of the latest time."""
    if not segments:
        return pl.DataFrame(schema=SEGMENT_SCHEMA)
    whole = _one_frame(list(segments))
    hashes = whole[KEY].hash(seed=7).to_numpy()
    ordered = np.sort(hashes)  # twice as fast as counting keys
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not twice.size:
        return whole
    several = pl.Series(np.isin(hashes, twice))
    newest = whole.filter(several).sort("seq", "at", maintain_order=True).unique(KEY, keep="last", maintain_order=True)
    return pl.concat([whole.filter(~several), newest], rechunk=True)


def _one_frame(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Join frames of one schema column by column: in one go there would be all of them twice for a moment."""
    columns: list[pl.Series] = []
    for name in frames[0].columns:
        columns.append(pl.concat([frame[name] for frame in frames], rechunk=True))
        frames = [frame.drop(name) for frame in frames]
    return pl.DataFrame(columns)


def decide(
    candidates: pl.DataFrame,
    baseline: pl.DataFrame,
    inflight: pl.DataFrame,
    *,
    drifts: bool,
    rules: DeltaRules,
    now: datetime,
) -> pl.DataFrame:
    """Give every waiting row of a part its decision.

    `candidates`: as for `judged`; `baseline`, `inflight`: of all their keys.
    """
    frame = _with_known(candidates, baseline)
    if inflight.height:
        frame = frame.join(newest_sent(inflight), on=KEY, how="left", maintain_order="left")
    else:
        frame = frame.with_columns(seq_sent=pl.lit(None, pl.Int64))
    return judged(frame, drifts=drifts, rules=rules, now=now)


def newest_sent(inflight: pl.DataFrame) -> pl.DataFrame:
    """Return one row per key under way (INFLIGHT_SCHEMA), of the newest sequence."""
    return inflight.group_by(KEY).agg(pl.col("seq_sent").max())


def judged(frame: pl.DataFrame, *, drifts: bool, rules: DeltaRules, now: datetime) -> pl.DataFrame:
    """Give every waiting row its decision by what is known of its key.

    `frame`: `run` (UInt32), `@row`, `@key`, `seq`, `digest`, `measure`, `command`, `due` (instant or null); of the
    baseline `seq_known`, `digest_known`, `measure_known` (null for unknown and ended keys) and `at`; `seq_sent` of what
    is under way; and anything else, which is kept. Adds `decision` (String: send, unchanged, superseded, scheduled)
    and `same` (equal to the baseline).
    """
    # canonical instants are of one length: they compare as text like the times they name
    scheduled = (pl.col("due") > pl.lit(f"{now:%Y-%m-%dT%H:%M:%SZ}")).fill_null(value=False)
    older = (pl.col("seq") < pl.col("seq_known")).fill_null(value=False) | (
        pl.col("seq") < pl.col("seq_sent")
    ).fill_null(value=False)
    if frame["run"].n_unique() > 1:
        due_seq = pl.when(~scheduled).then(pl.col("seq"))
        older = older | (pl.col("seq") < due_seq.max().over(KEY)).fill_null(value=False)
    trust = rules.unchanged_for if drifts else rules.resend_after
    equal = (pl.col("digest") == pl.col("digest_known")).fill_null(value=False) & pl.col("seq_sent").is_null()
    same = pl.lit(value=False)
    if trust is not None:
        same = equal & (pl.col("at") >= pl.lit(now - timedelta(seconds=trust)))
    masks = frame.select(unchanged=same, superseded=older, scheduled=scheduled, same=equal)
    decision = pl.lit("send")
    for word in ("unchanged", "superseded", "scheduled"):  # the last one counts; most portions have none of a kind
        if masks[word].any():
            decision = pl.when(masks[word]).then(pl.lit(word)).otherwise(decision)
    return frame.with_columns(decision=decision, same=masks["same"]).drop("digest_known", "seq_sent")


def _with_known(candidates: pl.DataFrame, baseline: pl.DataFrame) -> pl.DataFrame:
    if baseline.height == 0:
        return candidates.with_columns(
            pl.lit(None, pl.Int64).alias("seq_known"), pl.lit(None, pl.UInt64).alias("digest_known"),
            pl.lit(None, pl.String).alias("measure_known"), pl.lit(None, SEGMENT_SCHEMA["at"]).alias("at"),
        )  # fmt: skip
    return candidates.join(as_known(baseline), on=KEY, how="left", maintain_order="left")


def as_known(baseline: pl.DataFrame) -> pl.DataFrame:
    """Return a folded baseline under the names that `judged` looks for.

    `measure_known` is null for a key that was ended, "" for one that goes on without a measure.
    """
    return baseline.select(
        KEY, pl.col("seq").alias("seq_known"), pl.col("digest").alias("digest_known"),
        pl.when(pl.col("ended")).then(None).otherwise(pl.col("measure").fill_null("")).alias("measure_known"), "at",
    )  # fmt: skip


def renewed() -> pl.Expr:
    """Return whether a row is unchanged and newer: what was confirmed holds for its sequence now."""
    return (pl.col("decision") == "unchanged") & (pl.col("seq") > pl.col("seq_known"))


def touched(decided: pl.DataFrame) -> pl.DataFrame:
    """Segment rows (SEGMENT_SCHEMA) of unchanged rows: what was confirmed holds for a newer sequence now."""
    return decided.filter(renewed()).select(pl.col(n).cast(d) for n, d in SEGMENT_SCHEMA.items())


def absent(
    baseline: pl.DataFrame, inflight: pl.DataFrame, present: pl.DataFrame, *, seq: int, to_zero: bool
) -> pl.DataFrame:
    """Return the keys of a part that a full file left out: `@key`, `measure_known` ("" for what ends without one).

    `present`: every key of the file, faulty rows included (a faulty row is not an absent one). Keys confirmed or
    sent later than `seq` stay; so do ended keys and, with `to_zero`, keys at zero.
    """
    live = baseline.filter(~pl.col("ended") & (pl.col("seq") <= seq))
    if to_zero:
        live = live.filter(pl.col("measure").ne_missing("0"))  # nothing known is not zero
    newer = inflight.filter(pl.col("seq_sent") > seq)
    gone = live.join(present, on=KEY, how="anti").join(newer, on=KEY, how="anti")
    # what has no measure is there all the same, and counts as ended
    known = pl.col("measure") if to_zero else pl.col("measure").fill_null("")
    return gone.select(KEY, known.alias("measure_known")).sort(KEY)


def collapse(rows: pl.DataFrame, sums: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sum rows of one run and key into one: returns the summed rows (first row's place) and its members.

    Members: `@row` of the row kept, `member` (`@row` of every further row). Sums are exact decimals in canonical text.
    """
    fields = [c for c in rows.columns if c not in {"run", KEY}]
    total = [
        pl.col(c).cast(pl.Decimal(38, 6), strict=True).sum().alias(c) if c in sums else pl.col(c).first()
        for c in fields
    ]
    summed = rows.group_by("run", KEY, maintain_order=True).agg(*total, pl.col(ROW).alias("member"))
    members = summed.select(ROW, "member").explode("member").filter(pl.col("member") != pl.col(ROW))
    return summed.drop("member").with_columns(canonical_decimal(pl.col(c)).alias(c) for c in sums), members


def canonical_decimal(value: pl.Expr) -> pl.Expr:
    """Decimal column to canonical text: no trailing zeros, no trailing dot."""
    text = value.cast(pl.String)
    return (
        pl.when(text.str.contains(".", literal=True))
        .then(text.str.strip_chars_end("0").str.strip_chars_end("."))
        .otherwise(text)
    )


__all__ = [
    "HASHER", "INFLIGHT_SCHEMA", "PART_ROWS", "SEGMENT_SCHEMA",
    "absent", "as_known", "canonical_decimal", "collapse", "decide", "digest_expr", "fold", "judged", "newest_sent",
    "part_of", "parts_for", "renewed", "touched",
]  # fmt: skip
