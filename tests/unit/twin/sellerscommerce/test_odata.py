"""OData queries of the lists: filters, orders, pages."""

from datetime import UTC, datetime

import pytest

ORDERS = "order/getall"


@pytest.fixture(scope="module")
def quarter(empty):
    """One twin for tests that only read: orders A to D, placed on the first of January to April 2016."""
    _sell(empty)
    return empty


def _sell(shop):
    shop.twin.put_sku("TS-1")
    for month, number in enumerate("ABCD", 1):
        shop.twin.place_order({"TS-1": month}, number=number, placed=datetime(2016, month, 1, 12, tzinfo=UTC))


@pytest.fixture
def sold(stocked):
    """Start twins with the same orders."""

    def start(**settings):
        one = stocked(**settings)
        _sell(one)
        return one

    return start


def numbers(shop, **query):
    return "".join(
        row["OrderNumber"] for row in shop.rows(ORDERS, **{f"${name}": value for name, value in query.items()})
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("OrderPlacedDate gt datetime'2016-02-01T12:00:00'", "CD"),
        ("OrderPlacedDate ge datetime'2016-02-01T12:00:00'", "BCD"),
        ("OrderPlacedDate lt datetime'2016-02-01T12:00'", "A"),
        ("CreatedDate le datetime'2016-02-01T12:00:00.0000000'", "AB"),
        ("ModifiedDate eq datetime'2016-02-01T12:00:00'", "B"),
        ("OrderPlacedDate gt datetime'2016-01-15' and OrderPlacedDate lt datetime'2016-03-15'", "BC"),
        ("  OrderPlacedDate  ge  datetime'2016-01-01'  and OrderPlacedDate lt datetime'2016-01-01'", ""),
    ],
)
def test_filters(quarter, text, found):
    assert numbers(quarter, filter=text) == found


def test_spaces_as_plus_and_as_percent(sold):
    one = sold()
    text = "$filter=OrderPlacedDate{0}gt{0}datetime'2016-01-15'{0}and{0}OrderPlacedDate{0}lt{0}datetime'2016-02-15'"
    for space in ("+", "%20"):
        answer = one.client.get(f"/api/{ORDERS}?{text.format(space)}")
        assert [row["OrderNumber"] for row in answer.json()["Results"]] == ["B"]
    encoded = one.client.get(f"/api/{ORDERS}?%24orderby=OrderNumber%20desc&%24top=1")
    assert encoded.json()["Results"][0]["OrderNumber"] == "D"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OrderPlacedDate",
        "OrderPlacedDate ne datetime'2016-01-01'",
        "OrderPlacedDate GT datetime'2016-01-01'",
        "OrderPlacedDate gt datetime'2016-13-01'",
        "OrderPlacedDate gt datetime'2016-01-01T00:00:00Z'",
        "OrderPlacedDate gt '2016-01-01'",
        "OrderPlacedDate gt 2016-01-01",
        "OrderPlacedDate gt datetimeoffset'2016-01-01'",
        "orderplaceddate gt datetime'2016-01-01'",
        "Nothing gt datetime'2016-01-01'",
        "Items gt datetime'2016-01-01'",
        "OrderNumber gt datetime'2016-01-01'",
        "OrderNumber eq 'A'",
        "(OrderPlacedDate gt datetime'2016-01-01')",
        "not OrderPlacedDate gt datetime'2016-01-01'",
        "OrderPlacedDate gt datetime'2016-01-01' or OrderPlacedDate lt datetime'2016-01-01'",
        "OrderPlacedDate gt datetime'2016-01-01' and",
        "OrderPlacedDate gt datetime'2016-01-01' and ",
        "OrderPlacedDate gt datetime'2016-01-01'and OrderPlacedDate gt datetime'2016-01-01'",
        "substringof('A', OrderNumber)",
    ],
)
def test_filters_that_are_refused(quarter, text):
    answer = quarter.get(ORDERS, **{"$filter": text})
    assert answer.status_code == 400
    assert answer.json()["Message"].startswith("The query specified in the URI is not valid.")


