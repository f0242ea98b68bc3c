"""Final states of effects and rows, worked out from what the journal and the spool know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy.engine import Row

from gateway.delivery.gave_way import states_of
from gateway.delivery.left_out import Lost, by_key
from gateway.delivery.outcomes import STATE_ENUM, effect_states
from gateway.delivery.setup import rows_with_effect
from gateway.issues import FIELDED
from gateway.journal import Journal, runs
from gateway.model import KEY, KEY_SEPARATOR, ROW, STATES, RowState
from gateway.spool import STATE, ConsignmentFolder, RunFolder, Spool, gave_way

UNDECIDED = 255
"""State code of a row nobody has decided yet."""

_DATES = ("valid_from", "starts_at")
"""What a row may wait for, the first one that is yet to come."""

_AT_ONCE = 1 << 20
"""Codes counted at a time."""

CODES: dict[str, int] = {str(state): code for code, state in enumerate(STATES)}

EXTRA_SCHEMA: dict[str, type[pl.DataType]] = {
    ROW: pl.Int64,
    "code": pl.String,
    "detail": pl.String,
    "remote_id": pl.String,
    "place": pl.UInt8,
    "gravity": pl.UInt8,
    "item": pl.String,
    "field": pl.String,
    "sent": pl.Boolean,
}
"""What delivery has to say about single effects beyond the row's state; `place` of the leg, `gravity` of its state.

`item`: which of several effects of the row in the leg it is about; "" where it has one. `field`: the contract field
that its sentence or the destination names; null where it is the effect as a whole. `sent`: whether it came to a call.
"""


@dataclass(frozen=True, slots=True)
class LegStates:
    """States of a run's effects in one leg, indexed by `@row`; UNDECIDED where the row has none there."""

    family: str
    codes: npt.NDArray[np.uint8]

    def counts(self) -> dict[str, int]:
        """Effects per state."""
        return _counted(self.codes)


@dataclass(frozen=True, slots=True)
class RowStates:
    """States of a run's rows: `codes` indexed by `@row`; `extra` has more to say about some (EXTRA_SCHEMA).

    `legs`: the states of single effects where rows have several.
    """

    codes: npt.NDArray[np.uint8]
    extra: pl.DataFrame
    derived: dict[str, int]
    """Counts per state of keys without an input row, each by the gravest of its effects."""
    legs: tuple[LegStates, ...] = ()
    lost: tuple[Lost, ...] = ()

    def of(self, rows: pl.Series) -> pl.Series:
        """States of rows (STATE_ENUM)."""
        return pl.Series("state", self.codes[rows.to_numpy()]).cat.to(STATE_ENUM)

    def counts(self) -> dict[str, int]:
        """Rows per state; undecided rows are not counted."""
        return _counted(self.codes)


def _counted(codes: npt.NDArray[np.uint8]) -> dict[str, int]:
    found = dict.fromkeys(map(str, STATES), 0)
    for start in range(0, codes.size, _AT_ONCE):
        counts = np.bincount(codes[start : start + _AT_ONCE], minlength=UNDECIDED + 1)
        for code, state in enumerate(STATES):
            found[str(state)] += int(counts[code])
    return {state: count for state, count in found.items() if count}


def intake_codes(folder: RunFolder) -> npt.NDArray[np.uint8]:
    """States that intake gave, indexed by `@row`: UNDECIDED where it gave none, 254 where there is no such row."""
    codes = np.full(folder.last_row() + 1, UNDECIDED - 1, dtype=np.uint8)  # blank rows and the header have none
    for block in folder.states():
        codes[block[ROW].to_numpy()] = UNDECIDED
        given = block.filter(pl.col(STATE).is_not_null())
        if given.height:
            codes[given[ROW].to_numpy()] = given[STATE].cast(STATE_ENUM).to_physical().to_numpy()
    return codes


