"""The ProductStock contract of Sage 50, checked on the bytes of a batch file.

Source: Sage 50 Cloud e-commerce contracts, ProductStock (property names, JSON types, required flags: verified); the
rules C-* and V-* are assumptions unless their function says more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from json import loads
from typing import Any

from gateway.twin.sage_settings import SageTwinSettings

SCOPE = "productstocks"
DOMAIN = "ecommerce"
PROPERTIES: dict[str, str] = {
    "productId": "string",
    "stock": "number",
    "unitName": "string",
    "minimumToSell": "number",
    "variant1Type": "string",
    "variant1Value": "string",
    "variant2Type": "string",
    "variant2Value": "string",
    "timestamp": "string",
}
"""Names and JSON types of ProductStock (verified)."""
REQUIRED = ("productId", "stock", "timestamp")
"""Required properties of ProductStock (verified)."""

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_ENVELOPE = {"domain", "scope", "batchId", "createdAt", "count", "items"}
_MAX_DECIMALS = 3
_MAX_ID, _MAX_UNIT = 30, 8


class BadBatchError(Exception):
    """The file as a whole cannot be taken; the text says why. `items` are its records as far as they could be read."""

    def __init__(self, message: str, items: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.items = items


@dataclass(frozen=True, slots=True)
class JsonNumber:
    """A JSON number as it was written."""

    text: str

    @property
    def value(self) -> Decimal:
        """Its exact value."""
        return Decimal(self.text)


@dataclass(slots=True)
class Judged:
    """One record of a batch with the reasons to reject it; none: it is good."""

    record: Any
    reasons: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A property as text, "" when it is absent or no text."""
        value = self.record.get(name) if isinstance(self.record, dict) else None
        return value if isinstance(value, str) else ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Product id and variant values: the key of ProductStock."""
        return self.text("productId"), self.text("variant1Value"), self.text("variant2Value")


def read(body: bytes, batch_id: str, settings: SageTwinSettings) -> list[Any]:
    """Return the records of a batch file, numbers as JsonNumber. Raises BadBatchError."""
    try:
        document = loads(
            body.decode(),
            parse_float=JsonNumber,
            parse_int=JsonNumber,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as error:
        raise BadBatchError("FILE: it is not JSON in UTF-8") from error
    wrapped = settings.envelope == "wrapped"
    items = document
    if wrapped:
        items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise BadBatchError(f"FILE: expected {'an envelope with items' if wrapped else 'an array'}")
    if wrapped:
        _check_envelope(document, batch_id, items)
    if len(items) > settings.max_records:
        raise BadBatchError(f"LIMIT: {len(items)} records, at most {settings.max_records} are taken", items)
    if len(body) > settings.max_bytes:
        raise BadBatchError(f"LIMIT: {len(body)} bytes, at most {settings.max_bytes} are taken", items)
    if not items:
        raise BadBatchError("FILE: the batch has no records")
    return items


def _no_constant(word: str) -> None:
    raise ValueError(word)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a property appears more than once")
    return record


def _check_envelope(document: dict[str, Any], batch_id: str, items: list[Any]) -> None:
    if set(document) != _ENVELOPE:
        raise BadBatchError(f"ENVELOPE: its properties are {sorted(document)}, expected {sorted(_ENVELOPE)}", items)
    wanted = {"domain": DOMAIN, "scope": SCOPE, "batchId": batch_id, "count": JsonNumber(str(len(items)))}
    for name, value in wanted.items():
        if document[name] != value:
            raise BadBatchError(f"ENVELOPE: {name} is not that of the file", items)
    if not _is_utc(document["createdAt"]):
        raise BadBatchError("ENVELOPE: createdAt is not like 2024-05-02T09:30:00Z", items)


def judge(items: Sequence[Any], settings: SageTwinSettings) -> list[Judged]:
    """Check every record by itself and against the others of its batch."""
    judged = [Judged(item) for item in items]
    checks = [check for rule, check in _RULES if rule not in settings.skip_rules]
    for row in judged:
        if not isinstance(row.record, dict):
            row.reasons.append("C-TYPE: the record is not an object")
            continue
        # A record of wrong types is not looked at further: the other rules read typed values.
        row.reasons.extend(_types(row.record))
        if not row.reasons:
            row.reasons.extend(reason for check in checks for reason in check(row, settings))
    _across(judged, settings.skip_rules)
    return judged


def _types(record: dict[str, Any]) -> Iterator[str]:
    """C-REQ and C-TYPE: required properties, JSON types as listed (verified; number without exponent: assumption)."""
    for name in REQUIRED:
        value = record.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            yield f"C-REQ: {name} is missing"
    for name, kind in PROPERTIES.items():
        value = record.get(name)
        if value is None:
            continue
        fits = isinstance(value, str) if kind == "string" else isinstance(value, JsonNumber)
        if not fits:
            yield f"C-TYPE: {name} is not a {kind}"
        elif isinstance(value, JsonNumber) and "e" in value.text.lower():
            yield f"C-TYPE: {name} is written with an exponent"


def _extra(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    for name in row.record:
        if name not in PROPERTIES:
            yield f"C-EXTRA: {name} is no property of ProductStock"


def _null(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Absent optional properties are left out, not sent as null or empty text."""
    del settings
    for name, value in row.record.items():
        if name not in REQUIRED and (value is None or value == ""):
            yield f"C-NULL: {name} is empty, expected it left out"


