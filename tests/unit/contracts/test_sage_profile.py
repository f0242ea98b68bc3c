from datetime import UTC, datetime

import polars as pl
import pytest

from gateway.contracts import check, contract
from gateway.contracts.sage_profile import SageProfile, catalog_requirements, promotion_requirements
from gateway.model import LINE, ROW

ARTICLE = {"sku": "a", "timestamp": "2026-01-01T00:00:00Z"}


def found(name, requires, record, now=None):
    columns = {field: [text] for field, text in record.items()}
    frame = pl.DataFrame({ROW: [2], LINE: [2], **columns})
    checked = check(contract(name), frame, requires=requires, now=now)
    return checked.good[0], checked.issues.select("code", "field", "detail").rows()


@pytest.mark.parametrize(
    ("record", "issues"),
    [
        ({"tax_rate": "21"}, []),
        ({"tax_rate": ""}, []),
        ({"tax_rate": "20"}, [("T-RATE", "tax_rate", "ES: 0, 4, 10, 21")]),
        ({"tax_rate": "20", "command": "end"}, []),
        ({"tax_rate": "20", "command": "end", "price": "12", "price_basis": "net"}, []),
        ({"tax_rate": "20", "command": "end", "price": "0", "price_basis": "gross"}, []),
        ({"tax_rate": "21", "command": "end", "price": "12", "price_basis": "gross"}, []),
        (
            {"tax_rate": "20", "command": "end", "price": "12", "price_basis": "gross"},  # by it the price is made net
            [("T-RATE", "tax_rate", "ES: 0, 4, 10, 21")],
        ),
        ({"tax_rate": "7.5", "valid_from": "2026-01-01T00:00:00Z"}, [("T-RATE", "tax_rate", "ES: 0, 4, 10, 21")]),
        ({"tax_rate": "7.5", "valid_from": "2024-11-01T00:00:00Z"}, []),
        (  # the rates told are those of the row's own time
            {"tax_rate": "5", "valid_from": "2024-11-01T00:00:00Z"},
            [("T-RATE", "tax_rate", "ES: 0, 2, 4, 7.5, 10, 21")],
        ),
        ({"tax_rate": "21", "valid_from": "2012-08-31T21:59:59Z"}, [("T-RATE", "tax_rate", "ES: 0, 4, 8, 18")]),
        ({"tax_rate": "18", "valid_from": "2012-08-31T22:00:00Z"}, [("T-RATE", "tax_rate", "ES: 0, 4, 10, 21")]),
    ],
)
def test_a_rate_not_in_force_at_the_rows_time_is_told(record, issues):
    requires = catalog_requirements(SageProfile("ES"))
    assert found("catalog", requires, ARTICLE | record) == (True, issues)


@pytest.mark.parametrize(
    ("record", "known", "told"),
    [
        ({"tax_rate": "17.5"}, True, "GB: 0, 5, 20"),
        ({"tax_rate": "17.5"}, False, None),  # nobody knows when it takes effect
        ({"tax_rate": "17.5", "timestamp": "2010-06-01T00:00:00Z"}, True, "GB: 0, 5, 20"),
        ({"tax_rate": "20", "timestamp": "2010-06-01T00:00:00Z"}, True, None),  # touched last before 2011
        ({"tax_rate": "17.5", "valid_from": "2010-06-01T00:00:00Z"}, True, "GB: 0, 5, 20"),  # it is sent today
    ],
)
def test_a_rate_is_to_be_in_force_when_the_row_takes_effect(record, known, told):
    now = datetime(2026, 11, 22, tzinfo=UTC) if known else None
    issues = [] if told is None else [("T-RATE", "tax_rate", told)]
    assert found("catalog", catalog_requirements(SageProfile("GB")), ARTICLE | record, now) == (True, issues)


