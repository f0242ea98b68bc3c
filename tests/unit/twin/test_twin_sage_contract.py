"""What the Sage twin takes for a ProductStock record, and each assumption switched on and off."""

import json

import pytest

from gateway.twin.sage_contract import BadBatchError, judge, read
from gateway.twin.sage_settings import RULES, SageTwinSettings

GOOD = {"productId": "TS-100", "stock": 14, "timestamp": "2024-05-02T09:29:58Z"}
SIZE = {"variant1Type": "Size", "variant1Value": "XL"}
COLOUR = {"variant2Type": "Color", "variant2Value": "Blue"}


def reasons(*records, **settings):
    switches = SageTwinSettings(**settings)
    items = read(json.dumps(list(records)).encode(), "b-1", switches)
    return [row.reasons for row in judge(items, switches)]


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
SETTINGS = {"C-LEN": {"length_profile": "uk_csv"}, "V-REF": {"products": frozenset({"OTHER"})}}


@pytest.mark.parametrize("rule", SWITCHED)
def test_assumptions_both_ways(rule):
    records, settings = SWITCHED[rule], SETTINGS.get(rule, {})
    strict = [reason for row in reasons(*records, **settings) for reason in row]
    assert [reason.split(":")[0] for reason in strict] == [rule]
    lenient = reasons(*records, **settings, skip_rules=frozenset({rule}))
    assert [reason for row in lenient for reason in row] == []


def test_every_assumption_has_a_test():
    assert set(SWITCHED) | {"C-STALE"} == set(RULES)


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
