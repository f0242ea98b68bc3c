"""Members of JSON bodies: their kinds, how they are read, and how they are written.

Source: Sellers Commerce Open API documentation; the page shows one sample of a shopper: Pascal case, dates with seven
digits of fraction and an offset (verified). Kinds and limits of all others are assumptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import orjson

from gateway.twin.sellerscommerce_codes import INVALID, DataError
from gateway.twin.sellerscommerce_settings import SellersCommerceTwinSettings

Kind = Literal["text", "code", "amount", "measure", "whole", "flag", "date", "post_status", "list"]
Row = dict[str, Any]
"""A record by names of the twin. Amounts are text with the digits sent, dates are UTC text of ISO 8601."""

MAX_CODE = 50
MAX_WHOLE = 2_147_483_647

_CAPITALS = re.compile(r"^(?:[A-Z]+(?![a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z])")


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a body. `code`: the response code for a faulty value. `of`: the members of a list's items."""

    kind: Kind
    required: bool = False
    choices: frozenset[int] | None = None
    least: int = 0
    of: Mapping[str, Member] | None = None
    code: int = INVALID


Schema = Mapping[str, Member]


def read(document: object, schema: Schema, settings: SellersCommerceTwinSettings, code: int = INVALID) -> Row:
    """Return the members that were given. Names are compared without case, as servers of this kind do (inferred).

    Raises DataError: no object, an unknown member, a required one missing or empty, a faulty value.
    """
    if not isinstance(document, dict):
        raise DataError(code, f"found {type(document).__name__}, expected an object")
    wanted = {settings.names.get(name, name).lower(): name for name in schema}
    row: Row = {}
    for given, value in document.items():
        name = wanted.get(given.lower())
        if name is None:
            if settings.refuse_unknown:
                raise DataError(code, f"unknown member {given}")
        elif name in row:
            raise DataError(code, f"{given} is given twice")
        else:
            row[name] = _value(name, value, schema[name], settings)
    for name, member in schema.items():
        if member.required and row.get(name) in (None, "", []):
            raise DataError(code, f"{name} is required")
    return row


def _value(name: str, value: object, member: Member, settings: SellersCommerceTwinSettings) -> object:
    if value is None:
        return None
    if isinstance(value, list) and member.kind == "list":
        return [read(item, member.of or {}, settings, member.code) for item in value]
    try:
        return _single(value, member, settings)
    except ValueError as error:
        raise DataError(member.code, f"{name} is {error}") from error


def _single(value: object, member: Member, settings: SellersCommerceTwinSettings) -> object:
    if member.kind == "list":
        raise ValueError("not an array")
    if member.kind in {"amount", "measure"}:
        return _amount(value, settings.most_decimals if member.kind == "amount" else None, settings)
    if member.kind == "whole":
        return _whole(value, member, settings)
    if member.kind == "date":
        return _date(value, settings)
    return _plain(value, member, settings)


def _plain(value: object, member: Member, settings: SellersCommerceTwinSettings) -> object:
    if member.kind == "flag" or (member.kind == "post_status" and settings.post_status != "text"):
        if isinstance(value, bool):
            return value
        if member.kind == "flag" or settings.post_status == "boolean":
            raise ValueError("neither true nor false")
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - a fault of the caller's data, not of a type here
    if member.kind == "code" and (value != value.strip() or "/" in value or len(value) > MAX_CODE):
        raise ValueError(f"padded, has a slash or is longer than {MAX_CODE}")
    return value


def _number(value: object, settings: SellersCommerceTwinSettings) -> Decimal:
    if isinstance(value, str) and settings.numbers_as_text and value.isascii():
        value = Decimal(value) if value.replace(".", "", 1).isdigit() else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("not a number")  # noqa: TRY004 - as above
    return Decimal(value)


def _amount(value: object, most: int | None, settings: SellersCommerceTwinSettings) -> str:
    number = _number(value, settings)
    if not 0 <= number < 10**15:
        raise ValueError("below zero or too large")
    text = f"{number:f}"
    if most is not None and len(text.partition(".")[2]) > most:
        raise ValueError(f"of more than {most} decimals")
    return text


def _whole(value: object, member: Member, settings: SellersCommerceTwinSettings) -> int:
    number = _number(value, settings)
    if number != int(number) or isinstance(value, Decimal) or not member.least <= number <= MAX_WHOLE:
        raise ValueError(f"not a whole number from {member.least}")
    if member.choices is not None and int(number) not in member.choices:
        raise ValueError(f"{number}, expected one of {sorted(member.choices)}")
    return int(number)


def _date(value: object, settings: SellersCommerceTwinSettings) -> str:
    if not isinstance(value, str) or len(value) < len("2016-01-01T00:00:00"):
        raise ValueError("not a date with time")
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        if settings.dates_need_offset:
            raise ValueError("a date without offset")
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat()


def wire(row: Row, schema: Schema, settings: SellersCommerceTwinSettings) -> Row:
    """Write a record with every member of the schema, null where there is nothing."""
    return {_spelt(name, settings): _written(row.get(name), member, settings) for name, member in schema.items()}


def nulls(schema: Schema, settings: SellersCommerceTwinSettings) -> Row:
    """A record whose every value is null."""
    return {_spelt(name, settings): None for name in schema}


def spelt(document: Row, settings: SellersCommerceTwinSettings) -> Row:
    """Members of the envelope as the server spells them."""
    return {_spelt(name, settings): value for name, value in document.items()}


def _spelt(name: str, settings: SellersCommerceTwinSettings) -> str:
    name = settings.names.get(name, name)
    if settings.member_case == "pascal":
        return name
    # A run of capitals becomes small but for its last one, unless the name ends there: SKUCode is skuCode.
    return _CAPITALS.sub(lambda run: run[0].lower(), name, count=1)


def _written(value: Any, member: Member, settings: SellersCommerceTwinSettings) -> object:
    if value is None:
        return None
    if member.kind == "list":
        return [wire(item, member.of or {}, settings) for item in value]
    if member.kind in {"amount", "measure"}:
        # As a fragment no digit is lost.
        return orjson.Fragment(str(value).encode())
    if member.kind == "date":
        return f"{datetime.fromisoformat(value):%Y-%m-%dT%H:%M:%S.%f}0+00:00"
    return value


def named(schema: Schema, names: Iterable[str]) -> dict[str, Member]:
    """Some members of a schema."""
    return {name: schema[name] for name in names}