def _text(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    for name, value in row.record.items():
        if not isinstance(value, str):
            continue
        if value != value.strip() or not unicodedata.is_normalized("NFC", value):
            yield f"C-TXT: {name} is not trimmed and in normal form"
        if any(unicodedata.category(char) == "Cc" and char not in "\t\n" for char in value):
            yield f"C-TXT: {name} has control characters"


def _utc(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Timestamps are UTC (verified); their form with `Z` and whole seconds is an assumption."""
    del settings
    if not _is_utc(row.record["timestamp"]):
        yield "C-UTC: timestamp is not like 2024-05-02T09:30:00Z"


def _is_utc(value: object) -> bool:
    if not isinstance(value, str) or not _UTC.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _quantity(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    for name in ("stock", "minimumToSell"):
        number = row.record.get(name)
        if not isinstance(number, JsonNumber):
            continue
        if number.value < 0:
            yield f"C-QTY: {name} is negative"
        if -int(number.value.as_tuple().exponent) > _MAX_DECIMALS:
            yield f"C-QTY: {name} has more than {_MAX_DECIMALS} decimals"


def _minimum(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    number = row.record.get("minimumToSell")
    if isinstance(number, JsonNumber) and number.value == 0:
        yield "C-MIN: minimumToSell is 0"


def _length(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    if settings.length_profile == "none":
        return
    if len(row.text("productId")) > _MAX_ID or " " in row.text("productId"):
        yield f"C-LEN: productId has spaces or more than {_MAX_ID} characters"
    if len(row.text("unitName")) > _MAX_UNIT:
        yield f"C-LEN: unitName has more than {_MAX_UNIT} characters"


def _pair(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    for number in (1, 2):
        kind, value = f"variant{number}Type", f"variant{number}Value"
        if (kind in row.record) != (value in row.record):
            yield f"V-PAIR: {value if kind in row.record else kind} is missing"


def _order(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    if "variant2Value" in row.record and "variant1Value" not in row.record:
        yield "V-ORDER: variant2 without variant1"


def _distinct(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    first, second = row.text("variant1Type"), row.text("variant2Type")
    if first and first.casefold() == second.casefold():
        yield "V-DIST: variant1Type and variant2Type are the same"


def _reference(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    if settings.products is not None and row.text("productId") not in settings.products:
        yield "V-REF: there is no such product"


_RULES: tuple[tuple[str, Callable[[Judged, SageTwinSettings], Iterator[str]]], ...] = (
    ("C-EXTRA", _extra),
    ("C-NULL", _null),
    ("C-TXT", _text),
    ("C-UTC", _utc),
    ("C-QTY", _quantity),
    ("C-MIN", _minimum),
    ("C-LEN", _length),
    ("V-PAIR", _pair),
    ("V-ORDER", _order),
    ("V-DIST", _distinct),
    ("V-REF", _reference),
)


def _across(judged: list[Judged], skipped: frozenset[str]) -> None:
    """C-DUP and V-KEY: a key once per batch. V-CONS: all rows of one id use the same variant types."""
    keys: set[tuple[str, str, str]] = set()
    types: dict[str, tuple[str, str]] = {}
    for row in judged:
        rule = "V-KEY" if row.key[1] or row.key[2] else "C-DUP"
        if row.key in keys and row.key[0] and rule not in skipped:
            row.reasons.append(f"{rule}: the key appears more than once in the batch")
        keys.add(row.key)
        used = row.text("variant1Type"), row.text("variant2Type")
        # Rows with and without variants side by side are only worth a warning for stock (V-MIX).
        if any(used) and types.setdefault(row.key[0], used) != used and "V-CONS" not in skipped:
            row.reasons.append("V-CONS: the variant types differ from other rows of this product")
