"""Amounts, numbers, periods and price ranges as files give them: each check returns what is wrong, "" when nothing is.

Source: Mirakl seller API documentation, OF01, PRI01, PC01. That prices are above zero, have a dot and no sign, and how
faults are worded is inferred.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

from gateway.twin.mirakl_dates import read_bound, wire_time
from gateway.twin.mirakl_settings import MiraklTwinSettings

MAX_QUANTITY = 2_147_483_647
"""Quantities are int32 (OF21; verified; that imports refuse more is inferred)."""

_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]+)?", re.ASCII)


def amount(text: str, settings: MiraklTwinSettings) -> str:
    """The amount with a dot, where a comma is taken."""
    return text.replace(",", ".") if settings.decimal_comma else text


def amount_fault(name: str, text: str, settings: MiraklTwinSettings) -> str:
    """A price: digits with a dot, above zero, no more decimals than the operator takes."""
    value = amount(text, settings)
    if not _AMOUNT.fullmatch(value) or Decimal(value) <= 0:
        return f"{name} '{text}' is not a valid price"
    if len(value.partition(".")[2]) > settings.price_decimals:
        return f"{name} '{text}' has more than {settings.price_decimals} decimals"
    return ""


def whole_fault(name: str, text: str) -> str:
    """A whole number from 0."""
    if not _WHOLE.fullmatch(text):
        return f"{name} '{text}' is not a positive integer"
    return f"{name} '{text}' is too large" if int(text) > MAX_QUANTITY else ""


def ranges_fault(name: str, text: str, settings: MiraklTwinSettings) -> str:
    """Prices by quantity: `5|109.20,10|108.736`, thresholds rising (that they rise is an assumption)."""
    last = 0
    for part in text.split(","):
        threshold, _, price = part.partition("|")
        if not _WHOLE.fullmatch(threshold) or int(threshold) <= last or not _AMOUNT.fullmatch(price):
            return f"{name} '{text}' is not a list of quantities and prices"
        if amount_fault(name, price, settings):
            return amount_fault(name, price, settings)
        last = int(threshold)
    return ""


def discount_fault(price: str, discount: str, start: str, end: str, settings: MiraklTwinSettings, now: datetime) -> str:
    """A discount: lower than the price (help pages; verified), within the rules of PC01 (verified)."""
    if not discount:
        return "discount-price is required where a discount has dates" if start or end else ""
    if Decimal(amount(discount, settings)) >= Decimal(amount(price, settings)):
        return "The discount price must be lower than the price"
    if "discount_period_required" in settings.features and not (start and end):
        return "The discount dates are required"
    fault = period_fault("discount", start, end, settings)
    if fault:
        return fault
    ends = read_bound(end, settings, end=True) if end else None
    if "discount_in_past_blocked" in settings.features and ends is not None and ends < now:
        return "The end date of the discount is in the past"
    return ""


def period_fault(name: str, start: str, end: str, settings: MiraklTwinSettings) -> str:
    """A period whose bounds may be open."""
    begins = read_bound(start, settings, end=False) if start else None
    ends = read_bound(end, settings, end=True) if end else None
    for text, moment, side in ((start, begins, "start"), (end, ends, "end")):
        if text and moment is None:
            return f"{name} {side} date '{text}' is not a date"
    if begins is not None and ends is not None and ends <= begins:
        return f"The {name} end date must be after its start date"
    return ""


def bound(text: str, settings: MiraklTwinSettings, *, end: bool) -> str:
    """A bound of a period that is known to be right, in UTC; "" stays open."""
    moment = read_bound(text, settings, end=end)
    return "" if moment is None else wire_time(moment)
