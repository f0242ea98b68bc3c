"""What the Sage twin takes for a ProductStock record, and each assumption switched on and off."""

import base64
import json

import pytest
from support.pictures import GIF, JPEG, PNG, WEBP, cell

from gateway.twin.sage_contract import BadBatchError
from gateway.twin.sage_contract import read as read_kind
from gateway.twin.sage_kinds import KINDS, judge
from gateway.twin.sage_settings import RULES, SageTwinSettings

GOOD = {"productId": "TS-100", "stock": 14, "timestamp": "2024-05-02T09:29:58Z"}
SIZE = {"variant1Type": "Size", "variant1Value": "XL"}
COLOUR = {"variant2Type": "Color", "variant2Value": "Blue"}


STOCK = KINDS["productstocks"]


def read(body, batch_id, settings):
    return read_kind(body, batch_id, STOCK, settings)


def reasons(*records, kind=STOCK, known=None, **settings):
    switches = SageTwinSettings(**settings)
    items = read_kind(json.dumps(list(records)).encode(), "b-1", kind, switches)
    return [row.reasons for row in judge(items, kind, switches, known)]


@pytest.mark.parametrize(
    "record",
    [
        GOOD,
        GOOD | {"stock": 0},
        GOOD | {"stock": 1.125, "unitName": "boxes", "minimumToSell": 0.5},
        GOOD | SIZE,
        GOOD | SIZE | COLOUR,
        GOOD | {"productId": "a b" * 20, "unitName": "kilograms\tnet"},
    ],
)
def test_good_records(record):
    assert reasons(record) == [[]]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"stock": 1, "timestamp": GOOD["timestamp"]}, "C-REQ: productId is missing"),
        (GOOD | {"productId": " "}, "C-REQ: productId is missing"),
        (GOOD | {"stock": None}, "C-REQ: stock is missing"),
        (GOOD | {"timestamp": ""}, "C-REQ: timestamp is missing"),
        (GOOD | {"productId": 100}, "C-TYPE: productId is not a string"),
        (GOOD | {"stock": "14"}, "C-TYPE: stock is not a number"),
        (GOOD | {"stock": True}, "C-TYPE: stock is not a number"),
        (GOOD | {"minimumToSell": "1"}, "C-TYPE: minimumToSell is not a number"),
        (GOOD | {"unitName": ["box"]}, "C-TYPE: unitName is not a string"),
        (GOOD | {"stock": 1e30}, "C-TYPE: stock is written with an exponent"),
        ("TS-100", "C-TYPE: the record is not an object"),
    ],
)
def test_rules_that_are_always_on(record, reason):
    assert reasons(record, skip_rules=frozenset(RULES)) == [[reason]]


SWITCHED = {
    "C-EXTRA": [GOOD | {"warehouse": "N"}],
    "C-NULL": [GOOD | {"unitName": None}],
    "C-TXT": [GOOD | {"productId": "TS-100 "}],
    "C-UTC": [GOOD | {"timestamp": "2024-05-02T09:29:58+00:00"}],
    "C-QTY": [GOOD | {"stock": -1}],
    "C-MIN": [GOOD | {"minimumToSell": 0}],
    "C-LEN": [GOOD | {"productId": "TS 100"}],
    "C-DUP": [GOOD, GOOD | {"stock": 15}],
    "V-PAIR": [GOOD | {"variant1Value": "XL"}],
    "V-ORDER": [GOOD | COLOUR],
    "V-DIST": [GOOD | SIZE | {"variant2Type": "SIZE", "variant2Value": "L"}],
    "V-KEY": [GOOD | SIZE, GOOD | SIZE],
    "V-CONS": [GOOD | SIZE, GOOD | {"variant1Type": "Color", "variant1Value": "Blue"}],
    "V-REF": [GOOD],
}
SETTINGS = {"C-LEN": {"length_profile": "uk_csv"}, "V-REF": {"known": {"OTHER": None}}}


