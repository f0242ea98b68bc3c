"""New products at vendors: exact bodies, duplicates, and accounts that may not."""

from __future__ import annotations

import json

import polars as pl
import pytest
from pydantic import SecretStr
from support.partner_promotions import Script

from gateway.delivery.portions import fanned_out
from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings
from gateway.model import KEY, KEY_SEPARATOR, LINE, ROW, Operation, Receipt, Reference, RowState
from gateway.testing.clock import FakeClock
from gateway.testing.drive import as_sent, states
from gateway.transport.http import Response

STORES = ("V1", "V2")
LISTED = {
    "categories": [
        {"global_id": "id-milk", "name": {"en_SG": "Milk", "de_DE": "Milch"}},
        {"global_id": "id-bread", "name": "Bread"},
        {"name": "Nothing"},
        "strange",
    ]
}


@pytest.fixture
def made(tmp_path):
    def build(*steps, create=True, **more):
        chosen = PartnerApiSettings(
            **{
                "brand": "foodpanda", "channel": "rest", "chain_id": "c-1", "tokens": {"all": SecretStr("t")},
                "vendors": {"V1": {"id": "p1"}, "V2": {}}, "price_basis": "gross", "currency": "EUR",
                "archive": tmp_path, "keys": {"features": {"create_products": create}},
            }
            | more
        )  # fmt: skip
        return PartnerApiDestination(chosen, transport=Script(*steps), clock=FakeClock(), account="acc", name="panda")

    return build


def rows(*cells):
    """Records as they are encoded: one per row and vendor."""
    names = dict.fromkeys(["vendor_ids", *(name for one in cells for name in one)])
    frame = pl.DataFrame(
        {name: [one.get(name) for one in cells] for name in names}, schema=dict.fromkeys(names, pl.String)
    )
    numbered = frame.with_columns(
        pl.col("sku").alias(KEY),
        pl.int_range(2, 2 + pl.len(), dtype=pl.Int64).alias(ROW),
        pl.int_range(2, 2 + pl.len(), dtype=pl.Int64).alias(LINE),
    )
    apart = fanned_out(numbered, Operation("create", "catalog", "product", (), 1, each="vendor_ids", every=STORES))
    return apart.with_columns(pl.int_range(10, 10 + pl.len(), dtype=pl.UInt32).alias("effect"))


def of_both(state):
    """What becomes of a product at both vendors."""
    return {f"{sku}{KEY_SEPARATOR}{store}": said for sku, said in state.items() for store in STORES}


MILK = {"sku": "M", "name": 'Milk "1 l"', "barcode": "96385074", "category": "Food\\Milk", "price": "1.20"}


def encoded(destination, records):
    return list(destination.encode("create", records, destination.gather("create", records)))


def test_products_of_the_same_vendors_are_one_call(made):
    destination = made(LISTED)
    one, other = encoded(
        destination,
        rows(MILK, {"sku": "B", "name": "Bread", "price": "2", "vendor_ids": "V2", "long_description": "<p>x</p>"}),
    )
    assert one.body.decode() == (
        '{"vendors":["V2", "p1"],"products":[{"sku":"M","title":{"en_SG":"Milk \\"1 l\\""},"barcode":"96385074",'
        '"categories":["id-milk"],"price":1.20}]}'
    )
    assert json.loads(other.body) == {
        "vendors": ["V2"],
        "products": [{"sku": "B", "title": {"en_SG": "Bread"}, "description": {"en_SG": "<p>x</p>"}, "price": 2}],
    }


def test_a_row_per_vendor_is_a_call_per_price_and_one_where_they_agree(made):
    destination = made(LISTED)
    milk = {**MILK, "vendor_ids": "V1"}
    records = rows(
        milk, {**milk, "vendor_ids": "V2", "price": "1.30"}, *({**milk, "sku": "B", "vendor_ids": v} for v in STORES)
    )
    found = {
        tuple(json.loads(one.body)["vendors"]): (
            [(p["sku"], p["price"]) for p in json.loads(one.body)["products"]], one.effects.rows()
        )
        for one in encoded(destination, records)
    }  # fmt: skip
    assert found == {
        ("p1",): ([("M", 1.2)], [(10, 1)]),
        ("V2",): ([("M", 1.3)], [(11, 1)]),
        ("V2", "p1"): ([("B", 1.2)], [(12, 1), (13, 1)]),
    }