def test_a_rate_that_begins_later_is_in_force_for_a_row_that_holds_from_then_on():
    requires, now = catalog_requirements(SageProfile("ES")), datetime(2024, 9, 1, tzinfo=UTC)
    record = ARTICLE | {"tax_rate": "7.5", "timestamp": "2024-08-31T00:00:00Z"}
    assert found("catalog", requires, record | {"valid_from": "2024-11-01T00:00:00Z"}, now) == (True, [])
    at_once = [("T-RATE", "tax_rate", "ES: 0, 4, 5, 10, 21")]
    assert found("catalog", requires, record, now) == (True, at_once)


def test_a_rate_not_in_force_rejects_the_row_under_a_strict_profile():
    requires = catalog_requirements(SageProfile("GB", strict=True))
    told = [("T-RATE-STRICT", "tax_rate", "GB: 0, 5, 20")]
    assert found("catalog", requires, ARTICLE | {"tax_rate": "21"}) == (False, told)


def test_without_a_country_no_rate_is_strange():
    assert found("catalog", catalog_requirements(SageProfile()), ARTICLE | {"tax_rate": "33"}) == (True, [])


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ({"tax_rate": "0.21", "price": "12", "price_basis": "net"}, ["T-FRAC", "T-FRAC-SENT"]),
        ({"tax_rate": "0.21"}, ["T-FRAC", "T-FRAC-SENT"]),
        ({"tax_rate": "0.21", "price": "12", "price_basis": "gross"}, ["T-FRAC"]),  # converting it is refused already
        ({"tax_rate": "0.21", "price": "0", "price_basis": "gross"}, ["T-FRAC", "T-FRAC-SENT"]),
        ({"tax_rate": "0"}, []),
        ({"tax_rate": "1"}, []),
        ({"tax_rate": "0.21", "command": "end"}, ["T-FRAC-SENT"]),  # it is written as it is, whole
        ({"tax_rate": "0.21", "price": "12", "price_basis": "gross", "command": "end"}, []),
    ],
)
def test_a_fraction_does_not_go_out_as_a_tax_rate(more, codes):
    good, issues = found("catalog", catalog_requirements(SageProfile()), ARTICLE | more)
    assert sorted(code for code, *_ in issues) == codes
    assert good is ("T-FRAC-SENT" not in codes)


@pytest.mark.parametrize(("command", "meant"), [("upsert", "25"), ("end", "100 times as much")])
def test_a_fraction_does_not_go_out_as_a_discount(command, meant):
    row = ARTICLE | {"discount": "0.25", "command": command}
    assert found("catalog", catalog_requirements(SageProfile()), row) == (False, [("C-RATE", "discount", meant)])
    assert found("catalog", catalog_requirements(SageProfile()), row | {"discount": "25"}) == (True, [])


def test_a_rate_that_is_itself_faulty_is_told_once():
    good, issues = found("catalog", catalog_requirements(SageProfile("GB")), ARTICLE | {"tax_rate": "x"})
    assert (good, [code for code, *_ in issues]) == (False, ["NOT_A_NUMBER"])


def test_a_type_that_may_be_left_out_is_not_asked_for():
    requires = catalog_requirements(SageProfile())
    assert found("catalog", requires, ARTICLE | {"barcode": "4006381333931"}) == (True, [])


def test_a_product_is_not_related_to_itself():
    record = ARTICLE | {"product_id": "P", "related_skus": "Q|P"}
    assert found("catalog", catalog_requirements(SageProfile()), record) == (False, [("R-REL", "related_skus", "")])
    assert found("catalog", (), record) == (True, [])


def test_a_promotion_for_everything_is_refused_under_a_strict_profile():
    record = {"percentage": "10", "ends_at": "2026-11-30T23:59:59Z"}
    assert found("promotion", promotion_requirements(SageProfile()), record)[0]
    good, issues = found("promotion", promotion_requirements(SageProfile(strict=True)), record)
    assert (good, {code for code, *_ in issues}) == (False, {"SP-SEL", "SP-SEL-STRICT"})
