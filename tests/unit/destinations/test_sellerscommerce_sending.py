"""Sellers Commerce: what leaves for prices and stock, and what every row is told about it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.contracts import check as contract_check
from gateway.contracts import contract
from gateway.destinations.sellerscommerce import SellersCommerceDestination, SellersCommerceSettings
from gateway.destinations.sellerscommerce.endpoints import READS, WRITES
from gateway.errors import OutcomeUnknown, Refused, SettingsError, Throttled, Unreachable
from gateway.model import KEY, LINE, ROW, UNKNOWN, Reference, Repeat
from gateway.testing.clock import FakeClock
from gateway.testing.drive import as_sent, states
from gateway.transport.http import Response

PROCESSED = {"Results": "Processed", "ResponseMessage": "Processed Successfully", "StatusCode": 20}


def said(code, status=406, text="no"):
    return Response(status, {}, json.dumps({"Results": "X", "ResponseMessage": text, "StatusCode": code}).encode())


class Shop:
    """A store that takes every SKU but the bad ones, and answers a call about all that is in it."""

    def __init__(self, bad=(), code=34):
        self.bad = {*bad}
        self.code = code
        self.seen = []
        self.taken: dict[str, str] = {}
        self.trouble = {}

    def send(self, request):
        self.seen.append(request)
        trouble = self.trouble.pop(len(self.seen), None)
        if isinstance(trouble, Exception):
            raise trouble
        if trouble is not None:
            return trouble
        content = json.loads(request.body, parse_float=str, parse_int=str)
        rows = content if isinstance(content, list) else [content]
        if any(row["SKUCode"] in self.bad for row in rows):
            return said(self.code)
        self.taken |= {row["SKUCode"]: row.get("Inventory", row.get("Price")) for row in rows}
        return Response(200, {}, json.dumps(PROCESSED).encode())

    def close(self):
        pass


def settings(**more):
    keys = {"access_key": SecretStr("key"), "shared_secret": SecretStr("secret")}
    return SellersCommerceSettings(**{**keys, "price_basis": "net", "currency": "USD", **more})


def shop(transport, **more):
    return SellersCommerceDestination(settings(**more), transport=transport, clock=FakeClock(), account="s", name="sc")


def levels(count, **more):
    frame = pl.DataFrame({"sku": [f"S{n}" for n in range(count)]}, schema={"sku": pl.String})
    cells = {"quantity": "7", "command": None, **more}
    return frame.with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str("sku", pl.lit("\x1f")).alias(KEY),
        *(pl.lit(cell, pl.String).alias(name) for name, cell in cells.items()),
    )


def sent(destination, records, operation="stock", reference=None):
    told = {}
    for batch in destination.encode(operation, records, reference or Reference()):
        told |= states(batch, records, destination.submit(replace(batch, effects=pl.DataFrame())))
    return [told[key] for key in records[KEY]]


# ---------------------------------------------------------------- bodies


def test_stock_is_one_call_of_many_skus():
    there = Shop()
    assert sent(shop(there), levels(2, product_id="P/1")) == ["applied", "applied"]
    (request,) = there.seen
    assert (request.method, request.path, request.content_type) == (
        "POST", "/api/product/updateskuinventory", "application/json",
    )  # fmt: skip
    assert request.body == (
        b'[{"ProductCode":"P/1","SKUCode":"S0","Inventory":7},{"ProductCode":"P/1","SKUCode":"S1","Inventory":7}]'
    )


def test_zero_is_sent_and_what_ends_is_zero():
    there = Shop()
    rows = levels(2).with_columns(command=pl.Series([None, "end"], dtype=pl.String), quantity=pl.Series(["0", None]))
    sent(shop(there), rows)
    assert there.seen[0].body == b'[{"SKUCode":"S0","Inventory":0},{"SKUCode":"S1","Inventory":0}]'


def test_a_price_is_sent_with_its_own_digits():
    there = Shop()
    rows = levels(1).drop("quantity").with_columns(price=pl.lit("12345678901234.56"))
    assert sent(shop(there), rows, "price") == ["applied"]
    assert there.seen[0].path == "/api/product/updateskuprice"
    assert there.seen[0].body == b'[{"SKUCode":"S0","Price":12345678901234.56}]'


def test_the_wanted_price_of_a_sku_needs_nothing_but_sku_and_price():
    there = Shop()
    rows = pl.DataFrame(
        {"effect": [0], KEY: ["S0"], "sku": ["S0"], "price": ["9.5"]}, schema_overrides={"effect": pl.UInt32}
    )
    assert sent(shop(there), rows, "price") == ["applied"]


def test_calls_of_one_sku_where_the_store_takes_no_lists():
    there = Shop(bad=["S1"])
    assert sent(shop(there, stock_body="single"), levels(3)) == ["applied", "refused", "applied"]
    assert [one.body for one in there.seen] == [f'{{"SKUCode":"S{n}","Inventory":7}}'.encode() for n in range(3)]


def test_batches_are_cut_and_slots_are_of_families_or_of_the_store():
    for writers, slots in (("family", {"s:stock"}), ("store", {"s:write"})):
        made = list(shop(Shop(), stock_batch_size=4, writers=writers).encode("stock", levels(10), Reference()))
        assert [one.effects.height for one in made] == [4, 4, 2]
        assert {one.slot for one in made} == slots
        assert [one.effects["line"].to_list() for one in made] == [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2]]


def test_the_product_code_of_the_store_is_named_where_it_was_asked():
    there = Shop()
    known = pl.DataFrame({"sku": ["S0"], "product_code": ["P9"], "price": [None], "quantity": [None]})
    sent(shop(there), levels(1), reference=Reference(facts={"skus": known}))
    assert b'"ProductCode":"P9"' in there.seen[0].body


# ---------------------------------------------------------------- verdicts


def test_a_refused_call_is_halved_until_every_row_has_its_own_answer():
    there = Shop(bad=["S5"])
    destination, records = shop(there), levels(8)
    (batch,) = destination.encode("stock", records, Reference())
    receipt = destination.submit(batch)
    assert receipt.outcomes.rows() == [(6, None, "refused", "DEST_REFUSED", "34 InvalidSku: no", None)]
    assert sorted(there.taken) == ["S0", "S1", "S2", "S3", "S4", "S6", "S7"]
    assert len(there.seen) == 7
    assert json.loads(receipt.raw[0][1])[-1] == {
        "call": "/api/product/updateskuinventory 5-6", "answer": "34 InvalidSku: no",
    }  # fmt: skip


@given(size=st.integers(1, 40), data=st.data(), chunk=st.integers(1, 40))
def test_verdicts_are_exact_whatever_is_bad(size, data, chunk):
    bad = data.draw(st.sets(st.integers(0, size - 1)))
    there = Shop(bad=[f"S{n}" for n in bad])
    told = sent(shop(there, stock_batch_size=chunk), levels(size))
    assert told == ["refused" if n in bad else "applied" for n in range(size)]
    assert {*there.taken} == {f"S{n}" for n in range(size) if n not in bad}


def test_all_rows_are_refused_where_halving_is_off():
    there = Shop(bad=["S1"])
    assert sent(shop(there, on_batch_error="fail_all"), levels(3)) == ["refused"] * 3
    assert len(there.seen) == 1


@pytest.mark.parametrize(
    ("code", "more", "state"),
    [
        (33, {}, "skipped"), (33, {"exists_is_success": True}, "applied"), (27, {}, "skipped"), (23, {}, "refused"),
        (25, {}, "refused"), (30, {}, "refused"), (31, {}, "refused"), (35, {}, "refused"), (99, {}, "refused"),
    ],
)  # fmt: skip
def test_what_each_code_makes_of_a_row(code, more, state):
    assert sent(shop(Shop(bad=["S0"], code=code), **more), levels(1)) == [state]


@pytest.mark.parametrize("answer", [said(21, 404), said(22, 404), Response(404, {}, b"<html>"), Response(404, {}, b"")])
def test_what_concerns_the_account_stops_the_lane(answer):
    there = Shop()
    there.trouble[1] = answer
    with pytest.raises(Refused) as caught:
        sent(shop(there), levels(3))
    assert caught.value.status == "404"
    assert len(there.seen) == 1


@pytest.mark.parametrize("answer", [Response(400, {}, b'{"message": "no"}'), Response(406, {}, b"<html>")])
def test_a_refusal_without_a_code_is_one_of_rows(answer):
    there = Shop()
    there.trouble[1] = answer
    assert sent(shop(there), levels(2)) == ["applied", "applied"]
    assert len(there.seen) == 3


@pytest.mark.parametrize(("code", "tries"), [(29, 3), (36, 2)])
def test_a_failure_of_the_store_is_tried_again_later_and_then_told(code, tries):
    there = Shop(bad=["S1"], code=code)
    destination, records = shop(there), levels(2)
    (batch,) = destination.encode("stock", records, Reference())
    waits = []
    for _ in range(tries - 1):
        with pytest.raises(Unreachable) as caught:
            destination.submit(batch)
        waits.append(caught.value.after)
    assert waits == [1.0, 2.0][: tries - 1]
    assert list(states(batch, records, destination.submit(batch)).values()) == ["applied", "refused"]
    assert len(there.seen) == tries + 2  # halves of it are not waited for


@pytest.mark.parametrize("trouble", [Throttled("429", after=60.0), Unreachable("503"), OutcomeUnknown("timed out")])
def test_a_batch_that_stopped_in_the_middle_goes_on_where_it_stopped(trouble):
    there = Shop(bad=["S3"])
    there.trouble[3] = trouble
    destination, records = shop(there), levels(4)
    (batch,) = destination.encode("stock", records, Reference())
    with pytest.raises(type(trouble)):
        destination.submit(batch)
    assert list(states(batch, records, destination.submit(batch)).values()) == ["applied"] * 3 + ["refused"]
    bodies = [one.body for one in there.seen]
    assert bodies.pop(2) == bodies[2]  # the call without an answer, once more
    assert len(bodies) == len(set(bodies)) == 5


def test_another_batch_forgets_what_was_under_way_and_the_same_one_is_sent_anew_once_it_ended():
    there = Shop()
    destination = shop(there)
    (first,) = destination.encode("stock", levels(2), Reference())
    (second,) = destination.encode("stock", levels(2, quantity="8"), Reference())
    for batch in (first, second, first):
        destination.submit(batch)
    assert [json.loads(one.body)[0]["Inventory"] for one in there.seen] == [7, 8, 7]


def test_stock_goes_before_others_that_wait():
    there = Shop()
    destination = shop(there)
    sent(destination, levels(1))
    sent(destination, levels(1).with_columns(price=pl.lit("1")), "price")
    assert [(one.budget, one.interval, one.patience, one.stands_back) for one in there.seen] == [
        ("calls", 0.5, 30.0, False), ("calls", 0.5, 30.0, True),
    ]  # fmt: skip


# ---------------------------------------------------------------- what it says of itself


def test_a_batch_is_closed_at_once_and_a_lost_one_can_not_be_found():
    destination = shop(Shop())
    (batch,) = destination.encode("stock", levels(1), Reference())
    assert destination.find(as_sent(batch, None)) is UNKNOWN
    receipt = destination.submit(batch)
    assert receipt.closed
    found = destination.find(as_sent(batch, receipt))
    assert (found.ticket, str(found.rest)) == (receipt.ticket, "accepted")
    assert destination.poll([as_sent(batch, receipt)]) == {}


def test_operations_are_repeatable_share_a_budget_and_say_what_a_call_takes():
    destination = shop(Shop())
    assert [(one.name, one.contract, one.family, one.batch_size) for one in destination.operations] == [
        ("stock", "stock", "stock", 100), ("stock", "catalog", "stock", 100), ("product", "catalog", "product", 1),
        ("price", "price", "price", 100), ("price", "catalog", "price", 100), ("promotion", "promotion", "price", 100),
    ]  # fmt: skip
    for one in destination.operations:
        assert (one.repeat, one.budget, one.interval) == (Repeat.IF_NEWEST, "sellerscommerce", 0.5)
    assert [one.wanted for one in destination.operations if one.family == "price"] == ["base", "base", "promotion"]
    assert {one.family for one in shop(Shop(), price_basis=None).operations} == {"stock", "product"}


def judged(name, operation, chosen=None, /, **cells):
    agreed = contract(name)
    frame = pl.DataFrame({ROW: [2], LINE: [2], **{k: [v] for k, v in cells.items()}})
    one = next(o for o in shop(Shop(), **(chosen or {})).operations if (o.name, o.contract) == (operation, name))
    return set(contract_check(agreed, frame, requires=one.requires).issues["code"].to_list())


@pytest.mark.parametrize(
    "cells",
    [
        {"buy_quantity": "2", "get_quantity": "1"},
        {"percentage": "10", "customer_id": "C-1"},
        {"percentage": "10", "quantity_from": "2"},
        {"percentage": "10", "limit_total": "5"},
        {"percentage": "10", "spent_to": "5"},
        {"amount": "3", "price_basis": "net", "discount_by_unit": "false"},
    ],
)
def test_promotions_that_no_price_can_express_are_rejected(cells):
    row = {"sku": "A", "starts_at": "2026-12-01T00:00:00Z", **cells}
    assert "DEST_LIMIT" in judged("promotion", "promotion", **row)


def test_promotions_need_their_sku_and_prices_have_no_discount():
    row = {"percentage": "10", "starts_at": "2026-12-01T00:00:00Z"}
    assert judged("promotion", "promotion", **row, brand="Acme") == {"DEST_LIMIT"}
    assert "DEST_REQUIRED" in judged("promotion", "promotion", **row)
    assert judged("promotion", "promotion", sku="A", percentage="10", starts_at="2026-12-01T00:00:00Z") == set()
    priced = {"sku": "A", "price": "5", "price_basis": "net"}
    assert judged("price", "price", **priced) == set()
    assert judged("price", "price", **priced, discount_price="4") == {"DEST_LIMIT"}
    assert judged("price", "price", sku="A", command="end") == {"DEST_COMMAND"}


def test_stock_is_whole_and_has_no_warehouse():
    assert judged("stock", "stock", sku="A", quantity="1.5") == {"DEST_LIMIT"}
    assert judged("stock", "stock", sku="A", quantity="1", warehouse="W") == {"DEST_LIMIT"}
    assert judged("stock", "stock", sku="A", quantity="0") == set()


@pytest.mark.parametrize(
    ("name", "operation", "cells"),
    [
        ("stock", "stock", {"quantity": "1"}),
        ("catalog", "stock", {"quantity": "1"}),
        ("catalog", "product", {"name": "Tee", "brand": "Acme"}),
        ("catalog", "price", {"price": "5", "price_basis": "net"}),
        ("price", "price", {"price": "5", "price_basis": "net"}),
        ("promotion", "promotion", {"percentage": "10", "ends_at": "2026-12-01T00:00:00Z"}),
    ],
)
def test_rows_for_some_vendors_are_rejected_or_told_to_hold_for_all(name, operation, cells):
    cells = {"sku": "A", **cells}
    assert judged(name, operation, **cells, vendor_ids="") == set()
    assert judged(name, operation, **cells, vendor_ids="berlin") == {"DEST_LIMIT"}
    assert judged(name, operation, {"vendors": "warn"}, **cells, vendor_ids="berlin") == {"DEST_NOT_SENT"}


def test_no_portal_administration_or_undocumented_method_is_known():
    paths = [one.path.casefold() for one in (*READS.values(), *WRITES.values())]
    assert len({(one.method, one.path) for one in (*READS.values(), *WRITES.values())}) == 30
    for word in ("portaladmin", "portallogin", "ordersamplepost", "getproducts"):
        assert not any(word in path for path in paths)
    assert all(one.use for one in (*READS.values(), *WRITES.values()))


def test_the_page_lists_every_method_with_its_use():
    page = (Path(__file__).parents[3] / "docs/destinations/sellerscommerce.md").read_text("utf-8")
    table = page.split("| method | verb | seen in |\n| --- | --- | --- |\n", 1)[1].split("\n\n", 1)[0]
    listed = sorted(tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines())
    known = []
    for one in (*READS.values(), *WRITES.values()):
        path = one.path.lstrip("/").replace("{key}", f"{{{one.key}}}")
        known.append((f"`{path}{f'?{one.parameter}' if one.parameter else ''}`", one.method, one.use))
    assert listed == sorted(known)


def test_keys_are_never_shown():
    for shown in (repr(settings()), str(settings().access()), settings().model_dump_json()):
        assert "secret'" not in shown.replace("shared_secret'", "")
        assert '"key"' not in shown
    with pytest.raises(SettingsError, match="transport"):
        shop(None)