def row_states(journal: Journal, spool: Spool, run: str, open_state: RowState) -> RowStates:
    """Work out the states of all rows of a run: the gravest of a row's effects.

    Undecided rows take the state of their leg: held, scheduled, pending, or `open_state` where the run has ended.
    """
    taken = intake_codes(spool.run(run))
    extra: list[pl.DataFrame] = []
    derived: dict[str, int] = {}
    with journal.read() as tx:
        legs = runs.legs_of(tx, run)
        consignments = [(c, runs.runs_of(tx, c.id), runs.batches_of(tx, c.id)) for c in runs.consignments_of(tx, run)]
    found: list[LegStates] = []
    lost: list[Lost] = []
    cancelled = np.zeros(taken.shape, dtype=np.bool_)
    for leg in legs:
        codes = np.full(taken.shape, UNDECIDED, dtype=np.uint8)
        said: list[pl.DataFrame] = []
        for row, in_it, sent in consignments:
            if row.lane == leg.lane:
                consignment = spool.consignment(row.id)
                told = _Told(codes, said, derived, bool(leg.fans_out), cancelled)
                _apply_decisions(consignment, run, told)
                mine = (in_it.index(run), _open(leg, open_state))
                if _apply_effects(consignment, sent, mine, told):
                    lost.append((consignment, sent, *mine, leg.place))
                _apply_gave_way(consignment, sent, mine, told)
        if leg.open_rows or open_state not in {RowState.PENDING, RowState.HELD, RowState.SCHEDULED}:
            before, now = codes == UNDECIDED, journal.clock.now()
            _open_rows(spool.run(run), leg, taken, codes, _open(leg, open_state, now))
            if _open(leg, open_state) is RowState.SKIPPED:
                cancelled |= before & (codes != UNDECIDED)
            if _open(leg, open_state, now) is RowState.SCHEDULED:
                said.extend(_waiting(spool.run(run), before & (codes != UNDECIDED), now))
        codes[taken != UNDECIDED] = UNDECIDED
        extra.extend(one.with_columns(place=pl.lit(leg.place, pl.UInt8)) for one in said)
        found.append(LegStates(leg.lane.rsplit("/", 2)[-2] if leg.lane.count("/") > 1 else leg.operation, codes))
    if lost and (len(legs) > 1 or legs[0].fans_out):
        derived = by_key(lost, {leg.place: bool(leg.fans_out) for leg in legs})
    return replace(_gathered(taken, found, extra, derived, (open_state, cancelled)), lost=tuple(lost))


def _gathered(
    taken: npt.NDArray[np.uint8],
    legs: list[LegStates],
    extra: list[pl.DataFrame],
    derived: dict[str, int],
    opened: tuple[RowState, npt.NDArray[np.bool_]],
) -> RowStates:
    open_state, cancelled = opened
    gravest = taken.copy()
    for leg in legs:
        np.minimum(gravest, leg.codes, out=gravest, where=taken == UNDECIDED)
    if len(legs) > 1:  # what a person called off is no success of the row, whatever took effect before
        gravest[cancelled & (taken == UNDECIDED) & (gravest > CODES[str(RowState.REJECTED)])] = CODES[
            str(RowState.SKIPPED)
        ]
    gravest[gravest == UNDECIDED] = CODES[str(open_state if not legs else RowState.SKIPPED)]
    schema = pl.DataFrame(schema=EXTRA_SCHEMA)
    told = pl.concat([one.select(schema.columns) for one in extra]) if extra else schema
    told = told.unique([ROW, "place", "item"], keep="last", maintain_order=True)
    return RowStates(gravest, told, derived, tuple(legs) if len(legs) > 1 else ())


def _open(leg: Row[Any], open_state: RowState, now: datetime | None = None) -> RowState:
    """State of what is open in a leg of a run whose open rows are in `open_state`."""
    if open_state not in {RowState.PENDING, RowState.HELD, RowState.SCHEDULED}:
        return open_state
    if leg.held:
        return RowState.HELD
    if now is not None and not leg.waits and leg.wake_at is not None and leg.wake_at > now:
        return RowState.SCHEDULED
    return RowState.PENDING


