"""The four kinds of records a Sage 50 twin takes: products, stock, special prices, pictures.

Source: Sage 50 Cloud e-commerce contracts, Product, ProductStock, ProductSpecialPrice, ProductPicture (property names,
JSON types and required flags, `discount` of a special price being a text, pictures in base64: verified); the rules B-*,
R-*, SP-* and P-* are assumptions, except for check digits (GS1 General Specifications, verified).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from gateway.twin.sage_contract import Judged, Kind, Known
from gateway.twin.sage_pictures import is_whole, picture_kind
from gateway.twin.sage_rules import COMMON, OF_VARIANTS, VARIANTS, across, reference, types
from gateway.twin.sage_settings import SageTwinSettings

_DIGITS = {"EAN-13": 13, "EAN-8": 8, "UPC-A": 12, "GTIN-14": 14}
_DISCOUNT = re.compile(r"\d+(\.\d{1,4})?%?", re.ASCII)
_VARIED_KEY = ("variant1Value", "variant2Value")
_SELECTORS = ("productId", "brand", "category", "customerId")
_RANGES = (("quantityFrom", "quantityTo"), ("totalSpentFrom", "totalSpentTo"))
_SP_KEY = (*_SELECTORS, "dateFrom", "dateTo", *(name for pair in _RANGES for name in pair))


def _minimum(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    if row.number("minimumToSell") == 0:
        yield "C-MIN: minimumToSell is 0"


def _barcode_pair(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """A type belongs to a barcode; a barcode without one must show its type by its digits."""
    del settings
    code, kind = row.text("barCode"), row.text("barCodeType")
    if kind and not code:
        yield "B-PAIR: barCodeType without barCode"
    elif code and not kind and not (_is_digits(code) and len(code) in _DIGITS.values()):
        yield "B-PAIR: barCodeType is missing and can't be told from barCode"


def _barcode_digits(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    code, wanted = row.text("barCode"), _DIGITS.get(row.text("barCodeType"))
    if code and wanted is not None and not (_is_digits(code) and len(code) == wanted):
        yield f"B-DIGITS: barCode does not have {wanted} digits"


def _barcode_zeros(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    if _checked(row) and not row.text("barCode").strip("0"):
        yield "B-ALLZERO: barCode is all zeros"


def _barcode_check(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    code = row.text("barCode")
    if _checked(row) and code.strip("0"):
        total = sum((3, 1)[place % 2] * int(digit) for place, digit in enumerate(reversed(code[:-1])))
        if (10 - total % 10) % 10 != int(code[-1]):
            yield "B-CHECK: the check digit of barCode is wrong"


def _is_digits(code: str) -> bool:
    return code.isascii() and code.isdigit()


def _checked(row: Judged) -> bool:
    """Whether the barcode is of a type with a check digit, and looks like it."""
    code, kind = row.text("barCode"), row.text("barCodeType")
    lengths = {_DIGITS.get(kind)} if kind else {*_DIGITS.values()}
    return _is_digits(code) and len(code) in lengths


def _related(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Ids joined by commas (verified), each once, not the product itself."""
    del settings
    if not row.text("relatedItems"):
        return
    entries = row.text("relatedItems").split(",")
    if any(entry != entry.strip() or not entry for entry in entries) or len({*entries}) < len(entries):
        yield "R-REL: relatedItems has an empty entry, a space around one, or one that stands twice"
    if row.text("id") in entries:
        yield "R-REL: relatedItems names the product itself"


