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
        (profiles.above_zero("minimum"), {"minimum": "0.01"}, {"minimum": "0"}),
        (profiles.above_zero("minimum"), {"minimum": "0", "command": "end"}, {"minimum": "0"}),
        (profiles.without_command("end"), {"command": "upsert"}, {"command": "end"}),
    ],
)
def test_kept_and_broken(requirement, kept, broken):
    assert refused(requirement, kept) == []
    assert refused(requirement, broken) == [(requirement.code, requirement.field, requirement.detail)]


def test_a_missing_field_breaks_no_limit():
    assert refused(profiles.at_most_characters("unit_name", 8), {"unit_name": None}) == []
    assert refused(profiles.without_spaces("product_id"), {}) == []


PROMOTION_FIELDS = (
    "sku", "product_id", "brand", "category", "customer_id", "type", "price", "percentage", "amount",
    "discount_by_unit", "buy_quantity", "get_quantity", "quantity_from", "quantity_to", "spent_from", "spent_to",
    "limit_total", "limit_per_customer", "command",
)  # fmt: skip


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"price": "15"}, []),
        ({"percentage": "15", "quantity_from": "1", "spent_from": "0", "discount_by_unit": "false"}, []),
        ({"amount": "5", "discount_by_unit": "true", "product_id": "P", "brand": "B"}, []),
        ({"amount": "5", "discount_by_unit": "false"}, ["discount_by_unit"]),
        ({"type": "bundle", "buy_quantity": "2", "get_quantity": "1"}, ["type"]),
        ({"buy_quantity": "2", "get_quantity": "1"}, ["type"]),
        ({"price": "15", "customer_id": "C"}, ["customer_id"]),
        ({"price": "15", "limit_total": "5", "limit_per_customer": "1"}, ["limit_total", "limit_per_customer"]),
        ({"price": "15", "quantity_from": "2", "spent_to": "9"}, ["quantity_from", "spent_to"]),
        ({"price": "15", "spent_from": "0.01", "quantity_to": "3"}, ["spent_from", "quantity_to"]),
        ({"price": "15", "sku": "", "brand": "B", "category": "C"}, ["brand"]),
        ({"price": "15", "sku": None, "category": "C"}, ["category"]),
        ({"price": "15", "sku": None, "product_id": "P"}, ["product_id"]),
        ({"price": "15", "sku": ""}, ["sku"]),
        ({"command": "end", "customer_id": "C", "limit_total": "5", "quantity_from": "2"}, []),
        ({"command": "end", "sku": ""}, ["sku"]),
    ],
)
def test_what_a_price_can_say_of_a_promotion(row, told):
    cells = {**dict.fromkeys(PROMOTION_FIELDS), "sku": "a", **row}
    frame = pl.DataFrame(
        {name: [cell] for name, cell in cells.items()}, schema=dict.fromkeys(PROMOTION_FIELDS, pl.String)
    )
    wanted = profiles.shown_as_price()
    assert all(set(one.where.meta.root_names()) <= set(one.columns) for one in wanted)
    violated = [one.field for one in wanted if frame.select(one.where.fill_null(value=False)).item()]
    assert sorted(violated) == sorted(told)