def test_categories_are_checked_once_they_were_read(made):
    destination = made(LISTED)
    milk = {**MILK, "vendor_ids": "V1"}
    records = rows(milk, {**milk, "sku": "X", "category": "Food\\Wine"}, {**milk, "sku": "Y", "category": "id-bread"})
    assert destination.check("create", records, Reference(), FakeClock().now().date()).height == 0
    found = destination.check("create", records, destination.gather("create", records), FakeClock().now().date())
    assert found.select(ROW, "code", "field", "value").rows() == [(3, "DEST_LIMIT", "category", "Food\\Wine")]


def test_a_table_of_categories_comes_before_names(made, tmp_path):
    table = tmp_path / "c.csv"
    table.write_text("category;code\nFood\\Milk;id-9\n", "utf-8")
    destination = made(categories=table)
    (batch,) = encoded(destination, rows(MILK))
    assert json.loads(batch.body)["products"][0]["categories"] == ["id-9"]
    strange = rows({**MILK, "vendor_ids": "V2", "category": "Food\\Wine"})
    assert destination.check("create", strange, Reference(), FakeClock().now().date()).height == 1


def test_duplicates_are_no_fault_and_feedback_names_the_others(made):
    reasons = [{"rejected_data": "title", "rejected_reason": "too long"}]
    result = {
        "item_level_feedback": [
            {"sku": "B", "status": "REJECTED", "rejection_reasons": reasons},
            {"sku": "C", "status": "SUCCESS", "rejection_reasons": []},
        ],
        "duplicated_products": ["M"],
    }  # fmt: skip
    accepted = Response(202, {}, b'{"job_id":"j1","job_status":"QUEUED"}')
    destination = made(LISTED, accepted, {"job_status": "COMPLETED", "result": result})
    records = rows(MILK, {**MILK, "sku": "B"}, {**MILK, "sku": "C"})
    (batch,) = encoded(destination, records)
    receipt = destination.submit(batch)
    receipt = destination.poll([as_sent(batch, receipt, intent_at=FakeClock().now())])[1]
    assert states(batch, records, receipt) == of_both({"M": "applied", "B": "refused", "C": "applied"})
    told = {line: message for line, _, _, _, message, *_ in receipt.outcomes.rows()}
    assert told[1] == "it was there already"
    assert told[2] == "title: too long"


def test_a_delivery_about_new_products_of_several_stores_only_wakes_their_call(made):
    accepted = Response(202, {}, b'{"job_id":"j1"}')
    destination = made(LISTED, accepted, Response(409, {}, b'{"message":"busy"}'))
    (batch,) = encoded(destination, rows(MILK))
    destination.submit(batch)
    told = {"job_id": "j1", "job_status": "COMPLETED", "download_url": "/logs/1.csv", "vendor_id": "p1"}
    assert destination.hear(json.dumps(told).encode(), {}) == {"j1": Receipt("j1", after=0.0)}
    assert destination.submit(batch).message == "busy"  # it is about no store more than about the other


def test_what_no_job_names_is_read_back_from_a_vendor_though_all_are_meant(made):
    accepted = Response(202, {}, b'{"job_id":"j1"}')
    page = {"products": [{"sku": "M", "price": 1.2, "active": True}], "total_pages": 1}
    keys = {"features": {"create_products": True, "read_back": "pages"}}
    destination = made(LISTED, accepted, {"job_status": "COMPLETED"}, page, all_vendors=True, keys=keys)
    records = rows(MILK)
    (batch,) = encoded(destination, records)
    assert json.loads(batch.body)["vendors"] == ["*"]
    receipt = destination.poll([as_sent(batch, destination.submit(batch), intent_at=FakeClock().now())])[1]
    assert states(batch, records, receipt) == of_both({"M": "applied"})
    assert destination._way._calls._transport.seen[-1].path == "/v2/chains/c-1/vendors/p1/catalog"


def test_an_account_that_may_not_create_says_so(made):
    destination = made(LISTED, Response(501, {}, b""))
    (batch,) = encoded(destination, rows(MILK))
    receipt = destination.submit(batch)
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.REFUSED, "DEST_ONBOARDING")


def test_creation_is_off_by_default_and_before_stock_and_price_where_on(made):
    assert "create" not in {one.name for one in made(create=False).operations}
    operations = {(one.name, one.contract): one for one in made().operations}
    assert operations["create", "catalog"].family == "product"
    assert operations["stock", "catalog"].after == operations["price", "catalog"].after == ("product",)
    assert operations["stock", "stock"].after == ()


def test_rows_that_end_create_nothing(made):
    destination = made(LISTED)
    (batch,) = encoded(destination, rows({"sku": "M", "command": "end"}))
    assert destination.submit(batch) == Receipt(
        "done", closed=True, rest=RowState.SKIPPED, code="DEST_NOTHING", message="there is nothing to end by this call"
    )
