"""Points in time of ours inside sentences, as the columns of a file would say them; it knows no sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time

import polars as pl
from pydantic import BaseModel, ConfigDict

from gateway.mapping.dates import ISO, DatePattern, compile_pattern, zone_named

_MOMENT = re.compile(
    r"(?P<until>\b(?:to|until|end) |(?<=[0-9]Z) / )?(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)"
)
"""A point in time in canonical text, and what stands before it where it is the last one of a window.

That is a word, or in a key another point in time.
"""
_STARTS, _ENDS = ("starts_at", "discount_from", "valid_from"), ("ends_at", "discount_to")
"""Fields by whose columns the first and the last moment of a window are written, in order of preference."""
_FIRST, _LAST = time(0, 0, 0), time(23, 59, 59)


class DateForm(BaseModel):
    """How a column writes points in time: a date pattern of the mapping, and the zone of what names none.

    `end_of_day`: a date without a time of day means its last second.
    """

    model_config = ConfigDict(frozen=True)
    pattern: str = ISO
    zone: str | None = None
    end_of_day: bool = False


class Dates:
    """Writes points in time as the columns of one file do."""

    def __init__(self, forms: Mapping[str, DateForm]) -> None:
        found = [next((forms[name] for name in names if name in forms), None) for names in (_STARTS, _ENDS)]
        self._starts, self._ends = (None if form is None else _Writer(form) for form in found)

    def shown(self, texts: pl.Series) -> pl.Series:
        """Return sentences with their points in time as the file's columns write them; each text is read once."""
        if self._starts is None and self._ends is None:
            return texts
        told = texts.unique().drop_nulls().to_list()
        shown = {text: said for text in told if (said := _MOMENT.sub(self._written, text)) != text}
        return texts.replace(list(shown), list(shown.values())) if shown else texts

    def _written(self, found: re.Match[str]) -> str:
        until = found["until"] or ""
        order = (self._ends, self._starts) if until else (self._starts, self._ends)
        writer = next(one for one in order if one is not None)
        return until + writer.text(datetime.fromisoformat(found["at"]))


class _Writer:
    """Writes one moment after the other; what the column could not say is written with its time."""

    def __init__(self, form: DateForm) -> None:
        self._pattern: DatePattern = compile_pattern(form.pattern)
        plain = UTC if self._pattern.offset and form.pattern != ISO else None
        self._zone = plain if form.zone is None else zone_named(form.zone)
        self._whole = _LAST if form.end_of_day else _FIRST

    def text(self, at: datetime) -> str:
        if self._zone is None:
            return f"{at:%Y-%m-%dT%H:%M:%SZ}"
        local = at.astimezone(self._zone)
        whole_day = local.time() == self._whole
        if self._pattern.text == ISO:
            return f"{local:%Y-%m-%d}" if whole_day else _iso(local)
        if not self._pattern.clock:
            day = local.strftime(self._pattern.parser)
            return day if whole_day else f"{day} {local:%H:%M:%S}"
        if local.second and "%S" not in self._pattern.parser:
            return _iso(local)
        text = local.strftime(self._pattern.parser.replace("%.f", _zeros(self._pattern.text)))
        return text + (_offset(local) if self._pattern.offset else "")


def _iso(local: datetime) -> str:
    return f"{local:%Y-%m-%d %H:%M:%S}{_offset(local)}"


def _offset(local: datetime) -> str:
    return "Z" if not local.utcoffset() else local.isoformat()[-6:]


def _zeros(pattern: str) -> str:
    fraction = re.search(r"\.(S+)", pattern)
    return "." + "0" * len(fraction[1]) if fraction else ""
