"""The prefix that tells owners of one account apart is asked of the field that names the article in a row."""

import polars as pl
import pytest

from gateway.contracts import contract
from gateway.delivery.setup import with_prefix
from gateway.model import Operation

ROWS = pl.DataFrame(
    {
        "sku": ["CB-1", "XX-1", "", "", "", None, "CB-2", None],
        "product_id": [None, "CB-9", "CB-9", "XX-9", "", "CB-9", "XX-9", None],
    },
    schema={"sku": pl.String, "product_id": pl.String},
)


def foreign(name, rows=ROWS):
    """Return which rows break the prefix, by the field that is named."""
    operation = Operation(name="write", family=name, contract=name, fields=("sku",), batch_size=1)
    operation = with_prefix(operation, contract(name), "CB-")
    return {one.field: rows.select(one.where).to_series().arg_true().to_list() for one in operation.requires}


def test_a_promotion_for_a_product_is_asked_for_the_prefix_of_the_product():
    assert foreign("promotion") == {"sku": [1, 4, 7], "product_id": [3]}


@pytest.mark.parametrize("name", ["stock", "price", "catalog", "picture"])
def test_where_each_row_has_an_article_that_one_is_asked(name):
    assert foreign(name) == {"sku": [1, 2, 3, 4]}


def test_all_that_is_asked_is_told_by_the_code_of_foreign_keys():
    whole = Operation(name="write", family="promotion", contract="promotion", fields=("sku",), batch_size=1)
    found = with_prefix(whole, contract("promotion"), "CB-").requires
    assert {(one.code, one.detail, one.columns) for one in found} == {("KEY_FOREIGN", "CB-", ("sku", "product_id"))}
