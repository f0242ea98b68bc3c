"""What price an article should have now, and what becomes of the rows that say so; pure frames, part by part.

The wanted price is the lowest of the base price and what each promotion in force makes of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from gateway import delta
from gateway.contracts.reduced import amount, discounted, reduced, units
from gateway.delivery.book import BASE, PROMOTION, bare, folded, instant
from gateway.delivery.silenced import LEFT_OUT
from gateway.model import KEY

DISCOUNT = "discount"
"""Field of base prices with a lasting discount in percentage points; "" and 0 are none, null says nothing."""

FIRST_PAUSE = 60.0
LONGEST_PAUSE = 3600.0
"""Seconds after which what a boundary sent is looked at again: doubled each time until it stands."""


def newest(rows: pl.DataFrame, known: pl.DataFrame, by: str, now: datetime, left: pl.Expr) -> pl.DataFrame:
    """Give waiting rows their first decision: scheduled (valid later), superseded (a newer one of `by`), or send.

    `left`: whether a newer full file left a row out.
    """
    frame = rows.join(known.select(by, seq_known="seq"), on=by, how="left", maintain_order="left")
    later = (pl.col("due") > instant(now)).fill_null(value=False)
    due = pl.when(~later).then(pl.col("seq"))
    older = (pl.col("seq") < pl.col("seq_known")) | (pl.col("seq") < due.max().over(by)) | left
    return frame.with_columns(
        decision=pl.when(later).then(pl.lit("scheduled"))
        .when(older.fill_null(value=False)).then(pl.lit("superseded"))
        .otherwise(pl.lit("send")),
        code=pl.lit(None, pl.String),
        detail=pl.when(~later & left).then(pl.lit(LEFT_OUT)).when(~later & older).then(pl.lit("by a newer file")),
    )  # fmt: skip


def base_entries(rows: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Return what base rows write into the book: one per article."""
    says = (pl.col("decision") == "send") & (pl.col("ended") | (pl.col("price") != "").fill_null(value=False))
    return rows.filter(says).select(*BASE, *fields).unique(KEY, keep="last", maintain_order=True)


def judged_promotions(rows: pl.DataFrame, base: pl.DataFrame, now: datetime, decimals: int) -> pl.DataFrame:
    """Judge promotion rows that are the newest of their key: `base` is the folded book with the rows of now.

    Adds `own` (the price it makes) and `begins`: whether its start has come.
    """
    live = base.filter(~pl.col("ended")).select(KEY, base_price="price")
    text = instant(now)
    frame = rows.join(live, on=KEY, how="left", maintain_order="left")
    less = reduced(pl.col("base_price"), pl.col("kind"), pl.col("value"), decimals)
    frame = frame.with_columns(own=pl.when(~pl.col("off")).then(amount(less, decimals)))
    here = (pl.col("decision") == "send") & ~pl.col("off")
    over = here & (pl.col("ends_at") != "") & (pl.col("ends_at") < text)
    baseless = here & ~over & pl.col("base_price").is_null()
    beyond = here & ~over & ~baseless & pl.col("own").is_null()
    later = here & ~over & ~baseless & ~beyond & (pl.col("starts_at") > text)
    most = pl.concat_str(pl.lit("it takes off as much as the price of "), "base_price", pl.lit(" or more"))
    return frame.with_columns(
        decision=pl.when(over).then(pl.lit("skipped")).when(baseless | beyond).then(pl.lit("refused"))
        .when(later).then(pl.lit("scheduled")).otherwise("decision"),
        code=pl.when(over).then(pl.lit("PROMOTION_OVER")).when(baseless).then(pl.lit("PROMOTION_BASE"))
        .when(beyond).then(pl.lit("DEST_DISCOUNT")).otherwise("code"),
        detail=pl.when(over).then("ends_at").when(baseless).then(KEY).when(beyond).then(most).otherwise("detail"),
        due=pl.when(later).then("starts_at").otherwise("due"),
        booked=here & ~over & ~baseless & ~beyond | (pl.col("decision") == "send") & pl.col("off"),
        begun=~later,
    )  # fmt: skip


