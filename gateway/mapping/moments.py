"""Dates and times as partners write them to canonical text: instants in UTC, and days."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import polars as pl

from gateway.mapping.dates import ISO, DatePattern, compile_pattern, zone_named
from gateway.mapping.steps import choose, present
from gateway.mapping.zones import LocalClock
from gateway.model import Kind

_MICRO = 1_000_000
INSTANT = "%Y-%m-%dT%H:%M:%SZ"


def _stamps(texts: pl.Series, pattern: DatePattern) -> pl.Series:
    """Naive Datetime("us") as written; null where the text does not fit or the day does not exist."""
    if pattern.text == ISO:
        return _iso_stamps(texts, pattern)
    if pattern.form is not None:
        return pattern.form.stamps(texts)
    fits = texts.str.contains(pattern.regex)
    bare = texts.str.extract(pattern.regex, 1) if pattern.offset else texts
    if pattern.clock:
        read = bare.str.to_datetime(pattern.parser, strict=False, time_unit="us", cache=False)
    else:
        read = bare.str.to_date(pattern.parser, strict=False).cast(pl.Datetime("us"))
    # chrono reads more than was agreed: what does not fit is taken out again
    return read if fits.all() else read.set(~fits, None)


def _iso_stamps(texts: pl.Series, pattern: DatePattern) -> pl.Series:
    stamp = texts.str.extract(pattern.regex, 1)
    clock = stamp.str.slice(11, 8).str.pad_end(5, "0")
    clock = choose(stamp.str.len_chars() == 10, pl.Series(["00:00"]).new_from_index(0, len(texts)), clock)
    clock = choose(clock.str.len_chars() == 5, clock + ":00", clock)
    return (stamp.str.slice(0, 10) + " " + clock).str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")


def _offsets(texts: pl.Series, pattern: DatePattern) -> pl.Series:
    """Seconds east of UTC (Int64) where the text says; null elsewhere."""
    offset = texts.str.extract(pattern.regex, 2)
    digits = offset.str.replace_all("[^0-9]", "").str.pad_end(4, "0")
    seconds = digits.str.slice(0, 2).cast(pl.Int64) * 3600 + digits.str.slice(2, 2).cast(pl.Int64) * 60
    return choose(offset.str.starts_with("-"), -seconds, seconds)


def _read_by_kind(
    texts: pl.Series,
    kinds: pl.Series | None,
    read: Callable[[pl.Series, DatePattern], pl.Series],
    patterns: tuple[DatePattern, DatePattern],
) -> pl.Series:
    """Read typed dates by the second pattern, all else by the first."""
    written, typed = patterns
    if kinds is None:
        return read(texts, written)
    dates = kinds == Kind.DATE
    return read(texts, typed) if dates.all() else choose(dates, read(texts, typed), read(texts, written))


_DAY = 86_400
_HAS_TIME = "^.{10}[T ][0-9]"
"""A day written with an offset behind it, as XML has it, is a day without a time of day all the same."""
_MOST_DAYS = 40_000
"""Days between the first and the last time of a block up to which a table of days pays."""
_FEW = 4096
"""Times below which tables do not pay."""


class Instants:
    """Reads points in time to YYYY-MM-DDTHH:MM:SSZ; fractions of a second are cut off.

    Text follows `pattern`; typed date cells are ISO. `zone` is that of times written without an offset.
    `end_of_day`: a day without a time means its last second, else its first.
    """

    def __init__(self, pattern: str, zone: str | None, *, end_of_day: bool = False) -> None:
        self._end_of_day = end_of_day
        self._pattern = compile_pattern(pattern)
        self._typed = compile_pattern(ISO)
        named = zone_named(zone) if zone is not None else None
        self._zone, self._clock = zone, LocalClock(named) if named is not None else None

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:
        """Return canonical instants; null where a text that is not empty is none as agreed."""
        return _read_by_kind(texts, kinds, self._read, (self._pattern, self._typed))

    def _read(self, texts: pl.Series, pattern: DatePattern) -> pl.Series:
        naive = self._naive(texts, pattern)
        read = self._written(self._utc(naive, texts, pattern))
        return choose(present(texts), read, texts) if (texts == "").any() else read

    @cached_property
    def _times(self) -> pl.Series:
        """Text of each second of a day."""
        minutes = pl.Series([f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(_DAY // 60)])
        seconds = pl.Series([f"{second:02}Z" for second in range(60)])
        second = pl.select(pl.int_range(_DAY)).to_series()
        return minutes.gather(second // 60) + seconds.gather(second % 60)

    def _naive(self, texts: pl.Series, pattern: DatePattern) -> pl.Series:
        naive = _stamps(texts, pattern)
        if not self._end_of_day:
            return naive
        last = (naive.to_physical() + (_DAY - 1) * _MICRO).cast(pl.Datetime("us"))
        if not pattern.clock:
            return last
        return choose(~texts.str.contains(_HAS_TIME), last, naive) if pattern.text == ISO else naive

    def _written(self, moments: pl.Series) -> pl.Series:
        """Canonical text, put together from tables of days and of the seconds of a day: a third of strftime's work."""
        seconds = moments.to_physical() // _MICRO
        days, rest = seconds // _DAY, seconds % _DAY
        first, last = days.min(), days.max()
        if not isinstance(first, int) or not isinstance(last, int) or last - first > _MOST_DAYS or len(moments) < _FEW:
            return moments.dt.strftime(INSTANT)
        dates = pl.select(
            pl.int_range(first, last + 1, dtype=pl.Int32).cast(pl.Date).dt.strftime("%Y-%m-%d")
        ).to_series()
        return dates.gather(days - first) + self._times.gather(rest)

    def _utc(self, naive: pl.Series, texts: pl.Series, pattern: DatePattern) -> pl.Series:
        if not pattern.offset and self._clock is not None:
            return self._clock.utc(naive)
        none = pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(naive))
        if not pattern.offset:
            return none
        seconds = _offsets(texts, pattern)
        moved = (naive.to_physical() - seconds * _MICRO).cast(pl.Datetime("us"))
        local = self._clock.utc(naive) if self._clock is not None and seconds.null_count() else none
        return choose(seconds.is_not_null(), moved, local)

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:
        """Tell times that the zone's clocks never showed, or showed twice, from text that is no date as agreed."""
        read = _stamps(texts, self._pattern).is_not_null()
        if kinds is not None:
            read = choose(kinds == Kind.DATE, _stamps(texts, self._typed).is_not_null(), read)
        agreed = _agreed(self._pattern)
        clocks = (
            f"a time that {self._zone} had once; its clocks change here" if self._zone else f"{agreed}, with its zone"
        )
        return _blamed(texts, read, clocks, self._pattern)


