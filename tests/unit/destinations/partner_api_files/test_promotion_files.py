"""What files of promotions say, and what is sent to change or end one."""

from __future__ import annotations

import polars as pl
from support.partner_files import FROM, OFFERS, UNTIL, encoded, last_file, promotions, rows

from gateway.model import LINE, ROW, Reference
from gateway.testing.drive import as_sent
from gateway.testing.rig import Rig

HEADER = (
    "sku,campaign_name,reason,start_date,end_date,promotion_type,promotion_sub_type,discount_usage_limit,"
    "bundle_details,bundle_discount,discounted_price,max_no_of_orders,campaign_status"
)


def upload(destination, records, clock):
    """Upload all there is to be, waiting for the name to be free again; returns the contents in order."""
    session, found = destination._way._drop._session, []
    for batch in encoded(destination, "promotion", records):
        clock.advance(301)
        receipt = destination.submit(batch)
        if batch.body:
            found.append(last_file(session))
        while not receipt.closed:
            clock.advance(301)
            receipt = destination.poll([as_sent(batch, receipt, intent_at=clock.now())])[1]
            found.append(last_file(session))
    return found


def test_a_promotion_is_a_row_in_the_time_of_the_store(made, clock):
    records = promotions(
        {"sku": "A", "price": "1.99", "limit_total": "50"},
        {"sku": "B", "percentage": "25", "regular_price": "3.99"},
        {"sku": "C", "amount": "0.5", "regular_price": "2"},
        {"sku": "D", "buy_quantity": "2", "get_quantity": "1", "reason": "overstock"},
    )
    (content,) = upload(made(), records, clock)
    window = "2031-03-16 05:00:00,2031-03-23 03:59:59"
    assert content.splitlines() == [
        HEADER,
        "A,Week 12 max 50,COMPETITIVENESS,2031-03-16 05:00:00,2031-03-23 03:59:59,strikethrough,,,,,1.99,50,1",
        "B,Week 12,COMPETITIVENESS,2031-03-16 05:00:00,2031-03-23 03:59:59,strikethrough,,,,,2.99,,1",
        "C,Week 12,COMPETITIVENESS,2031-03-16 05:00:00,2031-03-23 03:59:59,strikethrough,,,,,1.5,,1",
        f"D,Week 12 2+1 OVERSTOCK,OVERSTOCK,{window},same_item_bundle,free_item,,B2G1,,,,1",
    ]


def test_a_row_for_several_vendors_is_an_entry_of_each(made, clock):
    both = pl.concat([promotions({"sku": "A", "price": "1"}, vendor=one) for one in ("S1", "S2", "S1")])
    records = both.with_columns(
        effect=pl.int_range(3, dtype=pl.UInt32),
        **{ROW: pl.int_range(3, dtype=pl.Int64), LINE: pl.lit(0, pl.Int64)},
        promotion_id=pl.Series(["W12", "W12", "again"]),
    )
    check = made().check
    assert check("promotion", records.head(2), Reference(), clock.now().date()).height == 0
    found = check("promotion", records, Reference(), clock.now().date())
    assert found.select(ROW, "code", "detail").rows() == [
        (0, "DEST_ONE_PER_KEY", "promotion again"), (2, "DEST_ONE_PER_KEY", "promotion W12")
    ]  # fmt: skip


def test_dates_may_be_in_utc(made, clock):
    (content,) = upload(made(keys={"promo": {"timezone": "UTC"}}), promotions({"sku": "A", "price": "1"}), clock)
    assert "2031-03-16 00:00:00,2031-03-22 22:59:59" in content


def test_a_campaign_ends_by_its_same_rows_with_status_0(made, clock, tmp_path):
    whole = promotions({"sku": "A", "price": "1"}, {"sku": "B", "price": "2"})
    (first,) = upload(made(), whole, clock)
    (ended,) = upload(made(), promotions({"sku": "A", "command": "end"}, {"sku": "B", "command": "end"}), clock)
    assert ended == first.replace(",1\n", ",0\n")
    assert upload(made(), promotions({"sku": "A", "command": "end"}), clock) == []