def _open_rows(
    folder: RunFolder, leg: Row[Any], taken: npt.NDArray[np.uint8], codes: npt.NDArray[np.uint8], state: RowState
) -> None:
    """Give rows of a leg that nothing was decided about its open state; rows without such an effect get none."""
    undecided = (codes == UNDECIDED) & (taken == UNDECIDED)
    if leg.given:
        here = np.zeros(codes.shape, dtype=np.bool_)
        for block in folder.blocks(leg.given):
            here[rows_with_effect(block, leg.given)[ROW].to_numpy()] = True
        undecided &= here
    codes[undecided] = CODES[str(state)]


def _waiting(folder: RunFolder, rows: npt.NDArray[np.bool_], now: datetime) -> Iterator[pl.DataFrame]:
    """Say of rows that wait for a date (a mask by `@row`) which it is, where the row gives it."""
    later = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    for block in folder.blocks(_DATES):
        mine = block.filter(pl.Series(rows[block[ROW].to_numpy()]))
        dates = [pl.when(pl.col(name) > later).then(name) for name in _DATES if name in block.columns]
        if mine.height and dates:
            told = mine.select(ROW, pl.lit("SCHEDULED").alias("code"), pl.coalesce(dates).alias("detail"))
            yield told.drop_nulls("detail").with_columns(
                remote_id=pl.lit(None, pl.String), field=pl.lit(None, pl.String), item=pl.lit(""),
                gravity=pl.lit(CODES[str(RowState.SCHEDULED)], pl.UInt8), sent=pl.lit(value=False),
            )  # fmt: skip


def leg_codes(journal: Journal, spool: Spool, run: str, lane: str) -> npt.NDArray[np.uint8] | None:
    """States of a run's effects in one lane, indexed by `@row`; None where the run writes nothing there."""
    with journal.read() as tx:
        legs = runs.legs_of(tx, run)
        place = next((n for n, leg in enumerate(legs) if leg.lane == lane), None)
    if place is None:
        return None
    states = row_states(journal, spool, run, RowState.PENDING)
    return states.legs[place].codes if states.legs else states.codes


def decided_rows(journal: Journal, spool: Spool, run: str, lane: str) -> pl.Series | None:
    """Rows of a run that consignments of a lane decided (Int64); None where none of them took any."""
    with journal.read() as tx:
        identities = [c.id for c in runs.consignments_of(tx, run) if c.lane == lane]
        positions = [runs.runs_of(tx, identity).index(run) for identity in identities]
    found: list[pl.Series] = []
    for identity, position in zip(identities, positions, strict=True):
        folder = spool.consignment(identity)
        members = folder.members()
        for effects in folder.effects(["run", ROW, *(["effect"] if members.height else [])]):
            mine = effects.filter(pl.col("run") == position)
            found.append(mine[ROW].drop_nulls())
            if members.height:  # of this run: row numbers of the others are no rows of it
                found.append(members.join(mine.select("effect"), on="effect", how="semi")[ROW])
        found.extend(d[ROW] for d in folder.decisions(run))
        others = gave_way(folder)
        found.append(others.filter(pl.col("run") == position)[ROW].drop_nulls())
    return pl.concat(found) if found else None


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of a leg's effects while its consignments are gone through."""

    codes: npt.NDArray[np.uint8]
    extra: list[pl.DataFrame]
    derived: dict[str, int]
    fans_out: bool
    cancelled: npt.NDArray[np.bool_]
    """Rows whose effect a person called off, indexed by `@row`."""

    def take(self, rows: pl.Series, states: pl.Series) -> None:
        """Give rows the states (codes); of several effects of a row in the leg the gravest counts."""
        if self.fans_out:
            np.minimum.at(self.codes, rows.to_numpy(), states.to_numpy())
        else:
            self.codes[rows.to_numpy()] = states.to_numpy()


