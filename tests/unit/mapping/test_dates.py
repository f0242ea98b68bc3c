from __future__ import annotations

import polars as pl
import pytest

from gateway.mapping.dates import PatternError, compile_pattern
from gateway.mapping.moments import Days, Instants
from gateway.model import Kind


def instant(pattern: str, *texts: str | None, zone: str | None = "Europe/Madrid") -> list[str | None]:
    return Instants(pattern, zone).run(pl.Series(texts, dtype=pl.String), None).to_list()


@pytest.mark.parametrize(
    ("pattern", "text", "canonical"),
    [
        ("dd/MM/yyyy HH:mm", "22/11/2026 09:30", "2026-11-22T08:30:00Z"),
        ("dd/MM/yyyy HH:mm", "22/07/2026 09:30", "2026-07-22T07:30:00Z"),
        ("d/M/yyyy H:mm", "2/7/2026 9:30", "2026-07-02T07:30:00Z"),
        ("dd.MM.yy", "22.11.26", "2026-11-21T23:00:00Z"),
        ("dd-MMM-yyyy", "22-nov-2026", "2026-11-21T23:00:00Z"),
        ("MM/dd/yyyy hh:mm a", "11/22/2026 12:05 AM", "2026-11-21T23:05:00Z"),
        ("MM/dd/yyyy hh:mm a", "11/22/2026 01:05 pm", "2026-11-22T12:05:00Z"),
        ("yyyyMMdd", "20261122", "2026-11-21T23:00:00Z"),
        ("yyyy-MM-dd'T'HH:mm:ss", "2026-11-22T09:30:15", "2026-11-22T08:30:15Z"),
        ("yyyy-MM-ddTHH:mm:ss.SSSX", "2026-11-22T09:30:15.999+0530", "2026-11-22T04:00:15Z"),
        ("yyyy-MM-dd HH:mm X", "2026-11-22 09:30 -05", "2026-11-22T14:30:00Z"),
        ("yyyy-MM-dd HH:mm X", "2026-11-22 09:30 Z", "2026-11-22T09:30:00Z"),
        ("iso", "2026-11-22", "2026-11-21T23:00:00Z"),
        ("iso", "2026-11-22 09:30", "2026-11-22T08:30:00Z"),
        ("iso", "2026-11-22T09:30:00.123Z", "2026-11-22T09:30:00Z"),
        ("iso", "2026-11-22T09:30:00+02:00", "2026-11-22T07:30:00Z"),
        ("dd/MM/yyyy", "31/12/9999", "9999-12-30T23:00:00Z"),
    ],
)
def test_a_time_becomes_an_instant_in_utc(pattern: str, text: str, canonical: str) -> None:
    assert instant(pattern, text) == [canonical]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("dd/MM/yyyy", "2/2/2026"),
        ("dd/MM/yyyy", "02/02/26"),
        ("dd/MM/yyyy", "02/02/0026"),
        ("dd/MM/yyyy", "02-02-2026"),
        ("dd/MM/yyyy", "02/02/2026 10:00"),
        ("dd/MM/yyyy HH:mm", "22/11/2026 9:30"),
        ("dd/MM/yyyy HH:mm:ss", "22/11/2026 09:30:60"),
        ("iso", "2026-11-22T09:30:00+15:00"),
        ("iso", "20261122"),
        ("yyyyMMdd", "2026112"),
    ],
)
def test_a_date_of_another_form_is_an_issue(pattern: str, text: str) -> None:
    step = Instants(pattern, "Europe/Madrid")
    assert step.run(pl.Series([text]), None).to_list() == [None]
    blame = step.blame(pl.Series([text]), None).row(0, named=True)
    assert blame == {"code": "MAP_DATE", "detail": f"{pattern}, like {compile_pattern(pattern).example}"}


@pytest.mark.parametrize(
    ("pattern", "text", "what"),
    [
        ("dd/MM/yyyy", "31/02/2026", "day"),
        ("dd/MM/yyyy", "11/22/2026", "day"),
        ("d/M/yy", "31/11/26", "day"),
        ("dd/MM/yyyy HH:mm", "22/11/2026 24:00", "day or time"),
        ("dd/MM/yyyy hh:mm a", "22/11/2026 13:30 PM", "day or time"),
        ("iso", "2026-02-29", "day or time"),
    ],
)
@pytest.mark.parametrize("kind", [None, Kind.TEXT])
def test_of_a_day_that_does_not_exist_its_form_is_not_blamed(
    pattern: str, text: str, what: str, kind: Kind | None
) -> None:
    kinds = None if kind is None else pl.Series([kind, kind], dtype=pl.UInt8)
    texts = pl.Series([text, "soon"])
    agreed = f"{pattern}, like {compile_pattern(pattern).example}"
    for step in (Instants(pattern, "Europe/Madrid"), Days(pattern)):
        assert step.run(texts, kinds).to_list() == [None, None]
        assert step.blame(texts, kinds)["detail"].to_list() == [f"{agreed}; there is no such {what}", agreed]


