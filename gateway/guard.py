"""The blast-radius guard: how much of what the destination knows a run would take away; pure arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl

from gateway.model import KEY, KEY_SEPARATOR
from gateway.routes import GuardLimits

SUMMED = ("ended", "zeroed", "repriced")
"""Counts that are summed over the sliding window too."""

_AMOUNT = pl.Decimal(38, 6)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run would change against the baseline of its owner."""

    known: int = 0
    """Live keys of the owner."""
    ended: int = 0
    zeroed: int = 0
    repriced: int = 0
    """Prices that change by more than the limit's share."""
    floored: int = 0
    """Prices at or below the limit's share of the old one."""
    file_keys: int = 0
    full: bool = False
    lowered: int = 0
    """Promotions and discounts that leave less than the limit's share of the regular price."""
    reductions: tuple[str, ...] = field(default=())
    """The first of them, and what each leaves."""
    raised: int = 0
    """Prices at or above so many times the old one as the limit says."""
    falls: tuple[str, ...] = field(default=())
    """The first of `floored`, with both prices."""
    rises: tuple[str, ...] = field(default=())
    """The first of `raised`, with both prices."""
    returned: int = 0
    """Prices that would leap, but go back to what they were before a run that a person released."""

    def plus(self, other: Tally) -> Tally:
        """Add the tally of another part."""
        return Tally(
            known=self.known + other.known,
            ended=self.ended + other.ended,
            zeroed=self.zeroed + other.zeroed,
            repriced=self.repriced + other.repriced,
            floored=self.floored + other.floored,
            lowered=self.lowered + other.lowered,
            file_keys=self.file_keys + other.file_keys,
            full=self.full or other.full,
            reductions=(self.reductions + other.reductions)[:3],
            raised=self.raised + other.raised,
            falls=(self.falls + other.falls)[:3],
            rises=(self.rises + other.rises)[:3],
            returned=self.returned + other.returned,
        )

    @property
    def harmless(self) -> bool:
        """Whether there is nothing to judge."""
        counts = (self.ended, self.zeroed, self.repriced, self.floored, self.raised, self.lowered)
        return not (any(counts) or self.full)


def tally(
    send: pl.DataFrame,
    *,
    known: int,
    file_keys: int,
    full: bool,
    priced: GuardLimits | None = None,
    former: pl.DataFrame | None = None,
) -> Tally:
    """Count one run's part. `send`: `ended` (Boolean), `measure`, `measure_known` (String), `@key`.

    `measure_known`: null for a key that is not there, "" for one without a measure: it can end, but change nothing.
    `priced`: the limits, where the measure is a price; else it is a level, and a new zero counts. `former`: what
    `leaps` gave of runs that were released: a price that does not leap from there takes a leap back.
    """
    live = pl.col("measure_known").is_not_null()
    ended = send.filter(pl.col("ended") & live)
    moved = send.filter(~pl.col("ended") & live)
    if priced is None:
        zeroed = moved.filter((pl.col("measure") == "0") & ~pl.col("measure_known").is_in(["", "0"]))
        return Tally(known, ended.height, zeroed.height, 0, 0, file_keys, full)
    leapt = moved.filter(_leaps("measure_known", priced))
    judged = leapt
    if former is not None and former.height and leapt.height:
        back = leapt.select(KEY, "measure").join(former, on=KEY).filter(~_leaps("measure_before", priced))
        judged = leapt.join(back, on=KEY, how="anti", maintain_order="left")
    repriced, floored, raised = (judged.filter(one) for one in _kinds("measure_known", priced))
    counts = (ended.height, 0, repriced.height, floored.height)
    return Tally(
        known, *counts, file_keys, full, raised=raised.height,
        falls=_both_prices(floored), rises=_both_prices(raised), returned=leapt.height - judged.height,
    )  # fmt: skip


def leaps(send: pl.DataFrame, limits: GuardLimits) -> pl.DataFrame:
    """Return `@key` and `measure_before` (String) of prices that leap. `send`: as for `tally`."""
    found = send.filter(~pl.col("ended") & _leaps("measure_known", limits))
    return found.select(KEY, measure_before="measure_known")


def _leaps(before: str, limits: GuardLimits) -> pl.Expr:
    return pl.any_horizontal(_kinds(before, limits)).fill_null(value=False)