def test_a_row_that_ends_leaves_the_others_as_they_are(made, clock):
    upload(made(), promotions({"sku": "A", "price": "1"}, {"sku": "B", "price": "2"}), clock)
    (content,) = upload(made(), promotions({"sku": "B", "command": "end"}), clock)
    assert [(line.split(",")[0], line[-1]) for line in content.splitlines()[1:]] == [("A", "1"), ("B", "0")]


def test_a_new_price_is_the_end_of_the_old_row_and_then_a_new_one(made, clock):
    upload(made(), promotions({"sku": "A", "price": "1"}, {"sku": "B", "price": "2"}), clock)
    off, on = upload(made(), promotions({"sku": "A", "price": "1.5"}), clock)
    cells = [
        [(line.split(",")[0], line.split(",")[10], line[-1]) for line in one.splitlines()[1:]] for one in (off, on)
    ]
    assert cells == [[("A", "1", "0"), ("B", "2", "1")], [("B", "2", "1"), ("A", "1.5", "1")]]


def test_the_second_file_waits_until_the_name_may_be_written_again(made, clock):
    upload(made(), promotions({"sku": "A", "price": "1"}), clock)
    destination = made()
    (batch,) = encoded(destination, "promotion", promotions({"sku": "A", "price": "1.5"}))
    clock.advance(301)
    receipt = destination.submit(batch)
    assert (receipt.closed, receipt.after) == (False, 300.0)
    clock.advance(100)
    receipt = destination.poll([as_sent(batch, receipt, intent_at=clock.now())])[1]
    assert not receipt.closed
    assert 199.0 <= receipt.after <= 200.0


def test_promotions_of_other_vendors_are_files_of_their_own(made, clock):
    destination = made(sftp_layout="multi")
    records = promotions(
        {"sku": "A", "price": "1", "vendor_ids": "S1"}, {"sku": "B", "price": "2", "vendor_ids": "S1|S2"}, vendor=None
    )
    first, second = upload(destination, records, clock)
    assert first.splitlines()[1].startswith("A,")
    assert first.splitlines()[1].endswith(",v001")
    assert second.splitlines()[1].endswith(',"v001,v002"')
    assert [path for what, path in destination._way._drop._session.log if what == "rename"] == [
        "PROMOTIONS/promo.csv"
    ] * 2
    (ended,) = upload(destination, promotions({"sku": "B", "command": "end"}, vendor=None), clock)
    assert ended == second.replace(",1,", ",0,")


def test_stores_with_promotions_of_their_own_have_files_of_their_own(made, clock):
    """One after the other under the one name, in the time of each store."""
    stores = {"S1": {"id": "v001"}, "S2": {"id": "v002", "timezone": "UTC"}}
    destination = made(sftp_layout="multi", promotions_per_vendor=True, vendors=stores)
    both = [promotions({"sku": "A", "price": price}, vendor=store) for store, price in (("S1", "1"), ("S2", "2"))]
    records = pl.concat(both).with_columns(pl.int_range(10, 12, dtype=pl.UInt32).alias("effect"))
    first, second = upload(destination, records, clock)
    assert first.splitlines()[1].endswith("2031-03-16 05:00:00,2031-03-23 03:59:59,strikethrough,,,,,1,,1,v001")
    assert second.splitlines()[1].endswith("2031-03-16 00:00:00,2031-03-22 22:59:59,strikethrough,,,,,2,,1,v002")
    (ended,) = upload(destination, promotions({"sku": "A", "command": "end"}, vendor="S2"), clock)
    assert ended == second.replace(",1,v002", ",0,v002")


def test_promotions_of_one_product_stand_beside_each_other(made, clock):
    """The next week's is sent while this one runs, which goes on."""
    destination = made()
    (first,) = upload(destination, promotions({"sku": "A", "price": "1"}), clock)
    following = {"promotion_id": "W13", "campaign": "Week 13", "starts_at": UNTIL, "ends_at": "2031-03-29T00:00:00Z"}
    later = upload(destination, promotions({"sku": "A", "price": "2", **following}), clock)
    assert [one.splitlines()[1].split(",")[:2] for one in later] == [["A", "Week 13"]]
    (ended,) = upload(destination, promotions({"sku": "A", "command": "end"}), clock)
    assert ended == first.replace(",1,,1", ",1,,0")