@pytest.mark.parametrize("rule", SWITCHED)
def test_assumptions_both_ways(rule):
    records, settings = SWITCHED[rule], SETTINGS.get(rule, {})
    strict = [reason for row in reasons(*records, **settings) for reason in row]
    assert [reason.split(":")[0] for reason in strict] == [rule]
    lenient = reasons(*records, **settings, skip_rules=frozenset({rule}))
    assert [reason for row in lenient for reason in row] == []


def test_every_assumption_has_a_test():
    elsewhere = {rule for rules in OTHERS.values() for rule in rules}
    assert set(SWITCHED) | elsewhere | {"C-STALE"} == set(RULES)


@pytest.mark.parametrize(
    ("rule", "record"),
    [
        ("C-NULL", GOOD | {"unitName": ""}),
        ("C-TXT", GOOD | {"unitName": "bo\x00x"}),
        ("C-TXT", GOOD | {"unitName": "cafe\u0301"}),
        ("C-UTC", GOOD | {"timestamp": "2024-05-02T09:29:58"}),
        ("C-UTC", GOOD | {"timestamp": "2024-05-02T09:29:58.000Z"}),
        ("C-UTC", GOOD | {"timestamp": "2024-13-02T09:29:58Z"}),
        ("C-QTY", GOOD | {"stock": 1.0625}),
        ("C-QTY", GOOD | {"minimumToSell": -1}),
        ("V-PAIR", GOOD | {"variant1Type": "Size"}),
    ],
)
def test_more_ways_to_break_a_rule(rule, record):
    assert [reason.split(":")[0] for reason in reasons(record)[0]] == [rule]


def test_lengths_of_the_uk_import():
    record = GOOD | {"productId": "x" * 31, "unitName": "u" * 9}
    assert len(reasons(record, length_profile="uk_csv")[0]) == 2
    assert reasons(record) == [[]]


def test_rows_with_and_without_variants_stand_together():
    assert reasons(GOOD, GOOD | SIZE) == [[], []]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b'[{"productId": "A"', "not JSON"),
        (b"[NaN]", "not JSON"),
        (b'["\xff"]', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'[{"stock": 1, "stock": 2}]', "not JSON"),
        (b"{}", "expected an array"),
        (b"[]", "no records"),
    ],
)
def test_files_that_are_no_batch(body, said):
    with pytest.raises(BadBatchError, match=said) as caught:
        read(body, "b-1", SageTwinSettings())
    assert list(caught.value.items) == []


def test_limits_are_exact():
    at_limit = SageTwinSettings(max_records=2, max_bytes=100)
    assert len(read(b"[1,2]", "b", at_limit)) == 2
    with pytest.raises(BadBatchError, match="3 records, at most 2") as caught:
        read(b"[1,2,3]", "b", at_limit)
    assert len(caught.value.items) == 3
    assert read(b"[1]".ljust(100), "b", at_limit)
    with pytest.raises(BadBatchError, match="101 bytes, at most 100"):
        read(b"[1]".ljust(101), "b", at_limit)
    assert (SageTwinSettings().max_records, SageTwinSettings().max_bytes) == (500, 5_000_000)


WRAPPED = {
    "domain": "ecommerce",
    "scope": "productstocks",
    "batchId": "b-1",
    "createdAt": "2024-05-02T09:30:00Z",
    "count": 1,
    "items": [GOOD],
}


