"""What a full file leaves out where nothing comes of it: the known keys that stay as they are."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy.engine import Row

from gateway import delta
from gateway.delivery.absence import LEAVES, Absence
from gateway.delivery.baseline import Baseline, inflight_keys, only, under_way
from gateway.delivery.book import Book, base_prices, folded, pruned
from gateway.delivery.portions import Candidate, Portion, Portions, key_parts
from gateway.delivery.setup import Leg, Pinned
from gateway.delivery.wanted import left_out
from gateway.journal import Journal
from gateway.model import KEY
from gateway.spool import Spool


def left_out_keys(
    journal: Journal, spool: Spool, legs: Collection[Leg], row: Row[Any], pinned: Pinned, now: datetime
) -> int:
    """Count the keys that a run's full file leaves out and that its route would end or set to 0, as known by now.

    `row`: the run while it is read, its rows stored.
    """
    found = [pl.Series(KEY, [], dtype=pl.String)]
    for leg in legs:
        one = Candidate(0, row, pinned, None)
        if one.speaks_of_absence and one.ends(leg):
            shown = leg.operation.wanted is not None
            found.append(_of_book(journal, spool, leg, one, now) if shown else _of_lane(journal, spool, leg, one, now))
    return pl.concat(found).n_unique()


def _of_lane(journal: Journal, spool: Spool, leg: Leg, one: Candidate, now: datetime) -> pl.Series:
    mine = leg.written()
    baseline = Baseline.of_lane(journal, spool, leg.lane, mine)
    flying = only(inflight_keys(journal, spool, leg.lane), mine)
    portions = Portions(spool, leg, [one], (baseline, flying), spool.run(one.row.id).root)
    absence = Absence(leg, [one], now)
    absence.look(baseline, (only(each, mine) for each in under_way(journal, spool, leg.lane, [*LEAVES])), portions)
    known = delta.fold([pl.DataFrame(schema=delta.SEGMENT_SCHEMA), *baseline.frames()])
    present = _present(portions, one)
    whole = Portion([known.clear()], known, flying, 0, present={0: present})
    return _left_out(absence.derived(whole), present, leg)


def _left_out(gone: pl.DataFrame, present: pl.DataFrame, leg: Leg) -> pl.Series:
    """Return the keys of what the file does not speak of: what it gives other dates is not left out."""
    window = leg.operation.window
    if window is None:
        return gone[KEY]
    about = [name for name in leg.key_fields if name not in window]
    named = gone.select(KEY).with_columns(key_parts(gone, leg))
    return named.join(key_parts(present, leg), on=about, how="anti")[KEY]


def _of_book(journal: Journal, spool: Spool, leg: Leg, one: Candidate, now: datetime) -> pl.Series:
    """The same where what is sent is computed from base prices and promotions: these are what is known."""
    book = Book.of_lane(journal, spool, leg.lane)
    flying = inflight_keys(journal, spool, leg.lane)
    present = _present(Portions(spool, leg, [one], (Baseline([]), flying), spool.run(one.row.id).root), one)
    if leg.operation.wanted == "base":
        return left_out(base_prices(journal, spool, leg.lane), present, KEY, one.row.seq)[KEY]
    known = pruned("promotion", folded("promotion", list(book.frames("promotion"))), now)
    return left_out(known, present.rename({KEY: "promotion"}), "promotion", one.row.seq)["promotion"].alias(KEY)


def _present(portions: Portions, one: Candidate) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema={KEY: pl.String}), *portions.keys(one)]).unique()
