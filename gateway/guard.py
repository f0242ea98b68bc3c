"""The blast-radius guard: how much of what the destination knows a run would take away; pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

import polars as pl

from gateway.model import KEY_SEPARATOR
from gateway.routes import GuardLimits

SUMMED = ("ended", "zeroed", "repriced")
"""Counts that are summed over the sliding window too."""

_AMOUNT = pl.Decimal(38, 6)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run would change against the baseline of its owner."""

    known: int = 0
    """Live keys of the owner."""
    sent: int = 0
    ended: int = 0
    zeroed: int = 0
    repriced: int = 0
    """Prices that change by more than the limit's share."""
    floored: int = 0
    """Prices at or below the limit's share of the old one."""
    file_keys: int = 0
    full: bool = False
    examples: tuple[str, ...] = field(default=())

    def plus(self, other: Tally) -> Tally:
        """Add the tally of another part."""
        return Tally(
            known=self.known + other.known,
            sent=self.sent + other.sent,
            ended=self.ended + other.ended,
            zeroed=self.zeroed + other.zeroed,
            repriced=self.repriced + other.repriced,
            floored=self.floored + other.floored,
            file_keys=self.file_keys + other.file_keys,
            full=self.full or other.full,
            examples=(self.examples + other.examples)[:5],
        )

    @property
    def harmless(self) -> bool:
        """Whether there is nothing to judge."""
        return not (self.ended or self.zeroed or self.repriced or self.floored or self.full)

    def as_json(self) -> dict[str, Any]:
        """Return the tally as plain values for the journal and for people."""
        return asdict(self)


def tally(
    send: pl.DataFrame,
    *,
    known: int,
    file_keys: int,
    full: bool,
    priced: GuardLimits | None = None,
) -> Tally:
    """Count one run's part. `send`: `ended` (Boolean), `measure`, `measure_known` (String), `@key`.

    `priced`: the limits, where the measure is a price; else it is a level, and a new zero counts.
    """
    live = pl.col("measure_known").is_not_null()
    ended = send.filter(pl.col("ended") & live)
    moved = send.filter(~pl.col("ended") & live)
    if priced is None:
        zeroed = moved.filter((pl.col("measure") == "0") & (pl.col("measure_known") != "0"))
        examples = pl.concat([ended["@key"], zeroed["@key"]]).head(5).to_list()
        return Tally(known, send.height, ended.height, zeroed.height, 0, 0, file_keys, full, tuple(examples))
    old, new = (pl.col(name).cast(_AMOUNT, strict=False) for name in ("measure_known", "measure"))
    moved = moved.filter((old > 0) & new.is_not_null())
    repriced = moved.filter((new - old).abs() > old * _share(priced.price_change))
    floored = moved.filter(new <= old * _share(priced.price_floor))
    examples = (
        pl.concat([floored["@key"], ended["@key"], repriced["@key"]]).unique(maintain_order=True).head(5).to_list()
    )
    counts = (ended.height, 0, repriced.height, floored.height)
    return Tally(known, send.height, *counts, file_keys, full, tuple(examples))


def _share(share: float) -> pl.Expr:
    return pl.lit(Decimal(str(share))).cast(pl.Decimal(38, 4))


def verdict(now: Tally, limits: GuardLimits, *, hour: Mapping[str, int], last_full: int | None) -> str | None:
    """Say why the run must wait for a person, or None.

    `hour`: sums of `ended` and `zeroed` already sent within the window; `last_full`: keys of the last full file.
    """
    if limits.off or now.known == 0:
        return None
    for word, count, share, least in (
        ("would be ended", now.ended + hour.get("ended", 0), limits.ended_share, limits.ended_least),
        ("would drop to zero", now.zeroed + hour.get("zeroed", 0), limits.zeroed_share, limits.zeroed_least),
        (
            f"would change their price by more than {limits.price_change:.0%}",
            now.repriced + hour.get("repriced", 0),
            limits.price_share,
            limits.price_least,
        ),
    ):
        if count >= least and count > share * now.known:
            return (
                f"{count:,} of {now.known:,} known keys {word} ({count / now.known:.0%}, counted over the last hour); "
                f"the limit is {share:.0%} and at least {least}"
            )
    if now.floored:
        shown = now.examples[: min(now.floored, 3)]
        some = ", ".join(key.rstrip(KEY_SEPARATOR).replace(KEY_SEPARATOR, " / ") for key in shown)
        return (
            f"{now.floored:,} prices would fall to {limits.price_floor:.0%} of the old one or below (like {some}); "
            "a price like that is rarely meant"
        )
    if now.full and last_full and now.file_keys < limits.shrunk_share * last_full:
        return (
            f"the full file has {now.file_keys:,} keys, the last one had {last_full:,}; "
            f"below {limits.shrunk_share:.0%} a person decides"
        )
    return None