def promotion_entries(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what judged promotion rows write into the book: one per promotion."""
    return rows.filter("booked").select(*PROMOTION).unique("promotion", keep="last", maintain_order=True)


@dataclass(frozen=True, slots=True)
class Kept:
    """What base prices of a part do to the book. `base`, `told`: at once; `offered`: once a call has ended."""

    base: pl.DataFrame
    told: pl.DataFrame
    offered: pl.DataFrame


def kept(entries: pl.DataFrame, told: pl.DataFrame, shown: pl.DataFrame) -> Kept:
    """Sort entries by who decides about them: nobody where no call is made of them, else the call.

    `told`: base prices of the book that promotions hid so far, with `alone`. `shown`: `@key`, `plain`, `wanted`,
    `send`.
    """
    asked = shown.select(KEY, "plain", "wanted", "send")
    stands = pl.col("plain").eq_missing(pl.col("wanted"))
    new = entries.join(asked, on=KEY, how="inner", maintain_order="left")
    new = new.with_columns(stands=stands, told=pl.lit(value=False), alone=pl.lit(value=False))
    old = told.join(entries, on=KEY, how="anti").join(asked, on=KEY, how="inner", maintain_order="left")
    old = old.with_columns(stands=stands, told=pl.lit(value=True)).filter(pl.col("send") & pl.col("stands"))
    at_once = new.filter(~pl.col("send"))
    offered = pl.concat([new.filter("send"), old], how="diagonal")
    aside = [name for name in asked.columns if name != KEY]
    there, hidden = (bare(one.drop(aside)) for one in (at_once.filter("stands"), at_once.filter(~stands)))
    return Kept(there, hidden, offered.drop(aside))


def fresh(entries: pl.DataFrame, known: pl.DataFrame, by: str) -> pl.DataFrame:
    """Leave out entries the book has word for word: a row that waits for its start is looked at several times."""
    if not entries.height or not known.height:
        return entries
    names = [name for name in entries.columns if name in known.columns]
    same = known.select(names).join(entries, on=names, how="semi", nulls_equal=True)
    return entries.join(same.select(by), on=by, how="anti") if len(names) == entries.width else entries


# ---------------------------------------------------------------- the price


def plain(present: Collection[str], decimals: int) -> pl.Expr:
    """Return what a base price comes to by itself (String): less its lasting discount, where it has one.

    `present`: columns of the frame.
    """
    if DISCOUNT not in present:
        return pl.col("price")
    return discounted(pl.col("price"), pl.col(DISCOUNT), decimals)


def wanted(
    keys: pl.DataFrame, base: pl.DataFrame, promotions: pl.DataFrame, now: datetime, decimals: int
) -> pl.DataFrame:
    """Return `keys` (`@key` and anything else) with what the book says of them and `wanted`: the price to be shown.

    `base`, `promotions`: folded. `wanted` is canonical text, null where the article has no price (any more); `plain`
    what it would be without promotions.
    """
    text = instant(now)
    lasts = (pl.col("ends_at") == "") | (pl.col("ends_at") >= text)
    force = promotions.filter(pl.col("begun") & ~pl.col("off") & (pl.col("starts_at") <= text) & lasts)
    force = force.join(keys.select(KEY), on=KEY, how="semi")
    live = base.filter(~pl.col("ended")).select(KEY, "price")
    made = reduced(pl.col("price"), pl.col("kind"), pl.col("value"), decimals)
    best = force.join(live, on=KEY, how="inner").select(KEY, less=made).group_by(KEY).agg(pl.col("less").min())
    frame = keys.join(base, on=KEY, how="left", maintain_order="left").join(
        best, on=KEY, how="left", maintain_order="left"
    )
    frame = frame.with_columns(plain=plain(frame.columns, decimals))
    lower = pl.col("less") < units(pl.col("plain"), decimals)
    price = pl.when(lower).then(amount(pl.col("less"), decimals)).otherwise("plain")
    return frame.with_columns(wanted=pl.when(~pl.col("ended")).then(price)).drop("less")


def compared(
    shown: pl.DataFrame, known: pl.DataFrame, flying: pl.DataFrame, fields: Sequence[str], ends: Sequence[str]
) -> pl.DataFrame:
    """Add what the destination knows of each article and whether that is what is wanted.

    `shown`: of `wanted`, with `looked`: only looked at again. `ends`: operations that can end a price. Adds `command`,
    `digest`, `at`, `measure_known`, `stands` (the destination has what is wanted) and `send`.
    """
    ended = pl.col("ended").fill_null(value=False)
    frame = shown.with_columns(
        price="wanted", command=pl.when(ended).then(pl.lit("end")).otherwise(pl.lit(None, pl.String))
    )
    frame = frame.with_columns(digest=delta.digest_expr(["command", *fields]))
    there = delta.as_known(known).with_columns(measure_known=pl.col("measure_known").replace("", None))
    frame = frame.join(there, on=KEY, how="left", maintain_order="left")
    frame = frame.join(flying, on=KEY, how="left", maintain_order="left")
    under_way = pl.col("seq_sent").is_not_null()
    digest = pl.col("digest_known").is_null() | (pl.col("digest") == pl.col("digest_known"))
    alike = (digest & (pl.col("measure_known") == pl.col("wanted"))).fill_null(value=False)
    nothing = pl.col("wanted").is_null() & pl.col("measure_known").is_null()
    mute = pl.col("wanted").is_null() & ~(ended & pl.col("operation").is_in(ends)).fill_null(value=False)
    stands = mute | ((alike | nothing) & ~under_way)
    return frame.with_columns(stands=stands, send=~stands & ~(pl.col("looked") & under_way))


# ---------------------------------------------------------------- looking again


def again_entries(shown: pl.DataFrame, again: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return what boundaries leave to be looked at again (book.AGAIN), of compared articles that are `timed`.

    An article stays until its price is known to stand: whatever became of the call, it is sent again.
    """
    timed = shown.filter("timed").select(KEY, "stands").join(again, on=KEY, how="left", maintain_order="left")
    tries = pl.col("tries").fill_null(0)
    pause = pl.min_horizontal(pl.lit(FIRST_PAUSE) * 2.0 ** pl.min_horizontal(tries, pl.lit(10)), pl.lit(LONGEST_PAUSE))
    later = pl.lit(now).cast(pl.Datetime("us", "UTC")) + pl.duration(microseconds=(pause * 1e6).cast(pl.Int64))
    entries = timed.select(
        KEY,
        at=pl.when(~pl.col("stands")).then(later),
        tries=pl.when(pl.col("stands")).then(pl.lit(0)).otherwise(tries + 1).cast(pl.Int64),
    )
    known = again.filter(pl.col("at").is_not_null()).select(KEY)
    return pl.concat(
        [
            entries.filter(pl.col("at").is_not_null()),
            entries.filter(pl.col("at").is_null()).join(known, on=KEY, how="semi"),
        ]
    )


def trusted(shown: pl.DataFrame, now: datetime, seconds: float | None) -> pl.DataFrame:
    """Have sent what rows speak of where it was confirmed too long ago to be trusted (None: always); adds `same`."""
    told = pl.col("stands") & pl.col("measure_known").is_not_null() & pl.col("wanted").is_not_null()
    if seconds is None:
        old = pl.lit(value=True)
    else:
        old = (pl.col("at") < pl.lit(now - timedelta(seconds=seconds))).fill_null(value=False)
    return shown.with_columns(same=told, send=pl.col("send") | (told & pl.col("rowed") & old))


def answered(rows: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """Give rows that count their last decision: send, where their article is sent, else unchanged; and say what hides.

    `shown`: `@key`, `wanted`, `send`. A price that is not the one shown is hidden by a promotion.
    """
    there = shown.select(KEY, "wanted", "send")
    frame = rows.join(there, on=KEY, how="left", maintain_order="left")
    here = pl.col("decision") == "send"
    hidden = here & (pl.col("own") != pl.col("wanted")).fill_null(value=False)
    return frame.with_columns(
        decision=pl.when(here & ~pl.col("send").fill_null(value=False)).then(pl.lit("unchanged")).otherwise("decision"),
        code=pl.when(hidden).then(pl.lit("PRICE_HIDDEN")).otherwise("code"),
        detail=pl.when(hidden).then("wanted").otherwise("detail"),
    ).drop("wanted", "send")


def left_out(known: pl.DataFrame, present: pl.DataFrame, by: str, seq: int) -> pl.DataFrame:
    """Return live entries of a folded book that a full file of sequence `seq` leaves out. `present`: column `by`."""
    off = "ended" if by == KEY else "off"
    live = known.filter(~pl.col(off) & (pl.col("seq") <= seq))
    return live.join(present.select(by), on=by, how="anti").with_columns(
        pl.lit(value=True).alias(off), pl.lit(seq, pl.Int64).alias("seq")
    )


def merged(kind: str, known: pl.DataFrame, *more: pl.DataFrame) -> pl.DataFrame:
    """Return the book of a kind with new entries."""
    return folded(kind, [known, *(frame for frame in more if frame.height)])
