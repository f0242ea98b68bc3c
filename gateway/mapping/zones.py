"""Local times to UTC by columns, with the zone's own rules; it knows no text.

The offsets come from Python's zone data, year by year, and are applied by one search per column.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_LAST_YEAR = 9999


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return round(offset.total_seconds()) if offset is not None else 0


def _change(zone: ZoneInfo, early: datetime, late: datetime) -> datetime:
    """First second in (early, late] with the offset of `late`."""
    wanted = _offset(zone, late)
    low, high = 0, round((late - early).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, early + timedelta(seconds=middle)) == wanted:
            high = middle
        else:
            low = middle
    return early + timedelta(seconds=high)


_LAST = round((datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH).total_seconds()) * 1_000_000
"""Four digits of year is all that canonical text has."""


def _seconds(moment: datetime) -> int:
    return round((moment - _EPOCH).total_seconds())


class LocalClock:
    """What the clocks of one zone showed. Local times that never were, or were twice, have no offset."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._years: dict[int, list[tuple[int, int | None]]] = {}

    def year(self, year: int) -> list[tuple[int, int | None]]:
        """Stretches of a year, 1000 to 9999: (local start in seconds of a UTC-like epoch, offset or None)."""
        if year not in self._years:
            self._years[year] = self._stretches(year)
        return self._years[year]

    def _stretches(self, year: int) -> list[tuple[int, int | None]]:
        start = datetime(year, 1, 1, tzinfo=UTC)
        # Two days round the year, so that a change near New Year is seen whatever the offset.
        day = start - 2 * _DAY
        last = start + 368 * _DAY if year < _LAST_YEAR else datetime(year, 12, 30, tzinfo=UTC)
        offset = _offset(self._zone, day)
        stretches: list[tuple[int, int | None]] = [(_seconds(start), offset)]
        while day < last:
            after = _offset(self._zone, day + _DAY)
            if after != offset:
                change = _seconds(_change(self._zone, day, day + _DAY))
                stretches += [(change + min(offset, after), None), (change + max(offset, after), after)]
                offset = after
            day += _DAY
        first = max(place for place, (begin, _) in enumerate(stretches) if begin <= _seconds(start))
        return [(_seconds(start), stretches[first][1]), *stretches[first + 1 :]]

    def utc(self, naive: pl.Series) -> pl.Series:
        """Turn local Datetime("us") into the same of UTC; null where the local time never was or was twice."""
        first, last = naive.min(), naive.max()
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            return naive
        years = [first.year]
        if first.year != last.year:
            years = naive.dt.year().drop_nulls().unique().sort().to_list()
        stretches = [
            stretch
            for year in years
            for stretch in self.year(year)
            if stretch[0] < _seconds(datetime(year, 12, 31, tzinfo=UTC)) + 86_400
        ]
        starts = pl.Series([start for start, _ in stretches], dtype=pl.Int64) * 1_000_000
        offsets = pl.Series([None if offset is None else offset for _, offset in stretches], dtype=pl.Int64)
        local = naive.to_physical()
        ends = pl.Series([local.min(), local.max()], dtype=pl.Int64)
        early, late = (starts.search_sorted(ends, side="right") - 1).to_list()
        if early == late and (offset := offsets[early]) is not None:  # nearly always: no clock change among them
            return _in_years(local - offset * 1_000_000)
        place = starts.search_sorted(local.fill_null(starts[0]), side="right") - 1
        moved = local - offsets.gather(place) * 1_000_000
        return _in_years(moved)


def _in_years(moments: pl.Series) -> pl.Series:
    beyond = moments > _LAST
    return (moments.set(beyond, None) if beyond.any() else moments).cast(pl.Datetime("us"))
