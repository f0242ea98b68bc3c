"""The closed vocabulary of field types: each has one canonical text form, judged in columns and, alike, cell by cell.

Canonical text: equal values have equal text, and different values different text. It knows nothing of any contract.
"""

from __future__ import annotations

from gateway.contracts.fields.base import CellCase, FieldType
from gateway.contracts.fields.numbers import Money, Number, Quantity, Rate
from gateway.contracts.fields.text import Code, CodeList, Gtin, Text
from gateway.contracts.fields.trade import Category, Currency
from gateway.contracts.fields.web import AddressList, Base64, Html
from gateway.contracts.fields.words import Choice, Day, Flag, Instant

VOCABULARY: tuple[type[FieldType], ...] = (
    Text,
    Code,
    CodeList,
    Gtin,
    Quantity,
    Money,
    Rate,
    Flag,
    Day,
    Instant,
    Choice,
    Html,
    AddressList,
    Base64,
    Currency,
    Category,
)
"""All a contract may be built from; a subclass of one of them is not in it."""

__all__ = [
    "VOCABULARY",
    "AddressList",
    "Base64",
    "Category",
    "CellCase",
    "Choice",
    "Code",
    "CodeList",
    "Currency",
    "Day",
    "FieldType",
    "Flag",
    "Gtin",
    "Html",
    "Instant",
    "Money",
    "Number",
    "Quantity",
    "Rate",
    "Text",
]