def _kinds(before: str, limits: GuardLimits) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Whether a price changes by more than the limit's share, falls below its floor, rises above its ceiling.

    Null where there is no price before, or now.
    """
    old, new = (pl.col(name).cast(_AMOUNT, strict=False) for name in (before, "measure"))
    old = pl.when(old > 0).then(old)
    raised = new >= old * _share(limits.price_ceiling) if limits.price_ceiling else pl.lit(value=False)
    return (new - old).abs() > old * _share(limits.price_change), new <= old * _share(limits.price_floor), raised


def _both_prices(moved: pl.DataFrame) -> tuple[str, ...]:
    first = moved.head(3).select(KEY, "measure", "measure_known").iter_rows()
    return tuple(f"{_spoken(key)}: {new} instead of {old}" for key, new, old in first)


def lowered(rows: pl.DataFrame) -> Tally:
    """Count rows that lower a price further than the limits allow: `@key`, `told` (String: what each leaves)."""
    first = rows.head(3).select(KEY, "told").iter_rows()
    return Tally(lowered=rows.height, reductions=tuple(f"{_spoken(key)}: {told}" for key, told in first))


def _spoken(key: str) -> str:
    return " / ".join(part for part in key.split(KEY_SEPARATOR) if part) or "everything"


def _share(share: float) -> pl.Expr:
    return pl.lit(Decimal(str(share))).cast(pl.Decimal(38, 4))


def verdict(
    now: Tally, limits: GuardLimits, *, hour: Mapping[str, int], last_full: int | None, rejected: int = 0
) -> str | None:
    """Say why the run must wait for a person, or None.

    `hour`: sums of `ended` and `zeroed` already sent within the window; `last_full`: keys of the last full file;
    `rejected`: rows of this one that do not count, for their faults.
    """
    if limits.off:
        return None
    reasons = itertools.chain(
        _by_reductions(now, limits), _by_counts(now, limits, hour), _by_size(now, limits, last_full, rejected)
    )
    return next(reasons, None)


def _by_reductions(now: Tally, limits: GuardLimits) -> Iterator[str]:
    """A promotion says itself what it lowers: nothing need be known of its key."""
    if now.lowered:
        word = "promotion or discount leaves" if now.lowered == 1 else "promotions or discounts leave"
        yield (
            f"{now.lowered:,} {word} less than {limits.promotion_floor:.0%} of the regular price "
            f"({'; '.join(now.reductions)}); one like that is rarely meant"
        )


def _by_counts(now: Tally, limits: GuardLimits, hour: Mapping[str, int]) -> Iterator[str]:
    if now.known == 0:
        return
    for word, here, summed, (share, least) in _counted(now, limits):
        count = here + hour.get(summed, 0)
        if here and count >= least and count > share * now.known:  # who takes nothing away is not asked about others
            yield (
                f"{count:,} of {now.known:,} known keys {word} ({count / now.known:.0%}, counted over the last hour); "
                f"the limit is {share:.0%} and at least {least}"
            )
        if here >= limits.nearly_all_least and here > limits.nearly_all * now.known:
            yield (
                f"{here:,} of {now.known:,} known keys {word}, nearly all ({here / now.known:.0%}); "
                f"the limit is {limits.nearly_all:.0%} and at least {limits.nearly_all_least}"
            )
    rarely = "a price like that is rarely meant"
    if now.floored:
        limit = f"{limits.price_floor:.0%} of the old one or below"
        yield f"{_number(now.floored, 'price')} would fall to {limit} ({'; '.join(now.falls)}); {rarely}"
    if now.raised:
        limit = f"{limits.price_ceiling:g} times the old one or above"
        yield f"{_number(now.raised, 'price')} would rise to {limit} ({'; '.join(now.rises)}); {rarely}"


def _counted(now: Tally, limits: GuardLimits) -> Iterator[tuple[str, int, str, tuple[float, int]]]:
    """Yield what is judged by its share: in words, how many now, the name of its sum, the share and least number."""
    yield "would be ended", now.ended, "ended", (limits.ended_share, limits.ended_least)
    yield "would drop to zero", now.zeroed, "zeroed", (limits.zeroed_share, limits.zeroed_least)
    much = f"would change their price by more than {limits.price_change:.0%}"
    yield much, now.repriced, "repriced", (limits.price_share, limits.price_least)


def _by_size(now: Tally, limits: GuardLimits, last_full: int | None, rejected: int) -> Iterator[str]:
    if now.known and now.full and last_full and now.file_keys < limits.shrunk_share * last_full:
        sound = f" in rows without a fault ({_number(rejected, 'row')} rejected)" if rejected else ""
        yield (
            f"the full file has {_number(now.file_keys, 'key')}{sound}, the last one had {last_full:,}; "
            f"below {limits.shrunk_share:.0%} a person decides"
        )


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
