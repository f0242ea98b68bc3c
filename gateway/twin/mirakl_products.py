"""The product file of Mirakl: the verdict of the first stage on each line, and the reports of both stages.

Source: Mirakl seller API documentation, P41-P47 and PM11. Codes of faults are those sellers have seen (live-reported);
which fault has which code beyond them is an assumption.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from urllib.parse import urlsplit

from gateway.twin.mirakl_catalog import CATEGORY_ROLE, SKU_ROLE, Attribute, Catalog
from gateway.twin.mirakl_csv import Record, Sheet, decode, sheet, write
from gateway.twin.mirakl_settings import MiraklTwinSettings

REQUIRED, UNKNOWN_CATEGORY, FIELD_COUNT, NO_CATEGORY = "1000", "1001", "1002", "1004"
TOO_LONG, NOT_IN_LIST, NO_REFERENCE, SCRIPT = "2004", "2006", "2019", "2021"
OPERATOR_REJECTED = "MCM-04012"
_GTIN_LENGTHS: Mapping[str, frozenset[int]] = {"EAN": frozenset({8, 13}), "UPC": frozenset({12})}
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one line. A warning costs the value of `attribute`, an error the product."""

    code: str
    text: str
    attribute: str = ""
    grade: Literal["error", "warning"] = "error"


@dataclass(slots=True)
class Verdict:
    """What the first stage made of a file. `passed`: line number and values of every product that goes on."""

    read: int = 0
    errors: int = 0
    warnings: int = 0
    columns: tuple[str, ...] = ()
    passed: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    source_report: str = ""
    transformed: str = ""


def judge(body: bytes, settings: MiraklTwinSettings, *, operator_format: bool, spoiled: bool = False) -> Verdict:
    """Run the first stage. `spoiled`: every line is in error. Raises BadFileError.

    Semicolon is the norm, a comma was taken too (live-reported); unknown columns are left out of the transformed file
    but echoed in the report (live-reported).
    """
    table = sheet(decode(body, settings), comma=True)
    codes = {attribute.code for attribute in settings.catalog.attributes}
    verdict = Verdict(len(table.records), columns=tuple(name for name in dict.fromkeys(table.columns) if name in codes))
    reported: list[list[object]] = []
    mapped = operator_format or settings.operator_mapping
    shift = 0 if settings.report_counts_header else 1
    for record in table.records:
        found = list(_faults(record, table, settings, mapped=mapped, spoiled=spoiled))
        errors = [fault for fault in found if fault.grade == "error"]
        warnings = [fault for fault in found if fault.grade == "warning"]
        verdict.errors += bool(errors)
        verdict.warnings += bool(warnings)
        if found:
            reported.append([*record.cells, record.number - shift, _messages(warnings), _messages(errors)])
        if not errors:
            verdict.passed.append((record.number, _values(record, warnings, settings.catalog)))
    if reported:
        head = [*table.columns, "line number", "warnings", "errors"]
        verdict.source_report = write([head, *reported], table.delimiter)
    if verdict.passed:
        verdict.transformed = operator_rows(verdict.columns, verdict.passed)
    return verdict


def operator_rows(columns: Sequence[str], products: Iterable[tuple[int, Mapping[str, str]]]) -> str:
    """Write products in operator format (P46: a CSV file; verified)."""
    return write([columns, *([values.get(name, "") for name in columns] for _, values in products)])


def integration_report(
    columns: Sequence[str],
    products: Sequence[tuple[Mapping[str, str], str]],
    settings: MiraklTwinSettings,
    kind: Literal["error", "added"],
) -> str:
    """Write P44 or P45: submitted columns and `errors` under MCM (live-reported), else as the operator defined."""
    if not products:
        return ""
    if not settings.catalog_manager:
        names = settings.custom_error_columns if kind == "error" else settings.custom_added_columns
        sku = settings.catalog.role(SKU_ROLE)
        return write([names, *([values.get(sku, ""), message] for values, message in products)])
    last = "errors" if kind == "error" else "warnings"
    cells = ([*(values.get(name, "") for name in columns), message] for values, message in products)
    return write([[*columns, last], *cells])


def _messages(faults: Iterable[Fault]) -> str:
    """Several messages stand in one cell, joined by commas (live-reported)."""
    return ",".join(f"{fault.code}|{fault.text}" for fault in faults)


