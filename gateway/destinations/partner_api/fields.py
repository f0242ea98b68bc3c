"""Which contract field the platform's words are about; pure.

Names of attributes are verified, how refusals name them is not: they are looked for in what is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_FIELDS: Mapping[str, str] = {
    "sku": "sku",
    "barcode": "barcode",
    "price": "price",
    "active": "available",
    "quantity": "quantity",
    "maximum_sales_quantity": "maximum_sales_quantity",
    "max_sales_quantity": "maximum_sales_quantity",
    "title": "name",
    "description": "long_description",
    "categories": "category",
    "vendors": "vendor_ids",
    "reason": "reason",
    "start_time": "starts_at",
    "end_time": "ends_at",
    "purchased_quantity": "buy_quantity",
    "discounted_quantity": "get_quantity",
    "global_limit": "limit_total",
}
"""Attributes of calls to contract fields."""
_NAMED = "|".join(_FIELDS)
_AT_PATH = re.compile(rf"\.({_NAMED})\b")
_AS_WORD = re.compile(rf"(?<!not )\b({_NAMED})\b", re.IGNORECASE)


def about(words: str) -> str | None:
    """Return the contract field that is named by its place in the call, or alone among words; None for none or many."""
    for pattern in (_AT_PATH, _AS_WORD):
        found = {_FIELDS[name.lower()] for name in pattern.findall(words)}
        if found:
            return found.pop() if len(found) == 1 else None
    return None
