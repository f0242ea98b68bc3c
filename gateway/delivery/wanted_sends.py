"""From articles whose price is to be sent to effects and records, and what the guard and the runs are told of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from gateway import guard
from gateway.delivery.book import instant
from gateway.delivery.portions import Candidate
from gateway.delivery.setup import LaneSetup
from gateway.delivery.taken_back import tallied
from gateway.delivery.wanted import DISCOUNT
from gateway.delivery.wanted_parts import ARTICLE, Part, Waiting, stored
from gateway.journal import runs
from gateway.model import KEY, ROW, Operation

_TOUCHED = {"timed": pl.Boolean, "rowed": pl.Boolean, "gone": pl.Boolean, "crossed": pl.Boolean}


def filled(frame: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Return the frame with all fields; those it lacks are null."""
    return frame.with_columns(pl.lit(None, pl.String).alias(name) for name in fields if name not in frame.columns)


def touched(part: Part, base: pl.DataFrame, promotions: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return the articles whose price may be another now: `@key`, `run` of a full file that leaves something out.

    `timed`: a boundary has passed, or what one sent is looked at again; `rowed`: a row counts; `looked`: nothing else
    but looking again.
    """
    counts = pl.col("decision") == "send"
    due = part.book["again"].filter(pl.col("at") <= now)
    marked = (
        (part.crossed.to_frame(KEY), ("timed", "crossed")),
        (due.select(KEY), ("timed",)),
        (pl.concat([rows.filter(counts).select(KEY) for rows in (base, promotions)]), ("rowed",)),
        (pl.concat([gone.select(KEY) for gone in part.gone]), ("gone",)),
    )
    frames = [frame.with_columns(pl.lit(name in marks).alias(name) for name in _TOUCHED) for frame, marks in marked]
    whole = pl.concat(frames).group_by(KEY, maintain_order=True).agg(pl.col(name).any() for name in _TOUCHED)
    run = pl.concat([gone.select(KEY, "run") for gone in part.gone]).group_by(KEY).agg(pl.col("run").max())
    looked = ~(pl.col("crossed") | pl.col("rowed") | pl.col("gone"))
    return whole.join(run, on=KEY, how="left", maintain_order="left").select(
        KEY, "run", "timed", "rowed", looked=looked
    )


def by_operation(setup: LaneSetup, sends: pl.DataFrame) -> Iterator[tuple[Operation, pl.DataFrame]]:
    """Yield the articles to be sent by the operation their base price came for."""
    found: dict[str, tuple[Operation, list[str]]] = {}
    for name in sends["operation"].unique().sort():
        operation = setup.base(name)
        found.setdefault(operation.name, (operation, []))[1].append(name)
    for operation, names in found.values():
        yield operation, sends.filter(pl.col("operation").is_in(names))


def records(setup: LaneSetup, sends: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return records for `encode`: the article, its wanted price, and what its base price was given with.

    They are of now, whatever the time of the rows they follow from.
    """
    names = stored(setup, sends.columns)
    whole = filled(sends, names).with_columns(pl.col(KEY).alias(ARTICLE), timestamp=pl.lit(instant(now)))
    return whole.select(pl.col("effect").cast(pl.UInt32), KEY, "command", ARTICLE, "price", "timestamp", *names)


def inherited(entries: pl.DataFrame, old: pl.DataFrame, silent: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Keep what the book knows of articles beside their price where newer rows do not say it.

    `silent`: fields that rows of an operation say nothing of where they are null.
    """
    known = [name for name in dict.fromkeys(n for names in silent.values() for n in names) if name in old.columns]
    if not known or not entries.height:
        return entries
    before = old.select(KEY, *(pl.col(name).alias(f"{name}_before") for name in known))
    frame = entries.join(before, on=KEY, how="left", maintain_order="left")
    kept = []
    for name in known:
        here = pl.col("operation").is_in([one for one, names in silent.items() if name in names])
        kept.append(pl.when(here).then(pl.coalesce(name, f"{name}_before")).otherwise(name).alias(name))
    return frame.with_columns(kept).select(entries.columns)


def turn(part: Part, now: datetime) -> int:
    """Return the sequence of what is sent now: later than all that was confirmed or is under way of these articles."""
    before: list[Any] = [part.known["seq"].max(), part.flying["seq_sent"].max()]
    return max([runs.sequence(now, 0), *(int(seq) + 1 for seq in before if seq is not None)])


def effects(sends: pl.DataFrame, rows: pl.DataFrame, seq: int, first: int) -> pl.DataFrame:
    """Return effects, numbered from `first`: one per row of an article that is sent, or one without a row.

    Those of one article share the record that is sent.
    """
    told = sends.select(KEY, "digest", measure="wanted", ended=pl.col("ended").fill_null(value=False))
    by_row = rows.join(told, on=KEY, how="inner").with_columns(derived=pl.lit(value=False))
    alone = sends.select(KEY, "run", pl.lit(None, pl.Int64).alias(ROW)).join(rows.select(KEY), on=KEY, how="anti")
    alone = alone.join(told, on=KEY, how="inner").with_columns(derived=pl.lit(value=True))
    whole = pl.concat([by_row, alone]).sort("derived", "run", ROW, KEY, nulls_last=True)
    return whole.with_columns(seq=pl.lit(seq, pl.Int64)).with_row_index("effect", offset=first)


# ---------------------------------------------------------------- what runs and the guard are told


def count(candidate: Candidate, rows: pl.DataFrame, shown: pl.DataFrame) -> None:
    """Count rows that stay open, and those sent although nothing changed. `rows`: the candidate's, decided."""
    later = rows.filter(pl.col("decision") == "scheduled")["due"]
    candidate.scheduled += later.len()
    first = later.min()
    if isinstance(first, str):
        at = datetime.fromisoformat(first)
        candidate.next_due = at if candidate.next_due is None else min(candidate.next_due, at)
    candidate.waits += int((rows["decision"] == "waiting").sum())
    sent = rows.filter(pl.col("decision") == "send").select(KEY)
    candidate.again += sent.join(shown.filter(pl.col("same") & pl.col("send")).select(KEY), on=KEY, how="semi").height


def tally(waiting: Waiting, part: Part, rows: pl.DataFrame) -> guard.Tally:
    """Count what a candidate's rows of a part would take away: base prices and live promotions, not what is shown."""
    candidate = waiting.candidate
    mine = rows.filter(pl.col("run") == candidate.position)
    if waiting.promotes:
        live = part.book["promotion"].filter(~pl.col("off"))
        known = live.select("promotion", measure_known=pl.lit("1"))
        send = mine.filter((pl.col("decision") == "send") & pl.col("off")).join(known, on="promotion", how="left")
        send = send.select(
            KEY, pl.lit(value=True).alias("ended"), pl.lit(None, pl.String).alias("measure"), "measure_known"
        )
        low = _lowered(mine, live, candidate.pinned.route.guard.promotion_floor)
    else:
        live = part.book["base"].filter(~pl.col("ended"))
        low = _discounted(mine, live, candidate.pinned.route.guard.promotion_floor)
        send = mine.filter(pl.col("decision") == "send").join(
            live.select(KEY, measure_known="price"), on=KEY, how="left", maintain_order="left"
        )
        send = send.select(KEY, "ended", "measure_known", measure="price")
        send = send.filter(pl.col("measure").ne_missing(pl.col("measure_known"))).select(
            KEY, "ended", "measure", "measure_known"
        )
    gone = part.gone[waiting.promotes].filter(pl.col("run") == candidate.position)
    gone = gone.select(
        KEY, pl.lit(value=True).alias("ended"), pl.lit(None, pl.String).alias("measure"), measure_known=pl.lit("1")
    )
    priced, counts = waiting.leg.priced and not waiting.promotes, pl.concat([send, gone])
    return low.plus(tallied(candidate, counts, known=live.height, file_keys=mine.height, priced=priced))


def _lowered(rows: pl.DataFrame, live: pl.DataFrame, floor: float) -> guard.Tally:
    """Count promotions that lower a price too far, begun or not: at their start nobody is asked again.

    `live`: promotions of the book; what stands there was judged when it came.
    """
    news = rows.filter(pl.col("booked") & ~pl.col("off")).join(
        live.select("promotion", "kind", "value"), on=["promotion", "kind", "value"], how="anti"
    )
    return _too_low(news.select(pl.col("promotion").alias(KEY), "own", regular="base_price"), floor)


def _discounted(rows: pl.DataFrame, live: pl.DataFrame, floor: float) -> guard.Tally:
    """Count base prices whose lasting discount lowers them too far, and did not before. `live`: those of the book."""
    if DISCOUNT not in rows.columns:
        return guard.Tally()
    news = rows.filter(pl.col("decision") == "send")
    if DISCOUNT in live.columns:
        news = news.join(live.select(KEY, DISCOUNT), on=[KEY, DISCOUNT], how="anti")
    return _too_low(news.select(KEY, "own", regular="price"), floor)


def _too_low(rows: pl.DataFrame, floor: float) -> guard.Tally:
    price, regular = (pl.col(name).cast(pl.Decimal(38, 6), strict=False) for name in ("own", "regular"))
    less = price < regular * pl.lit(Decimal(str(floor))).cast(pl.Decimal(38, 4))
    low = rows.filter(less.fill_null(value=False))
    return guard.lowered(low.select(KEY, told=pl.concat_str("own", pl.lit(" instead of "), "regular")))


def without(rows: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Refuse rows of articles the destination can't take. `refused`: `@key`, `code`, `detail`, `field`; adds that."""
    if not refused.height:
        return rows.with_columns(pl.lit(None, pl.String).alias("field"))
    frame = rows.join(refused, on=KEY, how="left", suffix="_told", maintain_order="left")
    here = (pl.col("decision") == "send") & pl.col("code_told").is_not_null()
    return frame.with_columns(
        decision=pl.when(here).then(pl.lit("refused")).otherwise("decision"),
        code=pl.when(here).then("code_told").otherwise("code"),
        detail=pl.when(here).then("detail_told").otherwise("detail"),
        field=pl.when(here).then("field"),
    ).drop("code_told", "detail_told")
