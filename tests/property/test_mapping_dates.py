"""Local times agree with zoneinfo, clock changes included; what is written by a pattern is read back by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mapping.moments import Days, Instants

patient = settings(deadline=None, max_examples=50)  # a loaded machine is no fault of the mapping

ZONES = (
    "Europe/Madrid",
    "Europe/London",
    "Atlantic/Canary",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "UTC",
)
PATTERNS = {
    "dd/MM/yyyy HH:mm": "{0:%d/%m}/{0.year:04d} {0:%H:%M}",
    "yyyy-MM-dd'T'HH:mm:ss": "{0.year:04d}-{0:%m-%dT%H:%M:%S}",
    "yyyyMMdd HHmm": "{0.year:04d}{0:%m%d %H%M}",
    "d.M.yyyy H:mm": "{0.day}.{0.month}.{0.year:04d} {0.hour}:{0:%M}",
    "MM/dd/yyyy hh:mm a": "{0:%m/%d}/{0.year:04d} {0:%I:%M %p}",
}
zones = st.sampled_from(ZONES)
times = st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 30)).map(lambda t: t.replace(second=0, microsecond=0))


def reference(naive: datetime, zone: ZoneInfo) -> str | None:
    """UTC of a local time, or None when the clocks never showed it or showed it twice."""
    found = set()
    for fold in (0, 1):
        moment = naive.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == naive:
            found.add(moment)
    return f"{found.pop():%Y-%m-%dT%H:%M:%SZ}" if len(found) == 1 else None


def near_changes(zone: ZoneInfo) -> list[datetime]:
    """Local times round every change of some years, in steps of a quarter of an hour."""
    found = []
    for year in (1984, 2011, 2026, 2037, 2060):
        for day in range(366):
            start = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day)
            if start.astimezone(zone).utcoffset() != (start + timedelta(days=1)).astimezone(zone).utcoffset():
                local = start.astimezone(zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)
                found += [local + timedelta(minutes=15 * step) for step in range(-130, 230)]
    return found


@patient
@given(st.lists(times, min_size=1, max_size=20), zones, st.sampled_from(sorted(PATTERNS)))
def test_local_times_agree_with_zoneinfo(moments: list[datetime], name: str, pattern: str) -> None:
    texts = pl.Series([PATTERNS[pattern].format(moment) for moment in moments])
    read = Instants(pattern, name).run(texts, None).to_list()
    assert read == [reference(moment, ZoneInfo(name)) for moment in moments]


def test_times_round_every_clock_change_agree_with_zoneinfo() -> None:
    for name in ZONES:
        moments = near_changes(ZoneInfo(name))
        texts = pl.Series([f"{moment:%Y-%m-%d %H:%M}" for moment in moments], dtype=pl.String)
        read = Instants("yyyy-MM-dd HH:mm", name).run(texts, None).to_list()
        wrong = [
            (moment, found, wanted)
            for moment, found in zip(moments, read, strict=True)
            if found != (wanted := reference(moment, ZoneInfo(name)))
        ]
        assert wrong == [], name


@patient
@given(st.lists(times, max_size=20), st.integers(-14 * 60 + 1, 14 * 60 - 1))
def test_times_with_an_offset_need_no_zone(moments: list[datetime], minutes: int) -> None:
    sign, hours, rest = "-" if minutes < 0 else "+", abs(minutes) // 60, abs(minutes) % 60
    texts = pl.Series([f"{m:%Y-%m-%dT%H:%M}{sign}{hours:02d}:{rest:02d}" for m in moments], dtype=pl.String)
    expected = [f"{m - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}" for m in moments]
    for pattern in ("iso", "yyyy-MM-ddTHH:mmX"):
        assert Instants(pattern, None).run(texts, None).to_list() == expected


@patient
@given(st.lists(st.text(alphabet="0123456789/", min_size=8, max_size=10) | st.none(), max_size=20))
def test_a_day_is_read_only_where_python_reads_the_same_day(texts: list[str | None]) -> None:
    def expected(text: str | None) -> str | None:
        if text is None or len(text) != 10 or text[2] != "/" or text[5] != "/" or text[6] == "0":
            return None
        try:
            return f"{datetime.strptime(text, '%d/%m/%Y'):%Y-%m-%d}"
        except ValueError:
            return None

    read = Days("dd/MM/yyyy").run(pl.Series(texts, dtype=pl.String), None).to_list()
    assert read == [expected(text) for text in texts]
