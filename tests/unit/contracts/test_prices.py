import polars as pl
import pytest

from gateway.contracts.prices import converted, price_issues
from gateway.issues import CATALOGUE
from gateway.model import ISSUE_SCHEMA, LINE, ROW, PriceTerms

NET = PriceTerms("net", currency="EUR")
GROSS = PriceTerms("gross", currency="EUR")


def frame(*records):
    known = ["price", "price_basis", "tax_rate", "currency", "command"]
    names = [*known, *(name for name in records[0] if name not in known)]
    rows = [{name: record.get(name) for name in names} for record in records]
    places = pl.int_range(2, len(rows) + 2, dtype=pl.Int64)
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String)).with_columns(
        places.alias(ROW), places.alias(LINE)
    )


def price(text, basis="gross", rate="21", **more):
    return {"price": text, "price_basis": basis, "tax_rate": rate, **more}


def after(terms, *records):
    return converted(frame(*records), terms)["price"].to_list()


def found(terms, *records):
    issues = price_issues(frame(*records), terms)
    assert issues.schema == pl.Schema(ISSUE_SCHEMA)
    assert set(issues["code"]) <= CATALOGUE.keys()
    return issues.select(ROW, "code", "field", "value", "detail").rows()


@pytest.mark.parametrize(
    ("terms", "record", "amount"),
    [
        (GROSS, price("100", "net"), "121"),
        (GROSS, price("16.52", "net"), "19.99"),
        (NET, price("19.99"), "16.52"),
        (NET, price("121"), "100"),
        (NET, price("10", rate="0"), "10"),
        (NET, price("10", "net", None), "10"),
        (NET, price("1.005", "net", None), "1.01"),
        (NET, price("0", rate=None), "0"),
        (PriceTerms("gross", 3), price("1", "net", "5.25"), "1.053"),
        (PriceTerms("gross", 0), price("99.5", rate=None), "100"),
        (PriceTerms("net", 6), price("19.99"), "16.520661"),
        (PriceTerms("gross", tax_rate="10"), price("10", "net", None), "11"),
        (PriceTerms("gross", tax_rate="10"), price("10", "net", "4"), "10.4"),
    ],
)
def test_amounts_are_exact_and_half_up(terms, record, amount):
    assert after(terms, record) == [amount]


def test_what_the_row_says_beside_its_price_is_true_afterwards():
    rows = (price("121", currency=""), price(None, currency=None), {**price("5"), "command": "end"})
    told = converted(frame(*rows), PriceTerms("net", currency="EUR", tax_rate="4"))
    assert told["price"].to_list() == ["100", None, "5"]
    assert told["price_basis"].to_list() == ["net", "gross", "gross"]
    assert told["currency"].to_list() == ["EUR", None, None]
    assert converted(frame(price("1", "net", "")), PriceTerms("net", tax_rate="4"))["tax_rate"].to_list() == ["4"]


def test_nothing_is_worked_out_with_a_rate_that_looks_like_a_fraction():
    rows = (price("120", rate="0.2"), price("100", "net", rate="0.2"), price("120", rate=""))
    assert converted(frame(*rows), NET)["price"].to_list() == [None, "100", None]
    by_settings = PriceTerms("net", currency="EUR", tax_rate="0.2")
    assert converted(frame(price("120", rate="")), by_settings)["price"].to_list() == [None]
    assert [code for _, code, *_ in found(by_settings, price("120", rate=""))] == ["T-FRAC-STRICT"]


def test_only_columns_that_are_there_come_back():
    rows = frame(price("121")).drop("currency", "command")
    assert converted(rows, GROSS).columns == rows.columns
    assert converted(rows.drop("price"), NET).equals(rows.drop("price"))


