"""Products, special prices and pictures: each scope has its own files and its own shelf."""

import json

import pytest
from support.pictures import GIF, cell
from support.sage_office import STAMP, Office, record

from gateway.twin.sage_answers import UNKNOWN_STATE

SHIRT = {
    "id": "TS-100", "name": "T-shirt", "netPrice": 19.99, "tax": 21, "discountByUnit": False, "available": True,
    "variant1Type": "Size", "variant1Value": "XL", "timestamp": STAMP,
}  # fmt: skip
PRICE = {"productId": "TS-100", "discount": "15", "discountByUnit": False, "dateTo": STAMP, "timestamp": STAMP}
DOT = cell(GIF)
PICTURE = {"productId": "TS-100", "order": 1, "picture": DOT, "timestamp": STAMP}


def put_all(office, *files, batch="b-1"):
    for scope, records in files:
        office.put(batch, *records, name=f"main_{scope}_{batch}_0001.json")
    office.work()
    return [item for answer in office.answers().values() for item in answer]


def test_every_scope_has_its_own_file_and_its_own_shelf(office):
    level = {"productId": "TS-100", "stock": 4, "variant1Type": "Size", "variant1Value": "XL", "timestamp": STAMP}
    scopes = {"products": SHIRT, "productstocks": level, "productspecialprices": PRICE, "productpictures": PICTURE}
    for number, (scope, one) in enumerate(scopes.items(), 1):
        office.put(f"b-{number}", one, name=f"main_{scope}_b-{number}_0001.json")
    office.work()
    said = [item["originatorIdentifier"] for answer in office.answers().values() for item in answer]
    assert said == ["TS-100/XL", "TS-100/XL", f"TS-100/////{STAMP}////", "TS-100#1"]
    assert office.twin.violations() == []
    assert office.twin.stock() == {"TS-100/XL": "4"}
    assert office.twin.products()["TS-100/XL"]["netPrice"] == "19.99"
    (special,) = office.twin.special_prices().values()
    assert special["discount"] == "15"
    picture = office.twin.pictures()["TS-100#1"]["picture"]
    assert (picture["kind"], picture["bytes"]) == ("gif", len(GIF))
    (row,) = office.twin.shop()
    assert (row.key, row.name, row.available, row.net_price, row.tax, row.stock) == (
        "TS-100/XL", "T-shirt", True, "19.99", "21", "4"
    )  # fmt: skip
    assert row.special_prices == (f"15 until {STAMP}",)
    assert row.pictures == (f"gif of {len(GIF)} bytes",)
    assert [effect.scope for effect in office.twin.effects()] == list(scopes)
    assert [effect.value for effect in office.twin.effects(scope="products")] == ["19.99"]


def test_what_refers_to_a_product_needs_it(tmp_path):
    office = Office(tmp_path, products=frozenset({"OLD"}))
    early = put_all(office, ("productstocks", [record("TS-100"), record("OLD")]))
    assert [(item["state"], item.get("failureReason")) for item in early] == [
        ("rejected", ["V-REF: there is no such product"]),
        ("accepted", None),
    ]
    put_all(office, ("products", [SHIRT]), batch="b-2")
    other = {"variant1Type": "Size", "variant1Value": "S"}
    put_all(office, ("productstocks", [record("TS-100", variant1Type="Size", variant1Value="XL")]), batch="b-3")
    put_all(office, ("productpictures", [PICTURE, PICTURE | other]), batch="b-4")
    answers = office.answers()
    assert [item["state"] for item in answers["b-3_0001.json"]] == ["accepted"]
    assert [item["state"] for item in answers["b-4_0001.json"]] == ["accepted", "rejected"]


def test_a_product_that_is_off_sale_stays_on_the_shelf(office):
    put_all(office, ("products", [SHIRT]))
    put_all(office, ("products", [SHIRT | {"available": False}]), batch="b-2")
    assert [row.available for row in office.twin.shop()] == [False]


@pytest.mark.parametrize(("which", "count"), [("without_end", 1), ("whole", 2)])
def test_whether_the_end_of_a_special_price_can_be_moved(tmp_path, which, count):
    office = Office(tmp_path, special_price_key=which)
    put_all(office, ("productspecialprices", [PRICE | {"dateTo": "2024-06-30T21:59:59Z"}]))
    put_all(office, ("productspecialprices", [PRICE]), batch="b-2")
    ends = [fields["dateTo"] for fields in office.twin.special_prices().values()]
    assert (len(ends), ends[-1]) == (count, STAMP)


@pytest.mark.parametrize("scope", ["products", "productspecialprices", "productpictures"])
def test_stale_records_of_every_scope_are_skipped(office, scope):
    one = {"products": SHIRT, "productspecialprices": PRICE, "productpictures": PICTURE}[scope]
    put_all(office, (scope, [one]))
    put_all(office, (scope, [one | {"timestamp": "2024-05-02T09:29:57Z"}]), batch="b-2")
    assert office.answers()["b-2_0001.json"][0]["state"] == "skipped"


@pytest.mark.parametrize("scope", ["products", "productspecialprices", "productpictures"])
@pytest.mark.parametrize("fault", ["late", "parts", "twice", "unknown_batch", "unknown_state", "pending"])
def test_answers_go_wrong_in_every_scope(office, scope, fault):
    office.twin.faults.set({fault: 1, "late_seconds": 1.0})
    one = {"products": SHIRT, "productspecialprices": PRICE, "productpictures": PICTURE}[scope]
    put_all(office, (scope, [one]))
    office.after(100)
    states = {item["state"] for answer in office.answers().values() for item in answer}
    strange = {"unknown_state": {UNKNOWN_STATE}, "unknown_batch": {"accepted", "rejected"}}
    assert states == strange.get(fault, {"accepted", "pending"} if fault == "pending" else {"accepted"})


def test_every_shelf_outlives_the_twin(tmp_path):
    file = tmp_path / "sage.json"
    office = Office(tmp_path, state_file=file)
    put_all(office, ("products", [SHIRT]), ("productpictures", [PICTURE]))
    later = Office(tmp_path, state_file=file)
    assert later.twin.shop() == office.twin.shop()
    assert later.twin.pictures() == office.twin.pictures()
    assert later.twin.effects() == office.twin.effects()


def test_a_state_of_the_time_when_there_was_only_stock_is_read(tmp_path):
    old = {"at": "2024-05-02T09:29:58Z", "batch_id": "b", "file": "f", "key": "A", "stock": "5", "before": None}
    document = {
        "levels": {},
        "effects": [old | {"timestamp": STAMP}],
        "planned": [],
        "violations": [],
        "read_files": [],
    }
    (tmp_path / "sage.json").write_text(json.dumps(document))
    (effect,) = Office(tmp_path, state_file=tmp_path / "sage.json").twin.effects()
    assert (effect.scope, effect.value) == ("productstocks", "5")
