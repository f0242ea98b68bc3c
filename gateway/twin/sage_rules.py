"""Rules that records of several scopes share, and those between the records of a batch.

Source: Sage 50 Cloud e-commerce contracts (JSON types, required flags, UTC times, up to two variants of one id, prices
as net amounts, discounts and taxes as rates: verified); everything else here is an assumption and has its switch.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from gateway.twin.sage_contract import JsonNumber, Judged, Kind, Known, is_utc
from gateway.twin.sage_settings import SageTwinSettings

VARIANTS: Mapping[str, str] = dict.fromkeys(
    ("variant1Type", "variant1Value", "variant2Type", "variant2Value"), "string"
)
"""Properties of variants (verified)."""
_MAX_DECIMALS = 3
_MOST_MONEY = Decimal("99999999.99")
_JSON = {"string": str, "number": JsonNumber, "boolean": bool}


def types(record: dict[str, Any], kind: Kind) -> Iterator[str]:
    """C-REQ and C-TYPE: required properties, JSON types as listed (verified; number without exponent: assumption)."""
    for name in kind.required:
        value = record.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            yield f"C-REQ: {name} is missing"
    for name, wanted in kind.properties.items():
        value = record.get(name)
        if value is None:
            continue
        if not isinstance(value, _JSON[wanted]):
            yield f"C-TYPE: {name} is not a {wanted}"
        elif isinstance(value, JsonNumber) and "e" in value.text.lower():
            yield f"C-TYPE: {name} is written with an exponent"


def extra(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Nothing but the properties of the contract; the newer one knows one more."""
    known = {*row.kind.properties}
    if settings.contract_version == "sage50cloud":
        known -= {"surcharge"}
    for name in row.record:
        if name not in known:
            yield f"C-EXTRA: {name} is no property of {row.kind.title}"


def null(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Absent optional properties are left out, not sent as null or empty text."""
    del settings
    for name, value in row.record.items():
        if name not in row.kind.required and (value is None or value == ""):
            yield f"C-NULL: {name} is empty, expected it left out"


def text(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Texts are trimmed, in normal form, and without control characters but tab and line feed."""
    del settings
    for name, value in row.record.items():
        if not isinstance(value, str) or name == "picture":
            continue
        if value != value.strip() or not unicodedata.is_normalized("NFC", value):
            yield f"C-TXT: {name} is not trimmed and in normal form"
        if any(unicodedata.category(char) == "Cc" and char not in "\t\n" for char in value):
            yield f"C-TXT: {name} has control characters"


def utc(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Times are UTC (verified); their form with `Z` and whole seconds is an assumption."""
    del settings
    for name in row.kind.instants:
        if row.record.get(name) is not None and not is_utc(row.record[name]):
            yield f"C-UTC: {name} is not like 2024-05-02T09:30:00Z"


def quantity(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Quantities are not negative and have few decimals."""
    del settings
    for name in row.kind.quantities:
        value = row.number(name)
        if value is None:
            continue
        if value < 0:
            yield f"C-QTY: {name} is negative"
        if _decimals(value) > _MAX_DECIMALS:
            yield f"C-QTY: {name} has more than {_MAX_DECIMALS} decimals"


def money(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Amounts have two decimals and are of a size that fits Sage 50."""
    del settings
    for name in row.kind.money:
        value = row.number(name)
        if value is not None and (_decimals(value) > 2 or not 0 <= value <= _MOST_MONEY):
            yield f"C-MONEY: {name} is not an amount of at most two decimals from 0 to {_MOST_MONEY}"


def rate(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Rates are percentage points."""
    del settings
    for name in row.kind.rates:
        value = row.number(name)
        if value is not None and not 0 <= value <= 100:
            yield f"C-RATE: {name} is not between 0 and 100"


def length(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """The UK profile caps texts; ids have no spaces there."""
    if settings.length_profile == "none":
        return
    for name, most in row.kind.lengths.items():
        spaces = name == row.kind.id and " " in row.text(name)
        if len(row.text(name)) > most or spaces:
            yield f"C-LEN: {name} has spaces or more than {most} characters"


def pair(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """A variant is a type and a value."""
    del settings
    for number in (1, 2):
        kind, value = f"variant{number}Type", f"variant{number}Value"
        if (kind in row.record) != (value in row.record):
            yield f"V-PAIR: {value if kind in row.record else kind} is missing"


def order(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """There is no second variant without a first."""
    del settings
    if "variant2Value" in row.record and "variant1Value" not in row.record:
        yield "V-ORDER: variant2 without variant1"


def distinct(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Both variants are about different things."""
    del settings
    first, second = row.text("variant1Type"), row.text("variant2Type")
    if first and first.casefold() == second.casefold():
        yield "V-DIST: variant1Type and variant2Type are the same"


def _decimals(value: Decimal) -> int:
    return -int(value.as_tuple().exponent)


COMMON = (
    ("C-EXTRA", extra),
    ("C-NULL", null),
    ("C-TXT", text),
    ("C-UTC", utc),
    ("C-QTY", quantity),
    ("C-MONEY", money),
    ("C-RATE", rate),
    ("C-LEN", length),
)
"""Rules of every record."""
OF_VARIANTS = (("V-PAIR", pair), ("V-ORDER", order), ("V-DIST", distinct))
"""Rules of records that may name a variant."""


# ---------------------------------------------------------------- beyond one record


def reference(row: Judged, known: Known) -> Iterator[str]:
    """V-REF: the product is there, and so is the variant; a picture or a price without variants is for all of them."""
    product = row.text(row.kind.id)
    if not product or row.kind.scope == "products":
        return
    if product not in known:
        yield "V-REF: there is no such product"
        return
    values, there = (row.text("variant1Value"), row.text("variant2Value")), known[product]
    whole = row.kind.scope != "productstocks" and not row.varied
    if there is not None and not whole and values not in there:
        yield "V-REF: the product has no such variant"


def across(judged: list[Judged], skipped: frozenset[str]) -> None:
    """C-DUP, V-KEY, SP-KEY: a key once per batch. V-CONS: one id, the same types. V-MIX: all rows of a product or none.

    Rows with and without variants side by side are only worth a warning for stock and pictures.
    """
    keys: set[tuple[str, ...]] = set()
    used: dict[str, tuple[str, str]] = {}
    mixed: dict[str, set[bool]] = {}
    for row in judged:
        special = row.kind.scope == "productspecialprices"
        rule = "SP-KEY" if special else "V-KEY" if row.varied else "C-DUP"
        if row.key in keys and (special or row.key[0]) and rule not in skipped:
            row.reasons.append(f"{rule}: the key appears more than once in the batch")
        keys.add(row.key)
        product, found = row.text(row.kind.id), (row.text("variant1Type"), row.text("variant2Type"))
        if any(found) and used.setdefault(product, found) != found and "V-CONS" not in skipped:
            row.reasons.append("V-CONS: the variant types differ from other rows of this product")
        if row.kind.scope == "products" and product:
            mixed.setdefault(product, set()).add(row.varied)
    for row in judged:
        if len(mixed.get(row.text(row.kind.id), ())) > 1 and "V-MIX" not in skipped:
            row.reasons.append("V-MIX: the product has rows with and without variants")