def test_the_wrapped_envelope():
    settings = SageTwinSettings(envelope="wrapped")
    assert len(read(json.dumps(WRAPPED).encode(), "b-1", settings)) == 1
    with pytest.raises(BadBatchError, match="an envelope"):
        read(json.dumps([GOOD]).encode(), "b-1", settings)
    with pytest.raises(BadBatchError, match="an array"):
        read(json.dumps(WRAPPED).encode(), "b-1", SageTwinSettings())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("domain", "shop"),
        ("scope", "products"),
        ("batchId", "b-2"),
        ("count", 2),
        ("count", "1"),
        ("createdAt", "2024-05-02"),
        ("more", 1),
    ],
)
def test_a_faulty_envelope(name, value):
    with pytest.raises(BadBatchError, match="ENVELOPE") as caught:
        read(json.dumps(WRAPPED | {name: value}).encode(), "b-1", SageTwinSettings(envelope="wrapped"))
    assert len(caught.value.items) == 1


# ---------------------------------------------------------------- the other kinds

PRODUCT = {
    "id": "TS-100", "name": "T-shirt", "netPrice": 19.99, "tax": 21, "discountByUnit": False, "available": True,
    "timestamp": "2024-05-02T09:29:58Z",
}  # fmt: skip
PRICE = {"productId": "TS-100", "discount": "15", "discountByUnit": False, "timestamp": "2024-05-02T09:29:58Z"}
DOT = cell(GIF)
PICTURE = {"productId": "TS-100", "picture": DOT, "timestamp": "2024-05-02T09:29:58Z"}
GOODS = {"products": PRODUCT, "productspecialprices": PRICE, "productpictures": PICTURE}


@pytest.mark.parametrize(
    ("scope", "more"),
    [
        ("products", {}),
        (
            "products",
            {
                "reference": "R", "shortDescription": "s", "longDescription": "l\nl", "barCodeType": "EAN-13",
                "barCode": "8412345678905", "discount": 0, "dateAdded": "2024-01-01T00:00:00Z", "brand": "Acme",
                "category": "A\\B", "relatedItems": "TS-200,TS-300", **SIZE, **COLOUR,
            },
        ),
        ("products", {"barCode": "96385074"}),
        ("products", {"barCode": "anything", "barCodeType": "CODE128"}),
        ("products", {"barCode": "anything", "barCodeType": "Aztec"}),
        ("productspecialprices", {"discount": "12.5%"}),
        ("productspecialprices", {"dateFrom": "2024-05-02T09:29:58Z", "dateTo": "2024-05-02T09:29:58Z"}),
        ("productspecialprices", {"quantityFrom": 2, "quantityTo": 2, "totalSpentTo": 10.5}),
        ("productpictures", {"order": 0, "description": "front", **SIZE}),
        ("productpictures", {"picture": cell(PNG)}),
        ("productpictures", {"picture": cell(JPEG)}),
        ("productpictures", {"picture": cell(WEBP)}),
    ],
)  # fmt: skip
def test_good_records_of_other_kinds(scope, more):
    assert reasons(GOODS[scope] | more, kind=KINDS[scope]) == [[]]


@pytest.mark.parametrize("scope", GOODS)
def test_every_required_property_is_demanded(scope):
    kind = KINDS[scope]
    for name in kind.required:
        bare = {other: value for other, value in GOODS[scope].items() if other != name}
        found = reasons(bare, kind=kind, skip_rules=frozenset(RULES))
        assert found == [[f"C-REQ: {name} is missing"]]


@pytest.mark.parametrize(
    ("scope", "more", "reason"),
    [
        ("products", {"netPrice": "19.99"}, "C-TYPE: netPrice is not a number"),
        ("products", {"discountByUnit": "false"}, "C-TYPE: discountByUnit is not a boolean"),
        ("products", {"available": 1}, "C-TYPE: available is not a boolean"),
        ("products", {"barCode": 8412345678905}, "C-TYPE: barCode is not a string"),
        ("products", {"relatedItems": ["A"]}, "C-TYPE: relatedItems is not a string"),
        ("productspecialprices", {"discount": 15}, "C-TYPE: discount is not a string"),
        ("productspecialprices", {"quantityFrom": "2"}, "C-TYPE: quantityFrom is not a number"),
        ("productpictures", {"order": "1"}, "C-TYPE: order is not a number"),
    ],
)
def test_types_of_other_kinds(scope, more, reason):
    assert reasons(GOODS[scope] | more, kind=KINDS[scope], skip_rules=frozenset(RULES)) == [[reason]]


