"""Which calls rows of promotions become."""

from __future__ import annotations

import json

import polars as pl
from support.partner_promotions import FROM, LATER, UNTIL, completed, encoded, rows, run, sent, taken

from gateway.model import EACH, KEY, KEY_SEPARATOR, LINE, ROW, Reference
from gateway.testing.clock import FakeClock


def bodies(batch):
    return [json.loads(line) for line in batch.body.decode().splitlines()]


# ---------------------------------------------------------------- exact bodies


def test_rows_of_one_campaign_are_one_call(made):
    (batch,) = encoded(
        made(),
        rows(
            {"sku": "A", "price": "1.99", "vendor_ids": "V2|V1"},
            {"sku": "B", "price": "1.99", "vendor_ids": "V1|V2"},
            {"sku": "C", "percentage": "15"},
            {"sku": "D", "amount": "0.5"},
        ),
    )
    assert batch.body.decode() == (
        '{"active":true,"conditions":{"end_time":"2031-03-22T23:59:59Z","start_time":"2031-03-16T00:00:00Z"},'
        '"discount":['
        '{"active":true,"discount_subtype":"FINAL_PRICE","discount_value":1.99,"sku":["A","B"]},'
        '{"active":true,"discount_subtype":"PERCENTAGE","discount_value":15,"sku":["C"]},'
        '{"active":true,"discount_subtype":"ABSOLUTE","discount_value":0.5,"sku":["D"]}],'
        '"display_name":{"en_SG":"Week 12"},"reason":"COMPETITIVENESS","type":"STRIKETHROUGH","vendors":["p1","p2"]}'
    )
    assert batch.effects.rows() == [(10, 1), (11, 2), (12, 3), (13, 4)]


def test_bundles_limits_and_reasons_make_promotions_of_their_own(made):
    found = encoded(
        made(),
        rows(
            {"sku": "A", "buy_quantity": "2", "get_quantity": "1"},
            {"sku": "B", "price": "2", "limit_total": "100"},
            {"sku": "C", "price": "2", "reason": "expiring soon"},
            {"sku": "D", "price": "2", "reason": "because"},
            {"sku": "E", "price": "2", "vendor_ids": "V1"},
        ),
    )
    heads = [{name: one[name] for name in one if name not in {"discount", "active"}} for (one,) in map(bodies, found)]
    assert [one["display_name"]["en_SG"] for one in heads] == [
        "Week 12 2+1", "Week 12 max 100", "Week 12 EXPIRING_SOON", "Week 12", "Week 12",
    ]  # fmt: skip
    assert heads[0]["type"] == "SAME_ITEM_BUNDLE"
    assert heads[0]["conditions"]["purchased_quantity"] == 2
    assert heads[0]["conditions"]["discounted_quantity"] == 1
    assert heads[1]["limits"] == {"global_limit": 100}
    assert heads[2]["reason"] == "EXPIRING_SOON"
    assert heads[4]["vendors"] == ["p1"]
    assert len({one.slot for one in found}) == 5


def test_a_star_stands_for_all_vendors_where_the_settings_list_all(made):
    ((one,),) = map(bodies, encoded(made(all_vendors=True), rows({"sku": "A", "price": "2"})))
    assert one["vendors"] == ["*"]


def test_a_promotion_too_large_is_numbered(made):
    keys = {"rest": {"limits": {"max_promotion_pairs": 4}}}
    found = encoded(made(keys=keys), rows(*({"sku": f"S{n}", "price": "2"} for n in range(5))))
    names = [bodies(one)[0]["display_name"]["en_SG"] for one in found]
    assert names == ["Week 12", "Week 12 (2)", "Week 12 (3)"]
    assert [one.effects.height for one in found] == [2, 2, 1]


def test_two_rows_of_one_entry_are_rejected(made):
    records = rows(
        {"sku": "A", "price": "2"}, {"sku": "A", "price": "3", "promotion_id": "other"}, {"sku": "B", "price": "2"}
    )
    records = records.with_columns(
        pl.int_range(2, 5, dtype=pl.Int64).alias(ROW), pl.int_range(2, 5, dtype=pl.Int64).alias(LINE)
    )
    found = made().check("promotion", records, Reference(), FakeClock().now().date())
    assert found.select(ROW, "code", "detail").rows() == [
        (2, "DEST_ONE_PER_KEY", "promotion other"),
        (3, "DEST_ONE_PER_KEY", "promotion W12"),
    ]


def test_rows_of_one_promotion_that_stand_twice_are_not_told_to_be_of_another(made):
    """They have one key, of which the contract tells."""
    records = rows(*({"sku": "A", "price": price} for price in ("2", "2", "3")))
    records = records.with_columns(pl.Series(name, [2, 3, 4], pl.Int64) for name in (ROW, LINE))
    assert made().check("promotion", records, Reference(), FakeClock().now().date()).is_empty()