def test_options_that_are_refused(sold):
    one, lax = sold(), sold(refuse_unknown=False)
    for name in ("$select", "$expand", "$count", "$inlinecount", "$search", "top"):
        assert one.get(ORDERS, **{name: "1"}).status_code == 400, name
        assert lax.get(ORDERS, **{name: "1"}).status_code == (200 if name == "top" else 400), name


def test_more_literals_and_operators_when_told(sold):
    one = sold(odata_literals=frozenset({"datetime", "text", "number"}), odata_operators=frozenset({"eq", "ne"}))
    assert numbers(one, filter="OrderNumber eq 'B'") == "B"
    assert numbers(one, filter="OrderStatusId ne 3") == ""
    assert numbers(one, filter="UserName eq 'o''neill'") == ""
    assert one.get(ORDERS, **{"$filter": "OrderStatusId eq '3'"}).status_code == 400
    assert one.get(ORDERS, **{"$filter": "CreatedDate gt datetime'2016-01-01'"}).status_code == 400


def test_orders(sold):
    one = sold()
    assert numbers(one, orderby="OrderNumber desc") == "DCBA"
    assert numbers(one, orderby="OrderNumber") == "ABCD"
    assert numbers(one, orderby="OrderStatusId desc, OrderPlacedDate asc") == "ABCD"
    for text in ("", "OrderNumber down", "Nothing", "Items", "OrderNumber,"):
        assert one.get(ORDERS, **{"$orderby": text}).status_code == 400


def test_nothing_stands_before_everything(stocked):
    one = stocked()
    skus = [one.sku("A")]
    assert one.code("product/products", one.product(ProductCode="A", MSRP=5, SKUs=skus)) == 20
    for order, found in (("asc", ["TS", "A"]), ("desc", ["A", "TS"])):
        rows = one.rows("product/getall", **{"$orderby": f"MSRP {order}"})
        assert [row["ProductCode"] for row in rows] == found


def test_a_filter_leaves_out_what_has_no_value(shop):
    one = shop()
    born = {"UserName": "b", "DOB": "1990-01-31T00:00:00+00:00"}
    assert one.code("shopper/shoppers", [{"UserName": "a"}, born]) == 20
    rows = one.rows("shopper/getall", **{"$filter": "DOB lt datetime'2000-01-01'"})
    assert [row["UserName"] for row in rows] == ["b"]


def test_pages(sold):
    one = sold()
    assert numbers(one, top=2) == "AB"
    assert numbers(one, top=2, skip=3) == "D"
    assert numbers(one, skip=9) == ""
    assert numbers(one, top=0) == ""
    assert numbers(one, orderby="OrderNumber desc", top=1, skip=1) == "C"
    for text in ("-1", "x", "1.5", ""):
        assert one.get(ORDERS, **{"$top": text}).status_code == 400
        assert one.get(ORDERS, **{"$skip": text}).status_code == 400


def test_limits_of_pages(sold):
    refusing, clamping = sold(most_rows=2), sold(most_rows=2, over_most_rows="clamp", unpaged_rows=3)
    assert numbers(refusing) == "ABCD"
    assert refusing.get(ORDERS, **{"$top": 3}).status_code == 400
    assert refusing.get("product/getallproductskus", top=3).status_code == 400
    assert numbers(clamping, top=3) == "AB"
    assert numbers(clamping) == "ABC"
    assert numbers(clamping, skip=3) == "D"


def test_paging_may_not_work(sold):
    assert numbers(sold(odata_paging="ignored"), top=1, skip=1, orderby="OrderNumber desc") == "DCBA"
    one = sold(odata_paging="refused")
    assert one.get(ORDERS, **{"$top": 1}).status_code == 400
    assert one.get("product/getallproductskus", top=1).status_code == 200


def test_queries_without_the_line_that_was_lost_give_nulls(sold):
    one = sold(additional_query={"store": "7"})
    assert numbers(one) == "ABCD"
    rows = one.rows(ORDERS, **{"$orderby": "OrderNumber"})
    assert len(rows) == 4
    assert {value for row in rows for value in row.values()} == {None}
    assert [row["OrderNumber"] for row in one.rows(ORDERS, **{"$top": 1, "store": "7"})] == ["A"]