class Days:
    """Reads days to YYYY-MM-DD; a time of day is left out, as written and without any zone."""

    def __init__(self, pattern: str) -> None:
        self._pattern = compile_pattern(pattern)
        self._typed = compile_pattern(ISO)

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:
        """Return canonical days; null where a text that is not empty is none as agreed."""
        return _read_by_kind(texts, kinds, self._read, (self._pattern, self._typed))

    def _read(self, texts: pl.Series, pattern: DatePattern) -> pl.Series:
        return choose(present(texts), _stamps(texts, pattern).dt.strftime("%Y-%m-%d"), texts)

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:  # noqa: ARG002  text or not
        """Name the agreed form."""
        return _blamed(texts, pl.Series([False]).new_from_index(0, len(texts)), "", self._pattern)


def _agreed(pattern: DatePattern) -> str:
    return f"{pattern.text}, like {pattern.example}"


def _blamed(texts: pl.Series, read: pl.Series, clocks: str, pattern: DatePattern) -> pl.DataFrame:
    """Say what is wrong with texts: that they have another form, the day does not exist, or, where `read`, `clocks`."""
    formed = texts.str.contains(pattern.regex)
    nowhere = f"{_agreed(pattern)}; there is no such {'day or time' if pattern.clock else 'day'}"
    said = pl.when(pl.col("formed")).then(pl.lit(nowhere)).otherwise(pl.lit(_agreed(pattern)))
    return pl.DataFrame([read.alias("read"), formed.alias("formed")]).select(
        code=pl.lit("MAP_DATE"),
        detail=pl.when(pl.col("read")).then(pl.lit(clocks)).otherwise(said),
    )