def _values(record: Record, warnings: Iterable[Fault], catalog: Catalog) -> dict[str, str]:
    dropped = {fault.attribute for fault in warnings}
    category = record.value(catalog.role(CATEGORY_ROLE)) or ""
    known = [attribute.code for attribute in catalog.attributes_of(category)]
    return {code: value for code in known if code not in dropped and (value := record.value(code))}


def _faults(
    record: Record, table: Sheet, settings: MiraklTwinSettings, *, mapped: bool, spoiled: bool
) -> Iterator[Fault]:
    twice = next((name for name in table.columns if table.columns.count(name) > 1), None)
    if spoiled:
        yield Fault(SCRIPT, "The product is not valid")
    elif twice is not None:
        yield Fault(FIELD_COUNT, f"Column '{twice}' appears more than once")
    elif table.misfit(record):
        yield Fault(FIELD_COUNT, table.misfit(record))
    elif not mapped:
        # Without a mapping every row of a file in the shop's own format fails so (live-reported).
        yield Fault(NO_CATEGORY, "The category of the product could not be identified")
    else:
        yield from _product_faults(record, settings)


def _product_faults(record: Record, settings: MiraklTwinSettings) -> Iterator[Fault]:
    catalog = settings.catalog
    place = catalog.role(CATEGORY_ROLE)
    category = record.value(place) or ""
    if category and not catalog.path(category):
        yield Fault(UNKNOWN_CATEGORY, f"Category {category} is unknown", place)
        return
    if category and settings.leaf_only and not catalog.leaf(category):
        yield Fault(UNKNOWN_CATEGORY, f"Category {category} is not a leaf", place)
        return
    for attribute in catalog.attributes_of(category):
        value = record.value(attribute.code) or ""
        if not value:
            if attribute.requirement == "REQUIRED":
                yield Fault(REQUIRED, f"Attribute {attribute.code} is required", attribute.code)
            continue
        wrong = _value_fault(attribute, value, settings)
        if wrong:
            strict = attribute.requirement == "REQUIRED" or settings.attribute_faults == "error"
            # An identifier is worth the product: that a wrong one is no warning is inferred.
            grade: Literal["error", "warning"] = "error" if strict or wrong[0] == NO_REFERENCE else "warning"
            yield Fault(wrong[0], wrong[1], attribute.code, grade)


def _value_fault(attribute: Attribute, value: str, settings: MiraklTwinSettings) -> tuple[str, str] | None:
    if attribute.reference and not valid_reference(attribute.reference, value):
        return NO_REFERENCE, f"{value} is not a valid product reference of type {attribute.reference}"
    if attribute.max_length is not None and len(value) > attribute.max_length:
        return TOO_LONG, f"Attribute {attribute.code} is longer than {attribute.max_length} characters"
    if attribute.values:
        many = attribute.kind == "LIST_MULTIPLE_VALUES"
        parts = value.split(settings.values_separator) if many else [value]
        missing = [part for part in parts if part not in settings.catalog.values(attribute.values)]
        return (NOT_IN_LIST, f"Value {missing[0]} is not in list {attribute.values}") if missing else None
    if not _well_formed(attribute, value):
        return settings.unclassed_code, f"Value {value} of attribute {attribute.code} is not a {attribute.kind}"
    return None


def _well_formed(attribute: Attribute, value: str) -> bool:
    if attribute.kind == "DECIMAL":
        return bool(re.fullmatch(rf"-?[0-9]+(\.[0-9]{{1,{attribute.precision}}})?", value, re.ASCII))
    if attribute.kind == "INTEGER":
        return bool(_INTEGER.fullmatch(value))
    if attribute.kind == "MEDIA":
        # Images are public addresses (help pages; verified); that they answer is not looked at here.
        try:
            address = urlsplit(value)
        except ValueError:
            return False
        return address.scheme in {"http", "https"} and bool(address.netloc)
    if attribute.kind == "DATE":
        try:
            return bool(_DAY.fullmatch(value)) and bool(date.fromisoformat(value))
        except ValueError:
            return False
    return True


def valid_reference(kind: str, value: str) -> bool:
    """Whether length and check digit are right (code 2019, GTIN check digit; live-reported)."""
    lengths = _GTIN_LENGTHS.get(kind)
    if lengths is None:
        return bool(value)
    if not (value.isascii() and value.isdigit()) or len(value) not in lengths:
        return False
    weighted = (int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(value)))
    return sum(weighted) % 10 == 0
