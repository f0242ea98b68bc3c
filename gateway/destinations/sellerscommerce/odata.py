"""Queries of `getall` endpoints; pure.

Source: Sellers Commerce Open API documentation, OData examples: `$filter` with gt, lt, ge, le and `and`, `$orderby`,
and date literals as datetime'2016-01-01' (verified). That is the dialect of OData 2 and 3. That dates are UTC, that a
literal may have a time of day, and that `$top` and `$skip` work are assumptions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

Comparison = Literal["eq", "gt", "lt", "ge", "le"]
Value = str | int | Decimal | date | datetime
_COMPARISONS: tuple[Comparison, ...] = ("eq", "gt", "lt", "ge", "le")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_/]*")
_CONDITION = re.compile(r"\s*(?P<field>\S+)\s+(?P<how>eq|gt|lt|ge|le)\s+(?P<value>.+?)\s*")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of one property with a value."""

    field: str
    how: Comparison
    value: Value

    def text(self) -> str:
        """Return it as it stands in `$filter`. Raises ValueError for a property that can't be one."""
        return f"{_field(self.field)} {self.how} {literal(self.value)}"


def condition(said: str) -> Condition:
    """Read `Field ge 2016-01-01`; numbers and dates are told by their look, quotes make a text.

    Raises ValueError that shows how to write it.
    """
    found = _CONDITION.fullmatch(said)
    if found is None or not _FIELD.fullmatch(found["field"]):
        raise ValueError(f"{said!r} is no condition; write it like: OrderPlacedDate ge 2026-01-31")
    how = next(one for one in _COMPARISONS if one == found["how"])
    return Condition(found["field"], how, _value(found["value"]))


def literal(value: Value) -> str:
    """Return a value as the dialect writes it; points in time in UTC, a naive one is taken as UTC."""
    if isinstance(value, datetime):
        at = value.astimezone(UTC) if value.tzinfo is not None else value
        return f"datetime'{at:%Y-%m-%dT%H:%M:%S}'"
    if isinstance(value, date):
        return f"datetime'{value:%Y-%m-%d}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def query(
    where: Sequence[Condition] = (),
    *,
    order_by: str = "",
    descending: bool = False,
    top: int | None = None,
    skip: int | None = None,
) -> tuple[tuple[str, str], ...]:
    """Return the parameters. Raises ValueError for a property that can't be one."""
    parts: list[tuple[str, str]] = []
    if where:
        parts.append(("$filter", " and ".join(one.text() for one in where)))
    if order_by:
        parts.append(("$orderby", f"{_field(order_by)}{' desc' if descending else ''}"))
    if top is not None:
        parts.append(("$top", str(top)))
    if skip:
        parts.append(("$skip", str(skip)))
    return tuple(parts)


def _field(name: str) -> str:
    if not _FIELD.fullmatch(name):
        raise ValueError(f"{name!r} is no property; write it like OrderPlacedDate")
    return name


def _value(said: str) -> Value:
    if len(said) >= 2 and said[0] == said[-1] == "'":
        return said[1:-1].replace("''", "'")
    if _MOMENT.fullmatch(said):
        return datetime.fromisoformat(said) if "T" in said else date.fromisoformat(said)
    return Decimal(said) if _NUMBER.fullmatch(said) else said
