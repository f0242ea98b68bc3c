"""Of which rejected rows the key is known: a full file counts as one of changes only for the others."""

import polars as pl
import pytest

from gateway.contracts import contract
from gateway.model import ISSUE_SCHEMA, LINE, ROW
from gateway.pipeline.keyless import KeyParts

PARTS = KeyParts(frozenset({"sku"}), frozenset({"sku"}), contract("stock"))


@pytest.mark.parametrize(
    ("code", "field", "sku", "unread"),
    [
        ("KEY_FOREIGN", "sku", "XX-1", False),  # of another owner, and well to be read
        ("DEST_LIMIT", "sku", "XX-1", False),
        ("BLANKS", "sku", "XX-1", True),
        ("REQUIRED", "sku", None, True),
        ("KEY_FOREIGN", "sku", "", True),
        ("NOT_A_NUMBER", "quantity", "XX-1", False),
        ("ROW_TOO_LONG", "", "XX-1", True),
    ],
)
def test_a_key_is_unread_where_it_lacks_or_can_not_be_what_it_says(code, field, sku, unread):
    rows = pl.DataFrame({ROW: [1], "sku": [sku], "quantity": ["1"]}, schema_overrides={"sku": pl.String})
    issue = {ROW: 1, LINE: 2, "code": code, "field": field, "value": sku or "", "detail": ""}
    found = PARTS.unread(rows, pl.DataFrame([issue], schema=ISSUE_SCHEMA), ("sku", "quantity"))
    assert found.to_list() == ([1] if unread else [])