OTHERS = {
    "products": {
        "C-MONEY": [{"netPrice": 1.005}],
        "C-RATE": [{"tax": 101}],
        "B-PAIR": [{"barCodeType": "EAN-13"}],
        "B-DIGITS": [{"barCodeType": "EAN-13", "barCode": "96385074"}],
        "B-ALLZERO": [{"barCodeType": "EAN-8", "barCode": "00000000"}],
        "B-CHECK": [{"barCodeType": "EAN-13", "barCode": "8435000000000"}],
        "R-REL": [{"relatedItems": "TS-200,,TS-300"}],
        "V-MIX": [{}, SIZE],
    },
    "productspecialprices": {
        "SP-KEY": [{}, {"discount": "20"}],
        "SP-SEL": [{"productId": None}],
        "SP-DATE": [{"dateFrom": "2024-05-02T09:29:58Z", "dateTo": "2024-05-02T09:29:57Z"}],
        "SP-RANGE": [{"quantityFrom": 3, "quantityTo": 2}],
        "SP-DISC": [{"discount": "15,5"}],
        "SP-DISC-MAX": [{"discount": "100.5"}],
    },
    "productpictures": {
        "P-BASE64": [{"picture": f"data:image/gif;base64,{DOT}"}],
        "P-SIZE": [{"picture": base64.b64encode(b"GIF89a" + b"\0" * 50).decode()}],
        "P-KIND": [{"picture": base64.b64encode(b"https://example.com/1.jpg").decode()}],
        "P-WHOLE": [{"picture": cell(PNG[:-9])}],
        "P-ORDER": [{"order": 1.5}],
    },
}


@pytest.mark.parametrize(("scope", "rule"), [(scope, rule) for scope, rules in OTHERS.items() for rule in rules])
def test_assumptions_of_other_kinds_both_ways(scope, rule):
    kind, settings = KINDS[scope], {"picture_max_bytes": 40} if rule == "P-SIZE" else {}
    made = [GOODS[scope] | more for more in OTHERS[scope][rule]]
    records = [{name: value for name, value in record.items() if value is not None} for record in made]
    strict = reasons(*records, kind=kind, **settings)
    assert {reason.split(":")[0] for row in strict for reason in row} == {rule}
    lenient = reasons(*records, kind=kind, **settings, skip_rules=frozenset({rule}))
    assert [reason for row in lenient for reason in row] == []


@pytest.mark.parametrize(
    ("scope", "more", "rule"),
    [
        ("products", {"warehouse": "N"}, "C-EXTRA"),
        ("products", {"surcharge": True}, "C-EXTRA"),
        ("products", {"brand": None}, "C-NULL"),
        ("products", {"dateAdded": "2024-01-01"}, "C-UTC"),
        ("products", {"netPrice": -1}, "C-MONEY"),
        ("products", {"netPrice": 100000000}, "C-MONEY"),
        ("products", {"discount": -1}, "C-RATE"),
        ("products", {"relatedItems": "TS-100"}, "R-REL"),
        ("products", {"relatedItems": "A, B"}, "R-REL"),
        ("products", {"relatedItems": "A,A"}, "R-REL"),
        ("products", {"barCode": "123"}, "B-PAIR"),
        ("products", {"barCode": "8412345678900"}, "B-CHECK"),
        ("products", {"barCode": "84123456789o5", "barCodeType": "EAN-13"}, "B-DIGITS"),
        ("productspecialprices", {"dateTo": "tomorrow"}, "C-UTC"),
        ("productspecialprices", {"totalSpentFrom": 2, "totalSpentTo": 1}, "SP-RANGE"),
        ("productspecialprices", {"totalSpentFrom": 2.001}, "C-MONEY"),
        ("productspecialprices", {"quantityTo": -1}, "C-QTY"),
        ("productspecialprices", {"discount": "15 %"}, "SP-DISC"),
        ("productspecialprices", {"discount": "1.23456"}, "SP-DISC"),
        ("productspecialprices", {"discount": "101%"}, "SP-DISC-MAX"),
        ("productspecialprices", {"promotionId": "P"}, "C-EXTRA"),
        ("productpictures", {"picture": DOT.rstrip("=") + "!"}, "P-BASE64"),
        ("productpictures", {"picture": base64.b64encode(b"GIF89a\0").decode().rstrip("=")}, "P-BASE64"),
        ("productpictures", {"order": -1}, "P-ORDER"),
        ("productpictures", {"variant1Value": "XL"}, "V-PAIR"),
    ],
)
def test_more_ways_to_break_a_rule_of_other_kinds(scope, more, rule):
    assert rule in [reason.split(":")[0] for reason in reasons(GOODS[scope] | more, kind=KINDS[scope])[0]]