def test_a_single_file_has_one_promotion_of_a_product(made, clock):
    destination = made(sftp_layout="single")
    week = {"sku": "A", "price": "1", "regular_price": "2"}
    upload(destination, promotions(week), clock)
    other = {**week, "promotion_id": "W13", "starts_at": UNTIL, "ends_at": "2031-03-29T00:00:00Z"}

    def judged(*cells):
        records = promotions(*cells)
        placed = records.with_columns(pl.col("effect").cast(pl.Int64).alias(ROW), pl.lit(0, pl.Int64).alias(LINE))
        found = destination.check("promotion", placed, destination.gather("promotion", placed), clock.now().date())
        return found.select("code", "detail").rows()

    said = f"a file with both prices has one promotion of a product, and W12 is from {FROM} to {UNTIL}"
    assert judged(other) == [("DEST_LIMIT", said)]
    assert judged({**week, "price": "1.5"}) == judged(other, {"sku": "A", "command": "end"}) == []
    again = {**other, "sku": "B"}
    assert [code for code, _ in judged(again, {**again, "promotion_id": "W14"})] == ["DEST_ONE_PER_KEY"] * 2


def test_a_single_file_has_both_prices_and_repeats_what_runs(made, clock):
    destination = made(sftp_layout="single")
    records = promotions({"sku": "A", "price": "1", "regular_price": "2", "limit_total": "9"})
    (content,) = upload(destination, records, clock)
    header = "barcode,sku,price,active,reason,start_date,end_date,campaign_status,discounted_price,max_no_of_orders"
    cells = "COMPETITIVENESS,2031-03-16 05:00:00,2031-03-23 03:59:59,1,1,9"
    assert content == f"{header}\n,A,2,,{cells}\n"
    (batch,) = encoded(destination, "stock", rows(("A", "S1", {"quantity": "4"}), ("B", "S1", {"quantity": "5"})))
    assert batch.body.decode() == f"{header},quantity\n,A,,,{cells},4\n,B,,,,,,,,,5\n"
    assert batch.memo["file"] == "assortment_v001.csv"


def test_prices_of_a_single_file_are_named_as_agreed(made, clock):
    columns = ["sku", "active", "original_price", "price", "start_date", "end_date", "campaign_status"]
    keys = {"sftp": {"price_variant": "original_price+price", "single_columns": columns}}
    destination = made(sftp_layout="single", keys=keys)
    (content,) = upload(destination, promotions({"sku": "A", "price": "1", "regular_price": "2"}), clock)
    assert content == f"{','.join(columns)}\nA,,2,1,2031-03-16 05:00:00,2031-03-23 03:59:59,1\n"


def test_other_dates_of_a_promotion_that_runs_want_its_end_first(made, clock, tmp_path):
    """What was confirmed is known by its dates: given back, the old ones must not be taken for unchanged."""
    destination = made(vendors={"S1": {"id": "v001"}})
    mapping_ = f'{OFFERS}command = "command"\n'
    rig, longer = Rig(tmp_path / "rig", destination, clock, mapping=mapping_), "2031-03-29T00:00:00Z"

    def given(number, *rows_):
        text = "".join(f"A,W12,{'' if command else '1.99'},{FROM},{until},{command}\n" for until, command in rows_)
        run = rig.drop(f"promotion{number}.csv", f"sku,id,price,from,to,command\n{text}")
        for _ in range(6):
            rig.advance()
            clock.advance(3600)
        return rig.results(run)["code"].to_list(), last_file(destination._way._drop._session).splitlines()[-1].split(
            ","
        )[4]

    first = given(1, (UNTIL, ""))[1]
    assert given(2, (longer, "")) == (["PROMOTION_RUNS"], first)
    codes, shown = given(3, (UNTIL, "end"), (longer, ""))
    assert (set(codes), shown) == ({"DEST_NOT_CONFIRMED"}, "2031-03-29 05:00:00")
    assert given(4, (longer, "end"), (UNTIL, ""))[1] == first
    rig.close()
