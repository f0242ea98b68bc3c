"""Dates on the wire: read strictly, written in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.twin.mirakl_settings import MiraklTwinSettings

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d(:\d\d)?)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def wire_time(moment: datetime) -> str:
    """Dates in answers are UTC with `Z` (Mirakl seller API documentation, general notes; verified)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_moment(text: str) -> datetime | None:
    """Read date, time and zone (general notes; verified; hours alone as offset: OF01's sample); None: not a date."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_bound(text: str, settings: MiraklTwinSettings, *, end: bool) -> datetime | None:
    """Read the start or the end of a period, which may be a date alone; None: not a date that is taken."""
    if not _DAY.fullmatch(text) or settings.dates_only == "refuse":
        return read_moment(text)
    try:
        day = datetime.fromisoformat(text).date()
        zone = ZoneInfo(settings.timezone)
        if end and settings.dates_only == "inclusive":
            return (datetime.combine(day + timedelta(days=1), time(), zone) - timedelta(seconds=1)).astimezone(UTC)
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
