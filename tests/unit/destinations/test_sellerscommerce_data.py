"""Sellers Commerce: enumerations, answers, queries and bodies as data."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import httpx
import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.sellerscommerce import SellersCommerceDestination, answers, bodies, enums, odata
from gateway.destinations.sellerscommerce.answers import Meaning
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings
from gateway.errors import Refused, SettingsError, Unreachable

# ---------------------------------------------------------------- enumerations


@pytest.mark.parametrize(
    ("column", "size", "missing"),
    [
        ("OrderStatusId", 14, (11, 34)), ("CarrierId", 9, (9,)), ("ServiceTypeId", 34, (12, 33)),
        ("PaymentMethodId", 7, ()), ("PaymentStatusId", 3, ()), ("PaymentGatewayId", 11, ()),
        ("DiscountTypeId", 5, ()), ("EmbellishmentDiscountTypeId", 2, ()), ("Gender", 2, ()), ("IsBrand", 2, ()),
        ("OptionTypeId", 2, ()), ("ActionId", 2, ()), ("PricingType", 3, ()), ("DisplayTypeId", 3, ()),
        ("ReturnStatusId", 5, (101, 102, 103)), ("ReturnTypeId", 2, ()),
    ],
)  # fmt: skip
def test_every_enumeration_by_name_and_id(column, size, missing):
    values = enums.enumerations()[column]
    assert len(values) == len(set(values.values())) == size
    for name, number in values.items():
        assert enums.id_of(column, name) == enums.id_of(column, number) == enums.id_of(column, name.upper()) == number
        assert enums.name_of(column, number) == name
    for number in missing:
        assert enums.name_of(column, number) is None
        with pytest.raises(ValueError, match=f"{column} has no value"):
            enums.id_of(column, number)


def test_one_name_has_different_ids_as_method_and_as_gateway():
    assert enums.id_of("PaymentMethodId", "paypal express checkout") == 30
    assert enums.id_of("PaymentGatewayId", "paypal express checkout") == 206
    assert enums.id_of("DiscountTypeId", "Percentage") == 4
    with pytest.raises(ValueError, match="Percentage Discount"):
        enums.id_of("EmbellishmentDiscountTypeId", "Percentage")


def test_a_brand_is_zero_and_only_here():
    assert (enums.is_brand(True, inverted=True), enums.is_brand(False, inverted=True)) == (0, 1)
    assert (enums.is_brand(True, inverted=False), enums.is_brand(False, inverted=False)) == (1, 0)
    assert [enums.reads_brand(said, inverted=True) for said in (0, 1, "0", True, None)] == [
        True,
        False,
        True,
        True,
        False,
    ]
    assert [enums.reads_brand(said, inverted=False) for said in (0, 1, "0", True)] == [False, True, False, True]


def test_service_types_belong_to_their_carrier():
    services = enums.enumerations()["ServiceTypeId"].values()
    assert sorted(n for carrier in (1, 2, 8, 10) for n in services if enums.service_fits(carrier, n)) == sorted(
        services
    )
    assert not enums.service_fits(1, 13)
    assert not enums.service_fits(1, None)
    for carrier in (3, 4, 5, 6, 7):
        assert enums.service_fits(carrier, None)
        assert not enums.service_fits(carrier, 1)


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (20, Meaning.DONE), (21, Meaning.ACCOUNT), (22, Meaning.ACCOUNT), (23, Meaning.REFUSED), (24, Meaning.REFUSED),
        (25, Meaning.REFUSED), (26, Meaning.REFUSED), (27, Meaning.THERE), (28, Meaning.THERE), (29, Meaning.AGAIN),
        (30, Meaning.REFUSED), (31, Meaning.REFUSED), (32, Meaning.REFUSED), (33, Meaning.THERE),
        (34, Meaning.REFUSED), (35, Meaning.REFUSED), (36, Meaning.AGAIN), (99, Meaning.REFUSED),
    ],
)  # fmt: skip
def test_codes_count_and_neither_texts_nor_statuses_do(code, meaning):
    for status in (200, 404, 406):
        body = {"Results": "Processed", "ResponseMessage": "Processed Successfully", "StatusCode": code}
        answer = answers.read(status, json.dumps(body).encode())
        assert answer.meaning() is meaning
        assert answer.text().startswith(str(code))


def test_an_unknown_user_is_the_shoppers_fault_where_one_was_named():
    assert answers.read(404, b'{"Results":"UserNotExists","StatusCode":22}').meaning(of_shopper=True) is Meaning.REFUSED


@pytest.mark.parametrize(
    ("status", "meaning"), [(200, Meaning.DONE), (400, Meaning.REFUSED), (404, Meaning.ACCOUNT), (406, Meaning.REFUSED)]
)
def test_without_a_code_the_status_counts(status, meaning):
    assert answers.read(status, b'{"Message": "no such thing"}').meaning() is meaning
    assert answers.read(status, b"").meaning() is meaning


@pytest.mark.parametrize(
    "body",
    [
        '[{"FirstName": "A"}]',
        '{"Results": [{"FirstName": "A"}], "ResponseMessage": "ok", "StatusCode": 20}',
        '{"results": [{"FirstName": "A"}], "STATUSCODE": "20"}',
        '{"Results": {"FirstName": "A"}, "StatusCode": 20}',
        '{"FirstName": "A"}',
        '\ufeff[{"FirstName": "A"}]',
    ],
)
def test_both_envelopes_are_read(body):
    assert answers.entries(answers.read(200, body.encode()), "/x") == [{"FirstName": "A"}]


@pytest.mark.parametrize("body", ["[null]", '[{"A": null, "B": null}]', '{"Results": [{"A": null}], "StatusCode": 20}'])
def test_an_answer_of_nothing_but_null_is_told(body):
    with pytest.raises(Refused, match="extra_query"):
        answers.entries(answers.read(200, body.encode()), "/api/order/getall")


def test_an_empty_list_is_no_fault():
    for body in (b"[]", b"null", b"", b'{"Results": [], "StatusCode": 20}', b'{"Results": null, "StatusCode": 20}'):
        assert answers.entries(answers.read(200, body), "/x") == []


def test_what_is_no_list_is_refused():
    for status, body in ((200, b'"text"'), (406, b'{"Results":"InvalidData","StatusCode":30}'), (404, b"")):
        with pytest.raises(Refused):
            answers.entries(answers.read(status, body), "/x")
    with pytest.raises(Unreachable):
        answers.read(200, b"<html>")


def test_numbers_keep_their_digits():
    assert answers.read(200, b'{"Price": 19.10}').results["Price"] == Decimal("19.10")


# ---------------------------------------------------------------- queries


def test_a_query_as_the_documentation_shows_it():
    where = [odata.condition("ModifiedDate ge 2016-01-01"), odata.condition("ModifiedDate le 2016-06-01")]
    asked = odata.query(where, order_by="OrderNumber", descending=True, top=50, skip=100)
    assert asked == (
        ("$filter", "ModifiedDate ge datetime'2016-01-01' and ModifiedDate le datetime'2016-06-01'"),
        ("$orderby", "OrderNumber desc"),
        ("$top", "50"),
        ("$skip", "100"),
    )
    assert odata.query() == ()
    assert odata.query(top=5, skip=0, order_by="A") == (("$orderby", "A"), ("$top", "5"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2016, 1, 1), "datetime'2016-01-01'"),
        (datetime(2016, 1, 1, 13, 45, tzinfo=UTC), "datetime'2016-01-01T13:45:00'"),
        (datetime(2016, 1, 1, 13, 45, tzinfo=timezone(timedelta(hours=2))), "datetime'2016-01-01T11:45:00'"),
        ("O'Hara", "'O''Hara'"),
        (7, "7"),
        (Decimal("1E+2"), "100"),
    ],
)
def test_literals(value, text):
    assert odata.literal(value) == text


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("A eq 5", Decimal(5)), ("A eq '5'", "5"), ("A eq 'O''Hara'", "O'Hara"), ("A gt Placed", "Placed"),
        ("A lt 2016-01-01T10:00:00Z", datetime(2016, 1, 1, 10, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_conditions_are_read(said, value):
    assert odata.condition(said).value == value


@pytest.mark.parametrize("said", ["", "A", "A near 5", "A ge", "A;B eq 5", "A eq 5 or"[:4], "1A eq 5"])
def test_what_is_no_condition_is_refused(said):
    with pytest.raises(ValueError, match="no condition"):
        odata.condition(said)
    with pytest.raises(ValueError, match="no property"):
        odata.query(order_by="A desc, B")


def test_the_library_writes_spaces_so_that_both_ways_of_reading_understand_it():
    url = httpx.URL("https://x/api", params=[("$filter", "A ge datetime'2016-01-01'")])
    assert url.raw_path in {
        b"/api?%24filter=A%20ge%20datetime%272016-01-01%27", b"/api?%24filter=A+ge+datetime%272016-01-01%27",
    }  # fmt: skip


# ---------------------------------------------------------------- bodies


def made(text, tmp_path):
    path = tmp_path / "bodies.toml"
    path.write_text(text, "utf-8")
    return bodies.load(path)


def test_a_table_of_ones_own_replaces_the_shipped_one(tmp_path):
    own = made('[price]\nmembers = [{ name = "Sku", from = "sku" }, { name = "Kind", default = "base" }]', tmp_path)
    assert own["price"].render(pl.DataFrame({"sku": ["A"]})).to_list() == ['{"Sku":"A","Kind":"base"}']
    assert own["stock"] == bodies.load(None)["stock"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[prices]\nmembers = [{ name = 'A', from = 'sku' }]", "prices: unknown body 'prices'; did you mean 'price'"),
        ("[price]\nmembers = []", "price.members"),
        ("[price]\nmembers = [{ name = 'A B', from = 'sku' }]", "price.members.0.name"),
        ("[price]\nmembers = [{ name = 'A' }]", "nothing fills it"),
        ("[price]\nmembers = [{ name = 'A', from = 'x', type = 'enum' }]", "an enum is named"),
        ("[price]\nmembers = [{ name = 'A', from = 'x', type = 'enum', enum = 'Colour' }]", "no enum 'Colour'"),
        ("[price]\nmembers = [{ name = 'A', from = 'x' }, { name = 'A', from = 'y' }]", "stand twice"),
        (
            "[price]\nmembers = [{ nam = 'A', from = 'x' }]",
            "price.members.0.nam: unknown setting 'nam'; did you mean 'name'",
        ),
        ("[price", "not TOML"),
    ],
)
def test_a_faulty_file_is_told_with_its_place(text, said, tmp_path):
    with pytest.raises(SettingsError, match=said) as caught:
        made(text, tmp_path)
    assert "bodies.toml" in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SettingsError, match="can't be read"):
        bodies.load(tmp_path / "none.toml")


def test_each_type_is_written_as_json_and_nonsense_is_left_out(tmp_path):
    own = made(
        """[option]
        members = [
          { name = "T", from = "t" }, { name = "N", from = "n", type = "number" },
          { name = "I", from = "i", type = "integer", default = 0 }, { name = "F", from = "f", type = "flag" },
          { name = "E", from = "e", type = "enum", enum = "Gender" }, { name = "L", from = "l", type = "list" },
        ]""",
        tmp_path,
    )["option"]
    rows = pl.DataFrame(
        {
            "t": ['a "b"\n', "", None], "n": ["0.10", "1e5", "-1"], "i": ["12", "1.5", None],
            "f": ["true", "yes", "false"], "e": ["Female", "1", "x"], "l": ["[1]", None, "[]"],
        }
    )  # fmt: skip
    assert [json.loads(one, parse_float=str) for one in own.render(rows)] == [
        {"T": 'a "b"\n', "N": "0.10", "I": 12, "F": True, "E": 2, "L": [1]},
        {"I": 0, "E": 1},
        {"I": 0, "F": False, "L": []},
    ]
    assert [rows.filter(one.strange()).height for one in own.members] == [0, 2, 1, 1, 1, 0]


def test_lines_come_back_from_an_array():
    for items in ([], ['{"a":1}'], ['{"a":",\\n"}', "{}"]):
        assert bodies.lines(bodies.array(items).encode()) == items
        assert len(json.loads(bodies.array(items))) == len(items)


def test_every_shipped_body_names_only_one_object_per_table():
    shipped = bodies.load(None)
    for one in shipped.values():
        assert (one.group == "") == (one.items == "")
        assert one.items == "" or one.items in shipped


# ---------------------------------------------------------------- what fills them


def fitted(text, tmp_path, **more):
    path = tmp_path / "bodies.toml"
    path.write_text(text, "utf-8")
    keys = {"access_key": SecretStr("a"), "shared_secret": SecretStr("b"), "bodies": path, **more}
    return SellersCommerceDestination.SPEC.operations(SellersCommerceSettings(**keys))


SKU = '{ name = "S", from = "sku" }'
CODES = '{ name = "C", from = "category_code" }, { name = "N", from = "category_name" }'


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (
            f'[stock]\nmembers = [{SKU}, {{ name = "Q", from = "quantty" }}]',
            "stock.members.1.from",
            "unknown source 'quantty'; did you mean 'quantity'? known: product_code, product_id, quantity, sku",
        ),
        (f"[stock]\nmembers = [{SKU}]", "stock.members", "no member is from quantity"),
        (
            f'[price]\nmembers = [{SKU}, {{ name = "P", from = "pryce" }}]',
            "price.members.1.from",
            "did you mean 'price'",
        ),
        ('[price]\nmembers = [{ name = "P", from = "price" }]', "price.members", "no member is from sku"),
        (f'[sku]\nmembers = [{SKU}, {{ name = "P", from = "lised_price" }}]', "sku.members.1.from", "'listed_price'"),
        (f'[sku]\nmembers = [{SKU}, {{ name = "P", from = "atributes.x" }}]', "sku.members.1.from", "unknown source"),
        ('[product]\nmembers = [{ name = "P", from = "product_cod" }]', "product.members.0.from", "'product_code'"),
        (f"[category]\nmembers = [{CODES}]", "category.members", "no member is from parent_code"),
        (
            '[order-status]\nmembers = [{ name = "S", from = "status", default = "Shipped" }]',
            "order-status.members.0.default",
            "an empty cell of status would become 'Shipped'; expected required = true",
        ),
        (
            '[address]\ngroup = "user"\nitems = "shopper-address"\nmembers = [{ name = "A", from = "items" }]',
            "address.group",
            "grouped by 'user', which no member is from",
        ),
        (
            '[address]\nitems = "adress"\nmembers = [{ name = "A", from = "items" }]',
            "address.items",
            "unknown table 'adress'; did you mean 'address'",
        ),
        ('[return]\nmembers = [{ name = "A", from = "items" }]', "return.members", "go together"),
    ],
)
def test_bodies_that_nothing_would_fill_are_refused_with_their_place(text, place, said, tmp_path):
    with pytest.raises(SettingsError) as caught:
        fitted(text, tmp_path)
    found = {".".join(fault.keys): fault for fault in caught.value.faults}
    assert found[place].where == str(tmp_path / "bodies.toml")
    assert said in found[place].message


def test_attributes_constants_and_columns_of_peoples_own_are_taken(tmp_path):
    text = f"""[sku]
members = [{SKU}, {{ name = "X", from = "attributes.anything" }}, {{ name = "Kind", default = "base" }}]
[order-status]
members = [{{ name = "No", from = "their_number" }}, {{ name = "Post", type = "flag", default = true }}]
"""
    assert fitted(text, tmp_path)


@pytest.mark.parametrize("basis", [None, "net"])
def test_shipped_bodies_fit(tmp_path, basis):
    assert fitted("", tmp_path, price_basis=basis)
