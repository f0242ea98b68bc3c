"""The blast-radius guard: how much of what the destination knows a run would take away; pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from gateway.routes import GuardLimits


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run would change against the baseline of its owner."""

    known: int = 0
    """Live keys of the owner."""
    sent: int = 0
    ended: int = 0
    zeroed: int = 0
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
            file_keys=self.file_keys + other.file_keys,
            full=self.full or other.full,
            examples=(self.examples + other.examples)[:5],
        )

    def as_json(self) -> dict[str, Any]:
        """Return the tally as plain values for the journal and for people."""
        return asdict(self)


def tally(send: pl.DataFrame, *, known: int, file_keys: int, full: bool) -> Tally:
    """Count one run's part. `send`: `ended` (Boolean), `measure`, `measure_known` (String), `@key`."""
    live = pl.col("measure_known").is_not_null()
    ended = send.filter(pl.col("ended") & live)
    zeroed = send.filter(~pl.col("ended") & live & (pl.col("measure") == "0") & (pl.col("measure_known") != "0"))
    examples = pl.concat([ended["@key"], zeroed["@key"]]).head(5).to_list()
    return Tally(known, send.height, ended.height, zeroed.height, file_keys, full, tuple(examples))


def verdict(now: Tally, limits: GuardLimits, *, hour: Mapping[str, int], last_full: int | None) -> str | None:
    """Say why the run must wait for a person, or None.

    `hour`: sums of `ended` and `zeroed` already sent within the window; `last_full`: keys of the last full file.
    """
    if limits.off or now.known == 0:
        return None
    for word, count, share, least in (
        ("would be ended", now.ended + hour.get("ended", 0), limits.ended_share, limits.ended_least),
        ("would drop to zero", now.zeroed + hour.get("zeroed", 0), limits.zeroed_share, limits.zeroed_least),
    ):
        if count >= least and count > share * now.known:
            return (
                f"{count:,} of {now.known:,} known keys {word} ({count / now.known:.0%}, counted over the last hour); "
                f"the limit is {share:.0%} and at least {least}"
            )
    if now.full and last_full and now.file_keys < limits.shrunk_share * last_full:
        return (
            f"the full file has {now.file_keys:,} keys, the last one had {last_full:,}; "
            f"below {limits.shrunk_share:.0%} a person decides"
        )
    return None
