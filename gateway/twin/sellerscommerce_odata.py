"""OData 2/3 queries of lists: `$filter`, `$orderby`, `$top`, `$skip`; and plain `top` and `skip`.

Source: Sellers Commerce Open API documentation, OData query examples: `gt lt ge le`, `and`, `datetime'2016-01-01'` and
`$orderby=OrderNumber desc` verified; `eq`, times in the literal, paging, and that the rest is refused: assumptions.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gateway.twin.sellerscommerce_members import Row, Schema
from gateway.twin.sellerscommerce_settings import SellersCommerceTwinSettings

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "lt": operator.lt,
    "ge": operator.ge,
    "le": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
}
_TERM = re.compile(
    r"\s*(?P<name>[A-Za-z_]\w*)\s+(?P<word>[a-z]+)\s+"
    r"(?:datetime'(?P<datetime>[^']*)'|'(?P<text>(?:[^']|'')*)'|(?P<number>-?[0-9]+(?:\.[0-9]+)?))\s*",
    re.ASCII,
)
_AND = re.compile(r"(?<=\s)and(?=\s)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,7})?)?)?", re.ASCII)
_KINDS = {"datetime": {"date"}, "text": {"text", "code"}, "number": {"whole", "amount", "measure"}}


class QueryError(Exception):
    """The query of the address cannot be served."""


def select(
    rows: list[Row], query: Mapping[str, str], schema: Schema, settings: SellersCommerceTwinSettings
) -> list[Row]:
    """Return the rows that a query asks for. `query`: parameters by lower-case names. Raises QueryError."""
    if "$filter" in query:
        rows = _filtered(rows, query["$filter"], schema, settings)
    if "$orderby" in query:
        rows = _ordered(rows, query["$orderby"], schema, settings)
    asked = [name for name in ("$top", "$skip") if name in query]
    if asked and settings.odata_paging == "refused":
        raise QueryError(f"Query option '{asked[0]}' is not allowed")
    if settings.odata_paging == "ignored":
        query = {}
    return page(rows, query.get("$top"), query.get("$skip"), settings)


def page(rows: list[Row], top: str | None, skip: str | None, settings: SellersCommerceTwinSettings) -> list[Row]:
    """Return one page. Raises QueryError: no number, or more rows than there may be."""
    first = 0 if skip is None else _count(skip)
    size = (settings.unpaged_rows or len(rows)) if top is None else _count(top)
    if top is not None and size > settings.most_rows:
        if settings.over_most_rows == "refuse":
            raise QueryError(f"The limit of {settings.most_rows} for the top query has been exceeded")
        size = settings.most_rows
    return rows[first : first + size]


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise QueryError(f"'{text}' is not a number of rows")
    return int(text)


def _filtered(rows: list[Row], text: str, schema: Schema, settings: SellersCommerceTwinSettings) -> list[Row]:
    place = 0
    while True:
        found = _TERM.match(text, place)
        if found is None:
            raise QueryError(f"The filter is not understood at position {place}")
        rows = _kept(rows, found, schema, settings)
        if found.end() == len(text):
            return rows
        joint = _AND.match(text, found.end())
        if joint is None:
            raise QueryError(f"Expected 'and' at position {found.end()} of the filter")
        place = joint.end()


def _kept(rows: list[Row], term: re.Match[str], schema: Schema, settings: SellersCommerceTwinSettings) -> list[Row]:
    word, kind = term["word"], str(term.lastgroup)
    if word not in settings.odata_operators or word not in _COMPARISONS:
        raise QueryError(f"Operator '{word}' is not supported")
    if kind not in settings.odata_literals:
        raise QueryError(f"Values like {term[kind]} are not supported")
    name = _property(term["name"], schema, settings)
    if schema[name].kind not in _KINDS[kind]:
        raise QueryError(f"Property '{term['name']}' is not of the type of {term[kind]}")
    wanted, compare = _literal(kind, term[kind]), _COMPARISONS[word]
    values = ((row, _comparable(row.get(name), schema[name].kind)) for row in rows)
    return [row for row, value in values if value is not None and compare(value, wanted)]


def _literal(kind: str, text: str) -> object:
    if kind == "text":
        return text.replace("''", "'")
    if kind == "number":
        return Decimal(text)
    try:
        if not _DATE.fullmatch(text):
            raise QueryError(f"datetime'{text}' is not understood")
        # Dates are UTC: the sample's offset is +00:00 (inferred; the time zone is not stated).
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise QueryError(f"datetime'{text}' is not a date") from error


def _property(given: str, schema: Schema, settings: SellersCommerceTwinSettings) -> str:
    for name, member in schema.items():
        if settings.names.get(name, name) == given and member.kind != "list":
            return name
    raise QueryError(f"There is no property '{given}'")


def _comparable(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "date":
        return datetime.fromisoformat(value)
    return Decimal(value) if kind in {"amount", "measure", "whole"} else value


def _ordered(rows: list[Row], text: str, schema: Schema, settings: SellersCommerceTwinSettings) -> list[Row]:
    """Sort by several properties, the last one first; nothing stands before everything."""
    for part in reversed(text.split(",")):
        words = part.split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1] not in {"asc", "desc"}):
            raise QueryError(f"'{part.strip()}' is not an order")
        name = _property(words[0], schema, settings)
        kind = schema[name].kind
        known = [row for row in rows if row.get(name) is not None]
        known.sort(key=_by(name, kind), reverse=words[-1] == "desc")
        rest = [row for row in rows if row.get(name) is None]
        rows = [*known, *rest] if words[-1] == "desc" else [*rest, *known]
    return rows


def _by(name: str, kind: str) -> Callable[[Row], Any]:
    return lambda row: _comparable(row[name], kind)
