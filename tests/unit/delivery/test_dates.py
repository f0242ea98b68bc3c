"""Points in time inside sentences are written as the file's own columns write them."""

import polars as pl
import pytest

from gateway.delivery.dates import DateForm, Dates
from gateway.mapping.moments import Instants

KNOWN = "2026-11-21T23:00:00Z to 2026-11-30T22:59:59Z"
"""From the first to the last second of days in Madrid."""


def shown(text, pattern="iso", zone="Europe/Madrid"):
    forms = {
        "starts_at": DateForm(pattern=pattern, zone=zone),
        "ends_at": DateForm(pattern=pattern, zone=zone, end_of_day=True),
    }
    return Dates(forms).shown(pl.Series([text]))[0]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("iso", "2026-11-22 to 2026-11-30"),
        ("dd/MM/yyyy", "22/11/2026 to 30/11/2026"),
        ("dd/MM/yyyy HH:mm:ss", "22/11/2026 00:00:00 to 30/11/2026 23:59:59"),
        ("dd/MM/yyyy HH:mm", "22/11/2026 00:00 to 2026-11-30 23:59:59+01:00"),
        ("dd MMM yyyy hh:mm:ss a", "22 Nov 2026 12:00:00 AM to 30 Nov 2026 11:59:59 PM"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2026-11-22T00:00:00.000+01:00 to 2026-11-30T23:59:59.000+01:00"),
    ],
)
def test_a_window_is_written_by_the_patterns_and_in_the_zone_of_its_columns(pattern, text):
    assert shown(KNOWN, pattern) == text


@pytest.mark.parametrize("pattern", ["iso", "dd/MM/yyyy", "d.M.yy", "dd/MM/yyyy HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ssX"])
def test_what_is_shown_is_read_as_the_same_moments(pattern):
    first, last = shown(KNOWN, pattern).split(" to ")
    starts, ends = (Instants(pattern, "Europe/Madrid", end_of_day=end) for end in (False, True))
    read = starts.run(pl.Series([first]), None)[0], ends.run(pl.Series([last]), None)[0]
    assert " to ".join(read) == KNOWN


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("iso", "2026-11-22 09:30:00+01:00 to 2026-12-01 00:00:00+01:00"),
        ("dd/MM/yyyy", "22/11/2026 09:30:00 to 01/12/2026 00:00:00"),
    ],
)
def test_a_moment_that_no_day_names_is_written_with_its_time(pattern, text):
    assert shown("2026-11-22T08:30:00Z to 2026-11-30T23:00:00Z", pattern) == text


def test_moments_keep_their_place_in_longer_sentences_and_open_ends_their_words():
    said = "one discount, from 2026-11-21T23:00:00Z to further notice; end it"
    assert shown(said, "dd/MM/yyyy") == "one discount, from 22/11/2026 to further notice; end it"


def test_the_dates_of_a_key_are_its_window():
    assert shown("X / a / 2026-11-21T23:00:00Z / 2026-11-30T22:59:59Z") == "X / a / 2026-11-22 / 2026-11-30"


def test_without_a_zone_or_a_column_of_dates_they_stay_as_they_are():
    assert shown(KNOWN, zone=None) == KNOWN
    assert Dates({}).shown(pl.Series([KNOWN, None])).to_list() == [KNOWN, None]
    assert shown(KNOWN, "yyyy-MM-dd HH:mm:ssX", None) == "2026-11-21 23:00:00Z to 2026-11-30 22:59:59Z"