@pytest.mark.parametrize("text", ["29/03/2026 02:30", "25/10/2026 02:30"])
def test_a_time_the_clocks_skipped_or_showed_twice_is_an_issue(text: str) -> None:
    step = Instants("dd/MM/yyyy HH:mm", "Europe/Madrid")
    assert step.run(pl.Series([text]), None).to_list() == [None]
    assert "Europe/Madrid had once" in step.blame(pl.Series([text]), None)["detail"][0]


def test_a_naive_time_without_any_zone_is_an_issue_not_utc() -> None:
    assert instant("iso", "2026-11-22T09:30:00", "2026-11-22T09:30:00Z", zone=None) == [None, "2026-11-22T09:30:00Z"]


def test_typed_dates_are_iso_and_still_get_the_zone() -> None:
    kinds = pl.Series([Kind.DATE, Kind.DATE, Kind.TEXT, Kind.TEXT, Kind.NUMBER], dtype=pl.UInt8)
    texts = pl.Series(["2026-07-01", "2026-07-01T10:00:00", "01/07/2026", "2026-07-01", "46204"])
    read = Instants("dd/MM/yyyy", "Europe/Madrid").run(texts, kinds).to_list()
    assert read == ["2026-06-30T22:00:00Z", "2026-07-01T08:00:00Z", "2026-06-30T22:00:00Z", None, None]


def test_days_know_no_zone() -> None:
    step = Days("dd/MM/yyyy HH:mm")
    texts = pl.Series(["01/07/2026 00:30", "31/06/2026 00:30", "", None])
    assert step.run(texts, None).to_list() == ["2026-07-01", None, "", None]


@pytest.mark.parametrize("many", [False, True])
def test_few_and_many_distinct_times_are_read_alike(many: bool) -> None:
    minutes = [place if many else place % 7 for place in range(9000)]
    texts = [f"{1 + m // 1440:02d}/07/2026 {m // 60 % 24:02d}:{m % 60:02d}" for m in minutes] + ["", None, "x"]
    singly = [instant("dd/MM/yyyy HH:mm", text)[0] for text in [*texts[:20], *texts[-3:]]]
    whole = instant("dd/MM/yyyy HH:mm", *texts)
    assert [*whole[:20], *whole[-3:]] == singly
    assert singly[0] == "2026-06-30T22:00:00Z"


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("DD/MM/YYYY", "days are dd"),
        ("dd/mm/yyyy", "months are MM"),
        ("dd/MM", "does not name the year"),
        ("dd/MM/yyyy hh:mm", "AM or PM"),
        ("dd/MM/yyyy HH", "without the minute"),
        ("dd/MM/yyyy X", "without the hour"),
        ("dMyyyy", "can't be told apart"),
        ("dd/MM/yyyy dd", "twice"),
        ("yyyy-MM-dd HH:mmZ", "an offset or Z is X"),
        ("dd de MM yyyy", "quotes"),
        ("yyyy-MM-dd'T", "quote"),
        ("yyyy-MM-dd HH:mm.SSS", "fractions follow seconds"),
        ("X yyyy-MM-dd HH:mm", "stands at the end"),
    ],
)
def test_a_faulty_pattern_is_explained(pattern: str, hint: str) -> None:
    with pytest.raises(PatternError, match=hint):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-11-30", "2026-11-30T22:59:59Z"),
        ("2026-11-30Z", "2026-11-30T23:59:59Z"),
        ("2026-11-30+01:00", "2026-11-30T22:59:59Z"),
        ("2026-11-30 -0500", "2026-12-01T04:59:59Z"),
        ("2026-11-30T10:00Z", "2026-11-30T10:00:00Z"),
        ("2026-11-30 10:00", "2026-11-30T09:00:00Z"),
    ],
)
def test_a_day_with_an_offset_is_a_day_to_its_end(text: str, end: str) -> None:
    assert Instants("iso", "Europe/Madrid", end_of_day=True).run(pl.Series([text]), None).to_list() == [end]