def _selected(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    if not any(row.word(name) for name in (*_SELECTORS, *_RANGES[1])):
        yield "SP-SEL: it would apply to everything"


def _dates(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    start, end = row.text("dateFrom"), row.text("dateTo")
    if start and end and end < start:
        yield "SP-DATE: dateTo is before dateFrom"


def _ranges(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    for start, end in _RANGES:
        low, high = row.number(start) or Decimal(0), row.number(end)
        if high is not None and high < low:
            yield f"SP-RANGE: {end} is below {start}"


def _discount(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    if not _DISCOUNT.fullmatch(row.text("discount")):
        yield "SP-DISC: discount is not like 15 or 12.5%"


def _most_discount(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """A rate is at most 100; an amount is above 0. Without a sign it is what the installation says."""
    text = row.text("discount")
    if not _DISCOUNT.fullmatch(text):
        return
    value = Decimal(text.removesuffix("%"))
    if text.endswith("%") or settings.bare_discount == "rate":
        if value > 100:
            yield "SP-DISC-MAX: discount is a rate above 100"
    elif value == 0:
        yield "SP-DISC-MAX: discount is an amount of 0"


def decoded(text: str, most: int) -> bytes | None:
    """Return the bytes of strict base64; None for other text, and for one too long to be worth decoding."""
    if len(text) > -(-most // 3) * 4:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _picture_text(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    """Strict base64 (verified that it is base64): padded, no line breaks, no address and no `data:` before it."""
    text = row.text("picture")
    if not _too_long(text, settings) and decoded(text, settings.picture_max_bytes) is None:
        yield "P-BASE64: picture is not strict base64"


def _picture_size(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    text, most = row.text("picture"), settings.picture_max_bytes
    data = None if _too_long(text, settings) else decoded(text, most)
    if _too_long(text, settings) or (data is not None and not 1 <= len(data) <= most):
        yield f"P-SIZE: picture does not have 1 to {most} bytes"


def _picture_kind(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    data = decoded(row.text("picture"), settings.picture_max_bytes)
    if data is not None and not picture_kind(data):
        yield "P-KIND: picture is not JPEG, PNG, GIF or WebP"


def _picture_whole(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    data = decoded(row.text("picture"), settings.picture_max_bytes)
    if data is not None and picture_kind(data) and not is_whole(data):
        yield "P-WHOLE: picture is cut off or has no size"


def _too_long(text: str, settings: SageTwinSettings) -> bool:
    return len(text) > -(-settings.picture_max_bytes // 3) * 4


def _place(row: Judged, settings: SageTwinSettings) -> Iterator[str]:
    del settings
    value = row.number("order")
    if value is not None and (value < 0 or value != value.to_integral_value()):
        yield "P-ORDER: order is not a whole number from 0"


_PRODUCT = Kind(
    scope="products", title="Product", id="id", key=("id", *_VARIED_KEY),
    properties={
        "id": "string", "reference": "string", "name": "string", "shortDescription": "string",
        "longDescription": "string", "barCodeType": "string", "barCode": "string", "netPrice": "number",
        "tax": "number", "discount": "number", "discountByUnit": "boolean", "dateAdded": "string", "brand": "string",
        "category": "string", "available": "boolean", "relatedItems": "string", **VARIANTS, "surcharge": "boolean",
        "timestamp": "string",
    },
    required=("id", "name", "netPrice", "tax", "discountByUnit", "available", "timestamp"),
    instants=("dateAdded", "timestamp"), money=("netPrice",), rates=("tax", "discount"),
    lengths={"id": 30, "name": 60, "barCode": 60},
    rules=(
        *COMMON, ("B-PAIR", _barcode_pair), ("B-DIGITS", _barcode_digits), ("B-ALLZERO", _barcode_zeros),
        ("B-CHECK", _barcode_check), ("R-REL", _related), *OF_VARIANTS,
    ),
)  # fmt: skip
_STOCK = Kind(
    scope="productstocks", title="ProductStock", key=("productId", *_VARIED_KEY),
    properties={
        "productId": "string", "stock": "number", "unitName": "string", "minimumToSell": "number", **VARIANTS,
        "timestamp": "string",
    },
    required=("productId", "stock", "timestamp"),
    quantities=("stock", "minimumToSell"), lengths={"productId": 30, "unitName": 8},
    rules=(*COMMON, ("C-MIN", _minimum), *OF_VARIANTS),
)  # fmt: skip
_SPECIAL_PRICE = Kind(
    scope="productspecialprices", title="ProductSpecialPrice", key=_SP_KEY,
    properties={
        "productId": "string", "dateFrom": "string", "dateTo": "string", "discount": "string",
        "discountByUnit": "boolean", "quantityFrom": "number", "quantityTo": "number", "totalSpentFrom": "number",
        "totalSpentTo": "number", "brand": "string", "category": "string", "customerId": "string",
        "timestamp": "string",
    },
    required=("discount", "discountByUnit", "timestamp"),
    instants=("dateFrom", "dateTo", "timestamp"), quantities=_RANGES[0], money=_RANGES[1],
    lengths={"productId": 30},
    rules=(
        *COMMON, ("SP-SEL", _selected), ("SP-DATE", _dates), ("SP-RANGE", _ranges), ("SP-DISC", _discount),
        ("SP-DISC-MAX", _most_discount),
    ),
)  # fmt: skip
_PICTURE = Kind(
    scope="productpictures", title="ProductPicture", key=("productId", *_VARIED_KEY, "order"),
    properties={
        "productId": "string", "order": "number", "description": "string", "picture": "string", **VARIANTS,
        "timestamp": "string",
    },
    required=("productId", "picture", "timestamp"),
    lengths={"productId": 30},
    rules=(
        *COMMON, ("P-ORDER", _place), ("P-BASE64", _picture_text), ("P-SIZE", _picture_size),
        ("P-KIND", _picture_kind), ("P-WHOLE", _picture_whole), *OF_VARIANTS,
    ),
)  # fmt: skip
KINDS = {kind.scope: kind for kind in (_PRODUCT, _STOCK, _SPECIAL_PRICE, _PICTURE)}
"""Kinds of records by scope, products before what refers to them."""


def judge(items: Sequence[Any], kind: Kind, settings: SageTwinSettings, known: Known | None = None) -> list[Judged]:
    """Check every record by itself, against the products that exist, and against the others of its batch.

    `known`: None leaves V-REF out.
    """
    judged = [Judged(item, kind) for item in items]
    checks = [check for rule, check in kind.rules if rule not in settings.skip_rules]
    for row in judged:
        if not isinstance(row.record, dict):
            row.reasons.append("C-TYPE: the record is not an object")
            continue
        # A record of wrong types is not looked at further: the other rules read typed values.
        row.reasons.extend(types(row.record, kind))
        if not row.reasons:
            row.reasons.extend(reason for check in checks for reason in check(row, settings))
            if known is not None and "V-REF" not in settings.skip_rules:
                row.reasons.extend(reference(row, known))
    across(judged, settings.skip_rules)
    return judged