def test_a_row_that_stands_twice_beside_another_promotion_is_told_of_that_one(made):
    records = rows(*({"sku": "A", "price": "2", "promotion_id": one} for one in ("P5", "P5", None, "P6")))
    records = records.with_columns(pl.Series(name, [2, 3, 4, 5], pl.Int64) for name in (ROW, LINE))
    found = made().check("promotion", records, Reference(), FakeClock().now().date())
    assert found["detail"].to_list() == ["a row without promotion_id"] * 2 + ["promotion P5"] * 2


def beside(destination, clock, records):
    placed = records.with_columns(pl.col("effect").cast(pl.Int64).alias(ROW), pl.lit(0, pl.Int64).alias(LINE))
    found = destination.check("promotion", placed, destination.gather("promotion", placed), clock.now().date())
    return found.select(ROW, "code", "field", "detail").rows()


def test_a_row_whose_promotion_runs_with_other_dates_says_which(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    nearer = {"sku": "A", "price": "2", "ends_at": "2031-03-18T00:00:00Z"}
    assert beside(made(), clock, rows(nearer)) == [(10, "PROMOTION_RUNS", "ends_at", f"from {FROM} to {UNTIL}")]
    assert beside(made(), clock, rows(nearer, {"sku": "A", "command": "end"})) == []
    assert beside(made(), clock, rows(nearer, {"sku": "A", "status": "inactive"})) == []
    apart = {"sku": "A", "price": "2", "starts_at": "2031-03-23T00:00:00Z", "ends_at": LATER}
    following = {"sku": "A", "price": "2", "starts_at": UNTIL, "ends_at": LATER}
    assert beside(made(), clock, rows(following)) == []
    assert beside(made(), clock, rows(apart, {**nearer, "promotion_id": "other"}, {"sku": "A", "price": "3"})) == []


def test_what_runs_by_another_id_is_not_replaced_before_it_has_ended(made, clock):
    """Of one name, window and stores the platform holds one promotion of a product."""
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    other = {"sku": "A", "price": "3", "promotion_id": "W13"}
    ((_, code, _, detail),) = beside(made(), clock, rows(other))
    assert (code, detail.startswith("promotion W12, which runs with the same name")) == ("DEST_ONE_PER_KEY", True)
    end = {"sku": "A", "command": "end"}
    for more in ({"campaign": "Other"}, {"vendor_ids": "V1"}, {"starts_at": "2031-04-16T00:00:00Z", "ends_at": LATER}):
        assert beside(made(), clock, rows({**other, **more})) == []
    assert beside(made(), clock, rows(other, end)) == []


def test_the_same_promotion_may_have_other_dates_at_other_vendors(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2", "vendor_ids": "V1"}), clock)
    nearer = {"sku": "A", "price": "2", "ends_at": "2031-03-18T00:00:00Z"}
    assert beside(made(), clock, rows({**nearer, "vendor_ids": "V2"})) == []
    assert len(beside(made(), clock, rows(nearer))) == 1


# ---------------------------------------------------------------- a store's own promotions


def per_store(*cells):
    """Records as they are encoded where every store has its own: one per row and store, which ends the key."""
    frame = rows(*({name: value for name, value in one.items() if name != EACH} for one in cells))
    stores = pl.Series(EACH, [one[EACH] for one in cells], pl.String)
    return frame.with_columns(stores, pl.concat_str(pl.col(KEY), stores, separator=KEY_SEPARATOR).alias(KEY))


def test_stores_with_promotions_of_their_own_leave_each_other_be(made, clock):
    first = made(taken("1"), completed(), taken("2"), completed(), promotions_per_vendor=True)
    both = [{"sku": "A", "price": "2", EACH: "V1"}, {"sku": "A", "price": "3", EACH: "V2"}]
    assert set(run(first, per_store(*both), clock).values()) == {"applied"}
    assert [(one["vendors"], one["discount"][0]["discount_value"]) for one in sent(first)] == [(["p1"], 2), (["p2"], 3)]
    second = made(taken("3"), completed(), promotions_per_vendor=True)
    run(second, per_store({"sku": "A", "command": "end", EACH: "V1"}), clock)
    assert sent(second) == [{**sent(first)[0], "active": False}]
    third = made(promotions_per_vendor=True)
    other = per_store(*({"sku": "A", "price": "2", "ends_at": LATER, EACH: store} for store in ("V1", "V2")))
    other = other.with_columns(pl.Series(ROW, [2, 3], pl.Int64), pl.Series(LINE, [2, 3], pl.Int64))
    found = third.check("promotion", other, third.gather("promotion", other), clock.now().date())
    assert found.select(ROW, "code", "detail").rows() == [(3, "PROMOTION_RUNS", f"from {FROM} to {UNTIL}")]
