"""Prices in columns are what Decimal says row by row."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contracts.prices import LARGEST, converted, price_issues
from gateway.model import LINE, ROW, PriceTerms


def plain(value):
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


amounts = st.one_of(
    st.decimals(0, Decimal(LARGEST), places=2).map(plain),
    st.decimals(0, Decimal(LARGEST), places=6).map(plain),
    st.decimals(0, 30, places=2).map(plain),
    st.sampled_from(["0", "0.004", "0.005", "0.000001", "99999999.99", "1.005", "16.520661", "12.06"]),
)
rates = st.one_of(
    st.sampled_from(["0", "0.2", "4", "5.2", "10", "20", "21", "100"]), st.decimals(0, 100, places=4).map(plain)
)


def maybe(some):
    return st.one_of(some, some, some, st.none(), st.just(""))


rows = st.fixed_dictionaries(
    {
        "price": maybe(amounts),
        "spent_from": maybe(amounts),
        "price_basis": maybe(st.sampled_from(["net", "gross"])),
        "tax_rate": maybe(rates),
        "currency": maybe(st.sampled_from(["EUR", "GBP"])),
        "command": st.sampled_from([None, "", "upsert", "end"]),
    }
)
terms = st.builds(
    PriceTerms,
    basis=st.sampled_from(["net", "gross"]),
    decimals=st.integers(0, 6),
    currency=st.sampled_from([None, "EUR"]),
    tax_rate=st.one_of(st.none(), rates),
    fields=st.sampled_from([("price",), ("price", "spent_from", "absent")]),
)


def rounded(value, decimals):
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def other(value, factor, basis):
    return value * factor if basis == "gross" else value / factor


def reference(row, agreed):
    """Codes by field, and the amounts a row ends with; an amount that can't be worked out is missing."""
    money = {field: row[field] for field in agreed.fields if row.get(field)}
    if row["command"] == "end" or not money:
        return set(), {}
    codes, worked = set(), {}
    currency = row["currency"] or agreed.currency
    if currency is None:
        codes.add(("PRICE_CURRENCY_MISSING", "currency"))
    elif agreed.currency is not None and currency != agreed.currency:
        codes.add(("PRICE_CURRENCY", "currency"))
    basis = row["price_basis"] or None
    if basis is None and "price" not in money:
        codes.add(("PRICE_BASIS", "price_basis"))
    rate = row["tax_rate"] or agreed.tax_rate
    for field, text in money.items():
        value = Decimal(text)
        if value == 0:
            worked[field] = value
            continue
        if basis is None:
            continue
        if basis != agreed.basis and rate is None:
            codes.add(("TAX_RATE_MISSING", "tax_rate"))
            continue
        if basis != agreed.basis and 0 < Decimal(rate) < 1:
            codes.add(("T-FRAC-STRICT", "tax_rate"))
            continue
        factor = Decimal(1) if basis == agreed.basis else 1 + Decimal(rate) / 100
        result = rounded(other(value, factor, agreed.basis), agreed.decimals)
        worked[field] = result
        finest = max(-value.as_tuple().exponent, agreed.decimals)
        if result == 0:
            codes.add(("PRICE_ZERO", field))
        elif result > Decimal(LARGEST):
            codes.add(("TOO_LARGE", field))
            del worked[field]
        elif rounded(other(result, factor, {"net": "gross", "gross": "net"}[agreed.basis]), finest) != value:
            codes.add(("PRICE_ROUNDED", field))
    return codes, {field: plain(value) for field, value in worked.items()}


@settings(max_examples=150, deadline=None)
@given(
    some=st.lists(rows, min_size=1, max_size=20), agreed=terms, absent=st.sets(st.sampled_from(["command", "tax_rate"]))
)
def test_columns_say_what_decimals_say(some, agreed, absent):
    some = [{name: None if name in absent else text for name, text in row.items()} for row in some]
    frame = pl.DataFrame(some, schema=dict.fromkeys(some[0], pl.String)).drop(absent)
    places = pl.int_range(1, len(some) + 1, dtype=pl.Int64)
    frame = frame.with_columns(places.alias(ROW), places.alias(LINE))
    issues = price_issues(frame, agreed)
    after = converted(frame, agreed)
    assert after.columns == frame.columns
    assert issues[ROW].is_sorted()
    for place, row in enumerate(some):
        with localcontext(prec=60):
            codes, worked = reference(row, agreed)
        found = issues.filter(pl.col(ROW) == place + 1).select("code", "field").rows()
        assert sorted(found) == sorted(codes)
        now = after.row(place, named=True)
        touched = row["command"] != "end"
        for field in agreed.fields:
            if field in row:
                assert now[field] == (worked.get(field) if touched and row[field] else row[field])
        given_any = touched and any(row.get(field) for field in agreed.fields)
        assert now["price_basis"] == (agreed.basis if given_any else row["price_basis"])
        assert now["currency"] == ((row["currency"] or agreed.currency) if given_any else row["currency"])
    assert converted(after, agreed).select("price").equals(after.select("price"))
