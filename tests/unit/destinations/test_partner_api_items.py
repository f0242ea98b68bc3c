"""Catalog updates of the Partner API: exact bodies, vendors taking turns, and what rows must not say."""

from __future__ import annotations

import json

import polars as pl
import pytest
from pydantic import SecretStr, ValidationError

from gateway.contracts import check, contract
from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings, items
from gateway.errors import SettingsError
from gateway.model import EACH, KEY, KEY_SEPARATOR, LINE, ROW, Reference
from gateway.testing.clock import FakeClock

TOKEN = "portal-token-51aa"


def settings(**more):
    given = {
        "brand": "foodpanda", "channel": "rest", "chain_id": "c-1", "tokens": {"all": SecretStr(TOKEN)},
        "vendors": {"V1": {}, "V2": {"id": "p2", "sales_buffer": 3}}, "price_basis": "gross", "currency": "EUR",
    }  # fmt: skip
    return PartnerApiSettings(**{**given, **more})


def rows(*cells, **alike):
    """Records from (sku, vendor, more)."""
    names = dict.fromkeys(name for _, _, more in cells for name in more)
    frame = pl.DataFrame(
        {"sku": [sku for sku, *_ in cells], EACH: [vendor for _, vendor, _ in cells]}
        | {name: [more.get(name) for *_, more in cells] for name in names},
        schema={"sku": pl.String, EACH: pl.String} | dict.fromkeys(names, pl.String),
    )
    return frame.with_columns(
        pl.int_range(10, 10 + pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str("sku", EACH, separator=KEY_SEPARATOR).alias(KEY),
        *(pl.lit(value).alias(name) for name, value in alike.items()),
    )


def encoded(operation, records, **more):
    chosen = settings(**more)
    return list(items.encode(operation, records, "acc", chosen, chosen.load_profile()))


def told(operation, records, **more):
    (batch,) = encoded(operation, records, **more)
    return json.loads(batch.body)["products"]


def test_a_level_is_a_whole_number_and_nothing_else_is_said():
    records = rows(("A", "V1", {"quantity": "7"}), ("B", "V1", {"quantity": "0", "maximum_sales_quantity": "4"}))
    (batch,) = encoded("stock", records)
    assert batch.body == (
        b'{"products":[{"sku":"A","quantity":7},{"sku":"B","quantity":0,"maximum_sales_quantity":4}]}'
    )
    assert batch.effects.rows() == [(10, 1), (11, 2)]
    assert batch.slot == "acc:vendor:V1"


def test_a_price_keeps_its_digits():
    records = rows(("A", "V1", {"price": "2.35"}), ("B", "V1", {"price": "1234567.125"}))
    (batch,) = encoded("price", records)
    assert batch.body == b'{"products":[{"sku":"A","price":2.35},{"sku":"B","price":1234567.125}]}'


def test_the_cap_per_order_is_named_as_the_profile_says():
    records = rows(("A", "V1", {"quantity": "7", "maximum_sales_quantity": "2"}), ("B", "V1", {"quantity": "1"}))
    keys = {"rest": {"fields": {"max_sales_quantity_name": "max_sales_quantity"}}}
    assert told("stock", records, keys=keys)[0] == {"sku": "A", "quantity": 7, "max_sales_quantity": 2}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"quantity": "7"}, {"quantity": 7}),
        ({"available": "true"}, {"active": True}),
        ({"available": "true", "quantity": "7"}, {"quantity": 7}),
        ({"available": "false", "quantity": "7"}, {"active": False}),
        ({"available": "false"}, {"active": False}),
        ({"command": "end", "quantity": "7", "maximum_sales_quantity": "2"}, {"active": False}),
        ({"maximum_sales_quantity": "2"}, {"maximum_sales_quantity": 2}),
        ({"quantity": "", "available": "true"}, {"active": True}),
    ],
)
def test_one_of_active_and_quantity(row, said):
    first, _ = told("stock", rows(("A", "V1", row), ("B", "V1", {"quantity": "1"})))
    assert first == {"sku": "A", **said}


@pytest.mark.parametrize(("quantity", "active"), [("3", False), ("4", True), ("0", False)])
def test_where_quantities_are_not_taken_the_buffer_decides(quantity, active):
    keys = {"features": {"quantity_updates": False}}
    records = rows(("A", "V2", {"quantity": quantity}), ("B", "V2", {"available": "true"}))
    assert told("stock", records, keys=keys) == [{"sku": "A", "active": active}, {"sku": "B", "active": True}]


def test_both_may_be_said():
    keys = {"availability": {"mode": "both"}}
    records = rows(("A", "V1", {"quantity": "0"}), ("B", "V1", {"available": "false", "quantity": "4"}))
    assert told("stock", records, keys=keys) == [
        {"sku": "A", "active": True, "quantity": 0},
        {"sku": "B", "active": False, "quantity": 4},
    ]


