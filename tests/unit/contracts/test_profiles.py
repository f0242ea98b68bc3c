from decimal import Decimal

import polars as pl
import pytest

from gateway.contracts import check, contract, profiles
from gateway.issues import CATALOGUE
from gateway.model import LINE, ROW


def refused(requirement, record):
    cells = {name: pl.Series([text], dtype=pl.String) for name, text in record.items()}
    frame = pl.DataFrame({ROW: [2], LINE: [2], "sku": ["a"], "quantity": ["1"]}).with_columns(**cells)
    issues = check(contract("stock"), frame, requires=[requirement]).issues
    assert requirement.code in CATALOGUE
    return [(code, field, detail) for code, field, detail in issues.select("code", "field", "detail").rows()]


@pytest.mark.parametrize(
    ("requirement", "kept", "broken"),
    [
        (profiles.needed("product_id", "groups variants"), {"product_id": "p"}, {"product_id": ""}),
        (profiles.needed("warehouse", "x", unless=("command", "end")), {"command": "end"}, {"command": "upsert"}),
        (profiles.at_most_characters("unit_name", 8), {"unit_name": "äöüäöüäö"}, {"unit_name": "kilograms"}),
        (profiles.without_spaces("product_id"), {"product_id": "TS-100"}, {"product_id": "TS 100"}),
        (profiles.without_characters("sku", ";|"), {"sku": "a,b"}, {"sku": "a|b"}),
        (profiles.whole("quantity"), {"quantity": "10"}, {"quantity": "1.5"}),
        (profiles.at_most("quantity", Decimal("99999.99")), {"quantity": "99999.99"}, {"quantity": "99999.991"}),
        (profiles.without_command("end"), {"command": "upsert"}, {"command": "end"}),
    ],
)
def test_kept_and_broken(requirement, kept, broken):
    assert refused(requirement, kept) == []
    assert refused(requirement, broken) == [(requirement.code, requirement.field, requirement.detail)]


def test_a_missing_field_breaks_no_limit():
    assert refused(profiles.at_most_characters("unit_name", 8), {"unit_name": None}) == []
    assert refused(profiles.without_spaces("product_id"), {}) == []
