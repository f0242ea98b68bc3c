"""Batch files of Sage 50 as bytes: envelope, limits, and records with their numbers as they were written.

Source: Sage 50 Cloud e-commerce contracts (records; verified). Files, envelope and limits are assumptions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from json import loads
from typing import Any

from gateway.twin.sage_settings import SageTwinSettings

DOMAIN = "ecommerce"
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_ENVELOPE = {"domain", "scope", "batchId", "createdAt", "count", "items"}


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


Known = Mapping[str, frozenset[tuple[str, str]] | None]
"""Products that exist, by id, each with its variant values; None: with whatever variants."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record: names and JSON types of its properties, which are required, and what must hold.

    `key`: properties whose values tell one record from another; `instants`: those that are points in time; `lengths`:
    most characters under the UK profile. `rules` are checks of one record in the order they are told.
    """

    scope: str
    title: str
    properties: Mapping[str, str]
    required: tuple[str, ...]
    key: tuple[str, ...]
    rules: tuple[tuple[str, Callable[[Judged, SageTwinSettings], Iterator[str]]], ...]
    instants: tuple[str, ...] = ("timestamp",)
    quantities: tuple[str, ...] = ()
    money: tuple[str, ...] = ()
    rates: tuple[str, ...] = ()
    lengths: Mapping[str, int] = field(default_factory=dict)
    id: str = "productId"


@dataclass(slots=True)
class Judged:
    """One record of a batch with the reasons to reject it; none: it is good."""

    record: Any
    kind: Kind
    reasons: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A property as text, "" when it is absent or no text."""
        value = self.record.get(name) if isinstance(self.record, dict) else None
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> Decimal | None:
        """A property as a number, None when it is absent or no number."""
        value = self.record.get(name) if isinstance(self.record, dict) else None
        return value.value if isinstance(value, JsonNumber) else None

    def word(self, name: str) -> str:
        """A property as it was written, text or number; "" when it is neither."""
        value = self.record.get(name) if isinstance(self.record, dict) else None
        return value.text if isinstance(value, JsonNumber) else self.text(name)

    @property
    def key(self) -> tuple[str, ...]:
        """Values of the properties that tell records of the kind apart."""
        return tuple(self.word(name) for name in self.kind.key)

    @property
    def varied(self) -> bool:
        """Whether the record names a variant."""
        return any(self.text(f"variant{number}{part}") for number in (1, 2) for part in ("Type", "Value"))


def read(body: bytes, batch_id: str, kind: Kind, settings: SageTwinSettings) -> list[Any]:
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
        _check_envelope(document, batch_id, kind.scope, items)
    most = settings.picture_max_records if kind.scope == "productpictures" else settings.max_records
    if len(items) > most:
        raise BadBatchError(f"LIMIT: {len(items)} records, at most {most} are taken", items)
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


def _check_envelope(document: dict[str, Any], batch_id: str, scope: str, items: list[Any]) -> None:
    if set(document) != _ENVELOPE:
        raise BadBatchError(f"ENVELOPE: its properties are {sorted(document)}, expected {sorted(_ENVELOPE)}", items)
    wanted = {"domain": DOMAIN, "scope": scope, "batchId": batch_id, "count": JsonNumber(str(len(items)))}
    for name, value in wanted.items():
        if document[name] != value:
            raise BadBatchError(f"ENVELOPE: {name} is not that of the file", items)
    if not is_utc(document["createdAt"]):
        raise BadBatchError("ENVELOPE: createdAt is not like 2024-05-02T09:30:00Z", items)


def is_utc(value: object) -> bool:
    """Whether the value is a point in time that exists, in UTC to the second."""
    if not isinstance(value, str) or not _UTC.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