@pytest.mark.parametrize(
    ("terms", "record", "issues"),
    [
        (NET, price("121"), []),
        (NET, price("19.99"), []),
        (GROSS, price("16.5207", "net"), []),
        (NET, price("10"), [("PRICE_ROUNDED", "price", "10", "8.26 net")]),
        (NET, price("1.005", "net"), [("PRICE_ROUNDED", "price", "1.005", "1.01 net")]),
        (NET, price("0.004", "net"), [("PRICE_ZERO", "price", "0.004", "2 decimals, net")]),
        (NET, price("10", rate=""), [("TAX_RATE_MISSING", "tax_rate", "", "gross")]),
        (NET, price("0", rate=None), []),
        (NET, price("120", rate="0.2"), [("T-FRAC-STRICT", "tax_rate", "0.2", "gross")]),
        (GROSS, price("100", "net", rate="0.21"), [("T-FRAC-STRICT", "tax_rate", "0.21", "net")]),
        (NET, price("100", "net", rate="0.2"), []),
        (NET, price(None, rate="0.2"), []),
        (NET, price("0", rate="0.2"), []),
        (NET, price("12.1", rate="21"), []),
        (NET, price("12", rate="0"), []),
        (NET, price("10", "net", None), []),
        (NET, price("12.1", currency="GBP"), [("PRICE_CURRENCY", "currency", "GBP", "EUR")]),
        (PriceTerms("gross"), price("10"), [("PRICE_CURRENCY_MISSING", "currency", None, "price")]),
        (PriceTerms("gross"), price("10", currency="GBP"), []),
        (
            GROSS,
            price("99999999", "net"),
            [("TOO_LARGE", "price", "99999999", "99999999.99, the most an amount may be gross")],
        ),
    ],
)
def test_what_keeps_an_amount_from_being_given(terms, record, issues):
    assert found(terms, record) == [(2, *issue) for issue in issues]


WHOLE = PriceTerms("net", currency="EUR", fields=("price", "spent_from"), of_ended=True)


@pytest.mark.parametrize(
    "record",
    [
        price("12", rate="20"),
        price("12.3456", rate="20"),
        price("10", rate=None),
        price("120", rate="0.2"),
        price("0.001"),
        price("999999999"),
        price("12", currency="GBP"),
        {**price(None, basis=None), "spent_from": "50"},
    ],
)
def test_what_goes_out_when_a_record_ends_is_converted_and_judged_like_any_other(record):
    rows = ({"spent_from": None, **record}, {"spent_from": None, **record, "command": "end"})
    upsert, end = (converted(frame(row), WHOLE).drop("command", ROW, LINE) for row in rows)
    assert end.equals(upsert)
    assert found(WHOLE, rows[1]) == found(WHOLE, rows[0])


def test_the_basis_of_what_goes_out_at_an_end_is_asked_for_as_the_contract_does_not():
    nothing = price("12", basis=None)
    assert found(WHOLE, {**nothing, "command": "end"}) == [(2, "PRICE_BASIS", "price_basis", None, "price")]
    assert found(WHOLE, nothing) == []
    assert found(WHOLE, {**price(None, basis=None), "command": "end"}) == []


@pytest.mark.parametrize(
    "record",
    [
        {**price("10", rate=None), "command": "end"},
        price(None, rate=None),
        price("", rate=None),
        price("ten"),
        price("1e3"),
        price("10", "both"),
        price("10", None),
        price("10", rate="a lot"),
        price("12.1", currency="euro"),
    ],
)
def test_nothing_is_said_of_rows_without_an_amount_and_of_cells_the_contract_judges(record):
    assert found(NET, record) == []


def test_an_amount_no_contract_asks_a_basis_of_needs_one_here():
    terms = PriceTerms("net", currency="EUR", fields=("price", "spent_from"))
    assert found(terms, {"spent_from": "50"}) == [(2, "PRICE_BASIS", "price_basis", None, "spent_from")]


def test_issues_come_in_row_order_and_each_row_is_told_everything():
    rows = (price("10", rate=None, currency="GBP"), price("12.1"), price("1.005", "net"))
    assert [(row, code) for row, code, *_ in found(NET, *rows)] == [
        (2, "PRICE_CURRENCY"),
        (2, "TAX_RATE_MISSING"),
        (4, "PRICE_ROUNDED"),
    ]


def test_an_empty_frame():
    assert price_issues(frame(price("1")).clear(), NET).is_empty()
    assert converted(frame(price("1")).clear(), NET).is_empty()