def _apply_decisions(folder: ConsignmentFolder, run: str, told: _Told) -> None:
    for frame in folder.decisions(run):
        told.take(frame[ROW], frame["state"].cast(STATE_ENUM).to_physical().cast(pl.UInt8))
        said = frame.filter(pl.col("detail").is_not_null())
        if said.height:
            gravity = said["state"].cast(STATE_ENUM).to_physical().cast(pl.UInt8).alias("gravity")
            named = pl.col("field") if "field" in said.columns else pl.lit(None, pl.String)
            field = pl.when(pl.col("code").is_in(sorted(FIELDED))).then(named).alias("field")
            more = {"remote_id": pl.lit(None, pl.String), "item": pl.lit(""), "sent": pl.lit(value=False)}
            told.extra.append(said.select(ROW, "code", "detail", field, gravity, **more))


def _apply_gave_way(
    folder: ConsignmentFolder, sent: Sequence[Row[Any]], mine: tuple[int, RowState], told: _Told
) -> None:
    """Give rows for which another one stands what became of that one."""
    rows = states_of(folder, sent, *mine)
    if rows is None:
        return
    told.take(rows[ROW], rows["state"].to_physical().cast(pl.UInt8))
    told.cancelled[rows.filter(pl.col("code") == "CANCELLED")[ROW].to_numpy()] = True
    said = rows.filter(pl.col("code").is_not_null())
    gravity = pl.col("state").to_physical().cast(pl.UInt8).alias("gravity")
    more = {"remote_id": pl.lit(None, pl.String), "item": pl.lit(""), "field": pl.lit(None, pl.String)}
    told.extra.append(said.select(ROW, "code", "detail", "sent", gravity, **more))


def _apply_effects(
    folder: ConsignmentFolder, sent: Sequence[Row[Any]], mine: tuple[int, RowState], told: _Told
) -> bool:
    """Give rows what became of their effects; returns whether there are effects without a row."""
    position, open_state = mine
    without = False
    members = folder.members()
    wanted = ["effect", "run", ROW, "derived", *([KEY] if told.fans_out else [])]
    for part in effect_states(folder, sent, wanted):
        mine_alone = (part["run"] == position).all()
        own = part if mine_alone else part.filter(pl.col("run") == position)
        own = own.with_columns(pl.col("state").fill_null(pl.lit(str(open_state), STATE_ENUM)))
        lost = own.filter(pl.col("derived"))
        without = without or lost.height > 0
        for state, count in lost.group_by("state").len().iter_rows() if lost.height else ():
            told.derived[state] = told.derived.get(state, 0) + count
        item = pl.col(KEY).str.split(KEY_SEPARATOR).list.last() if told.fans_out else pl.lit("")
        told_of = ("state", "code", "message", "remote_id", "field")
        rows = own if not lost.height else own.filter(~pl.col("derived"))
        rows = rows.select(ROW, "effect", *told_of, item.alias("item"))
        if members.height:
            joined = members.join(rows.drop(ROW), on="effect", how="inner")
            rows = pl.concat([rows, joined.select(rows.columns)])
        told.take(rows[ROW], rows["state"].to_physical().cast(pl.UInt8))
        if rows["code"].null_count() == rows["remote_id"].null_count() == rows.height:
            continue  # there is nothing more to say of any
        off = rows.filter(pl.col("code") == "CANCELLED")[ROW]
        told.cancelled[off.to_numpy()] = True
        said = rows.filter(pl.col("code").is_not_null() | pl.col("remote_id").is_not_null())
        if said.height:
            gravity = pl.col("state").to_physical().cast(pl.UInt8).alias("gravity")
            more = {"detail": pl.col("message"), "sent": pl.lit(value=True)}
            told.extra.append(said.select(ROW, "code", "remote_id", "item", gravity, "field", **more))
    return without