def test_what_a_bare_discount_is():
    kind = KINDS["productspecialprices"]
    assert reasons(PRICE | {"discount": "150"}, kind=kind, bare_discount="amount") == [[]]
    assert reasons(PRICE | {"discount": "0%"}, kind=kind, bare_discount="amount") == [[]]
    assert reasons(PRICE | {"discount": "0"}, kind=kind) == [[]]
    (found,) = reasons(PRICE | {"discount": "0"}, kind=kind, bare_discount="amount")
    assert found == ["SP-DISC-MAX: discount is an amount of 0"]


def test_the_newer_contract_knows_a_surcharge():
    kind = KINDS["products"]
    assert reasons(PRODUCT | {"surcharge": True}, kind=kind, contract_version="connected_cloud") == [[]]
    (found,) = reasons(PRODUCT | {"surcharge": "yes"}, kind=kind, contract_version="connected_cloud")
    assert found == ["C-TYPE: surcharge is not a boolean"]


@pytest.mark.parametrize(
    ("scope", "more", "good"),
    [
        ("productstocks", SIZE, True),
        ("productstocks", {}, False),
        ("productstocks", SIZE | {"variant1Value": "S"}, False),
        ("productstocks", {"productId": "OLD"}, True),
        ("productstocks", {"productId": "OLD", **SIZE}, True),
        ("productstocks", {"productId": "NEW"}, False),
        ("productpictures", SIZE, True),
        ("productpictures", {}, True),
        ("productpictures", SIZE | {"variant1Value": "S"}, False),
        ("productpictures", {"productId": "NEW"}, False),
        ("productspecialprices", {}, True),
        ("productspecialprices", {"productId": "NEW"}, False),
        ("products", {"id": "NEW"}, True),
    ],
)
def test_records_refer_to_products_that_exist(scope, more, good):
    known = {"TS-100": frozenset({("XL", "")}), "OLD": None}
    record = {"productstocks": GOOD, **GOODS}[scope] | more
    (found,) = reasons(record, kind=KINDS[scope], known=known)
    assert ([reason.split(":")[0] for reason in found] == ["V-REF"]) is not good
    assert reasons(record, kind=KINDS[scope], known=known, skip_rules=frozenset({"V-REF"})) == [[]]


def test_few_pictures_per_file():
    body = json.dumps([PICTURE | {"order": number} for number in range(21)]).encode()
    with pytest.raises(BadBatchError, match="21 records, at most 20"):
        read_kind(body, "b", KINDS["productpictures"], SageTwinSettings())


def test_a_picture_is_not_decoded_beyond_its_bound():
    huge = PICTURE | {"picture": "A" * 1000}
    (found,) = reasons(huge, kind=KINDS["productpictures"], picture_max_bytes=40)
    assert found == ["P-SIZE: picture does not have 1 to 40 bytes"]