@pytest.mark.parametrize(("quantity", "active"), [("3", False), ("4", True)])
def test_the_only_product_of_a_call_says_active_instead_of_its_quantity(quantity, active):
    records = rows(("A", "V2", {"quantity": quantity, "maximum_sales_quantity": "9"}))
    assert told("stock", records) == [{"sku": "A", "active": active, "maximum_sales_quantity": 9}]
    assert told("stock", records, keys={"availability": {"single_product": "as_is"}}) == [
        {"sku": "A", "quantity": int(quantity), "maximum_sales_quantity": 9}
    ]


def test_a_sku_that_looks_like_json_stays_what_it_is():
    assert told("stock", rows(('x"quantity":5', "V1", {"quantity": "2"}))) == [{"sku": 'x"quantity":5', "active": True}]


def test_barcodes_are_padded_where_the_brand_wants_it():
    keys = {"rest": {"fields": {"identifier": "barcode", "barcode_pad_to": "14"}}}
    records = rows(("4006381333931", "V1", {"quantity": "2"}), ("96385074", "V1", {"quantity": "2"}))
    assert [one["barcode"] for one in told("stock", records, keys=keys)] == ["04006381333931", "00000096385074"]


def test_vendors_take_turns_and_calls_keep_the_limits():
    records = rows(*((f"S{n}", vendor, {"quantity": "1"}) for vendor in ("V1", "V2") for n in range(5)))
    batches = encoded("stock", records, keys={"rest": {"limits": {"max_products": 2}}})
    assert [one.slot for one in batches] == ["acc:vendor:V1", "acc:vendor:V2"] * 3
    assert sorted(effect for one in batches for effect in one.effects["effect"]) == list(range(10, 20))
    assert max(one.effects.height for one in batches) == 2


def test_more_jobs_of_a_vendor_have_slots_of_their_own():
    records = rows(*((f"S{n}", "V1", {"quantity": "1"}) for n in range(6)))
    keys = {"rest": {"limits": {"max_products": 2}}, "in_flight_jobs_per_vendor": 2}
    assert [one.slot for one in encoded("stock", records, keys=keys)] == [
        "acc:vendor:V1", "acc:vendor:V1:1", "acc:vendor:V1",
    ]  # fmt: skip


def test_a_price_that_ends_causes_no_call():
    batches = encoded("price", rows(("A", "V1", {"price": "2", "command": "end"}), ("B", "V1", {"price": "3"})))
    assert [(one.body, one.memo.get("unsent")) for one in batches] == [
        (b"", "nothing"), (b'{"products":[{"sku":"B","price":3}]}', None),
    ]  # fmt: skip


def test_rows_without_a_vendor_need_an_account_with_one():
    records = rows(("A", "V1", {"quantity": "1"})).drop(EACH)
    with pytest.raises(SettingsError):
        encoded("stock", records)
    assert encoded("stock", records, vendors={"V9": {}})[0].slot == "acc:vendor:V9"


def test_items_can_be_whole():
    operations = PartnerApiDestination.SPEC.operations(settings(keys={"rest": {"fields": {"partial_items": False}}}))
    assert [(one.name, one.contract) for one in operations] == [("stock", "catalog"), ("promotion", "promotion")]
    assert "DEST_NOT_SENT" in {one.code for one in operations[0].requires}
    rows_ = rows(("A", "V1", {"quantity": "1", "price": "2.5", "available": "true"}), ("B", "V1", {"command": "end"}))
    assert told("stock", rows_) == [{"sku": "A", "price": 2.5, "quantity": 1}, {"sku": "B", "active": False}]


# ---------------------------------------------------------------- what rows must not say


def refused(name, agreed, **cells):
    operations = PartnerApiDestination.SPEC.operations(settings())
    operation = next(one for one in operations if (one.name, one.contract) == (name, agreed))
    frame = pl.DataFrame({key: [value] for key, value in cells.items()}, schema=dict.fromkeys(cells, pl.String))
    frame = frame.with_columns(pl.lit(2, pl.Int64).alias(ROW), pl.lit(2, pl.Int64).alias(LINE))
    return [
        (code, field)
        for *_, code, field, _, _ in check(contract(agreed), frame, requires=operation.requires).issues.rows()
    ]


@pytest.mark.parametrize(
    ("agreed", "cells", "issues"),
    [
        ("stock", {"quantity": "7"}, []),
        ("stock", {"quantity": "7.5"}, [("DEST_LIMIT", "quantity")]),
        ("stock", {"quantity": "7", "warehouse": "MAIN"}, [("DEST_LIMIT", "warehouse")]),
        ("stock", {"quantity": "7", "vendor_ids": "V1|V3"}, [("NOT_LISTED", "vendor_ids")]),
        ("stock", {"quantity": "7", "vendor_ids": "V2|V1"}, []),
        ("price", {"price": "0", "price_basis": "gross"}, [("DEST_LIMIT", "price")]),
        ("price", {"command": "end"}, [("DEST_COMMAND", "command")]),
        ("catalog", {"price": "2", "discount": "20", "price_basis": "gross"}, [("DEST_NOT_SENT", "discount")]),
        ("catalog", {"price": "2", "discount": "0", "price_basis": "gross"}, []),
        ("catalog", {"discount": "20", "command": "end"}, []),
        (
            "price",
            {"price": "2", "discount_price": "1", "price_basis": "gross"},
            [("DEST_LIMIT", "discount_price")],
        ),
    ],
)
def test_what_the_platform_could_not_take_is_rejected_before(agreed, cells, issues):
    assert refused("stock" if agreed == "stock" else "price", agreed, sku="A", **cells) == issues


