"""Date patterns like dd/MM/yyyy HH:mm: what they mean, and by which expression they are recognised; no column here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.mapping.fixed import FixedForm, fixed_form

ISO = "iso"

_TOKENS: dict[str, tuple[str, str, str, str]] = {
    # token: (what it is, regular expression, parser's code, example)
    "yyyy": ("year", "[1-9][0-9]{3}", "%Y", "2026"),
    "yy": ("year", "[0-9]{2}", "%y", "26"),
    "MMM": ("month", "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", "%b", "Nov"),
    "MM": ("month", "[0-9]{2}", "%m", "11"),
    "M": ("month", "[0-9]{1,2}", "%m", "11"),
    "dd": ("day", "[0-9]{2}", "%d", "22"),
    "d": ("day", "[0-9]{1,2}", "%d", "22"),
    "HH": ("hour", "[0-9]{2}", "%H", "09"),
    "H": ("hour", "[0-9]{1,2}", "%H", "9"),
    "hh": ("hour", "[0-9]{2}", "%I", "09"),
    "h": ("hour", "[0-9]{1,2}", "%I", "9"),
    "mm": ("minute", "[0-9]{2}", "%M", "30"),
    "ss": ("second", "[0-5][0-9]", "%S", "00"),
    "a": ("half day", "(?i:am|pm)", "%p", "AM"),
    "X": ("offset", "", "", "Z"),
}
_OFFSET = "Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?"
_PIECE = re.compile(r"yyyy|yy|MMM|MM|M|dd|d|HH|H|hh|h|mm|ss|a|X|\.S+|'[^']*'|.", re.DOTALL)
_PARTS = "letters are those of English, days are dd, months MM, years yyyy, as in dd/MM/yyyy"
_HINTS = {
    "Y": "years are yyyy",
    "y": "years are yyyy (or yy)",
    "D": "days are dd",
    "m": "minutes are mm, months MM",
    "s": "seconds are ss",
    "S": "fractions of a second follow a dot, like ss.SSS",
    "Z": "an offset or Z is X",
    "z": "an offset or Z is X; a zone is named by zone =",
    "A": "AM or PM is a",
    "g": _PARTS,
    "j": _PARTS,
    "J": _PARTS,
    "t": _PARTS,
    "k": "hours are HH",
}


class PatternError(Exception):
    """The pattern can't be used; the message says why and what to write instead."""


@dataclass(frozen=True, slots=True)
class DatePattern:
    """A usable date pattern.

    `regex` matches the whole text, group 1 the part that `parser` (chrono's codes) reads, group 2 the offset if any.
    """

    text: str
    regex: str
    parser: str
    clock: bool
    offset: bool
    example: str
    form: FixedForm | None = None
    """How the same is read at once, where every part has its fixed place."""


def zone_named(name: str) -> ZoneInfo | None:
    """Return the time zone of that name, or None when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def compile_pattern(text: str) -> DatePattern:
    """Read a date pattern. Raises PatternError."""
    if text == ISO:
        stamp = "[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-5][0-9](?:[.,][0-9]+)?)?)?"
        return DatePattern(ISO, f"^({stamp}) ?({_OFFSET})?$", "", True, True, "2026-11-22T09:30:00Z")
    pieces = _PIECE.findall(text)
    kinds = [_TOKENS[piece][0] for piece in pieces if piece in _TOKENS]
    _check(text, pieces, kinds)
    regex, parser, example = "", "", ""
    for piece in pieces:
        if piece == "X":
            example += "Z"
        elif piece in _TOKENS:
            regex, parser = regex + _TOKENS[piece][1], parser + _TOKENS[piece][2]
            example += _TOKENS[piece][3]
        elif piece.startswith(".S"):
            regex, parser = f"{regex}\\.[0-9]{{{len(piece) - 1}}}", parser + "%.f"
            example += "." + "0" * (len(piece) - 1)
        else:
            literal = piece.strip("'") if len(piece) > 1 else piece
            regex, parser = regex + re.escape(literal), parser + literal.replace("%", "%%")
            example += literal
    offset = "offset" in kinds
    regex = f"^({regex})({_OFFSET})$" if offset else f"^({regex})$"
    return DatePattern(text, regex, parser, "hour" in kinds, offset, example, fixed_form(tuple(pieces)))


def _check(text: str, pieces: list[str], kinds: list[str]) -> None:
    for piece in pieces:
        if len(piece) == 1 and piece.isascii() and piece.isalpha() and piece not in {*_TOKENS, "T"}:
            hint = _HINTS.get(piece, f"put letters that stand for themselves into quotes: '{piece}'")
            raise PatternError(f"{text!r} has {piece!r}: {hint}")
        if piece == "'":
            raise PatternError(f"{text!r} opens a quote and does not close it")
    for kind in set(kinds):
        if kinds.count(kind) > 1:
            raise PatternError(f"{text!r} names the {kind} twice")
    for kind in ("year", "month", "day"):
        if kind not in kinds:
            hint = " (mm are minutes, months are MM)" if kind == "month" and "minute" in kinds else ""
            raise PatternError(f"{text!r} does not name the {kind}{hint}: write it like dd/MM/yyyy")
    _check_clock(text, pieces, kinds)
    for piece, following in pairwise(pieces):
        if piece in {"d", "M", "H", "h"} and following in _TOKENS:
            raise PatternError(f"{text!r} can't be told apart after {piece}: write {piece * 2}")


def _check_clock(text: str, pieces: list[str], kinds: list[str]) -> None:
    needs = {"minute": "hour", "second": "minute", "half day": "hour", "offset": "hour"}
    for kind, needed in needs.items():
        if kind in kinds and needed not in kinds:
            raise PatternError(f"{text!r} names the {kind} without the {needed}")
    if "hour" in kinds and "minute" not in kinds:
        raise PatternError(f"{text!r} names the hour without the minute")
    half = bool({"h", "hh"} & set(pieces))
    if half != ("half day" in kinds):
        raise PatternError(f"{text!r}: hh goes with a (AM or PM), HH without")
    if "X" in pieces[:-1]:
        raise PatternError(f"{text!r}: X stands at the end")
    for before, piece in pairwise(pieces):
        if piece.startswith(".S") and before != "ss":
            raise PatternError(f"{text!r}: fractions follow seconds, like ss.SSS")