@pytest.mark.parametrize("basis", ["gross", None])
def test_a_lasting_discount_of_a_catalog_row_is_told_as_not_sent(basis):
    """Once for a row, and only where there is any."""
    cells = pl.DataFrame({"discount": ["20", "0", None, "20"], "command": [None, None, None, "end"]})
    operations = PartnerApiDestination.SPEC.operations(settings(price_basis=basis))
    told = [one for op in operations if op.contract == "catalog" for one in op.requires if one.code == "DEST_NOT_SENT"]
    (rule,) = told
    assert cells.select(rule.where.fill_null(value=False)).to_series().to_list() == [True, False, False, False]


@pytest.mark.parametrize(("dates", "issues"), [({}, ["starts_at", "ends_at"]), ({"starts_at", "ends_at"}, [])])
def test_a_promotion_ends_by_the_dates_it_was_sent_with(dates, issues):
    cells = dict.fromkeys(dates, "2031-03-16T00:00:00Z") | {"promotion_id": "W12", "command": "end"}
    found = refused("promotion", "promotion", sku="A", **cells)
    assert found == [("DEST_REQUIRED", name) for name in issues]


def test_without_a_basis_only_levels_are_taken():
    operations = PartnerApiDestination.SPEC.operations(settings(price_basis=None))
    assert {(one.name, one.contract) for one in operations} == {("stock", "stock"), ("stock", "catalog")}


def test_calls_of_all_families_share_one_budget():
    operations = PartnerApiDestination.SPEC.operations(settings(keys={"features": {"create_products": True}}))
    assert {(one.budget, one.interval) for one in operations} == {("egress", 60 / 45)}
    assert {one.each for one in operations if one.family in {"stock", "price"}} == {"vendor_ids"}
    assert {one.every for one in operations if one.family == "stock"} == {("V1", "V2")}


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"brand": "nobody"}, "unknown profile 'nobody'"),
        ({"tokens": {}}, "calls need chain_id"),
        ({"chain_id": None}, "calls need chain_id"),
        ({"client_id": "x"}, "go together"),
        ({"client_id": "x", "client_secret": SecretStr("y")}, "not both"),
        ({"tokens": {"order": SecretStr("t")}}, "did you mean 'orders'"),
        ({"tokens": {"all": SecretStr("Bearer x")}}, "without Bearer"),
        ({"vendors": {"V1": {"id": "x"}, "V2": {"id": "x"}}}, "two vendors"),
        ({"vendors": {"V 1": {}}}, "letters, digits"),
        ({"vendors": {"V1": {"timezone": "Mars"}}}, "no time zone"),
        ({"vendors": {}}, "at least 1"),
        ({"channel": "sftp"}, "sftp_user"),
        ({"channel": "sftp", "sftp_user": "u", "sftp_known_hosts": "k"}, "either sftp_password"),
        ({"host": "http://example.com"}, "only https"),
    ],
)
def test_settings_that_can_not_be(more, said):
    with pytest.raises(ValidationError, match=said) as caught:
        settings(**more)
    assert TOKEN not in str(caught.value)


def test_an_unknown_profile_key_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"rest\.limits\.max_product\b"):
        settings(keys={"rest": {"limits": {"max_product": 5}}}).load_profile()
    path = tmp_path / "own.toml"
    path.write_text("[jobs]\ngive_up_s = -1\n", "utf-8")
    with pytest.raises(SettingsError, match=r"own\.toml: jobs\.give_up_s"):
        settings(profile=path).load_profile()


def test_a_profile_is_laid_over_the_brand_and_keys_over_that(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text("[rest.limits]\nmax_products = 50\nfloor_products = 7\n", "utf-8")
    profile = settings(profile=path, keys={"rest": {"limits": {"max_products": 9}}}).load_profile()
    limits = profile.rest.limits
    assert (limits.max_products, limits.floor_products, limits.max_body_kib) == (9, 7, 4096)
    assert profile.rest.base_url == "https://foodpanda.partner.deliveryhero.io"


def test_a_faster_twin_shrinks_delays():
    faster = settings().at_speed(10.0).load_profile()
    assert faster.rest.limits.requests_per_minute == 450.0
    assert faster.jobs.poll_after_s[0] == 6.0
    assert faster.confirm.window_s.catalog == 180.0


def test_encoding_by_the_destination_knows_its_operations():
    class Nothing:
        def send(self, request): ...

        def close(self): ...

    made = PartnerApiDestination(settings(), transport=Nothing(), clock=FakeClock(), account="acc", name="panda")
    with pytest.raises(SettingsError, match="no operation 'write'"):
        made.encode("write", rows(("A", "V1", {"quantity": "1"})), Reference())
